/*
 * Block store in one file: a log. Its file may be torn by a crash anywhere; the
 * store never is.
 *
 * Nothing that a flush has made durable is ever written over. Blocks go to free
 * places of the file ("slots", of the size of a block), as they come, in large
 * calls. A flush then writes a record that says where they are, and which
 * slot the next record will be in. The map of all blocks is in memory; now and then it
 * is written whole (a snapshot), and one of two headers names it: then the records
 * before it are needless. So data is written once, however large a flush is.
 *
 *   slot 0, 1   headers; the one with the higher number that is whole counts
 *   others      data, records, pieces of records' and snapshots' tables
 *
 * A record takes one slot, and a checksum tells whether all of it arrived. If what
 * it points to is little, it lies right behind the record, is covered by a checksum
 * too, and one flush of the file does. Else the data is flushed before the record is
 * written. Only a chain's last record can have been interrupted, because the next
 * is written after the flush: only its data is ever checked.
 *
 * All that touches the file happens in one queue, in order; `write` only copies
 * into memory, in pieces of up to 1 MiB, and queues what is full. A file that can be written to
 * at once gets long runs straight from the caller's memory, and pieces as they are full, so that one
 * buffer is used again and again: but not while a flush is under way, which would take half of the next one along.
 */
import { BLOCK_BYTES, blocksAvailable, type BlockStore, type Bytes, type Estimate } from './block-store.ts';
import { checksum } from './checksum.ts';
import { EIO, ENOSPC, EROFS, ErrnoError, errnoOf } from './errno.ts';
import {
  ENTRIES_MAX,
  EntryList,
  type Entry,
  ENTRY_WORDS,
  HEAD_WORDS,
  HEADER_MAGIC,
  HEADER_SLOTS,
  isSealed,
  numberOf,
  RECORD_MAGIC,
  seal,
  type Table,
  tableRunsOf,
  W,
  WORDS,
} from './log-format.ts';
import type { RandomAccessFile } from './random-access.ts';
import { SlotAllocator, type SlotRun } from './slot-allocator.ts';
import { PendingSlots, SlotMap } from './slot-map.ts';

/** OPFS wants few, large calls: from 1 MiB on they are as fast as they get. */
const PIECE_SLOTS = 256;
/** Runs from here on are not gathered in pieces. Shorter calls cost more than the copy, most of all in Firefox. */
const DIRECT_SLOTS_MIN = 64;
/** Pieces waiting for the file at which writers are made to wait. */
const PIECES_WAITING_MAX = 16;
const PIECES_SPARE_MAX = 16;
/** Data behind a record up to here is checked by its sum instead of flushed before: a flush costs more. */
const INLINE_SLOTS_MAX = 64;
/**
 * Records lie in regions like this, so that few calls read them all. One that makes the file longer is written
 * with zeros first: what lies over blocks that the host has written already is flushed in a third of the time,
 * because nothing changes but data.
 */
const REGION_SLOTS = 256;
/** A snapshot is taken after so many records or so many regions: opening reads them. */
const RECORDS_MAX = 2048;
const REGIONS_MAX = 32;
/** Blocks near each other are read with one call, the gap with them: a call costs as much as 16 blocks or more. */
const GAP_SLOTS_MAX = 16;
const READ_SLOTS_MAX = 512;

const ZEROS = new Uint8Array(REGION_SLOTS * BLOCK_BYTES);

interface Piece {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly blocks: number[];
  readonly epoch: number;
}

export class LogStore implements BlockStore {
  readonly #file: RandomAccessFile;
  readonly #readOnly: boolean;
  readonly #release: () => Promise<void>;

  /* What is durable. */
  readonly #map = new SlotMap();
  #size = 0;
  #number = 0;
  #session = 0;
  /** Which of the two headers counts, and its serial number. */
  #header = 1;
  #serial = 0;
  /** Blocks that are in the map. */
  #held = 0;
  /** Slots of the last snapshot, and of the records since: free once there is another. */
  #snapshotSlots: SlotRun[] = [];
  #recordSlots: SlotRun[] = [];
  #records = 0;
  #regions = 0;
  /** Where the next record goes, and the end of its region. */
  #next = 0;
  #regionEnd = 0;

