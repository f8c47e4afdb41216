/*
 * Block store in IndexedDB: object store `blocks` of { id, data }.
 *
 * A record holds an aligned run of 16 blocks, because a record's cost hardly
 * depends on its size (64 KiB records are five times as fast as 4 KiB ones).
 * Writes are kept here until flush, which is one strict transaction: either all
 * of a checkpoint is there after a crash or nothing of it.
 *
 * A small flush touches a block or two of each of several runs. It is one record of what it
 * changed, in a journal (idb-journal.ts): records with ids below 0, in their order.
 * They count more than the runs do. When the journal is full, or a large flush comes, one
 * transaction stores all runs of it and removes it. Until then they stay in memory.
 *
 * Runs live in one cache. A run knows which of its blocks it has (`valid`): a
 * write of some of them needs no read before; what is missing is read when
 * somebody asks for it, or within the transaction that stores the run.
 * A block is copied on its way here, out of the kernel's shared memory, which
 * IndexedDB refuses; the browser's own clone of a record comes on top.
 */
import { openDB, unwrap, type DBSchema, type IDBPDatabase } from 'idb';
import {
  BLOCK_BYTES,
  blocksAvailable,
  checkStoreName,
  type BlockStore,
  type Bytes,
  type Estimate,
} from './block-store.ts';
import { originFree } from './origin-room.ts';
import { EFBIG, EIO, EROFS, ErrnoError } from './errno.ts';
import { Journal, RUN_BLOCKS, type Block, type JournalRecord } from './idb-journal.ts';
import { lockStore } from './store-lock.ts';

const RUN_BYTES = RUN_BLOCKS * BLOCK_BYTES;
const ALL_BLOCKS = 0xffff;
/** The first version had no journal, the second whole blocks in it: neither must open a store that has this one. */
const DATABASE_VERSION = 3;
/** More blocks than this are cheaper stored as runs. */
const FLUSH_BLOCKS_MAX = 64;
/** Records put before the supervisor looks after others again: 4 MiB, some ten milliseconds. */
const PUTS_AT_ONCE = 64;
/** Records fetched at once: more is no faster, and an answer is one message between processes. */
const FETCHED_AT_ONCE = 128;
/** Limits of the cache; in between it is a thousandth of what the origin may store. */
const CACHE_BYTES_MIN = 16 * 1024 * 1024;
const CACHE_BYTES_MAX = 256 * 1024 * 1024;
/** A reader beside a writer gets a copy of the whole store, as large as this at most. */
const SNAPSHOT_RUNS_MAX = CACHE_BYTES_MAX / RUN_BYTES;
/** Counting the records takes time by their number, so not for every estimate. */
const COUNT_AGE_MS = 2000;

interface StoredRun {
  id: number;
  data: Uint8Array<ArrayBuffer>;
}

interface Schema extends DBSchema {
  blocks: { key: number; value: StoredRun };
}

/** What getAllRecords gives; TypeScript's library doesn't know it yet. */
interface RecordsStore {
  getAllRecords?(options: { query: IDBKeyRange }): IDBRequest<{ readonly value: StoredRun }[]>;
}

interface Run {
  readonly data: Uint8Array<ArrayBuffer>;
  /** A bit for each block that `data` has. */
  valid: number;
  /** It is being stored: who writes makes a copy. */
  frozen: boolean;
  /** Flushes that have it and are not over: the cache must not forget it. */
  pins: number;
}

interface Change {
  readonly run: Run;
  /** A bit for each block that no flush has yet. */
  bits: number;
}

/** What a flush stores: a few blocks, copied, or runs, which are frozen; a run is in one of both. */
interface Batch {
  readonly blocks: ReadonlyMap<number, Block>;
  readonly runs: ReadonlyMap<number, Run>;
  readonly pinned: readonly Run[];
}

