/*
 * A program instance: how its entry is called, and how it forks.
 *
 * fork is the boot code's import. Programs that use it were given binaryen's
 * asyncify pass: asyncify_start_unwind makes every frame save itself into a
 * buffer and return, so that the entry function returns to us with state 1; the
 * stack can then be copied with the rest of the memory, and asyncify_start_rewind
 * lets the entry run back to the point of the call, in the parent and in the child.
 *
 * The buffer lies in the unused part of the C stack and begins with asyncify's
 * two words: the next free byte, and the end.
 */
import { ENOMEM, ENOSYS } from '../drivers-ts/errno.ts';
import type { Space } from './space.ts';

export interface ProgramExports {
  _start(): void;
  thread_entry?(argument: number): void;
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

/** worker#fork: the child's pid or -errno. */
export type ForkCall = (stackPointer: number, tlsBase: number, buffer: number, bufferEnd: number) => number;

export function globalOf(global: WebAssembly.Global): number {
  return Number(global.value) >>> 0;
}

export class RunningProgram {
  readonly exports: ProgramExports;
  readonly space: Space;
  readonly #forkCall: ForkCall;
  /** Argument of thread_entry, or null for a process's first thread. */
  readonly #thread: number | null;
  /** Where this fork's frames are, from fork() until the rewind has ended. */
  #buffer = 0;
  #forkResult = 0;

  constructor(exports: ProgramExports, space: Space, forkCall: ForkCall, thread: number | null = null) {
    this.exports = exports;
    this.space = space;
    this.#forkCall = forkCall;
    this.#thread = thread;
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

  /** The program's import `fork`. */
  fork(): number {
    const program = this.#forking();
    if (program.asyncify_get_state() === STATE_REWINDING) {
      program.asyncify_stop_rewind();
      return this.#forkResult;
    }
    // Only the first thread's stack has bounds that we know.
    if (this.#thread !== null) return -ENOSYS;
    const buffer = (globalOf(program.__stack_low) + STACK_GUARD_BYTES + 15) & ~15;
    const end = globalOf(program.__stack_pointer) - RED_ZONE_BYTES;
    if (end > globalOf(program.__stack_high)) return -ENOSYS; // it runs on a stack of its own making
    if (end - buffer < BUFFER_BYTES_MIN) return -ENOMEM;
    const words = this.space.words();
    words[buffer >>> 2] = buffer + HEAD_BYTES;
    words[(buffer >>> 2) + 1] = end;
    this.#buffer = buffer;
    program.asyncify_start_unwind(buffer);
    return 0;
  }

  #enter(): void {
    if (this.#thread === null) this.exports._start();
    else this.exports.thread_entry?.(this.#thread);
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
      this.#buffer,
      end >>> 0,
    );
    program.asyncify_start_rewind(this.#buffer);
  }

  #forking(): ForkingExports {
    return this.exports as ForkingExports; // inspectProgram saw that all are there
  }
}
