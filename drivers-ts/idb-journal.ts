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

export interface JournalRecord {
  readonly id: number;
  readonly data: Uint8Array<ArrayBuffer>;
  /** The first version had whole blocks in `data`: these. */
  readonly blocks?: Uint32Array<ArrayBuffer>;
}

export const RUN_BLOCKS = 16;

/** Limits: what an opening has to read, and what one transaction stores (4 MiB of runs) when it is full. */
const RECORDS_MAX = 1024;
const BYTES_MAX = 4 * 1024 * 1024;
const RUNS_MAX = 64;

const GRANULE_BYTES = 64;
const GRANULE_WORDS = GRANULE_BYTES / 4;
const GRANULES = BLOCK_BYTES / GRANULE_BYTES;
const SPAN_BYTES = 8;
/** In a span's second word: the first granule, how many, and whether the rest of the block is zero. */
const COUNT_SHIFT = 8;
const FRESH = 1 << 16;
const ZERO = new Block();
const SPARE_MAX = 64;

export class Journal {
  /** The blocks in it, as its last record left them. */
  readonly #blocks = new Map<number, Block>();
  /** How many of them each run has. */
  readonly #runs = new Map<number, number>();
  #records = 0;
  #bytes = 0;
  /** What its blocks were before they changed: making a new one takes longer than filling it. */
  readonly #spare: Block[] = [];

  /** Ids of records, in their order: below those of runs. */
  static get range(): IDBKeyRange {
    return IDBKeyRange.upperBound(-1);
  }

  get isEmpty(): boolean {
    return this.#records === 0;
  }

  get blocks(): ReadonlyMap<number, Block> {
    return this.#blocks;
  }

  /** The runs that its blocks lie in. */
  get runs(): ReadonlyMap<number, number> {
    return this.#runs;
  }

  /** The record that would follow; null when there is no room for it. One without data changes nothing. */
  next(changes: ReadonlyMap<number, Block>): JournalRecord | null {
    const data = this.#encode(changes);
    let runs = this.#runs.size;
    const added = new Set<number>();
    for (const block of changes.keys()) added.add(runOf(block));
    for (const run of added) if (!this.#runs.has(run)) runs++;
    if (this.#records >= RECORDS_MAX || this.#bytes + data.length > BYTES_MAX || runs > RUNS_MAX) return null;
    return { id: this.#records - RECORDS_MAX, data };
  }

  /** The record is stored. */
  appended({ data }: JournalRecord, changes: ReadonlyMap<number, Block>): void {
    if (data.length === 0) return;
    this.#records++;
    this.#bytes += data.length;
    for (const [block, now] of changes) this.#set(block, now);
  }

  #set(block: number, now: Block): void {
    const before = this.#blocks.get(block);
    if (!before) this.#runs.set(runOf(block), (this.#runs.get(runOf(block)) ?? 0) + 1);
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

  #encode(changes: ReadonlyMap<number, Block>): Uint8Array<ArrayBuffer> {
    const spans: number[] = [];
    const from: Block[] = [];
    let bytes = 0;
    for (const [block, now] of changes) {
      const old = this.#blocks.get(block);
      const before = (old ?? ZERO).words;
      let fresh = old ? 0 : FRESH;
      for (let first = 0; first < GRANULES; first++) {
        if (isSame(now.words, before, first)) continue;
        let end = first + 1;
        while (end < GRANULES && !isSame(now.words, before, end)) end++;
        spans.push(block, first | ((end - first) << COUNT_SHIFT) | fresh);
        from.push(now);
        bytes += (end - first) * GRANULE_BYTES;
        fresh = 0;
        first = end; // which is the same
      }
      if (fresh) {
        spans.push(block, fresh);
        from.push(now);
      }
    }
    if (spans.length === 0) return new Uint8Array();
    const head = 4 + spans.length * 4;
    const data = new Uint8Array(head + bytes);
    const words = new Uint32Array(data.buffer);
    words[0] = spans.length / 2;
    words.set(spans, 1);
    let at = head / 4;
    for (const [i, { words: source }] of from.entries()) {
      const { first, end } = wordsOf(spans[2 * i + 1]!);
      for (let k = first; k < end; k++) words[at++] = source[k]!;
    }
    return data;
  }

  /** Read the next record again: the blocks it changed are in `blocks` then. */
  replay(record: JournalRecord): void {
    this.#records++;
    this.#bytes += record.data.length;
    if (record.blocks) this.#replayWhole(record.data, record.blocks);
    else this.#replaySpans(record.data);
  }

  #replayWhole(data: Uint8Array<ArrayBuffer>, blocks: Uint32Array): void {
    blocks.forEach((block, i) => {
      const now = new Block();
      now.bytes.set(data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES));
      this.#set(block, now);
    });
  }

  #replaySpans(data: Uint8Array<ArrayBuffer>): void {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const count = data.length < 4 ? 0 : view.getUint32(0, true);
    let at = 4 + count * SPAN_BYTES;
    if (at > data.length) throw new ErrnoError(EIO, 'a record of the journal is damaged');
    for (let i = 0; i < count; i++) {
      const block = view.getUint32(4 + i * SPAN_BYTES, true);
      const span = view.getUint32(8 + i * SPAN_BYTES, true);
      const { first, end } = wordsOf(span);
      const bytes = (end - first) * 4;
      const now = span & FRESH ? new Block() : this.#blocks.get(block);
      if (!now || end * 4 > BLOCK_BYTES || at + bytes > data.length)
        throw new ErrnoError(EIO, 'a record of the journal is damaged');
      now.bytes.set(data.subarray(at, at + bytes), first * 4);
      this.#set(block, now);
      at += bytes;
    }
  }
}

function runOf(block: number): number {
  return Math.floor(block / RUN_BLOCKS);
}

/** Which words of its block a span has: from its second word. */
function wordsOf(span: number): { first: number; end: number } {
  const granule = span & ((1 << COUNT_SHIFT) - 1);
  const count = (span & (FRESH - 1)) >>> COUNT_SHIFT;
  return { first: granule * GRANULE_WORDS, end: (granule + count) * GRANULE_WORDS };
}

function isSame(a: Uint32Array, b: Uint32Array, granule: number): boolean {
  for (let i = granule * GRANULE_WORDS, end = i + GRANULE_WORDS; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
}
