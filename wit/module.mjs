/*
 * What a WebAssembly binary imports and exports, with function types.
 *
 *     readModule(bytes)  // { imports: [{ module, name, kind, type }], exports: [{ name, kind, type }] }
 *
 * `kind` is as in WebAssembly.Module.imports; `type` of a function is its core
 * signature as text, in the form of parse.mjs, and undefined for other kinds.
 */

const KINDS = ['function', 'table', 'memory', 'global', 'tag'];
const NUMBERS = { 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64', 0x7b: 'v128' };
const TYPE = 1;
const IMPORT = 2;
const FUNCTION = 3;
const EXPORT = 7;

export function readModule(bytes) {
  const reader = new Reader(bytes);
  if (reader.u32le() !== 0x6d736100 || reader.u32le() !== 1) throw new Error('not a WebAssembly module');
  const types = [];
  const functions = []; // type index of each function, imported ones first
  const imports = [];
  const exports = [];
  while (!reader.ended) {
    const id = reader.byte();
    const section = reader.part(reader.u32());
    if (id === TYPE) section.times(() => section.recursiveTypes(types));
    else if (id === IMPORT)
      section.times(() => {
        const item = { module: section.name(), name: section.name() };
        item.kind = KINDS[section.byte()];
        if (item.kind === 'function') {
          const type = section.u32();
          functions.push(type);
          item.type = types[type];
        } else section.skipExternalType(item.kind);
        imports.push(item);
      });
    else if (id === FUNCTION) section.times(() => functions.push(section.u32()));
    else if (id === EXPORT)
      section.times(() => {
        const item = { name: section.name(), kind: KINDS[section.byte()] };
        const index = section.u32();
        if (item.kind === 'function') item.type = types[functions[index]];
        exports.push(item);
      });
  }
  return { imports, exports };
}

class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get ended() {
    return this.#at >= this.#bytes.length;
  }

  byte() {
    if (this.ended) throw new Error('the module is cut short');
    return this.#bytes[this.#at++];
  }

  u32le() {
    return (this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)) >>> 0;
  }

  /** LEB128, of up to 64 bits; beyond 53 only the low bits are exact, which limits may have. */
  u32() {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  part(length) {
    if (length > this.#bytes.length - this.#at) throw new Error('the module is cut short');
    const start = this.#at;
    this.#at += length;
    return new Reader(this.#bytes.subarray(start, this.#at));
  }

  name() {
    const { bytes } = this.part(this.u32());
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  }

  get bytes() {
    return this.#bytes;
  }

  times(action) {
    for (let count = this.u32(); count > 0; count--) action();
  }

  recursiveTypes(types) {
    if (this.#bytes[this.#at] !== 0x4e) {
      types.push(this.#subType());
      return;
    }
    this.byte();
    this.times(() => types.push(this.#subType()));
  }

  /** A function type as text; undefined for the types of garbage-collected data. */
  #subType() {
    let form = this.byte();
    if (form === 0x50 || form === 0x4f) {
      this.times(() => this.u32());
      form = this.byte();
    }
    if (form === 0x60) {
      const parameters = this.#valueTypes();
      const results = this.#valueTypes();
      return `(${parameters.join(', ')}) -> ${results.join(', ') || 'nothing'}`;
    }
    if (form === 0x5f) this.times(() => this.#fieldType());
    else if (form === 0x5e) this.#fieldType();
    else throw new Error(`unknown type form 0x${form.toString(16)}`);
    return undefined;
  }

  #fieldType() {
    this.#valueType(); // packed i8 and i16 are single bytes too
    this.byte();
  }

  #valueTypes() {
    const list = [];
    this.times(() => list.push(this.#valueType()));
    return list;
  }

  #valueType() {
    const code = this.byte();
    if (code in NUMBERS) return NUMBERS[code];
    if (code === 0x63 || code === 0x64) this.u32(); // ref null? heap type
    return 'ref';
  }

  skipExternalType(kind) {
    if (kind === 'table') {
      this.#valueType();
      this.#limits();
    } else if (kind === 'memory') this.#limits();
    else if (kind === 'global') {
      this.#valueType();
      this.byte();
    } else if (kind === 'tag') {
      this.byte();
      this.u32();
    } else throw new Error('unknown kind of import');
  }

  #limits() {
    const flags = this.byte();
    this.u32();
    if (flags & 1) this.u32();
  }
}