export class IdbStore implements BlockStore {
  readonly #db: IDBPDatabase<Schema>;
  readonly #readOnly: boolean;
  readonly #unlock: () => Promise<void>;
  readonly #cacheRuns: number;
  /** Runs by use, the latest last. The newest of all that is not stored as runs yet are in it. */
  readonly #cache = new Map<number, Run>();
  /** Runs that were written since the last call of flush. */
  #dirty = new Map<number, Change>();
  /** What the flush under way stores, or one that failed: the next one stores it too. */
  #owed: Batch | null = null;
  readonly #journal = new Journal();
  /** Flushes that are not over. */
  #flushes = 0;
  #lastFlush: Promise<void> = Promise.resolve();
  /** The highest run that was written here. */
  #lastRun = -1;
  #count = { records: 0, at: -Infinity };

  private constructor(db: IDBPDatabase<Schema>, readOnly: boolean, cacheRuns: number, unlock: () => Promise<void>) {
    this.#db = db;
    this.#readOnly = readOnly;
    this.#cacheRuns = cacheRuns;
    this.#unlock = unlock;
  }

  /**
   * EBUSY when another tab has the store open for writing. To read beside that tab
   * means a copy of the state of its last flush: EFBIG when that is too much. `patience`: lockStore's.
   */
  static async open(name: string, readOnly: boolean, patience = 0): Promise<IdbStore> {
    const database = databaseName(name);
    const unlock = readOnly ? async () => undefined : await lockStore(database, patience);
    try {
      const db = await openDB<Schema>(database, DATABASE_VERSION, {
        upgrade(fresh, from) {
          if (from === 0) fresh.createObjectStore('blocks', { keyPath: 'id' });
        },
      });
      const { quota = 0 } = (await navigator.storage?.estimate?.()) ?? {};
      const cacheBytes = Math.min(CACHE_BYTES_MAX, Math.max(CACHE_BYTES_MIN, quota / 1000));
      const cacheRuns = readOnly ? Infinity : cacheBytes / RUN_BYTES;
      const store = new IdbStore(db, readOnly, cacheRuns, unlock);
      await (readOnly ? store.#takeSnapshot() : store.#replay(unwrap(db).transaction('blocks').objectStore('blocks')));
      return store;
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  /** Remove a store and all that is in it. */
  static async remove(name: string, patience = 0): Promise<void> {
    const unlock = await lockStore(databaseName(name), patience);
    try {
      await new Promise<void>((resolve, reject) => {
        const request = indexedDB.deleteDatabase(databaseName(name));
        request.onsuccess = () => resolve();
        request.onerror = () => reject(request.error ?? new ErrnoError(EIO));
      });
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
    for (let at = 0; at < count;) {
      const from = (block + at) % RUN_BLOCKS;
      const to = Math.min(RUN_BLOCKS, from + count - at);
      const change = this.#writable(Math.floor((block + at) / RUN_BLOCKS), to - from === RUN_BLOCKS);
      const { run } = change;
      run.data.set(data.subarray(at * BLOCK_BYTES, (at + to - from) * BLOCK_BYTES), from * BLOCK_BYTES);
      run.valid |= bits(from, to);
      change.bits |= bits(from, to);
      at += to - from;
    }
  }

  /** The kernel limits what it has dirty; a transaction takes it all or not. */
  async drain(): Promise<void> {}

  /** The run to write to; `whole`: all of it will be written, what is there doesn't matter. */
  #writable(id: number, whole: boolean): Change {
    const known = this.#cache.get(id);
    let run = known;
    if (!run) {
      run = newRun();
    } else if (run.frozen) {
      run = newRun(whole ? undefined : run.data.slice(), run.valid);
    }
    this.#cache.delete(id);
    this.#cache.set(id, run);
    const change = this.#dirty.get(id) ?? { run, bits: 0 };
    this.#dirty.set(id, change);
    this.#lastRun = Math.max(this.#lastRun, id);
    return change;
  }

  flush(): Promise<void> {
    const batch = this.#takeDirty();
    const next = this.#flushes++ === 0 ? this.#commit(batch) : this.#lastFlush.then(() => this.#commit(batch));
    this.#lastFlush = next.catch(() => undefined);
    return next;
  }

  #takeDirty(): Batch {
    const dirty = this.#dirty;
    this.#dirty = new Map();
    let count = 0;
    for (const { bits } of dirty.values()) for (let left = bits; left !== 0; left &= left - 1) count++;
    const blocks = new Map<number, Block>();
    const runs = new Map<number, Run>();
    const pinned: Run[] = [];
    for (const [id, { run, bits }] of dirty) {
      run.pins++;
      pinned.push(run);
      if (count <= FLUSH_BLOCKS_MAX) {
        this.#copyBlocks(id, run, bits, blocks);
      } else {
        run.frozen = true;
        runs.set(id, run);
      }
    }
    return { blocks, runs, pinned };
  }

  /** Copies of the blocks of a run that `changed` has bits for. */
  #copyBlocks(id: number, run: Run, changed: number, into: Map<number, Block>): void {
    for (let i = 0; i < RUN_BLOCKS; i++) {
      if (!(changed & (1 << i))) continue;
      const copy = this.#journal.newBlock();
      copy.bytes.set(run.data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES));
      into.set(id * RUN_BLOCKS + i, copy);
    }
  }

