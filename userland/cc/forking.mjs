/*
 * Which functions of a linked program can lead to fork, and so must be prepared
 * for unwinding?
 *
 * asyncify thinks that a call by pointer may lead anywhere. But WebAssembly lets
 * one reach only functions of its own type whose address is taken, so most
 * of a program can be told to stay out of it; and where no function that
 * could be a signal handler leads to fork, all system calls.
 */
import { sections, unsigned } from './module.mjs';

const [TYPES, IMPORTS, FUNCTIONS, ELEMENTS, CODE] = [1, 2, 3, 9, 10];
const FORK = 'tabos:posix/process#fork';

/** Opcodes by what follows them; LLVM emits no others. */
const BLOCKS = new Set([0x02, 0x03, 0x04, 0x06]); // block loop if try
const ONE_NUMBER = new Set(
  [0x07, 0x08, 0x09, 0x0c, 0x0d, 0x18] // catch throw rethrow br br_if delegate
    .concat([0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26]) // variables and tables
    .concat([0x3f, 0x40, 0x41, 0x42, 0xd0, 0xd2]), // memory.size and .grow, i32 and i64.const, ref.null, ref.func
);
const PLAIN = new Set([0x00, 0x01, 0x05, 0x0b, 0x0f, 0x19, 0x1a, 0x1b, 0xd1]);
/** The numbers after the opcodes of 0xfc. */
const BULK = [0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1];

class Reader {
  constructor(bytes, at, end) {
    Object.assign(this, { bytes, at, end });
  }

  byte() {
    return this.bytes[this.at++];
  }

  number() {
    const [value, at] = unsigned(this.bytes, this.at);
    this.at = at;
    return value;
  }

  /** Also a signed one, whose value isn't wanted. */
  skipNumber() {
    while (this.byte() >= 0x80);
  }

  text() {
    const length = this.number();
    this.at += length;
    return this.bytes.toString('utf8', this.at - length, this.at);
  }

  vector(read) {
    return Array.from({ length: this.number() }, read);
  }

  /** Alignment, perhaps a memory, and offset. */
  skipAddress() {
    if (this.number() & 0x40) this.skipNumber();
    this.skipNumber();
  }
}

function skipVector(reader) {
  const opcode = reader.number();
  if (opcode <= 11 || opcode === 92 || opcode === 93) reader.skipAddress();
  else if (opcode === 12 || opcode === 13) reader.at += 16;
  else if (opcode >= 21 && opcode <= 34) reader.at++;
  else if (opcode >= 84 && opcode <= 91) {
    reader.skipAddress();
    reader.at++;
  }
}

/** Tells `direct(function)` and `indirect(type)` of the calls in a body. */
function calls(reader, direct, indirect) {
  while (reader.at < reader.end) {
    const opcode = reader.byte();
    if (opcode === 0x10 || opcode === 0x12) direct(reader.number());
    else if (opcode === 0x11 || opcode === 0x13) {
      indirect(reader.number());
      reader.skipNumber();
    } else if (BLOCKS.has(opcode) || ONE_NUMBER.has(opcode)) reader.skipNumber();
    else if (opcode >= 0x28 && opcode <= 0x3e) reader.skipAddress();
    else if (PLAIN.has(opcode) || (opcode >= 0x45 && opcode <= 0xc4)) continue;
    else if (opcode === 0x0e) {
      reader.vector(() => reader.skipNumber());
      reader.skipNumber();
    } else if (opcode === 0x1c) reader.vector(() => reader.skipNumber());
    else if (opcode === 0x43) reader.at += 4;
    else if (opcode === 0x44) reader.at += 8;
    else if (opcode === 0xfd) skipVector(reader);
    else if (opcode === 0xfc) for (let n = BULK[reader.number()]; n > 0; n--) reader.skipNumber();
    else if (opcode === 0xfe) reader.number() === 3 ? reader.at++ : reader.skipAddress();
    else throw new Error(`opcode ${opcode}`);
  }
}

