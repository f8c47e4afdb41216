/*
 * Program modules: what the boot code must know of one before it can run it, and
 * whether it is one of ours at all.
 *
 * WebAssembly.Module tells names and kinds but no limits, so the sections are
 * read here. The bytes may be hostile: every read is bounded, and whatever isn't
 * understood is refused with a reason that a person can read.
 */

/** All programs' memories have the same maximum, so that a worker can use one again. */
export const MEMORY_PAGES_MAX = 16384;
/** kernel-c/abi.h. Every version up to this one runs. */
export const ABI_VERSION = 1;

export interface ProgramInfo {
  /** Pages that its memory must have at the start. */
  readonly minimumPages: number;
  /** It was given the fork pass, and imports fork. */
  readonly forks: boolean;
  /** It exports thread_entry. */
  readonly threads: boolean;
}

/** Why a module is no program. */
export class BadModule extends Error {}

const KIND_NAMES = ['func', 'table', 'memory', 'global', 'tag'] as const;
type Kind = (typeof KIND_NAMES)[number];

interface Limits {
  readonly minimum: number;
  readonly maximum: number | null;
  readonly shared: boolean;
  readonly wide: boolean;
}

interface ModuleImport {
  readonly module: string;
  readonly name: string;
  readonly kind: Kind;
  readonly limits: Limits | null;
}

/** A cursor over bytes that never reads beyond their end. */
class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get done(): boolean {
    return this.#at >= this.#end;
  }

  byte(): number {
    const value = this.#at < this.#end ? this.#bytes[this.#at] : undefined;
    if (value === undefined) throw new BadModule('the module is truncated');
    this.#at += 1;
    return value;
  }

  /** LEB128. Our numbers fit in 32 bits; 64-bit limits are refused by their flag. */
  number(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new BadModule('the module has a malformed number');
  }

  /** The next `length` bytes as a reader of their own; this one goes on after them. */
  part(length: number): Reader {
    if (length > this.#end - this.#at) throw new BadModule('the module is truncated');
    const part = new Reader(this.#bytes, this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  text(): string {
    const length = this.number();
    const start = this.#at;
    this.part(length);
    return new TextDecoder().decode(this.#bytes.subarray(start, start + length));
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#end);
  }

  limits(): Limits {
    const flags = this.byte();
    const minimum = this.number();
    const maximum = flags & 1 ? this.number() : null;
    if (flags & 8) this.number(); // custom page size
    return { minimum, maximum, shared: (flags & 2) !== 0, wide: (flags & 4) !== 0 };
  }

  /** A reference or value type; typed references have a heap type behind them. */
  type(): void {
    const type = this.byte();
    if (type === 0x63 || type === 0x64) this.number();
  }
}

const SECTION_CUSTOM = 0;
const SECTION_IMPORT = 2;
const SECTION_EXPORT = 7;

function readImport(reader: Reader): ModuleImport {
  const module = reader.text();
  const name = reader.text();
  const kind = KIND_NAMES[reader.byte()];
  let limits: Limits | null = null;
  switch (kind) {
    case 'func':
      reader.number();
      break;
    case 'table':
      reader.type();
      reader.limits();
      break;
    case 'memory':
      limits = reader.limits();
      break;
    case 'global':
      reader.type();
      reader.byte();
      break;
    case 'tag':
      reader.byte();
      reader.number();
      break;
    default:
      throw new BadModule(`the import ${module}.${name} is of an unknown kind`);
  }
  return { module, name, kind, limits };
}

interface Outline {
  readonly imports: ModuleImport[];
  readonly exports: Map<string, Kind>;
  abi: number | null;
}

function readOutline(bytes: Uint8Array): Outline {
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  if (magic.some((byte, i) => bytes[i] !== byte)) throw new BadModule('it is no WebAssembly module');
  const outline: Outline = { imports: [], exports: new Map(), abi: null };
  const reader = new Reader(bytes, magic.length, bytes.length);
  while (!reader.done) {
    const id = reader.byte();
    const section = reader.part(reader.number());
    if (id === SECTION_CUSTOM) {
      if (section.text() !== 'tabos.abi') continue;
      const content = section.rest();
      if (content.length < 4) throw new BadModule('its tabos.abi section is too short');
      outline.abi = new DataView(content.buffer, content.byteOffset).getUint32(0, true);
    } else if (id === SECTION_IMPORT) {
      for (let count = section.number(); count > 0; count--) outline.imports.push(readImport(section));
    } else if (id === SECTION_EXPORT) {
      for (let count = section.number(); count > 0; count--) {
        const name = section.text();
        const kind = KIND_NAMES[section.byte()];
        section.number();
        if (kind) outline.exports.set(name, kind);
      }
    }
  }
  return outline;
}

const FORK = 'tabos:posix/process#fork';
const ASYNCIFY = [
  'asyncify_start_unwind',
  'asyncify_stop_unwind',
  'asyncify_start_rewind',
  'asyncify_stop_rewind',
  'asyncify_get_state',
];

/**
 * Check that the module at `bytes` can run here; `calls` holds the kernel's exports
 * ("tabos:posix/file#read"). Throws BadModule with the reason.
 */
export function inspectProgram(bytes: Uint8Array, calls: ReadonlySet<string>): ProgramInfo {
  const { imports, exports, abi } = readOutline(bytes);
  if (abi === null) throw new BadModule('it was not built for TabOS (no tabos.abi section)');
  if (abi === 0 || abi > ABI_VERSION)
    throw new BadModule(`it was built for version ${abi} of the system; this is version ${ABI_VERSION}`);

  let memory: Limits | null = null;
  let forks = false;
  for (const { module, name, kind, limits } of imports) {
    if (module === 'env' && name === 'memory') {
      memory = limits;
      continue;
    }
    const call = `${module}#${name}`;
    if (kind !== 'func' || !module.startsWith('tabos:posix/') || !calls.has(call))
      throw new BadModule(`it imports ${module}.${name}, which this system does not have`);
    if (call === FORK) forks = true;
  }

  if (memory === null) throw new BadModule('it does not import its memory as env.memory');
  if (memory.wide) throw new BadModule('its memory is 64 bits wide');
  if (!memory.shared) throw new BadModule('its memory is not shared');
  if (memory.maximum === null || memory.maximum < MEMORY_PAGES_MAX || memory.minimum > MEMORY_PAGES_MAX)
    throw new BadModule(`its memory can't be one of ${memory.minimum} to ${MEMORY_PAGES_MAX} pages`);

  const required: [string, Kind][] = [
    ['_start', 'func'],
    ['__stack_pointer', 'global'],
    ['__tls_base', 'global'],
    ['__stack_low', 'global'],
    ['__stack_high', 'global'],
    ['__heap_base', 'global'],
  ];
  const threads = exports.get('thread_entry') === 'func';
  if (forks) required.push(...ASYNCIFY.map((name): [string, Kind] => [name, 'func']));
  for (const [name, kind] of required)
    if (exports.get(name) !== kind)
      throw new BadModule(
        ASYNCIFY.includes(name) ? 'it calls fork but was not given the fork pass' : `it does not export ${name}`,
      );
  return { minimumPages: memory.minimum, forks, threads };
}
