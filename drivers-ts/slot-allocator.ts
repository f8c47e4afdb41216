/*
 * Which slots of a log store's file are in use.
 */
export interface SlotRun {
  readonly slot: number;
  readonly count: number;
}

/** Free slots that are tolerated before short runs of them are used rather than making the file larger. */
const FREE_SHARE = 0.25;
const FREE_SLOTS = 16 * 1024; // 64 MiB
/** A run shorter than this is only used when the file can't grow: each costs a call. */
const RUN_SLOTS_MIN = 16;
/** Slots looked at for a run that is long enough, before something else is tried. */
const SEARCH_SLOTS = 1 << 18;

export class SlotAllocator {
  /** 1 for each slot in use. */
  #used = new Uint8Array(4096);
  /** Slots that the file has; beyond it all are free. */
  #end: number;
  #free = 0;
  #cursor: number;

  /** The first `reserved` slots are in use for ever. */
  constructor(reserved: number) {
    this.#used.fill(1, 0, reserved);
    this.#end = reserved;
    this.#cursor = reserved;
  }

  /** Free slots within the file. */
  get free(): number {
    return this.#free;
  }

  /** The file has `slots` slots already. */
  extend(slots: number): void {
    if (slots <= this.#end) return;
    this.#reach(slots);
    this.#free += slots - this.#end;
    this.#end = slots;
  }

  /** A slot is found to be in use. False when it was before. */
  mark(slot: number): boolean {
    this.extend(slot + 1);
    if (this.#used[slot]) return false;
    this.#used[slot] = 1;
    this.#free--;
    return true;
  }

  give(slot: number, count: number): void {
    this.#used.fill(0, slot, slot + count);
    this.#free += count;
  }

  giveAll(runs: readonly SlotRun[]): void {
    for (const { slot, count } of runs) this.give(slot, count);
  }

  /** `count` slots side by side. */
  takeRun(count: number): number {
    const slot = this.#free >= count ? this.#search(count) : -1;
    if (slot >= 0) return this.#take(slot, count);
    const end = this.#end;
    this.extend(end + count);
    return this.#take(end, count);
  }

  /** `count` slots: in one run, or in few when much is free, but not together. */
  take(count: number): SlotRun[] {
    const crowded = this.#free > Math.max(FREE_SLOTS, this.#end * FREE_SHARE);
    const runs: SlotRun[] = [];
    for (let left = count; left > 0;) {
      let n = left;
      let slot = this.#free >= n ? this.#search(n) : -1;
      while (crowded && slot < 0 && n > RUN_SLOTS_MIN) slot = this.#search((n = Math.max(RUN_SLOTS_MIN, n >> 1)));
      if (slot >= 0) this.#take(slot, n);
      else slot = this.takeRun((n = left));
      runs.push({ slot, count: n });
      left -= n;
    }
    return runs;
  }

  /** As take, but the file can't grow: any slots it has, or null. */
  takeScattered(count: number): SlotRun[] | null {
    if (this.#free < count) return null;
    const runs: SlotRun[] = [];
    for (let left = count, from = 0; left > 0;) {
      const slot = this.#used.indexOf(0, from);
      if (slot < 0 || slot >= this.#end) throw new Error('fewer slots are free than were counted');
      const n = Math.min(left, this.#runLength(slot, left));
      runs.push({ slot: this.#take(slot, n), count: n });
      left -= n;
      from = slot + n;
    }
    return runs;
  }

  #take(slot: number, count: number): number {
    this.#used.fill(1, slot, slot + count);
    this.#free -= count;
    this.#cursor = slot + count;
    return slot;
  }

  /** The first run of at least `count` from the cursor on, once around; -1 when none is found soon. */
  #search(count: number): number {
    const found = this.#searchIn(this.#cursor, this.#end, count);
    return found >= 0 ? found : this.#searchIn(0, Math.min(this.#cursor + count, this.#end), count);
  }

  #searchIn(from: number, end: number, count: number): number {
    const limit = Math.min(end, from + SEARCH_SLOTS);
    for (let at = from; ;) {
      const slot = this.#used.indexOf(0, at);
      if (slot < 0 || slot + count > end || slot >= limit) return -1;
      const length = this.#runLength(slot, count);
      if (length >= count) return slot;
      at = slot + length;
    }
  }

  #runLength(slot: number, most: number): number {
    const used = this.#used.subarray(slot, Math.min(slot + most, this.#end)).indexOf(1);
    return used < 0 ? Math.min(most, this.#end - slot) : used;
  }

  #reach(slots: number): void {
    if (slots <= this.#used.length) return;
    const larger = new Uint8Array(Math.max(slots, this.#used.length * 2));
    larger.set(this.#used);
    this.#used = larger;
  }
}
