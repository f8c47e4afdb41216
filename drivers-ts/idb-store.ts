/*
 * Block store in IndexedDB: object store `blocks` of { id, data }.
 *
 * A record holds an aligned run of 16 blocks, because a record's cost hardly
 * depends on its size (64 KiB records are five times as fast as 4 KiB ones).
 * Writes are kept here until flush, which is one strict transaction: either all
 * of a checkpoint is there after a crash or nothing of it.
 */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { BLOCK_BYTES, checkStoreName, type BlockStore } from './block-store.ts';
import { EBUSY, EROFS, ErrnoError } from './errno.ts';

const RUN_BLOCKS = 16;
const RUN_BYTES = RUN_BLOCKS * BLOCK_BYTES;

interface Schema extends DBSchema {
  blocks: { key: number; value: { id: number; data: Uint8Array<ArrayBuffer> } };
}

export class IdbStore implements BlockStore {
  readonly #db: IDBPDatabase<Schema>;
  readonly #readOnly: boolean;
  readonly #unlock: () => Promise<void>;
  /** Runs that were written and not yet flushed. */
  #dirty = new Map<number, Uint8Array<ArrayBuffer>>();
  /** Runs of the flush that is under way: still newer than the database. */
  #flushing = new Map<number, Uint8Array<ArrayBuffer>>();
  #lastFlush: Promise<void> = Promise.resolve();

  private constructor(db: IDBPDatabase<Schema>, readOnly: boolean, unlock: () => Promise<void>) {
    this.#db = db;
    this.#readOnly = readOnly;
    this.#unlock = unlock;
  }

  /** EBUSY when another tab has the store open for writing. */
  static async open(name: string, readOnly: boolean): Promise<IdbStore> {
    const database = `tabos-${checkStoreName(name)}`;
    const unlock = await lockStore(database, readOnly);
    try {
      const db = await openDB<Schema>(database, 1, {
        upgrade: (fresh) => void fresh.createObjectStore('blocks', { keyPath: 'id' }),
      });
      return new IdbStore(db, readOnly, unlock);
    } catch (error) {
      await unlock();
      throw error;
    }
  }

  async read(block: number, count: number): Promise<Uint8Array> {
    const out = new Uint8Array(count * BLOCK_BYTES);
    const runs = [...runsOf(block, count)];
    const found = await this.#fetch(runs.map(({ id }) => id));
    for (const { id, from, to, at } of runs) {
      const data = found.get(id);
      if (data) out.set(data.subarray(from * BLOCK_BYTES, to * BLOCK_BYTES), at * BLOCK_BYTES);
    }
    return out;
  }

  async write(block: number, data: Uint8Array): Promise<void> {
    if (this.#readOnly) throw new ErrnoError(EROFS);
    const count = data.length / BLOCK_BYTES;
    const runs = [...runsOf(block, count)];
    // Only runs that aren't replaced whole have to be read first.
    const partial = runs.filter(({ id, from, to }) => to - from < RUN_BLOCKS && !this.#dirty.has(id));
    const found = await this.#fetch(partial.map(({ id }) => id));
    for (const { id, from, to, at } of runs) {
      let run = this.#dirty.get(id);
      if (!run) {
        run = new Uint8Array(RUN_BYTES);
        const old = found.get(id);
        if (old) run.set(old);
        this.#dirty.set(id, run);
      }
      run.set(data.subarray(at * BLOCK_BYTES, (at + to - from) * BLOCK_BYTES), from * BLOCK_BYTES);
    }
  }

  /** Flushes happen in the order in which they were asked for. */
  flush(): Promise<void> {
    const next = this.#lastFlush.then(() => this.#commit());
    this.#lastFlush = next.catch(() => undefined);
    return next;
  }

  async #commit(): Promise<void> {
    if (this.#dirty.size === 0) return;
    this.#flushing = this.#dirty;
    this.#dirty = new Map();
    try {
      const transaction = this.#db.transaction('blocks', 'readwrite', { durability: 'strict' });
      const puts = [...this.#flushing].map(([id, data]) => transaction.store.put({ id, data }));
      await Promise.all([...puts, transaction.done]);
    } catch (error) {
      // What was not stored is still to be stored, unless it was written anew.
      for (const [id, data] of this.#flushing) if (!this.#dirty.has(id)) this.#dirty.set(id, data);
      throw error;
    } finally {
      this.#flushing = new Map();
    }
  }

  async size(): Promise<number> {
    const cursor = await this.#db.transaction('blocks').store.openKeyCursor(null, 'prev');
    const ids = [cursor?.key ?? -1, ...this.#dirty.keys(), ...this.#flushing.keys()];
    return (Math.max(...ids) + 1) * RUN_BLOCKS;
  }

  async close(): Promise<void> {
    try {
      await this.flush();
    } finally {
      this.#db.close();
      await this.#unlock();
    }
  }

  /** The newest content of runs; those that don't exist are missing. */
  async #fetch(ids: readonly number[]): Promise<Map<number, Uint8Array>> {
    const found = new Map<number, Uint8Array>();
    const stored: number[] = [];
    for (const id of ids) {
      const cached = this.#dirty.get(id) ?? this.#flushing.get(id);
      if (cached) found.set(id, cached);
      else stored.push(id);
    }
    const first = stored[0];
    const last = stored.at(-1);
    if (first !== undefined && last !== undefined) {
      const records = await this.#db.getAll('blocks', IDBKeyRange.bound(first, last));
      for (const { id, data } of records) if (!found.has(id)) found.set(id, data);
    }
    // A write may have come while the database was read.
    for (const id of stored) {
      const newer = this.#dirty.get(id);
      if (newer) found.set(id, newer);
    }
    return found;
  }
}

/** The runs that `count` blocks from `block` on lie in: blocks from..to of run id are blocks at.. of the range. */
function* runsOf(block: number, count: number): Generator<{ id: number; from: number; to: number; at: number }> {
  for (let at = 0; at < count;) {
    const id = Math.floor((block + at) / RUN_BLOCKS);
    const from = (block + at) % RUN_BLOCKS;
    const to = Math.min(RUN_BLOCKS, from + count - at);
    yield { id, from, to, at };
    at += to - from;
  }
}

/** One tab owns a volume; readers share it. Resolves to what gives the lock back. */
async function lockStore(name: string, readOnly: boolean): Promise<() => Promise<void>> {
  if (typeof navigator !== 'object' || !navigator.locks) return async () => undefined;
  const held = Promise.withResolvers<void>();
  const granted = Promise.withResolvers<boolean>();
  const options: LockOptions = { mode: readOnly ? 'shared' : 'exclusive', ifAvailable: true };
  const ended = navigator.locks.request(name, options, (lock) => {
    granted.resolve(lock !== null);
    return lock ? held.promise : undefined;
  });
  ended.catch((error: unknown) => granted.reject(error));
  if (!(await granted.promise)) throw new ErrnoError(EBUSY, `${name} is in use by another tab`);
  return async () => {
    held.resolve();
    // Firefox keeps the lock in another process: only now has it been given back there.
    await ended;
  };
}