  async #commit(flushed: Batch): Promise<void> {
    try {
      const batch = this.#owed ? joined(this.#owed, flushed) : flushed;
      this.#owed = batch; // until it is stored
      if (batch.pinned.length > 0) await this.#store(batch);
      for (const run of batch.pinned) run.pins--;
      this.#owed = null;
    } finally {
      this.#flushes--;
    }
    this.#trim();
  }

  /** Add a record to the journal. If that has no room for it: store the runs, and those of the journal. */
  async #store(batch: Batch): Promise<void> {
    const isSmall = batch.runs.size === 0 && batch.blocks.size <= FLUSH_BLOCKS_MAX;
    const record = isSmall ? this.#journal.next(batch.blocks) : null;
    if (record) {
      // Made before the transaction begins: all of that goes to the browser's other process in one go then.
      await this.#transact((store, transaction) => {
        if (record.data.length > 0) store.put(record); // else all of it is as it was
        transaction.commit();
      });
      this.#journal.appended(record, batch.blocks);
      return;
    }
    const borrowed = new Set<Run>();
    const runs = this.#runsOf(batch, borrowed);
    try {
      await this.#transact((store, transaction) => this.#putRuns(runs, store, transaction));
    } finally {
      for (const run of borrowed) run.frozen = false;
    }
    this.#journal.clear();
    for (const run of runs.values()) run.frozen = false;
  }

  /** The runs of a batch and of the journal; those `borrowed` from the cache are frozen. */
  #runsOf(batch: Batch, borrowed: Set<Run>): ReadonlyMap<number, Run> {
    const runs = new Map(batch.runs);
    for (const [block, data] of [...this.#journal.blocks, ...batch.blocks]) {
      const id = Math.floor(block / RUN_BLOCKS);
      if (batch.runs.has(id)) continue;
      let run = runs.get(id);
      if (!run) {
        // The cache has all of the run, unless it has something newer too.
        const known = this.#flushes === 1 && !this.#dirty.has(id) ? this.#cache.get(id) : undefined;
        runs.set(id, (run = known ?? newRun()));
        if (known) borrowed.add(known);
      }
      if (!borrowed.has(run)) setBlock(run, block, data);
    }
    for (const run of borrowed) run.frozen = true;
    return runs;
  }

  /** Do `work` in one strict transaction, to its end. */
  async #transact(work: (store: IDBObjectStore, transaction: IDBTransaction) => Promise<void> | void): Promise<void> {
    const transaction = unwrap(this.#db).transaction('blocks', 'readwrite', { durability: 'strict' });
    const ended = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new ErrnoError(EIO, 'the transaction was aborted'));
    });
    ended.catch(() => undefined); // it is awaited below, perhaps after another failure
    try {
      await work(transaction.objectStore('blocks'), transaction);
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It has aborted itself, and says why:
        await ended;
      }
      throw error;
    }
    await ended;
  }

  async #putRuns(runs: ReadonlyMap<number, Run>, store: IDBObjectStore, transaction: IDBTransaction): Promise<void> {
    const put = (id: number, { data }: Run): IDBRequest => store.put({ id, data });
    if (!this.#journal.isEmpty) store.delete(Journal.range);
    const whole: [number, Run][] = [];
    for (const [id, run] of runs) {
      if (run.valid === ALL_BLOCKS) {
        whole.push([id, run]);
        continue;
      }
      const old = store.get(id) as IDBRequest<StoredRun | undefined>;
      old.onsuccess = () => {
        fill(run, old.result?.data, ALL_BLOCKS);
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
    const last = Math.max(cursor?.key ?? -1, this.#lastRun); // the journal's ids are below both
    return (last + 1) * RUN_BLOCKS;
  }

  async estimate(): Promise<Estimate> {
    if (performance.now() - this.#count.at > COUNT_AGE_MS)
      this.#count = { records: await this.#db.count('blocks', IDBKeyRange.lowerBound(0)), at: performance.now() };
    const owed = (this.#owed?.runs.size ?? 0) + (this.#owed?.blocks.size ?? 0);
    const unstored = this.#dirty.size + owed + this.#journal.runs.size;
    const free = (await originFree()) - unstored * RUN_BYTES;
    // A run in the journal may be stored besides: then it counts twice here, and as often against `free`.
    const held = (this.#count.records + this.#journal.runs.size) * RUN_BLOCKS;
    return { held, available: this.#readOnly ? 0 : blocksAvailable(free) };
  }

  async close(): Promise<void> {
    await this.#lastFlush;
    this.#db.close();
    await this.#unlock();
  }

  /* ---- reading ---- */

  /** The runs of `parts`, with all blocks that are asked for: the cache may forget them meanwhile. */
  async #fetchMissing(parts: readonly Part[]): Promise<Map<number, Run>> {
    const runs = new Map<number, Run>();
    const missing: number[] = [];
    for (const { id, from, to } of parts) {
      const run = this.#cache.get(id);
      if (run) {
        this.#cache.delete(id); // it is now the latest
        this.#cache.set(id, run);
        runs.set(id, run);
      }
      if (!run || (run.valid & bits(from, to)) !== bits(from, to)) missing.push(id);
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

  /**
   * Read runs that follow each other. The answer is taken in before any transaction made later ends
   * (events come in that order), so it can't be older than what a flush has stored meanwhile.
   */
  async #fetch(ids: readonly number[], into: Map<number, Run>): Promise<void> {
    const store = unwrap(this.#db).transaction('blocks').objectStore('blocks');
    const range = IDBKeyRange.bound(ids[0] ?? 0, ids.at(-1) ?? 0);
    const found = new Map((await getRange(store, range)).map(({ id, data }) => [id, data]));
    for (const id of ids) {
      let run = this.#cache.get(id);
      const data = found.get(id);
      if (!run) {
        run = newRun(data, ALL_BLOCKS);
        this.#cache.set(id, run);
      }
      // The blocks that a flush under way doesn't have are the same in what it will store.
      fill(run, data, ALL_BLOCKS);
      into.set(id, run);
    }
  }

  async #takeSnapshot(): Promise<void> {
    const store = unwrap(this.#db).transaction('blocks').objectStore('blocks');
    if ((await succeeded(store.count(IDBKeyRange.lowerBound(0)))) > SNAPSHOT_RUNS_MAX)
      throw new ErrnoError(EFBIG, 'the store is too large to be read beside its writer');
    for (let from = 0; ;) {
      const request = store.getAll(IDBKeyRange.lowerBound(from), FETCHED_AT_ONCE) as IDBRequest<StoredRun[]>;
      const found = await succeeded(request);
      for (const { id, data } of found) this.#cache.set(id, newRun(data, ALL_BLOCKS));
      const last = found.at(-1);
      if (!last || found.length < FETCHED_AT_ONCE) break;
      from = last.id + 1;
    }
    await this.#replay(store);
  }

  /** Take in what the journal has. The runs may lack other blocks: they are read when they are needed. */
  async #replay(store: IDBObjectStore): Promise<void> {
    const records = await succeeded(store.getAll(Journal.range) as IDBRequest<JournalRecord[]>);
    for (const record of records) this.#journal.replay(record);
    for (const [block, data] of this.#journal.blocks) {
      const id = Math.floor(block / RUN_BLOCKS);
      const run = this.#cache.get(id) ?? newRun();
      setBlock(run, block, data);
      this.#cache.set(id, run);
      this.#lastRun = Math.max(this.#lastRun, id);
    }
  }

  /** Forget what was not used for longest, down to the limit. */
  #trim(): void {
    if (this.#cache.size <= this.#cacheRuns) return;
    for (const [id, run] of this.#cache) {
      if (this.#cache.size <= this.#cacheRuns) return;
      if (run.pins === 0 && !run.frozen && !this.#dirty.has(id) && !this.#journal.runs.has(id)) this.#cache.delete(id);
    }
  }
}

function databaseName(name: string): string {
  return `tabos-${checkStoreName(name)}`;
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
    const id = Math.floor((block + at) / RUN_BLOCKS);
    const from = (block + at) % RUN_BLOCKS;
    const to = Math.min(RUN_BLOCKS, from + count - at);
    yield { id, from, to, at };
    at += to - from;
  }
}

function newRun(data = new Uint8Array(RUN_BYTES), valid = 0): Run {
  return { data, valid, frozen: false, pins: 0 };
}

function setBlock(run: Run, block: number, data: Block): void {
  const at = block % RUN_BLOCKS;
  run.data.set(data.bytes, at * BLOCK_BYTES);
  run.valid |= 1 << at;
}

/** What is owed, and after it what is new. A run that was written again has all blocks of the one that is owed. */
function joined(owed: Batch, { blocks: newer, runs, pinned }: Batch): Batch {
  const blocks = new Map([...owed.blocks].filter(([block]) => !runs.has(Math.floor(block / RUN_BLOCKS))));
  const all = new Map([...owed.runs, ...runs]);
  for (const [block, data] of newer) {
    const id = Math.floor(block / RUN_BLOCKS);
    const old = all.get(id);
    if (!old) {
      blocks.set(block, data);
      continue;
    }
    const run = newRun(old.data.slice(), old.valid);
    setBlock(run, block, data);
    all.set(id, run);
  }
  return { blocks, runs: all, pinned: [...owed.pinned, ...pinned] };
}

/** The bits of blocks from..to of a run. */
function bits(from: number, to: number): number {
  return ((1 << (to - from)) - 1) << from;
}

/** Give `run` the blocks it lacks of those that `from` has; a run that was never stored is zero. */
function fill(run: Run, from: Uint8Array | undefined, valid: number): void {
  const missing = valid & ~run.valid;
  for (let i = 0; from && i < RUN_BLOCKS; i++)
    if (missing & (1 << i)) run.data.set(from.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES), i * BLOCK_BYTES);
  run.valid |= missing;
}

function succeeded<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new ErrnoError(EIO));
  });
}

async function getRange(store: IDBObjectStore & RecordsStore, range: IDBKeyRange): Promise<StoredRun[]> {
  if (store.getAllRecords) return (await succeeded(store.getAllRecords({ query: range }))).map(({ value }) => value);
  return succeeded(store.getAll(range) as IDBRequest<StoredRun[]>);
}
