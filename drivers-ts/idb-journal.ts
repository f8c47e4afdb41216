/*
 * The journal of a block store in IndexedDB (idb-store.ts): small flushes, one record
 * each, in their order.
 *
 * A record has what a flush changed of its blocks, to the word. A block's first
 * record since the journal was empty compares it with zero, the next ones with what
 * the last one left: reading them all again in order gives the blocks. An fsync of
 * a new file changes eight blocks but little of each, and a record costs by its bytes.
 *
 *   record   u32 n, then n times [u32 block, u32 span], then the words of all spans
 */
import { BLOCK_BYTES } from './block-store.ts';
import { EIO, ErrnoError } from './errno.ts';

/** A copy of a block. */
export class Block {
  readonly bytes = new Uint8Array(BLOCK_BYTES);
  readonly words = new Int32Array(this.bytes.buffer);
}

export type JournalRecord = Uint8Array<ArrayBuffer>;

export const RUN_BLOCKS = 16;
/** More blocks than this in one flush are cheaper stored as runs. */
export const FLUSH_BLOCKS_MAX = 64;

/** Limits: what an opening has to read, and what one transaction stores when it is full: 10 MiB of runs, or 4. */
const RECORDS_MAX = 2048;
const BYTES_MAX = 4 * 1024 * 1024;
const RUNS_MAX = 160;
const RUNS_MAX_NARROW = 64;

const BLOCK_WORDS = BLOCK_BYTES / 4;
/** Words compared at once. */
const STEP_WORDS = 16;
const SPAN_WORDS = 2;
/** In a span: its first word, how many, and whether the rest of the block is zero. */
const COUNT_SHIFT = 10;
const COUNT_MASK = 0x7ff;
const FRESH = 1 << 21;
/** Words that are the same are part of a span when another span would be no shorter. */
const GAP_WORDS = SPAN_WORDS;
const ZERO = new Block();
const SPARE_MAX = 64;
const SPARE_MIN = 16;

/** Where a record is made: the number of its spans and the spans, and their words. */
const head = new Int32Array(1 + FLUSH_BLOCKS_MAX * BLOCK_WORDS);
const body = new Int32Array(FLUSH_BLOCKS_MAX * BLOCK_WORDS);

export class Journal {
  /** The blocks in it, as its last record left them. */
  readonly #blocks = new Map<number, Block>();
  /** The runs that they lie in. */
  readonly #runs = new Set<number>();
  #records = 0;
  #bytes = 0;
  /** Its blocks are ahead of what is stored. */
  #isBroken = false;
  readonly #runsMax: number;
  /** What its blocks were before they changed: making a new one takes longer than filling it. */
  readonly #spare: Block[] = [];

  /** `isNarrow`: there is little room in the origin's quota, of which a run in the journal takes its part besides. */
  constructor(isNarrow = false) {
    this.#runsMax = isNarrow ? RUNS_MAX_NARROW : RUNS_MAX;
  }

  get isEmpty(): boolean {
    return this.#records === 0;
  }

