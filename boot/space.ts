/*
 * Address spaces: the memory a program lives in, with the uaccess instance that
 * is the kernel's door to it.
 *
 * A memory is dear (Chromium has room for about 124 in one tab, and a dropped one
 * counts until it is collected), so a worker keeps its last one for its next program.
 */
import type { KernelMemory } from '../drivers-ts/memory.ts';
import type { KernelExports } from './kernel-instance.ts';
import { makeMemory } from './shortage.ts';

const PAGE_BYTES = 65536;
/** Zeroing more than this costs more than a new memory does. */
const KEEP_BYTES_MAX = 16 * 1024 * 1024;
/** uaccess refuses the first bytes of a memory as null pointers. */
const NULL_BYTES = 1024;

/** In the order of kernel-c/uaccess.c's uaccess_table. */
const DOOR = ['copy_in', 'copy_out', 'zero', 'load', 'store', 'swap', 'grow', 'differ', 'merge'] as const;

/**
 * SpiderMonkey, which alone has this global. Its memory.copy takes care that shared memory changes meanwhile
 * and so isn't memmove (AtomicOperations::memmoveSafeWhenRacy); uaccess.wat has what is faster there.
 */
const COPIES_BY_QUARTERS = 'InternalError' in globalThis;

type Door = Record<(typeof DOOR)[number], CallableFunction> & {
  zero(address: number, length: number): number;
};

export class Space {
  readonly memory: WebAssembly.Memory;
  readonly door: Door;
  /** Other workers run threads in it: never to be used again by this one. */
  shared = false;

  constructor(memory: WebAssembly.Memory, kernelMemory: WebAssembly.Memory, uaccess: WebAssembly.Module) {
    this.memory = memory;
    const instance = new WebAssembly.Instance(uaccess, {
      kernel: { memory: kernelMemory },
      program: { memory },
    });
    const exports = instance.exports as unknown as Door & { readonly copy_out_quarters: CallableFunction };
    this.door = COPIES_BY_QUARTERS ? { ...exports, copy_out: exports.copy_out_quarters } : exports;
  }

  get pages(): number {
    return this.memory.buffer.byteLength / PAGE_BYTES;
  }

  words(): Int32Array<ArrayBufferLike> {
    return new Int32Array(this.memory.buffer);
  }

  clear(): void {
    new Uint8Array(this.memory.buffer, 0, NULL_BYTES).fill(0);
    this.door.zero(NULL_BYTES, this.memory.buffer.byteLength - NULL_BYTES);
  }
}

/** The spaces of one worker: at most one is in use, and at most one is kept. */
export class Spaces {
  readonly #kernel: KernelExports;
  readonly #kernelMemory: WebAssembly.Memory;
  readonly #uaccess: WebAssembly.Module;
  /** Where the kernel's table wants the door's functions. */
  readonly #slots: readonly number[];
  /** Tells the supervisor where this worker's program lives. */
  readonly #announce: (memory: WebAssembly.Memory | null) => void;
  #announced: WebAssembly.Memory | null = null;
  #bound: Space | null = null;
  #kept: Space | null = null;
  #keptClean = false;

  constructor(
    kernel: KernelExports,
    kernelMemory: KernelMemory,
    uaccess: WebAssembly.Module,
    announce: (memory: WebAssembly.Memory | null) => void,
  ) {
    this.#kernel = kernel;
    this.#kernelMemory = kernelMemory.memory;
    this.#uaccess = uaccess;
    const table = Number(kernel.uaccess_table.value);
    this.#slots = DOOR.map((_, i) => {
      const { words, index } = kernelMemory.words(table + 4 * i);
      return words[index] ?? 0;
    });
    this.#announce = announce;
  }

  /** A zeroed space of at least `pages` pages; null: the host has no memory for it now. */
  take(pages: number): Space | null {
    let space = this.#kept;
    this.#kept = null;
    if (space && space.pages < pages && !this.#grow(space, pages)) {
      this.#unbind();
      space = null;
    }
    if (!space) return this.#make(pages);
    if (!this.#keptClean) space.clear();
    return space;
  }

  /** A space of ours over a memory that another worker has made. */
  over(memory: WebAssembly.Memory): Space {
    return new Space(memory, this.#kernelMemory, this.#uaccess);
  }

  /** The program in `space` has ended. `clean`: zero it now, while nobody waits. */
  giveBack(space: Space, clean: boolean): void {
    if (space.shared || space.memory.buffer.byteLength > KEEP_BYTES_MAX) {
      this.#unbind();
      return;
    }
    this.#kept = space;
    this.#keptClean = clean;
    if (clean) space.clear();
  }

  #make(pages: number): Space | null {
    try {
      return this.over(makeMemory(pages));
    } catch {
      return null;
    }
  }

  #grow(space: Space, pages: number): boolean {
    try {
      space.memory.grow(pages - space.pages);
      return true;
    } catch {
      return false;
    }
  }

  /** The kernel instance's calls are to reach the program in `space`. */
  bind(space: Space): void {
    this.#tell(space.memory);
    if (this.#bound === space) return;
    const table = this.#kernel.__indirect_function_table;
    this.#slots.forEach((slot, i) => table.set(slot, space.door[DOOR[i] as keyof Door]));
    this.#bound = space;
  }

  /** Nothing of ours may keep the memory from being collected. */
  #unbind(): void {
    for (const slot of this.#slots) this.#kernel.__indirect_function_table.set(slot, null);
    this.#bound = null;
    this.#tell(null);
  }

  #tell(memory: WebAssembly.Memory | null): void {
    if (memory === this.#announced) return;
    this.#announced = memory;
    this.#announce(memory);
  }
}
