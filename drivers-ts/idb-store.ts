/*
 * Block store in IndexedDB (idb-database.ts).
 *
 * A record of `blocks` holds an aligned run of 16 blocks, because a record's cost hardly
 * depends on its size (64 KiB records are five times as fast as 4 KiB ones).
 * Writes are kept here until flush, which is one strict transaction: either all
 * of a checkpoint is there after a crash or nothing of it.
 *
 * A small flush touches a block or two of each of several runs. It is one record of what it
 * changed, in the journal (idb-journal.ts). When that is full, or nobody flushes for a while, or a
 * large flush comes, one transaction stores all runs of it and empties it. Until then they stay in memory.
 *
 * The newest of a block is what was written since the last flush, as a block of its own
 * while it is little; or what a cached run has of it (`valid`); or what a flush under way
 * has; or the journal; or else the database. A block is copied on its way here, out of the
 * kernel's shared memory, which IndexedDB refuses; the browser's own clone of a record comes on top.
 */
import { unwrap } from 'idb';
import { BLOCK_BYTES, blocksAvailable, type BlockStore, type Bytes, type Estimate } from './block-store.ts';
import { originFree } from './origin-room.ts';
import { EFBIG, EROFS, ErrnoError } from './errno.ts';
import {
  databaseName,
  getRange,
  openDatabase,
  removeDatabase,
  succeeded,
  transact,
  type Database,
  type StoredRun,
} from './idb-database.ts';
import { FLUSH_BLOCKS_MAX, Journal, RUN_BLOCKS, runOf, type Block, type JournalRecord } from './idb-journal.ts';
import { lockStore } from './store-lock.ts';

const RUN_BYTES = RUN_BLOCKS * BLOCK_BYTES;
const ALL_BLOCKS = 0xffff;
/** Records put before the supervisor looks after others again: 4 MiB, some ten milliseconds. */
const PUTS_AT_ONCE = 64;
/** Records fetched at once: more is no faster, and an answer is one message between processes. */
const FETCHED_AT_ONCE = 128;
/** Limits of the cache; in between it is a thousandth of what the origin may store. */
const CACHE_BYTES_MIN = 16 * 1024 * 1024;
const CACHE_BYTES_MAX = 256 * 1024 * 1024;
/** A reader beside a writer gets a copy of the whole store, as large as this at most. */
const SNAPSHOT_RUNS_MAX = CACHE_BYTES_MAX / RUN_BYTES;
/** The journal is emptied when there was no flush for as long: a full one would hold up an fsync. */
const IDLE_MS = 5000;
/** With less a journal is small, and not emptied by itself: for a while that takes room besides, and df would jump. */
const QUOTA_NARROW = 1024 * 1024 * 1024;
/** Counting the records takes time by their number, so not for every estimate. */
const COUNT_AGE_MS = 2000;

interface Run {
  readonly data: Uint8Array<ArrayBuffer>;
  /** A bit for each block that `data` has the newest of. */
  valid: number;
  /** It is being stored: who changes it makes a copy, and the cache doesn't forget it. */
  frozen: boolean;
}

/** What a flush stores: a few blocks, or runs, which are frozen; a run is in one of both. */
interface Batch {
  readonly blocks: ReadonlyMap<number, Block>;
  readonly runs: ReadonlyMap<number, Run>;
}

export class IdbStore implements BlockStore {
  readonly #db: Database;
  readonly #readOnly: boolean;
  readonly #unlock: () => Promise<void>;
  readonly #cacheRuns: number;
  /** Runs by use, the latest last. */
  readonly #cache = new Map<number, Run>();
  /** What was written since the last call of flush: a few blocks, or else runs. */
  #written = new Map<number, Block>();
  #dirty = new Map<number, Run>();
  /** What flushes that are not over have, or that have failed: the next one stores it too. */
  #taken: Batch[] = [];
  readonly #journal: Journal;
  readonly #isNarrow: boolean;
  /** Flushes that are not over. */
  #flushes = 0;
  #lastFlush: Promise<void> = Promise.resolve();
  /** Flushes ever. */
  #flushed = 0;
  #idle: ReturnType<typeof setTimeout> | null = null;
  /** The highest run that was written here. */
  #lastRun = -1;
  #count = { records: 0, at: -Infinity };

