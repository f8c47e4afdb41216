/*
 * A program instance: how its entry is called, and how it forks.
 *
 * fork is the boot code's import. Programs that use it were given binaryen's
 * asyncify pass: asyncify_start_unwind makes every frame save itself into a
 * buffer and return, so that the entry function returns to us with state 1; the
 * stack can then be copied with the rest of the memory, and asyncify_start_rewind
 * lets the entry run back to the point of the call, in the parent and in the child.
 *
 * The buffer lies in the unused part of the thread's C stack and begins with asyncify's
 * two words: the next free byte, and the end.
 */
import { ENOMEM, ENOSYS } from '../drivers-ts/errno.ts';
import type { Space } from './space.ts';

export interface ProgramExports {
  _start(): void;
  thread_entry?(argument: number): void;
  /** Run the handler of a trap's signal, whose frames begin where the stack pointer is; it was at `left`. */
  trap_entry?(left: number): void;
  /** Where the free part of the thread's C stack begins (0), or ends (1); 0: it runs on another. */
  free_stack?(end: number): number;
  readonly __stack_pointer: WebAssembly.Global;
  readonly __tls_base: WebAssembly.Global;
  readonly __stack_low: WebAssembly.Global;
  readonly __stack_high: WebAssembly.Global;
  readonly __heap_base: WebAssembly.Global;
  __wasm_init_tls?(area: number): void;
  asyncify_start_unwind?(buffer: number): void;
  asyncify_stop_unwind?(): void;
  asyncify_start_rewind?(buffer: number): void;
  asyncify_stop_rewind?(): void;
  asyncify_get_state?(): number;
}

interface ForkingExports extends ProgramExports {
  asyncify_start_unwind(buffer: number): void;
  asyncify_stop_unwind(): void;
  asyncify_start_rewind(buffer: number): void;
  asyncify_stop_rewind(): void;
  asyncify_get_state(): number;
}

const STATE_NORMAL = 0;
const STATE_REWINDING = 2;

/** Asyncify's two words, and padding to keep what follows aligned. */
const HEAD_BYTES = 16;
/** Below this the kernel sees a null pointer (kernel-c/uaccess.wat), and stack overflow is near. */
const STACK_GUARD_BYTES = 1024;
/** Frames that are about to be called must not meet the buffer. */
const RED_ZONE_BYTES = 256;
/** With less, a few deep frames already don't fit. */
const BUFFER_BYTES_MIN = 4096;

/**
 * What runs, and what a forked copy goes on in: 0 is _start; up to SIGNAL_MAX it is trap_entry for that
 * signal; above, it is thread_entry with this argument, an address.
 */
export const ENTRY_START = 0;
const SIGNAL_MAX = 64;

/** worker#fork: the child's pid or -errno. */
export type ForkCall = (
  stackPointer: number,
  tlsBase: number,
  entry: number,
  buffer: number,
  bufferEnd: number,
) => number;

export function globalOf(global: WebAssembly.Global): number {
  return Number(global.value) >>> 0;
}

export class RunningProgram {
  readonly exports: ProgramExports;
  readonly space: Space;
  readonly #forkCall: ForkCall;
  #entry: number;
  /** The stack pointer at the trap. */
  #left = 0;
  /** Where this fork's frames are, from fork() until the rewind has ended. */
  #buffer = 0;
  #forkResult = 0;

  constructor(exports: ProgramExports, space: Space, forkCall: ForkCall, entry = ENTRY_START) {
    this.exports = exports;
    this.space = space;
    this.#forkCall = forkCall;
    this.#entry = entry;
  }

  /** The signal of the trap that is being handled, or 0. */
  get trapSignal(): number {
    return this.#entry <= SIGNAL_MAX ? this.#entry : 0;
  }

  /** Run until the entry returns. What the program throws goes through. */
  run(): void {
    this.#enter();
    while (this.#hasUnwound()) {
      this.#copy();
      this.#enter();
    }
  }

  /** Go on where the parent of this forked copy was, with 0 as fork's result. */
  runForked(buffer: number): void {
    this.#buffer = buffer;
    this.#forkResult = 0;
    this.#forking().asyncify_start_rewind(buffer);
    this.run();
  }

  /** Run the handler for a trap that ended run(), with its frames from `stackPointer` on. */
  runTrapHandler(signal: number, stackPointer: number): void {
    this.#left = globalOf(this.exports.__stack_pointer);
    this.exports.__stack_pointer.value = stackPointer;
    this.#entry = signal;
    this.run();
  }

  /** The program's import `fork`. */
  fork(): number {
    const program = this.#forking();
    if (program.asyncify_get_state() === STATE_REWINDING) {
      program.asyncify_stop_rewind();
      return this.#forkResult;
    }
    const free = this.#freeStack();
    if (!free) return -ENOSYS;
    const buffer = (free.low + STACK_GUARD_BYTES + 15) & ~15;
    const end = free.high - RED_ZONE_BYTES;
    if (end - buffer < BUFFER_BYTES_MIN) return -ENOMEM;
    const words = this.space.words();
    words[buffer >>> 2] = buffer + HEAD_BYTES;
    words[(buffer >>> 2) + 1] = end;
    this.#buffer = buffer;
    program.asyncify_start_unwind(buffer);
    return 0;
  }

  /** The free part of the thread's C stack; null when it runs on one of its own making. */
  #freeStack(): { low: number; high: number } | null {
    const { free_stack, __stack_low, __stack_high, __stack_pointer } = this.exports;
    if (free_stack) {
      const high = free_stack(1) >>> 0;
      return high === 0 ? null : { low: free_stack(0) >>> 0, high };
    }
    // Programs of older builds fork in their first thread only.
    const high = globalOf(__stack_pointer);
    if (this.#entry !== ENTRY_START || high > globalOf(__stack_high)) return null;
    return { low: globalOf(__stack_low), high };
  }

  #enter(): void {
    if (this.#entry === ENTRY_START) this.exports._start();
    else if (this.trapSignal !== 0) this.exports.trap_entry?.(this.#left);
    else this.exports.thread_entry?.(this.#entry);
  }

  #hasUnwound(): boolean {
    return (this.exports.asyncify_get_state?.() ?? STATE_NORMAL) !== STATE_NORMAL;
  }

  #copy(): void {
    const program = this.#forking();
    program.asyncify_stop_unwind();
    const end = this.space.words()[this.#buffer >>> 2] ?? 0;
    this.#forkResult = this.#forkCall(
      globalOf(program.__stack_pointer),
      globalOf(program.__tls_base),
      this.#entry,
      this.#buffer,
      end >>> 0,
    );
    program.asyncify_start_rewind(this.#buffer);
  }

  #forking(): ForkingExports {
    return this.exports as ForkingExports; // inspectProgram saw that all are there
  }
}
