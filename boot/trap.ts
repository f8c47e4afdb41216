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

/** In this order: a bad table index is "out of bounds" too, but it is a bad call. */
const SIGNALS: readonly (readonly [RegExp, number])[] = [
  [/unreachable/i, SIGILL],
  [/\btable|indirect|signature|null function/i, SIGILL],
  [/divi(de|sion)|remainder|integer overflow|unrepresentable|invalid conversion|float to int/i, SIGFPE],
  [/unaligned/i, SIGBUS],
  [/out.of.bounds|call stack|recursion|dereferenc/i, SIGSEGV],
];

/** The signal for what left a program's entry function. */
export function trapSignal(error: unknown): number {
  // A C++ exception or longjmp that nobody caught.
  if (error instanceof WebAssembly.Exception) return SIGABRT;
  // V8 says RangeError, SpiderMonkey InternalError when the machine stack is used up.
  if (error instanceof RangeError || (error instanceof Error && error.name === 'InternalError')) return SIGSEGV;
  const message = error instanceof Error ? error.message : String(error);
  return SIGNALS.find(([words]) => words.test(message))?.[1] ?? SIGILL;
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