  private constructor(db: Database, readOnly: boolean, quota: number, unlock: () => Promise<void>) {
    this.#db = db;
    this.#readOnly = readOnly;
    const cacheBytes = Math.min(CACHE_BYTES_MAX, Math.max(CACHE_BYTES_MIN, quota / 1000));
    this.#cacheRuns = readOnly ? Infinity : cacheBytes / RUN_BYTES;
    this.#isNarrow = quota < QUOTA_NARROW;
    this.#journal = new Journal(this.#isNarrow);
    this.#unlock = unlock;
  }

  /**
   * EBUSY when another tab has the store open for writing. To read beside that tab
   * means a copy of the state of its last flush: EFBIG when that is too much. `patience`: lockStore's.
   */
  static async open(name: string, readOnly: boolean, patience = 0): Promise<IdbStore> {
    const database = databaseName(name);
    const unlock = readOnly ? async () => undefined : await lockStore(database, patience);
    let db: Database | null = null;
    try {
      db = await openDatabase(name);
      const { quota = 0 } = (await navigator.storage?.estimate?.()) ?? {};
      const store = new IdbStore(db, readOnly, quota, unlock);
      const stored = unwrap(db).transaction(['blocks', 'journal']);
      if (readOnly) await store.#takeSnapshot(stored.objectStore('blocks'));
      await store.#replay(stored.objectStore('journal'));
      return store;
    } catch (error) {
      db?.close();
      await unlock();
      throw error;
    }
  }

  /** Remove a store and all that is in it. */
  static async remove(name: string, patience = 0): Promise<void> {
    const unlock = await lockStore(databaseName(name), patience);
    try {
      await removeDatabase(name);
    } finally {
      await unlock();
    }
  }

  async read(block: number, count: number): Promise<Uint8Array> {
    const out = new Uint8Array(count * BLOCK_BYTES);
    const parts = [...partsOf(block, count)];
    const runs = this.#readOnly ? this.#cache : await this.#fetchMissing(parts);
    for (const { id, from, to, at } of parts) {
      const run = runs.get(id);
      if (run) out.set(run.data.subarray(from * BLOCK_BYTES, to * BLOCK_BYTES), at * BLOCK_BYTES);
    }
    this.#trim();
    return out;
  }

  write(block: number, data: Bytes): void {
    if (this.#readOnly) throw new ErrnoError(EROFS);
    const count = data.length / BLOCK_BYTES;
    this.#lastRun = Math.max(this.#lastRun, runOf(block + count - 1));
    if (this.#dirty.size === 0 && this.#written.size + count <= FLUSH_BLOCKS_MAX) {
      for (let i = 0; i < count; i++)
        this.#writeBlock(block + i, count === 1 ? data : data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES));
      return;
    }
    for (const [number, { bytes }] of this.#written) this.#writeRuns(number, bytes);
    this.#written = new Map();
    this.#writeRuns(block, data);
  }

  #writeBlock(block: number, data: Bytes): void {
    const copy = this.#written.get(block) ?? this.#journal.newBlock();
    const id = runOf(block);
    let run = this.#cache.get(id);
    if (run?.frozen) this.#cache.set(id, (run = copyOf(run)));
    if (run) run.valid &= ~bits(block % RUN_BLOCKS, (block % RUN_BLOCKS) + 1);
    copy.bytes.set(data);
    this.#written.set(block, copy);
  }

  #writeRuns(block: number, data: Bytes): void {
    const count = data.length / BLOCK_BYTES;
    for (const { id, from, to, at } of partsOf(block, count)) {
      const run = this.#writable(id, to - from === RUN_BLOCKS);
      run.data.set(data.subarray(at * BLOCK_BYTES, (at + to - from) * BLOCK_BYTES), from * BLOCK_BYTES);
      run.valid |= bits(from, to);
    }
  }

  /** The kernel limits what it has dirty; a transaction takes it all or not. */
  async drain(): Promise<void> {}