  /** So that it is worth the time to empty it while nobody waits. */
  get isQuarterFull(): boolean {
    const share = Math.max(this.#records / RECORDS_MAX, this.#bytes / BYTES_MAX, this.#runs.size / this.#runsMax);
    return share >= 1 / 4;
  }

  get blocks(): ReadonlyMap<number, Block> {
    return this.#blocks;
  }

  get runs(): ReadonlySet<number> {
    return this.#runs;
  }

  /** What the next record is stored under: they are in order. */
  get key(): number {
    return this.#records;
  }

  /**
   * The record that would follow, for at most FLUSH_BLOCKS_MAX changes; null when there is no room
   * for it, or one before it was not stored. An empty one changes nothing, and need not be stored.
   */
  next(changes: ReadonlyMap<number, Block>): JournalRecord | null {
    const record = this.#encode(changes);
    const isFull = this.#records >= RECORDS_MAX || this.#bytes + record.length > BYTES_MAX;
    return isFull || this.#isBroken || this.#runsWith(changes) > this.#runsMax ? null : record;
  }

  #runsWith(changes: ReadonlyMap<number, Block>): number {
    const { size } = this.#runs;
    if (size + changes.size <= this.#runsMax) return size; // there is room in any case
    return new Set([...this.#runs, ...[...changes.keys()].map(runOf)]).size;
  }

  /** The record is on its way: nothing of this is left to do while somebody waits for the next. */
  append(record: JournalRecord, changes: ReadonlyMap<number, Block>): void {
    this.#records++;
    this.#bytes += record.length;
    for (const [block, now] of changes) this.#set(block, now);
    while (this.#spare.length < SPARE_MIN) this.#spare.push(new Block());
  }

  /** The last record was not stored: the next flush has to store the runs. */
  breakOff(): void {
    this.#isBroken = true;
  }

  #set(block: number, now: Block): void {
    const before = this.#blocks.get(block);
    if (!before) this.#runs.add(runOf(block));
    else if (before !== now && this.#spare.length < SPARE_MAX) this.#spare.push(before);
    this.#blocks.set(block, now);
  }

  /** A block to be filled, and given to `next` and `append`. */
  newBlock(): Block {
    return this.#spare.pop() ?? new Block();
  }

  /** All of it is stored in runs. */
  clear(): void {
    this.#blocks.clear();
    this.#runs.clear();
    this.#records = 0;
    this.#bytes = 0;
    this.#isBroken = false;
  }

  #encode(changes: ReadonlyMap<number, Block>): JournalRecord {
    let headWords = 1;
    let bodyWords = 0;
    for (const [block, { words: now }] of changes) {
      const old = this.#blocks.get(block);
      const before = (old ?? ZERO).words;
      let fresh = old ? 0 : FRESH;
      for (let from = firstChange(now, before, 0); from < BLOCK_WORDS || fresh;) {
        let to = from;
        let next = from;
        while (next < BLOCK_WORDS && next <= to + GAP_WORDS) {
          to = next + 1;
          next = firstChange(now, before, to);
        }
        head[headWords++] = block;
        head[headWords++] = spanOf(from, to) | fresh;
        for (let i = from; i < to; i++) body[bodyWords++] = now[i]!;
        fresh = 0;
        from = next;
      }
    }
    if (headWords === 1) return new Uint8Array();
    head[0] = (headWords - 1) / SPAN_WORDS;
    const record = new Int32Array(headWords + bodyWords);
    record.set(head.subarray(0, headWords));
    record.set(body.subarray(0, bodyWords), headWords);
    return new Uint8Array(record.buffer);
  }

  /** Read the next record again: the blocks it changed are in `blocks` then. */
  replay(record: JournalRecord): void {
    this.#records++;
    this.#bytes += record.length;
    const view = new DataView(record.buffer, record.byteOffset, record.length);
    const count = record.length < 4 ? 0 : view.getUint32(0, true);
    let at = 4 * (1 + count * SPAN_WORDS);
    if (at > record.length) throw new ErrnoError(EIO, 'a record of the journal is damaged');
    for (let i = 0; i < count; i++) {
      const block = view.getUint32(4 * (1 + i * SPAN_WORDS), true);
      const span = view.getUint32(4 * (2 + i * SPAN_WORDS), true);
      const { first, bytes } = bytesOf(span);
      const now = span & FRESH ? new Block() : this.#blocks.get(block);
      if (!now || first + bytes > BLOCK_BYTES || at + bytes > record.length)
        throw new ErrnoError(EIO, 'a record of the journal is damaged');
      now.bytes.set(record.subarray(at, at + bytes), first);
      this.#set(block, now);
      at += bytes;
    }
  }
}

export function runOf(block: number): number {
  return Math.floor(block / RUN_BLOCKS);
}

/** The span of words from..to of a block; an empty one is at 0. */
function spanOf(from: number, to: number): number {
  return to === from ? 0 : from | ((to - from) << COUNT_SHIFT);
}

/** Which bytes of its block a span has. */
function bytesOf(span: number): { first: number; bytes: number } {
  const from = span & ((1 << COUNT_SHIFT) - 1);
  return { first: from * 4, bytes: ((span >>> COUNT_SHIFT) & COUNT_MASK) * 4 };
}

/** The first word from `at` on that differs, or BLOCK_WORDS. */
function firstChange(a: Int32Array, b: Int32Array, at: number): number {
  for (; at < BLOCK_WORDS && at % STEP_WORDS !== 0; at++) if (a[at] !== b[at]) return at;
  while (at < BLOCK_WORDS && isSame(a, b, at)) at += STEP_WORDS;
  while (at < BLOCK_WORDS && a[at] === b[at]) at++;
  return at;
}

function isSame(a: Int32Array, b: Int32Array, at: number): boolean {
  for (const end = at + STEP_WORDS; at < end; at += 4)
    if ((a[at]! ^ b[at]!) | (a[at + 1]! ^ b[at + 1]!) | (a[at + 2]! ^ b[at + 2]!) | (a[at + 3]! ^ b[at + 3]!))
      return false;
  return true;
}

/** A record of before version 4 of the database (idb-database.ts): its spans counted granules of 16 words. */
export function recordOfGranules(old: Uint8Array<ArrayBuffer>): JournalRecord {
  const words = new Uint32Array(old.slice().buffer);
  const count = words[0] ?? 0;
  for (let at = SPAN_WORDS; at <= count * SPAN_WORDS && at < words.length; at += SPAN_WORDS) {
    const span = words[at]!;
    const granules = (span >>> 8) & 0xff;
    words[at] = (granules ? (span & 0xff) * 16 : 0) | ((granules * 16) << COUNT_SHIFT) | (span & (1 << 16) ? FRESH : 0);
  }
  return new Uint8Array(words.buffer);
}
