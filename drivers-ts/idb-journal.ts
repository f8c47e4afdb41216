/*
 * The journal of a block store in IndexedDB (idb-store.ts): small flushes, one record
 * each, in their order.
 *
 * A record has what a flush changed of its blocks, in granules of 64 bytes. A block's first
 * record since the journal was empty compares it with zero, the next ones with what
 * the last one left: reading them all again in order gives the blocks. An fsync of
 * a new file changes eight blocks but little of each, and a record costs by its bytes.
 *
 *   data    u32 n, then n times [u32 block, u32 granules], then the granules' bytes
 */
import { BLOCK_BYTES } from './block-store.ts';
import { EIO, ErrnoError } from './errno.ts';

/** A copy of a block. */
export class Block {
  readonly bytes = new Uint8Array(BLOCK_BYTES);
  readonly words = new Uint32Array(this.bytes.buffer);
}

export type JournalRecord = Uint8Array<ArrayBuffer>;

export const RUN_BLOCKS = 16;
/** More blocks than this in one flush are cheaper stored as runs. */
export const FLUSH_BLOCKS_MAX = 64;

/** Limits: what an opening has to read, and what one transaction stores (4 MiB of runs) when it is full. */
const RECORDS_MAX = 1024;
const BYTES_MAX = 4 * 1024 * 1024;
const RUNS_MAX = 64;

const GRANULE_BYTES = 64;
const GRANULE_WORDS = GRANULE_BYTES / 4;
const BLOCK_WORDS = BLOCK_BYTES / 4;
const SPAN_WORDS = 2;
/** In a span's second word: the first granule, how many, and whether the rest of the block is zero. */
const COUNT_SHIFT = 8;
const FRESH = 1 << 16;
const ZERO = new Block();
const SPARE_MAX = 64;

/** Where a record is made: the number of its spans and the spans, and the granules. */
const head = new Uint32Array(1 + (FLUSH_BLOCKS_MAX * SPAN_WORDS * BLOCK_WORDS) / GRANULE_WORDS);
const body = new Uint32Array(FLUSH_BLOCKS_MAX * BLOCK_WORDS);

export class Journal {
  /** The blocks in it, as its last record left them. */
  readonly #blocks = new Map<number, Block>();
  /** The runs that they lie in. */
  readonly #runs = new Set<number>();
  #records = 0;
  #bytes = 0;
  /** What its blocks were before they changed: making a new one takes longer than filling it. */
  readonly #spare: Block[] = [];

  get isEmpty(): boolean {
    return this.#records === 0;
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
   * for it. An empty one changes nothing, and need not be stored.
   */
  next(changes: ReadonlyMap<number, Block>): JournalRecord | null {
    const record = this.#encode(changes);
    const isFull = this.#records >= RECORDS_MAX || this.#bytes + record.length > BYTES_MAX;
    return isFull || this.#runsWith(changes) > RUNS_MAX ? null : record;
  }

  #runsWith(changes: ReadonlyMap<number, Block>): number {
    let count = this.#runs.size;
    if (count + changes.size <= RUNS_MAX) return count;
    let last = -1;
    const added: number[] = [];
    for (const block of changes.keys()) {
      const run = runOf(block);
      if (run === last || this.#runs.has(run) || added.includes(run)) continue;
      added.push((last = run));
      count++;
    }
    return count;
  }

  /** The record is stored. */
  appended(record: JournalRecord, changes: ReadonlyMap<number, Block>): void {
    if (record.length === 0) return;
    this.#records++;
    this.#bytes += record.length;
    for (const [block, now] of changes) this.#set(block, now);
  }

  #set(block: number, now: Block): void {
    const before = this.#blocks.get(block);
    if (!before) this.#runs.add(runOf(block));
    else if (before !== now && this.#spare.length < SPARE_MAX) this.#spare.push(before);
    this.#blocks.set(block, now);
  }

  /** A block to be filled, and given to `next` and `appended`. */
  newBlock(): Block {
    return this.#spare.pop() ?? new Block();
  }

  /** All of it is stored in runs. */
  clear(): void {
    this.#blocks.clear();
    this.#runs.clear();
    this.#records = 0;
    this.#bytes = 0;
  }

  #encode(changes: ReadonlyMap<number, Block>): JournalRecord {
    let headWords = 1;
    let bodyWords = 0;
    for (const [block, { words: now }] of changes) {
      const old = this.#blocks.get(block);
      const before = (old ?? ZERO).words;
      let fresh = old ? 0 : FRESH;
      for (let at = firstChange(now, before, 0); at < BLOCK_WORDS || fresh; at = firstChange(now, before, at)) {
        const from = at;
        while (at < BLOCK_WORDS && isChanged(now, before, at)) {
          for (const end = at + GRANULE_WORDS; at < end; at++) body[bodyWords++] = now[at]!;
        }
        head[headWords++] = block;
        head[headWords++] = spanOf(from, at) | fresh;
        fresh = 0;
      }
    }
    if (headWords === 1) return new Uint8Array();
    head[0] = (headWords - 1) / SPAN_WORDS;
    const record = new Uint32Array(headWords + bodyWords);
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

/** The span of words from..to of a block. */
function spanOf(from: number, to: number): number {
  return from / GRANULE_WORDS | (((to - from) / GRANULE_WORDS) << COUNT_SHIFT);
}

/** Which bytes of its block a span has: from its second word. */
function bytesOf(span: number): { first: number; bytes: number } {
  const granule = span & ((1 << COUNT_SHIFT) - 1);
  const count = (span & (FRESH - 1)) >>> COUNT_SHIFT;
  return { first: granule * GRANULE_BYTES, bytes: count * GRANULE_BYTES };
}

/** The first word of the first granule from `at` on that differs, or BLOCK_WORDS. */
function firstChange(a: Uint32Array, b: Uint32Array, at: number): number {
  while (at < BLOCK_WORDS && !isChanged(a, b, at)) at += GRANULE_WORDS;
  return at;
}

function isChanged(a: Uint32Array, b: Uint32Array, at: number): boolean {
  for (const end = at + GRANULE_WORDS; at < end; at += 4)
    if ((a[at]! ^ b[at]!) | (a[at + 1]! ^ b[at + 1]!) | (a[at + 2]! ^ b[at + 2]!) | (a[at + 3]! ^ b[at + 3]!)) return true;
  return false;
}