  /** The run to write to; `whole`: all of it will be written, what is there doesn't matter. */
  #writable(id: number, whole: boolean): Run {
    let run = this.#cache.get(id);
    if (!run || (run.frozen && whole)) run = newRun();
    else if (run.frozen) run = copyOf(run);
    if (!whole) this.#complete(id, run);
    this.#cache.delete(id);
    this.#cache.set(id, run);
    this.#dirty.set(id, run);
    return run;
  }

  /** Give a run the blocks that it lacks and that are not in the database yet. */
  #complete(id: number, run: Run): void {
    if (run.valid === ALL_BLOCKS) return;
    if (this.#written.size === 0 && this.#taken.length === 0 && !this.#journal.runs.has(id)) return;
    for (let i = 0; i < RUN_BLOCKS; i++) {
      if (run.valid & (1 << i)) continue;
      const block = this.#unstored(id * RUN_BLOCKS + i);
      if (block) setBlock(run, i, block);
    }
  }

  /** The newest of a block that no cached run has, if the database doesn't have that. */
  #unstored(number: number): Block | undefined {
    const written = this.#written.get(number);
    if (written) return written;
    for (let i = this.#taken.length - 1; i >= 0; i--) {
      const block = this.#taken[i]!.blocks.get(number);
      if (block) return block;
    }
    return this.#journal.blocks.get(number);
  }

  // Here and below nothing is async that needn't be: each turn of the microtasks makes an fsync longer.
  flush(): Promise<void> {
    const batch = { blocks: this.#written, runs: this.#dirty };
    this.#written = new Map();
    this.#dirty = new Map();
    for (const run of batch.runs.values()) run.frozen = true;
    return this.#commitNext(batch, false);
  }

  #commitNext(batch: Batch, emptyJournal: boolean): Promise<void> {
    this.#taken.push(batch);
    this.#flushed++;
    const commit = (): Promise<void> => {
      try {
        return this.#commit(batch, emptyJournal);
      } catch (error) {
        return Promise.reject(error); // no memory
      }
    };
    const ended = this.#flushes++ === 0 ? commit() : this.#lastFlush.then(commit);
    this.#lastFlush = ended.catch(() => {
      this.#flushes--;
    });
    return ended;
  }

  /** If nobody flushes meanwhile. A timer takes long to set: one is, for as long as the journal is worth it. */
  #emptyJournalSoon(): void {
    if (this.#idle !== null || this.#isNarrow || !this.#journal.isQuarterFull) return;
    const seen = this.#flushed;
    this.#idle = setTimeout(() => {
      this.#idle = null;
      if (this.#flushed !== seen) this.#emptyJournalSoon();
      else this.#commitNext({ blocks: new Map(), runs: new Map() }, true).catch(() => undefined); // a flush will tell
    }, IDLE_MS);
  }

  /** Store what `last` has, and what is older. */
  #commit(last: Batch, emptyJournal: boolean): Promise<void> {
    const count = this.#taken.indexOf(last) + 1;
    const batch = count === 1 ? last : this.#taken.slice(1, count).reduce(joined, this.#taken[0]!);
    const stored = (): void => {
      this.#taken.splice(0, count);
      this.#flushes--;
      this.#trim();
      this.#emptyJournalSoon();
    };
    const isSmall = !emptyJournal && batch.runs.size === 0 && batch.blocks.size <= FLUSH_BLOCKS_MAX;
    // Made before the transaction begins: all of that goes to the browser's other process in one go then.
    const record = isSmall ? this.#journal.next(batch.blocks) : null;
    if (!record) return this.#storeRuns(batch, count, stored);
    if (record.length === 0) {
      stored(); // all of it is as it was
      return Promise.resolve();
    }
    return transact(
      this.#db,
      ['journal'],
      (transaction) => {
        transaction.objectStore('journal').put(record, this.#journal.key);
        transaction.commit();
        this.#journal.append(record, batch.blocks);
      },
      stored,
      () => this.#journal.breakOff(),
    );
  }

  /** Store the runs of a batch and of the journal, which is empty then. */
  async #storeRuns(batch: Batch, count: number, stored: () => void): Promise<void> {
    const isNewest = this.#taken.length === count && this.#written.size === 0 && this.#dirty.size === 0;
    const { runs, borrowed } = this.#runsOf(batch, isNewest);
    try {
      await transact(
        this.#db,
        ['blocks', 'journal'],
        (transaction) => this.#putRuns(runs, transaction),
        () => {
          this.#journal.clear();
          for (const run of runs.values()) run.frozen = false;
          stored();
        },
      );
    } finally {
      for (const run of borrowed) run.frozen = false;
    }
  }

  /** The runs of a batch and of the journal, all frozen; `borrowed`: those of the cache that are so for this alone. */
  #runsOf(batch: Batch, isNewest: boolean): { runs: ReadonlyMap<number, Run>; borrowed: Run[] } {
    const runs = new Map(batch.runs);
    const borrowed: Run[] = [];
    for (const [number, block] of [...this.#journal.blocks, ...batch.blocks]) {
      const id = runOf(number);
      if (batch.runs.has(id)) continue; // it has them
      let run = runs.get(id);
      if (!run) {
        const cached = isNewest ? this.#cache.get(id) : undefined;
        if (cached) borrowed.push(cached);
        runs.set(id, (run = cached ?? newRun()));
        run.frozen = true;
      }
      setBlock(run, number % RUN_BLOCKS, block);
    }
    return { runs, borrowed };
  }

  async #putRuns(runs: ReadonlyMap<number, Run>, transaction: IDBTransaction): Promise<void> {
    const store = transaction.objectStore('blocks');
    const put = (id: number, { data }: Run): IDBRequest => store.put({ id, data });
    if (!this.#journal.isEmpty) transaction.objectStore('journal').clear();
    const whole: [number, Run][] = [];
    for (const [id, run] of runs) {
      if (run.valid === ALL_BLOCKS) {
        whole.push([id, run]);
        continue;
      }
      const old = store.get(id) as IDBRequest<StoredRun | undefined>;
      old.onsuccess = () => {
        fill(run, old.result?.data);
        put(id, run);
      };
    }
    // Always one lot on its way while the next is made, so the transaction stays open and busy.
    let sent: Promise<void> | null = null;
    for (let at = 0; at < whole.length; at += PUTS_AT_ONCE) {
      let last: IDBRequest | undefined;
      for (const [id, run] of whole.slice(at, at + PUTS_AT_ONCE)) last = put(id, run);
      const before = sent;
      sent = at + PUTS_AT_ONCE < whole.length && last ? succeeded(last) : null;
      sent?.catch(() => undefined); // it is awaited when the next lot is on its way
      if (before) await before;
    }
    if (whole.length === runs.size) transaction.commit();
  }

  async size(): Promise<number> {
    const cursor = await this.#db.transaction('blocks').store.openKeyCursor(null, 'prev');
    const last = Math.max(cursor?.key ?? -1, this.#lastRun);
    return (last + 1) * RUN_BLOCKS;
  }

  async estimate(): Promise<Estimate> {
    if (performance.now() - this.#count.at > COUNT_AGE_MS)
      this.#count = { records: await this.#db.count('blocks'), at: performance.now() };
    const written = [{ blocks: this.#written, runs: this.#dirty }, ...this.#taken];
    const unstored = written.reduce((sum, { blocks, runs }) => sum + blocks.size + runs.size, this.#journal.runs.size);
    const free = (await originFree()) - unstored * RUN_BYTES;
    // A run in the journal may be stored besides: then it counts twice here, and as often against `free`.
    const held = (this.#count.records + this.#journal.runs.size) * RUN_BLOCKS;
    return { held, available: this.#readOnly ? 0 : blocksAvailable(free) };
  }

  async close(): Promise<void> {
    await this.#lastFlush;
    if (this.#idle !== null) clearTimeout(this.#idle);
    await this.#lastFlush; // the timer's
    this.#db.close();
    await this.#unlock();
  }

  /* ---- reading ---- */

  /** The runs of `parts`, with all blocks that are asked for: the cache may forget them meanwhile. */
  async #fetchMissing(parts: readonly Part[]): Promise<Map<number, Run>> {
    const runs = new Map<number, Run>();
    const missing: number[] = [];
    for (const { id, from, to } of parts) {
      const run = this.#readable(id, bits(from, to));
      runs.set(id, run);
      if (lacks(run, bits(from, to))) missing.push(id);
    }
    const fetches: Promise<void>[] = [];
    for (let at = 0; at < missing.length;) {
      let end = at + 1;
      while (end < missing.length && end - at < FETCHED_AT_ONCE && missing[end] === (missing[end - 1] ?? 0) + 1) end++;
      fetches.push(this.#fetch(missing.slice(at, end), runs));
      at = end;
    }
    await Promise.all(fetches);
    return runs;
  }

  /** A run, the latest of the cache now, with what is wanted of it but for what only the database has. */
  #readable(id: number, wanted: number): Run {
    let run = this.#cache.get(id) ?? newRun();
    if (lacks(run, wanted)) {
      if (run.frozen) run = copyOf(run);
      this.#complete(id, run);
    }
    this.#cache.delete(id);
    this.#cache.set(id, run);
    return run;
  }

  /**
   * Read runs that follow each other. The answer is taken in before any transaction made later ends
   * (events come in that order), so it can't be older than what a flush has stored meanwhile.
   */
  async #fetch(ids: readonly number[], into: Map<number, Run>): Promise<void> {
    const store = unwrap(this.#db).transaction('blocks').objectStore('blocks');
    const range = IDBKeyRange.bound(ids[0] ?? 0, ids.at(-1) ?? 0);
    const found = new Map((await getRange(store, range)).map(({ id, data }) => [id, data]));
    for (const id of ids) {
      const run = this.#readable(id, ALL_BLOCKS);
      fill(run, found.get(id));
      into.set(id, run);
    }
  }

  async #takeSnapshot(store: IDBObjectStore): Promise<void> {
    if ((await succeeded(store.count())) > SNAPSHOT_RUNS_MAX)
      throw new ErrnoError(EFBIG, 'the store is too large to be read beside its writer');
    for (let from = 0; ;) {
      const request = store.getAll(IDBKeyRange.lowerBound(from), FETCHED_AT_ONCE) as IDBRequest<StoredRun[]>;
      const found = await succeeded(request);
      for (const { id, data } of found) this.#cache.set(id, newRun(data, ALL_BLOCKS));
      const last = found.at(-1);
      if (!last || found.length < FETCHED_AT_ONCE) break;
      from = last.id + 1;
    }
  }

  /** Take in what the journal has. */
  async #replay(store: IDBObjectStore): Promise<void> {
    const records = await succeeded(store.getAll() as IDBRequest<JournalRecord[]>);
    for (const record of records) this.#journal.replay(record);
    for (const id of this.#journal.runs) {
      this.#lastRun = Math.max(this.#lastRun, id);
      if (!this.#readOnly) continue; // it is looked up there when it is needed
      const run = this.#cache.get(id) ?? newRun();
      this.#cache.set(id, run);
      for (let i = 0; i < RUN_BLOCKS; i++) {
        const block = this.#journal.blocks.get(id * RUN_BLOCKS + i);
        if (block) setBlock(run, i, block);
      }
    }
  }

  /** Forget what was not used for longest, down to the limit. */
  #trim(): void {
    if (this.#cache.size <= this.#cacheRuns) return;
    for (const [id, run] of this.#cache) {
      if (this.#cache.size <= this.#cacheRuns) return;
      // A copy of a run that is being stored is all that tells what is newest there.
      const isNeeded = run.frozen || this.#dirty.has(id) || this.#taken.some(({ runs }) => runs.has(id));
      if (!isNeeded) this.#cache.delete(id);
    }
  }
}

interface Part {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly at: number;
}

/** The runs that `count` blocks from `block` on lie in: blocks from..to of run id are blocks at.. of the range. */
function* partsOf(block: number, count: number): Generator<Part> {
  for (let at = 0; at < count;) {
    const id = runOf(block + at);
    const from = (block + at) % RUN_BLOCKS;
    const to = Math.min(RUN_BLOCKS, from + count - at);
    yield { id, from, to, at };
    at += to - from;
  }
}

function newRun(data = new Uint8Array(RUN_BYTES), valid = 0): Run {
  return { data, valid, frozen: false };
}

function copyOf({ data, valid }: Run): Run {
  return newRun(data.slice(), valid);
}

/** Block `i` of a run. */
function setBlock(run: Run, i: number, block: Block): void {
  run.data.set(block.bytes, i * BLOCK_BYTES);
  run.valid |= 1 << i;
}

/** A batch and the one after it. A run that was written again has all blocks of the older one. */
function joined(older: Batch, newer: Batch): Batch {
  const blocks = new Map([...older.blocks].filter(([number]) => !newer.runs.has(runOf(number))));
  const runs = new Map([...older.runs, ...newer.runs]);
  for (const [number, block] of newer.blocks) {
    const id = runOf(number);
    const old = older.runs.get(id);
    if (!old) {
      blocks.set(number, block);
      continue;
    }
    let run = runs.get(id)!;
    if (run === old) runs.set(id, (run = copyOf(old)));
    setBlock(run, number % RUN_BLOCKS, block);
  }
  return { blocks, runs };
}

/** The bits of blocks from..to of a run. */
function bits(from: number, to: number): number {
  return ((1 << (to - from)) - 1) << from;
}

function lacks(run: Run, wanted: number): boolean {
  return (run.valid & wanted) !== wanted;
}

/** Give `run` the blocks it lacks of what is stored; one that never was is zero. */
function fill(run: Run, stored: Uint8Array | undefined): void {
  for (let i = 0; stored && i < RUN_BLOCKS; i++)
    if (!(run.valid & (1 << i))) run.data.set(stored.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), i * BLOCK_BYTES);
  run.valid = ALL_BLOCKS;
}
