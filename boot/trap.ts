/*
 * What a program died of: the signal that a trap stands for, and its stack.
 *
 * The standard names no traps; V8 and SpiderMonkey (and JavaScriptCore) have
 * their own words, which are told apart here.
 */
export const SIGILL = 4;
export const SIGABRT = 6;
export const SIGBUS = 7;
export const SIGFPE = 8;
export const SIGSEGV = 11;

/* What siginfo_t says more closely, si_code. */
const ILL_ILLOPN = 2;
const ILL_ILLADR = 3;
const FPE_INTDIV = 1;
const FPE_INTOVF = 2;
const FPE_FLTINV = 7;
const BUS_ADRALN = 1;
const SEGV_MAPERR = 1;
const SI_KERNEL = 0x80;

/** In this order: a bad table index is "out of bounds" too, but it is a bad call. */
const SIGNALS: readonly (readonly [RegExp, number, number])[] = [
  [/unreachable/i, SIGILL, ILL_ILLOPN],
  [/\btable|indirect|signature|null function/i, SIGILL, ILL_ILLADR],
  [/invalid conversion|float/i, SIGFPE, FPE_FLTINV],
  [/integer overflow|unrepresentable/i, SIGFPE, FPE_INTOVF],
  [/divi(de|sion)|remainder/i, SIGFPE, FPE_INTDIV],
  [/unaligned/i, SIGBUS, BUS_ADRALN],
  [/out.of.bounds|call stack|recursion|dereferenc/i, SIGSEGV, SEGV_MAPERR],
];

export interface TrapInfo {
  readonly signal: number;
  /** si_code. */
  readonly code: number;
  /** si_addr: of SIGILL and SIGFPE the place in the module; nobody tells the address that was out of bounds. */
  readonly address: number;
}

/** What the program's handler is told of what left its entry function. */
export function trapInfo(error: unknown): TrapInfo {
  // A C++ exception or longjmp that nobody caught.
  if (error instanceof WebAssembly.Exception) return { signal: SIGABRT, code: SI_KERNEL, address: 0 };
  // V8 says RangeError, SpiderMonkey InternalError when the machine stack is used up.
  if (error instanceof RangeError || (error instanceof Error && error.name === 'InternalError'))
    return { signal: SIGSEGV, code: SEGV_MAPERR, address: 0 };
  const message = error instanceof Error ? error.message : String(error);
  const [, signal, code] = SIGNALS.find(([words]) => words.test(message)) ?? [null, SIGILL, ILL_ILLOPN];
  const placed = signal === SIGILL || signal === SIGFPE;
  return { signal, code, address: placed ? (wasmFrames(error)[0]?.offset ?? 0) : 0 };
}

/** The signal for what left a program's entry function. */
export function trapSignal(error: unknown): number {
  return trapInfo(error).signal;
}

/** What the signal's cause is called, in one engine-neutral phrase. */
export function trapPhrase(error: unknown): string {
  if (error instanceof WebAssembly.Exception) return 'uncaught exception';
  const message = error instanceof Error ? error.message : String(error);
  return /call stack|recursion/i.test(message) ? 'stack overflow' : message;
}

interface WasmFrame {
  /** Names the module: equal for frames of one module only. */
  readonly url: string;
  readonly name: string;
  readonly offset: number;
}

// V8:            "    at cat.main (wasm://wasm/cat-0123abcd:wasm-function[12]:0x3f)"; the part before ( may be missing
const V8_FRAME = /^\s*at (?:(.*?) \()?(\S*):wasm-function\[(\d+)\]:0x([0-9a-f]+)\)?$/;
// SpiderMonkey:  "main@http://host/task.js line 7 > WebAssembly.Module:wasm-function[12]:0x3f"
const SPIDERMONKEY_FRAME = /^(.*?)@(.*):wasm-function\[(\d+)\]:0x([0-9a-f]+)$/;

/** The function's own name: V8 puts the module's before it, SpiderMonkey invents one for want of it. */
function plainName(name: string, url: string): string {
  const module = /^wasm:\/\/wasm\/(.*)-[0-9a-f]+$/.exec(url)?.[1];
  const bare = module && name.startsWith(`${module}.`) ? name.slice(module.length + 1) : name;
  return /^wasm-function\[\d+\]$/.test(bare) ? '' : bare;
}

/** The wasm frames of an error's stack, innermost first. */
export function wasmFrames(error: unknown): WasmFrame[] {
  if (!(error instanceof Error) || typeof error.stack !== 'string') return [];
  const frames: WasmFrame[] = [];
  for (const line of error.stack.split('\n')) {
    const match = V8_FRAME.exec(line) ?? SPIDERMONKEY_FRAME.exec(line);
    if (!match) continue;
    const [, name = '', url = '', index = '', offset = '0'] = match;
    frames.push({ url, name: plainName(name, url) || `function ${index}`, offset: parseInt(offset, 16) });
  }
  return frames;
}

/** The lines to print for a trap. */
export function describeTrap(error: unknown): string[] {
  return [
    `wasm trap: ${trapPhrase(error)}`,
    ...wasmFrames(error).map(({ name, offset }) => `    at ${name} (+0x${offset.toString(16)})`),
  ];
}