/** Each type and each function's type as text, which of them is fork, and how many are imported. */
function functionsOf(content) {
  const signatures = content(TYPES);
  const values = () => signatures.vector(() => signatures.byte()).join();
  const kinds = signatures.vector(() => {
    if (signatures.byte() !== 0x60) throw new Error('a type that is no function');
    return `${values()}:${values()}`;
  });
  const types = [];
  let fork = -1;
  const imports = content(IMPORTS);
  imports.vector(() => {
    const path = `${imports.text()}#${imports.text()}`;
    const kind = imports.byte();
    if (kind === 0) {
      if (path === FORK) fork = types.length;
      types.push(kinds[imports.number()]);
    } else if (kind === 1 || kind === 2) {
      if (kind === 1) imports.byte();
      const limits = imports.byte();
      imports.skipNumber();
      if (limits & 1) imports.skipNumber();
    } else if (kind === 3) imports.at += 2;
    else {
      imports.byte();
      imports.skipNumber();
    }
  });
  const imported = types.length;
  const defined = content(FUNCTIONS);
  defined.vector(() => types.push(kinds[defined.number()]));
  return { kinds, types, fork, imported };
}

/** All functions whose address is taken. */
function tableOf(elements) {
  const found = new Set();
  elements?.vector(() => {
    const form = elements.number();
    if (form > 3) throw new Error('elements that are expressions');
    if (form === 2) elements.skipNumber();
    if (form === 0 || form === 2) {
      if (elements.byte() !== 0x41) throw new Error('elements at no constant');
      elements.skipNumber();
      elements.byte(); // end
    }
    if (form !== 0) elements.byte();
    elements.vector(() => found.add(elements.number()));
  });
  return found;
}

/** Names by function, of those that have one of their own which needs no escaping. */
function plainNames(bytes) {
  const names = new Map();
  const seen = new Map();
  for (const { id, start, end } of sections(bytes)) {
    if (id !== 0) continue;
    const reader = new Reader(bytes, start, end);
    if (reader.text() !== 'name') continue;
    while (reader.at < end) {
      const kind = reader.byte();
      const size = reader.number();
      if (kind !== 1) {
        reader.at += size;
        continue;
      }
      reader.vector(() => {
        const index = reader.number();
        const name = reader.text();
        names.set(index, name);
        seen.set(name, (seen.get(name) ?? 0) + 1);
      });
    }
  }
  return new Map([...names].filter(([, name]) => seen.get(name) === 1 && /^[\w.$]+$/.test(name)));
}

/**
 * The names of functions that can't lead to fork; `promised` are names of some
 * that can't for reasons not to be seen here. Null when the module is beyond us.
 */
export function functionsThatNeverFork(bytes, promised) {
  try {
    return find(bytes, new Set(promised));
  } catch {
    return null;
  }
}

function find(bytes, promised) {
  const all = new Map(sections(bytes).map((section) => [section.id, section]));
  const content = (id) => {
    const section = all.get(id);
    return section && new Reader(bytes, section.start, section.end);
  };
  const { kinds, types, fork, imported } = functionsOf(content);
  const table = tableOf(content(ELEMENTS));
  const names = plainNames(bytes);
  const callers = types.map(() => []);
  const callersByType = new Map(kinds.map((kind) => [kind, []]));
  const code = content(CODE);
  for (let count = code.number(), caller = imported; count > 0; count--, caller++) {
    const size = code.number();
    const body = new Reader(bytes, code.at, code.at + size);
    code.at += size;
    body.vector(() => {
      body.skipNumber();
      body.skipNumber();
    });
    if (promised.has(names.get(caller))) continue;
    calls(
      body,
      (callee) => callers[callee].push(caller),
      (type) => callersByType.get(kinds[type]).push(caller),
    );
  }
  const leads = new Set([fork]);
  const typesSeen = new Set();
  for (const callee of leads) {
    callers[callee].forEach((caller) => leads.add(caller));
    if (!table.has(callee) || typesSeen.has(types[callee])) continue;
    typesSeen.add(types[callee]);
    callersByType.get(types[callee]).forEach((caller) => leads.add(caller));
  }
  return [...names].filter(([index]) => index >= imported && !leads.has(index)).map(([, name]) => name);
}
