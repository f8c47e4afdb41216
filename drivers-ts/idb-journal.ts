/*
 * The journal of a block store in IndexedDB (idb-store.ts): small flushes, one record
 * each, in their order.
 *
 * A record has what a flush changed of its blocks, in granules of 64 bytes. A block's first
 * record since the journal was empty compares it with zero, the next ones with what
 * the last one left: reading them all again in order gives the blocks. An fsync of
 * a new file changes seven blocks but little of each, and a record costs by its bytes.
 *
 *   data    u32 n, then n times [u32 block, u32 granules], then the granules' bytes
 */
import { BLOCK_BYTES } from './block-store.ts';
import { EIO, ErrnoError } from './errno.ts';

/** 4096 bytes, not shared. */
export type Block = Uint8Array<ArrayBuffer>;

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
const ZERO = new Uint32Array(BLOCK_BYTES / 4);

export class Journal {
  /** The blocks in it, as its last record left them. */
  readonly #blocks = new Map<number, Block>();
  /** How many of them each run has. */
  readonly #runs = new Map<number, number>();
  #records = 0;
  #bytes = 0;

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
    if (!this.#blocks.has(block)) this.#runs.set(runOf(block), (this.#runs.get(runOf(block)) ?? 0) + 1);
    this.#blocks.set(block, now);
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
    const parts: Block[] = [];
    let bytes = 0;
    for (const [block, now] of changes) {
      const words = wordsOf(now);
      const old = this.#blocks.get(block);
      const before = old ? wordsOf(old) : ZERO;
      let fresh = old ? 0 : FRESH;
      for (let from = 0; from < GRANULES; from++) {
        if (isSame(words, before, from)) continue;
        let to = from + 1;
        while (to < GRANULES && !isSame(words, before, to)) to++;
        spans.push(block, from | ((to - from) << COUNT_SHIFT) | fresh);
        parts.push(now.subarray(from * GRANULE_BYTES, to * GRANULE_BYTES));
        bytes += (to - from) * GRANULE_BYTES;
        fresh = 0;
        from = to; // which is the same
      }
      if (fresh) spans.push(block, fresh);
    }
    if (spans.length === 0) return new Uint8Array();
    const head = 4 + spans.length * 4;
    const data = new Uint8Array(head + bytes);
    const words = new Uint32Array(data.buffer, 0, head / 4);
    words[0] = spans.length / 2;
    words.set(spans, 1);
    let at = head;
    for (const part of parts) {
      data.set(part, at);
      at += part.length;
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
    blocks.forEach((block, i) => this.#set(block, data.slice(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)));
  }

  #replaySpans(data: Uint8Array<ArrayBuffer>): void {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const count = data.length < 4 ? 0 : view.getUint32(0, true);
    let at = 4 + count * SPAN_BYTES;
    if (at > data.length) throw new ErrnoError(EIO, 'a record of the journal is damaged');
    for (let i = 0; i < count; i++) {
      const block = view.getUint32(4 + i * SPAN_BYTES, true);
      const span = view.getUint32(8 + i * SPAN_BYTES, true);
      const from = (span & ((1 << COUNT_SHIFT) - 1)) * GRANULE_BYTES;
      const bytes = ((span & (FRESH - 1)) >>> COUNT_SHIFT) * GRANULE_BYTES;
      const now = span & FRESH ? new Uint8Array(BLOCK_BYTES) : this.#blocks.get(block);
      if (!now || from + bytes > BLOCK_BYTES || at + bytes > data.length)
        throw new ErrnoError(EIO, 'a record of the journal is damaged');
      now.set(data.subarray(at, at + bytes), from);
      this.#set(block, now);
      at += bytes;
    }
  }
}

function runOf(block: number): number {
  return Math.floor(block / RUN_BLOCKS);
}

function wordsOf(block: Block): Uint32Array {
  return new Uint32Array(block.buffer, block.byteOffset, BLOCK_BYTES / 4);
}

function isSame(a: Uint32Array, b: Uint32Array, granule: number): boolean {
  for (let i = granule * GRANULE_WORDS, end = i + GRANULE_WORDS; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
}
