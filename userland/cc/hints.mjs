/*
 * Branch hints: tells the engine that safepoints hardly ever call.
 *
 * LLVM knows, but does not write it down. Without the hint V8 keeps what lives
 * across the call in memory instead of registers, in the hot loop around it.
 * https://github.com/WebAssembly/branch-hinting
 */
import { encodeUnsigned, customSection, inspect, sections, unsigned } from './module.mjs';

const CUSTOM_SECTION = 0;
const IMPORT_SECTION = 2;
const CODE_SECTION = 10;
const FUNCTION_NAMES = 1;
const CALL = 0x10;
const [IF, VOID, BR_IF, EQZ, END, BLOCK] = [0x04, 0x40, 0x0d, 0x45, 0x0b, 0x02];
/** i32.const 0x5afe, drop: no engine makes anything of it. */
const MARK = Buffer.from([0x41, 0xfe, 0xb5, 0x01, 0x1a]);
const [UNLIKELY, LIKELY] = [0, 1];

/** The number of a function by its name in the name section; -1 if there is none. */
function functionNamed(bytes, wanted) {
  for (const { id, start, end } of sections(bytes)) {
    if (id !== CUSTOM_SECTION) continue;
    const [length, from] = unsigned(bytes, start);
    if (bytes.toString('latin1', from, from + length) !== 'name') continue;
    for (let at = from + length; at < end;) {
      const kind = bytes[at];
      const [size, content] = unsigned(bytes, at + 1);
      at = content + size;
      if (kind !== FUNCTION_NAMES) continue;
      let [count, p] = unsigned(bytes, content);
      while (count-- > 0) {
        const [index, nameAt] = unsigned(bytes, p);
        const [nameLength, nameStart] = unsigned(bytes, nameAt);
        p = nameStart + nameLength;
        if (nameLength === wanted.length && bytes.toString('latin1', nameStart, p) === wanted) return index;
      }
    }
  }
  return -1;
}

/**
 * The branches around calls of `callee` in a function's body: [offset, hint].
 * Either `i32.eqz br_if N call`, as LLVM has it, or `if call`, as binaryen.
 */
function branches(body, callee) {
  const found = [];
  for (let at = body.indexOf(CALL); at >= 0; at = body.indexOf(CALL, at + 1)) {
    if (unsigned(body, at + 1)[0] !== callee) continue;
    if (body[at - 2] === IF && body[at - 1] === VOID) found.push([at - 2, UNLIKELY]);
    else if (body[at - 3] === EQZ && body[at - 2] === BR_IF) found.push([at - 2, LIKELY]);
  }
  return found;
}

const isMark = (body, at) => body.subarray(at, at + MARK.length).equals(MARK);

/** Where the first instruction is that does more than compute with locals and constants, or mark a place. */
function skipComputing(body, at) {
  for (;;) {
    const opcode = body[at];
    if (opcode >= 0x20 && opcode <= 0x24)
      [, at] = unsigned(body, at + 1); // locals and globals
    else if (opcode === 0x41 && !isMark(body, at))
      [, at] = unsigned(body, at + 1); // i32.const
    else if (opcode >= 0x45 && opcode <= 0xc4)
      at++; // comparisons and arithmetic
    else if (opcode === BLOCK && body[at + 1] === VOID) at += 2;
    else if (opcode === END) at++;
    else return at;
  }
}

/**
 * The branches that the pass has marked, before their condition and where they hardly ever lead. Where
 * the code generator or binaryen has moved things around, there is no hint.
 */
function marked(body) {
  const found = [];
  for (let mark = body.indexOf(MARK); mark >= 0; mark = body.indexOf(MARK, mark + 1)) {
    const at = skipComputing(body, mark + MARK.length);
    if (body[at] !== BR_IF) continue;
    const next = skipComputing(body, unsigned(body, at + 1)[1]);
    found.push([at, isMark(body, next) ? LIKELY : UNLIKELY]);
  }
  return found;
}

/** The module with hints for all safepoints in it. */
export function withHints(bytes) {
  const callee = functionNamed(bytes, '__tabos_safepoint');
  const code = sections(bytes).find(({ id }) => id === CODE_SECTION);
  if (callee < 0 || !code) return bytes;
  const functions = [];
  let hinted = 0;
  let [count, at] = unsigned(bytes, code.start);
  for (let index = inspect(bytes).functions; count-- > 0; index++) {
    const [size, start] = unsigned(bytes, at);
    at = start + size;
    const body = bytes.subarray(start, at);
    const hints = [...new Map([...branches(body, callee), ...marked(body)])].sort(([a], [b]) => a - b);
    if (hints.length === 0) continue;
    hinted++;
    functions.push(encodeUnsigned(index), encodeUnsigned(hints.length));
    for (const [offset, hint] of hints) functions.push(encodeUnsigned(offset), Buffer.from([1, hint]));
  }
  if (hinted === 0) return bytes;
  const section = customSection('metadata.code.branch_hint', Buffer.concat([encodeUnsigned(hinted), ...functions]));
  return Buffer.concat([bytes.subarray(0, code.header), section, bytes.subarray(code.header)]);
}