  /* What is written and not yet flushed. */
  #slots = new SlotAllocator(HEADER_SLOTS);
  /** In the file already. */
  readonly #pending = new PendingSlots();
  /** In memory: which piece, and where in it. */
  readonly #staged = new Map<number, { piece: Piece; index: number }>();
  #current: Piece | null = null;
  #full: Piece[] = [];
  /** Buffers of pieces that are in the file: fresh memory costs as much as the copy. */
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];
  #epoch = 0;
  #writtenSize = 0;
  /** The next record needs a session of its own, which begins with a snapshot. */
  #fresh = true;
  /** Slots that a record may speak of whose flush failed: nobody's until there is another session. */
  #doubtful: SlotRun[] | null = null;

  /** Slots of the file up to the last one that was written. */
  #fileSlots = 0;

  #queue: Promise<void> = Promise.resolve();
  /** Flushes that are not over. */
  #flushes = 0;

  private constructor(file: RandomAccessFile, readOnly: boolean, release: () => Promise<void>) {
    this.#file = file;
    this.#readOnly = readOnly;
    this.#release = release;
  }

  /** Open what the file holds; an empty file is an empty store. `release` is called once it is closed. */
  static async open(
    file: RandomAccessFile,
    readOnly: boolean,
    release: () => Promise<void> = async () => undefined,
  ): Promise<LogStore> {
    const store = new LogStore(file, readOnly, release);
    await store.#recover();
    return store;
  }

  /* ---- writing ---- */

  write(block: number, data: Bytes): void {
    if (this.#readOnly) throw new ErrnoError(EROFS);
    const count = data.length / BLOCK_BYTES;
    this.#writtenSize = Math.max(this.#writtenSize, block + count);
    if (count >= DIRECT_SLOTS_MIN && this.#writeDirectly(block, data)) return;
    for (let i = 0; i < count;) {
      const staged = this.#staged.get(block + i);
      if (staged && staged.piece === this.#current) {
        staged.piece.data.set(data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), staged.index * BLOCK_BYTES);
        i++;
        continue;
      }
      const piece = (this.#current ??= this.#newPiece());
      // As many as fit and are not in this piece yet.
      const first = piece.blocks.length;
      let n = 0;
      while (i + n < count && first + n < PIECE_SLOTS && (n === 0 || this.#staged.get(block + i + n)?.piece !== piece))
        this.#staged.set(block + i + n, { piece, index: first + n++ });
      for (let k = 0; k < n; k++) piece.blocks.push(block + i + k);
      piece.data.set(data.subarray(i * BLOCK_BYTES, (i + n) * BLOCK_BYTES), first * BLOCK_BYTES);
      i += n;
      if (piece.blocks.length === PIECE_SLOTS) this.#seal();
    }
  }

  /** Write to the file at once; false when that can't be, and then nothing has happened. */
  #writeDirectly(block: number, data: Bytes): boolean {
    const count = data.length / BLOCK_BYTES;
    // A piece that has one of the blocks gets to the file later, as if it were newer.
    if (this.#staged.size > 0) for (let i = 0; i < count; i++) if (this.#staged.has(block + i)) return false;
    const runs = this.#writeNow(data);
    if (!runs) return false;
    for (const { slot, count: n } of runs) for (let i = 0; i < n; i++) this.#pend(block++, slot + i);
    return true;
  }

  /** Write to free slots at once. Null when that can't be or fails; then the flush tries, and says why not. */
  #writeNow(data: Bytes): SlotRun[] | null {
    if (!this.#file.writeNow || this.#flushes > 0) return null;
    const runs = this.#slots.take(data.length / BLOCK_BYTES);
    let at = 0;
    try {
      for (const { slot, count } of runs) {
        this.#file.writeNow(slot * BLOCK_BYTES, data.subarray(at, at + count * BLOCK_BYTES));
        this.#fileSlots = Math.max(this.#fileSlots, slot + count);
        at += count * BLOCK_BYTES;
      }
      return runs;
    } catch {
      this.#slots.giveAll(runs);
      return null;
    }
  }

  #newPiece(): Piece {
    return { data: this.#spare.pop() ?? new Uint8Array(PIECE_SLOTS * BLOCK_BYTES), blocks: [], epoch: this.#epoch };
  }

  async drain(): Promise<void> {
    while (this.#full.length > PIECES_WAITING_MAX) {
      const before = this.#full.length;
      await this.#queue;
      if (this.#full.length >= before) return; // the file fails: flush will say so
    }
  }

  /** The piece is full (or its flush comes): it waits for its place in the file. */
  #seal(spill = true): void {
    const piece = this.#current;
    if (!piece) return;
    this.#current = null;
    const runs = spill && this.#full.length === 0 ? this.#writeNow(dataOf(piece)) : null;
    if (runs) return this.#place(piece, runs);
    this.#full.push(piece);
    const { epoch } = piece;
    // If that fails the piece stays, and the flush tries again.
    if (spill) this.#enqueue(() => this.#spill(epoch)).catch(() => undefined);
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#queue.then(work);
    this.#queue = next.then(
      () => undefined,
      () => undefined,
    );
    return next;
  }

  /** Write the pieces of `epoch` and before to free slots; keep `keep` of them in memory. */
  async #spill(epoch: number, keep: Piece | null = null): Promise<void> {
    for (let piece = this.#full[0]; piece && piece !== keep && piece.epoch <= epoch; piece = this.#full[0]) {
      const runs = await this.#writeSomewhere(dataOf(piece));
      this.#place(piece, runs);
      this.#full.shift();
    }
  }

  /** Write to free slots: in few places if the file may grow, wherever there is room if not. */
  async #writeSomewhere(data: Uint8Array): Promise<SlotRun[]> {
    const count = data.length / BLOCK_BYTES;
    const runs = this.#slots.take(count);
    try {
      await this.#writeRuns(runs, data);
      return runs;
    } catch (error) {
      this.#slots.giveAll(runs);
      const scattered = errnoOf(error) === ENOSPC ? this.#slots.takeScattered(count) : null;
      if (!scattered) throw error;
      try {
        await this.#writeRuns(scattered, data);
        return scattered;
      } catch (again) {
        this.#slots.giveAll(scattered);
        throw again;
      }
    }
  }

  async #writeRuns(runs: readonly SlotRun[], data: Uint8Array): Promise<void> {
    let at = 0;
    for (const { slot, count } of runs) {
      await this.#file.write(slot * BLOCK_BYTES, data.subarray(at, at + count * BLOCK_BYTES));
      this.#fileSlots = Math.max(this.#fileSlots, slot + count);
      at += count * BLOCK_BYTES;
    }
  }

  /** A region for records, in the file already if there is room. */
  async #takeRegion(): Promise<number> {
    const slot = this.#slots.takeRun(REGION_SLOTS);
    const from = Math.max(slot, this.#fileSlots);
    const count = slot + REGION_SLOTS - from;
    if (count > 0) {
      try {
        await this.#writeRuns([{ slot: from, count }], ZEROS.subarray(0, count * BLOCK_BYTES));
      } catch {
        // Records are written all the same, as far as there is room.
      }
    }
    return slot;
  }

  /** The blocks of a piece are in the file now, at these slots. */
  #place(piece: Piece, runs: readonly SlotRun[]): void {
    let index = 0;
    for (const { slot, count } of runs)
      for (let i = 0; i < count; i++, index++) {
        const block = piece.blocks[index]!;
        this.#pend(block, slot + i);
        const staged = this.#staged.get(block);
        if (staged?.piece === piece && staged.index === index) this.#staged.delete(block);
      }
    if (this.#spare.length < PIECES_SPARE_MAX) this.#spare.push(piece.data);
  }

  #pend(block: number, slot: number): void {
    const older = this.#pending.set(block, slot);
    if (older) this.#forget(older);
  }

  /** A slot that no completed flush knows is no longer needed. */
  #forget(slot: number): void {
    if (this.#doubtful) this.#doubtful.push({ slot, count: 1 });
    else this.#slots.give(slot, 1);
  }

  /* ---- flushing ---- */

  flush(): Promise<void> {
    if (this.#readOnly) return Promise.resolve();
    this.#seal(false);
    const epoch = this.#epoch++;
    const size = this.#writtenSize;
    this.#flushes++;
    return this.#enqueue(() => this.#commit(epoch, size).finally(() => this.#flushes--));
  }

  async #commit(epoch: number, size: number): Promise<void> {
    const mine = this.#full.filter((piece) => piece.epoch <= epoch);
    if (mine.length === 0 && this.#pending.size === 0) return;
    if (this.#fresh || this.#records >= RECORDS_MAX || this.#regions >= REGIONS_MAX) await this.#snapshot();
    // A small last piece goes behind the record, if nothing else has to be flushed before it.
    const last = mine.length === 1 && this.#pending.size === 0 ? (mine[0] ?? null) : null;
    const room = this.#regionEnd - this.#next - 1;
    const inline = last && last.blocks.length <= Math.min(room, INLINE_SLOTS_MAX) ? last : null;
    await this.#spill(epoch, inline);
    const entries = inline ? entriesOf(inline.blocks, this.#next + 1) : this.#pending.entries();
    const table = await this.#writeTable(entries);
    let following: number;
    try {
      if (!inline) await this.#file.flush();
      following = await this.#writeRecord(entries, table, size, inline);
    } catch (error) {
      if (table) for (const { slot, count } of table.runs) for (let i = 0; i < count; i++) this.#forget(slot + i);
      throw error;
    }
    if (inline) {
      this.#full.shift();
      this.#place(inline, [{ slot: this.#next + 1, count: inline.blocks.length }]);
    }
    this.#recordSlots.push({ slot: this.#next, count: 1 }, ...(table?.runs ?? []));
    this.#committed(size, this.#next + 1 + (inline?.blocks.length ?? 0), following);
  }

  /** The record and what lies behind it, durably; where the next one will be. */
  async #writeRecord(
    entries: readonly Entry[],
    table: Table | null,
    size: number,
    inline: Piece | null,
  ): Promise<number> {
    const inlineSlots = inline?.blocks.length ?? 0;
    const bytes = new Uint8Array((1 + inlineSlots) * BLOCK_BYTES);
    if (inline) bytes.set(inline.data.subarray(0, inlineSlots * BLOCK_BYTES), BLOCK_BYTES);
    const words = new Uint32Array(bytes.buffer, 0, WORDS);
    words[W.inline] = inlineSlots;
    words[W.inlineSum] = inline ? checksum(bytes.subarray(BLOCK_BYTES)) : 0;
    const after = this.#next + 1 + inlineSlots;
    // The record after this one needs a slot: the rest of the region, or a new one.
    const next = after < this.#regionEnd ? after : await this.#takeRegion();
    seal(words, RECORD_MAGIC, {
      session: this.#session,
      number: this.#number + 1,
      next,
      size: Math.max(size, this.#size),
      entries,
      table,
    });
    try {
      await this.#file.write(this.#next * BLOCK_BYTES, bytes);
      await this.#file.flush();
      return next;
    } catch (error) {
      if (next !== after) this.#slots.give(next, REGION_SLOTS);
      // It may be in the file all the same, and be found there until another session begins.
      this.#fresh = true;
      this.#doubtful ??= [];
      throw error;
    }
  }

  /** The record is durable: so is all it speaks of. */
  #committed(size: number, after: number, next: number): void {
    this.#number++;
    this.#records++;
    this.#size = Math.max(this.#size, size);
    this.#pending.drain((block, slot) => {
      const older = this.#map.get(block);
      if (older) this.#slots.give(older, 1);
      else this.#held++;
      this.#map.set(block, slot);
    });
    this.#next = next;
    if (after < this.#regionEnd) return;
    this.#regionEnd = next + REGION_SLOTS; // which may lie right behind the old one
    this.#regions++;
  }

  /** Entries that don't fit into one slot get slots of their own. */
  async #writeTable(entries: readonly Entry[]): Promise<Table | null> {
    if (entries.length <= ENTRIES_MAX) return null;
    const slots = Math.ceil((entries.length * ENTRY_WORDS) / WORDS);
    const bytes = new Uint8Array(slots * BLOCK_BYTES);
    const words = new Uint32Array(bytes.buffer);
    entries.forEach((entry, i) => words.set(entry, i * ENTRY_WORDS));
    const runs = await this.#writeSomewhere(bytes);
    if (runs.length <= ENTRIES_MAX) return { runs, words: entries.length * ENTRY_WORDS, sum: checksum(bytes) };
    this.#slots.giveAll(runs);
    throw new ErrnoError(ENOSPC, 'what is free of the file is too scattered');
  }

  /** Write the whole map: the records so far are no longer needed. What is pending is not part of it. */
  async #snapshot(): Promise<void> {
    const entries = this.#map.entries(this.#size);
    const table = await this.#writeTable(entries);
    const region = await this.#takeRegion();
    const session = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    const header = 1 - this.#header;
    const words = new Uint32Array(WORDS);
    words[W.serial] = this.#serial + 1;
    seal(words, HEADER_MAGIC, { session, number: this.#number, next: region, size: this.#size, entries, table });
    this.#fresh = true;
    // If the header's flush fails it may be in the file all the same. Then what it names stays nobody's until the
    // next opening; and it names what the other one does, so either may be found. The other one stays as it is.
    if (table) await this.#file.flush();
    await this.#file.write(header * BLOCK_BYTES, new Uint8Array(words.buffer));
    await this.#file.flush();
    this.#slots.giveAll([...this.#snapshotSlots, ...this.#recordSlots, ...(this.#doubtful ?? [])]);
    // What is left of the old region was never used.
    if (this.#next < this.#regionEnd) this.#slots.give(this.#next, this.#regionEnd - this.#next);
    this.#snapshotSlots = [...(table?.runs ?? [])];
    this.#recordSlots = [];
    this.#doubtful = null;
    this.#header = header;
    this.#serial++;
    this.#session = session;
    this.#next = region;
    this.#regionEnd = region + REGION_SLOTS;
    this.#records = 0;
    this.#regions = 1;
    this.#fresh = false;
  }

  /* ---- reading ---- */

  read(block: number, count: number): Promise<Uint8Array> {
    return this.#enqueue(() => this.#read(block, count));
  }

  async #read(block: number, count: number): Promise<Uint8Array> {
    const out = new Uint8Array(count * BLOCK_BYTES);
    const wanted: { slot: number; at: number }[] = [];
    for (let at = 0; at < count; at++) {
      const staged = this.#staged.get(block + at);
      if (staged) {
        const from = staged.index * BLOCK_BYTES;
        out.set(staged.piece.data.subarray(from, from + BLOCK_BYTES), at * BLOCK_BYTES);
        continue;
      }
      const slot = this.#pending.get(block + at) || this.#map.get(block + at);
      if (slot) wanted.push({ slot, at });
    }
    wanted.sort((a, b) => a.slot - b.slot);
    for (let from = 0; from < wanted.length;) {
      const first = wanted[from]!;
      let to = from + 1;
      while (to < wanted.length && isNear(first.slot, wanted[to - 1]!.slot, wanted[to]!.slot)) to++;
      await this.#readTogether(wanted.slice(from, to), out);
      from = to;
    }
    return out;
  }

  /** Read blocks whose slots are near each other by one call. */
  async #readTogether(wanted: readonly { slot: number; at: number }[], out: Uint8Array): Promise<void> {
    const first = wanted[0]!;
    const last = wanted.at(-1)!;
    const slots = last.slot - first.slot + 1;
    if (slots === wanted.length && last.at - first.at === slots - 1 && wanted.every(({ at }, i) => at === first.at + i))
      return this.#readSlots(first.slot, out.subarray(first.at * BLOCK_BYTES, (last.at + 1) * BLOCK_BYTES));
    const bytes = new Uint8Array(slots * BLOCK_BYTES);
    await this.#readSlots(first.slot, bytes);
    for (const { slot, at } of wanted) {
      const from = (slot - first.slot) * BLOCK_BYTES;
      out.set(bytes.subarray(from, from + BLOCK_BYTES), at * BLOCK_BYTES);
    }
  }

  async #readSlots(slot: number, into: Uint8Array): Promise<void> {
    const count = await this.#file.read(slot * BLOCK_BYTES, into);
    if (count < into.length) throw new ErrnoError(EIO, 'the file ends before its data');
  }

  size(): Promise<number> {
    return Promise.resolve(Math.max(this.#size, this.#writtenSize));
  }

  async estimate(): Promise<Estimate> {
    if (this.#readOnly) return { held: this.#held, available: 0 };
    const free = (await this.#file.free()) + (this.#slots.free - this.#staged.size) * BLOCK_BYTES;
    return { held: this.#held, available: blocksAvailable(free) };
  }

  async close(): Promise<void> {
    try {
      // The next opening has no records to read then.
      if (this.#records > 0 && !this.#fresh) await this.#enqueue(() => this.#snapshot());
    } finally {
      await this.#enqueue(async () => this.#file.close());
      await this.#release();
    }
  }

  /* ---- opening ---- */

  async #recover(): Promise<void> {
    const fileSlots = Math.floor((await this.#file.size()) / BLOCK_BYTES);
    this.#fileSlots = fileSlots;
    const start = await this.#findHeader(fileSlots);
    this.#slots.extend(fileSlots);
    if (!start) return;
    await this.#replay(start);
    this.#writtenSize = this.#size;
    for (let block = 0; block < this.#size; block++) {
      const slot = this.#map.get(block);
      if (!slot) continue;
      if (!this.#slots.mark(slot)) throw new ErrnoError(EIO, 'two blocks in one slot');
      this.#held++;
    }
    for (const { slot, count } of [...this.#snapshotSlots, ...this.#recordSlots])
      for (let i = 0; i < count; i++) this.#slots.mark(slot + i);
    for (let slot = this.#next; slot < this.#regionEnd; slot++) this.#slots.mark(slot);
  }

  /** The header that counts; null when nothing was ever stored. */
  async #findHeader(fileSlots: number): Promise<Uint32Array<ArrayBuffer> | null> {
    const bytes = new Uint8Array(HEADER_SLOTS * BLOCK_BYTES);
    await this.#file.read(0, bytes);
    const headers = [0, 1].map((i) => new Uint32Array(bytes.buffer, i * BLOCK_BYTES, WORDS));
    const valid = headers.filter((words) => isSealed(words, HEADER_MAGIC));
    const [best] = valid.sort((a, b) => b[W.serial]! - a[W.serial]!);
    if (best) {
      this.#header = headers.indexOf(best);
      this.#serial = best[W.serial]!;
      return best;
    }
    // The very first one was not finished, or never begun. Anything else is damage, or no file of ours.
    if (fileSlots === 0 || headers[1]?.every((word) => word === 0)) return null;
    throw new ErrnoError(EIO, 'the file holds no store');
  }

  /** Take over what a header says, and the records after it that were finished. */
  async #replay(header: Uint32Array<ArrayBuffer>): Promise<void> {
    this.#session = header[W.session]!;
    this.#number = numberOf(header);
    this.#size = header[W.size]!;
    this.#snapshotSlots = tableRunsOf(header);
    this.#apply(await this.#entriesIn(header));
    this.#next = header[W.next]!;
    this.#regionEnd = this.#next + REGION_SLOTS;
    this.#regions = 1;
    let region = await this.#readRegion();
    for (;;) {
      const words = this.#recordIn(region);
      if (!words) return;
      const after = this.#next + 1 + words[W.inline]!;
      const next = words[W.next]!;
      const stays = next === after && after < this.#regionEnd;
      const following = stays ? region : await this.#readRegion(next);
      // Only the last record can be without its data: the one after it was written when its flush had ended.
      if (!this.#hasData(words, region) && !this.#isRecord(words, following, next)) return;
      this.#apply(await this.#entriesIn(words));
      this.#recordSlots.push({ slot: this.#next, count: 1 }, ...tableRunsOf(words));
      this.#size = words[W.size]!;
      this.#number++;
      this.#records++;
      this.#next = next;
      if (stays) continue;
      this.#regionEnd = next + REGION_SLOTS;
      this.#regions++;
      region = following;
    }
  }

  async #readRegion(slot = this.#next): Promise<Region> {
    const bytes = new Uint8Array(REGION_SLOTS * BLOCK_BYTES);
    await this.#file.read(slot * BLOCK_BYTES, bytes); // what is beyond the end was never written
    return { slot, bytes };
  }

  /** The next record, if there is one. */
  #recordIn(region: Region, slot = this.#next, number = this.#number + 1): Uint32Array<ArrayBuffer> | null {
    const at = (slot - region.slot) * BLOCK_BYTES;
    const words = new Uint32Array(region.bytes.buffer, at, WORDS);
    const isNext = words[W.session] === this.#session && numberOf(words) === number;
    return isNext && isSealed(words, RECORD_MAGIC) ? words : null;
  }

  /** Does the record after `words` lie at `next`? */
  #isRecord(words: Uint32Array, region: Region, next: number): boolean {
    return this.#recordIn(region, next, numberOf(words) + 1) !== null;
  }

  #hasData(words: Uint32Array, region: Region): boolean {
    const slots = words[W.inline]!;
    if (slots === 0) return true;
    const from = (this.#next + 1 - region.slot) * BLOCK_BYTES;
    return checksum(region.bytes.subarray(from, from + slots * BLOCK_BYTES)) === words[W.inlineSum];
  }

  /** The entries of a header or record. */
  async #entriesIn(words: Uint32Array): Promise<Uint32Array> {
    const own = words.subarray(HEAD_WORDS, HEAD_WORDS + words[W.entries]! * ENTRY_WORDS);
    const tableWords = words[W.tableWords]!;
    if (tableWords === 0) return own;
    const runs = tableRunsOf(words);
    const bytes = new Uint8Array(runs.reduce((sum, { count }) => sum + count, 0) * BLOCK_BYTES);
    let at = 0;
    for (const { slot, count } of runs) {
      await this.#readSlots(slot, bytes.subarray(at, at + count * BLOCK_BYTES));
      at += count * BLOCK_BYTES;
    }
    if (checksum(bytes) !== words[W.tableSum]) throw new ErrnoError(EIO, 'a table of the store is damaged');
    return new Uint32Array(bytes.buffer, 0, tableWords);
  }

  #apply(entries: Uint32Array): void {
    for (let i = 0; i < entries.length; i += ENTRY_WORDS) {
      const [block = 0, slot = 0, count = 0] = entries.subarray(i, i + ENTRY_WORDS);
      for (let k = 0; k < count; k++) this.#map.set(block + k, slot + k);
    }
  }
}

interface Region {
  readonly slot: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Blocks whose slots follow each other from `slot` on. */
function entriesOf(blocks: readonly number[], slot: number): Entry[] {
  const list = new EntryList();
  blocks.forEach((block, i) => list.add(block, slot + i));
  return list.entries;
}

function dataOf({ data, blocks }: Piece): Uint8Array<ArrayBuffer> {
  return data.subarray(0, blocks.length * BLOCK_BYTES);
}

function isNear(first: number, before: number, slot: number): boolean {
  return slot - before <= GAP_SLOTS_MAX && slot - first < READ_SLOTS_MAX;
}
