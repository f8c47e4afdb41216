/*
 * As much of the WebAssembly binary format as tabos-cc needs.
 */

const IMPORT_SECTION = 2;
const TAG_SECTION = 13;
const TAG_IMPORT = 4;

/** An unsigned LEB128 number at `at`: [value, where it ends]. */
export function unsigned(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return [value, at];
  }
}

export function encodeUnsigned(value) {
  const bytes = [];
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80);
  return Buffer.from([...bytes, value]);
}

/** All sections: where each begins, and where its content starts and ends. */
export function sections(bytes) {
  const found = [];
  for (let at = 8; at < bytes.length;) {
    const [size, start] = unsigned(bytes, at + 1);
    found.push({ id: bytes[at], header: at, start, end: start + size });
    at = start + size;
  }
  return found;
}

/**
 * Whether a module of LLVM's imports fork, has exceptions, and (by its function names) streams of
 * fopencookie; and how many functions it imports.
 */
export function inspect(bytes) {
  const found = { forks: false, exceptions: false, cookies: bytes.includes('fopencookie'), functions: 0 };
  for (const { id, start, end } of sections(bytes)) {
    if (id === TAG_SECTION) found.exceptions = true;
    if (id === IMPORT_SECTION) imports(bytes.subarray(start, end), found);
  }
  return found;
}

function imports(bytes, found) {
  let [count, at] = unsigned(bytes, 0);
  const name = () => {
    const [length, start] = unsigned(bytes, at);
    at = start + length;
    return bytes.subarray(start, at).toString();
  };
  const skip = () => ([, at] = unsigned(bytes, at));
  while (count-- > 0) {
    const path = `${name()}#${name()}`;
    if (path === 'tabos:posix/process#fork') found.forks = true;
    const kind = bytes[at++];
    if (kind === TAG_IMPORT) found.exceptions = true;
    if (kind === 0) found.functions++;
    if (kind === 1 || kind === TAG_IMPORT) at++; // reference type; attribute
    if (kind === 0 || kind === TAG_IMPORT) skip(); // type index
    if (kind === 3) at += 2; // value type, mutability
    if (kind === 1 || kind === 2) {
      const limits = bytes[at++];
      skip();
      if (limits & 1) skip();
    }
  }
}

/** The bytes of a custom section. */
export function customSection(name, content) {
  const text = Buffer.from(name);
  const body = Buffer.concat([encodeUnsigned(text.length), text, content]);
  return Buffer.concat([Buffer.from([0]), encodeUnsigned(body.length), body]);
}
