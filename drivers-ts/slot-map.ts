/*
 * In which slot of a log store's file each block lies (log-store.ts). A large write has tens of thousands of
 * blocks, so these are typed arrays.
 */
import { EntryList, type Entry } from './log-format.ts';

export class SlotMap {
  /** By block; slot 0 is a header's, so it stands for none. */
  #slots = new Uint32Array(1024);

  /** 0 when the block was never set. */
  get(block: number): number {
    return this.#slots[block] ?? 0;
  }

  set(block: number, slot: number): void {
    if (block >= this.#slots.length) this.#reach(block + 1);
    this.#slots[block] = slot;
  }

  /** Blocks below `size` and their slots. */
  entries(size: number): Entry[] {
    const list = new EntryList();
    const end = Math.min(size, this.#slots.length);
    for (let block = 0; block < end; block++) {
      const slot = this.#slots[block]!;
      if (slot) list.add(block, slot);
    }
    return list.entries;
  }

  #reach(blocks: number): void {
    const larger = new Uint32Array(Math.max(blocks, this.#slots.length * 2));
    larger.set(this.#slots);
    this.#slots = larger;
  }
}

/** Blocks that no flush has made durable yet. */
export class PendingSlots {
  readonly #slots = new SlotMap();
  /** Those in it, as they came. */
  #blocks = new Uint32Array(1024);
  #count = 0;

  get size(): number {
    return this.#count;
  }

  get(block: number): number {
    return this.#slots.get(block);
  }

  /** The slot it had here before, or 0. */
  set(block: number, slot: number): number {
    const older = this.#slots.get(block);
    this.#slots.set(block, slot);
    if (older) return older;
    if (this.#count === this.#blocks.length) {
      const larger = new Uint32Array(this.#count * 2);
      larger.set(this.#blocks);
      this.#blocks = larger;
    }
    this.#blocks[this.#count++] = block;
    return 0;
  }

  entries(): Entry[] {
    const list = new EntryList();
    for (let i = 0; i < this.#count; i++) {
      const block = this.#blocks[i]!;
      list.add(block, this.#slots.get(block));
    }
    return list.entries;
  }

  /** Take all of it out. */
  drain(taken: (block: number, slot: number) => void): void {
    for (let i = 0; i < this.#count; i++) {
      const block = this.#blocks[i]!;
      taken(block, this.#slots.get(block));
      this.#slots.set(block, 0);
    }
    this.#count = 0;
  }
}
