/*
 * The database of a block store in IndexedDB (idb-store.ts): its object stores, its
 * versions, its transactions.
 *
 *   blocks    { id, data }: runs of blocks, by number
 *   journal   records (idb-journal.ts), by key in their order
 */
import { openDB, unwrap, type DBSchema, type IDBPDatabase, type IDBPTransaction } from 'idb';
import { BLOCK_BYTES, checkStoreName } from './block-store.ts';
import { EBUSY, EIO, ErrnoError } from './errno.ts';
import { Block, Journal, recordOfGranules, type JournalRecord } from './idb-journal.ts';

/**
 * The first version had no journal; the second and the third had it in `blocks`, below 0, the second with whole
 * blocks. None of those who know an older one must open a store that has this one.
 */
const DATABASE_VERSION = 4;

export interface StoredRun {
  id: number;
  data: Uint8Array<ArrayBuffer>;
}

/** In `blocks` of older versions. `blocks`: which whole ones `data` has. */
interface OldRecord extends StoredRun {
  blocks?: Uint32Array<ArrayBuffer>;
}

interface Schema extends DBSchema {
  blocks: { key: number; value: StoredRun };
  // Keys not in the records: a transaction with a small one is a tenth faster for it.
  journal: { key: number; value: JournalRecord };
}

export type Database = IDBPDatabase<Schema>;
type Upgrade = IDBPTransaction<Schema, ('blocks' | 'journal')[], 'versionchange'>;

/** What getAllRecords gives; TypeScript's library doesn't know it yet. */
interface RecordsStore {
  getAllRecords?(options: { query: IDBKeyRange }): IDBRequest<{ readonly value: StoredRun }[]>;
}

export function databaseName(name: string): string {
  return `tabos-${checkStoreName(name)}`;
}

/** EBUSY: a tab with an older version of this site has it open. */
export async function openDatabase(name: string): Promise<Database> {
  const refused = Promise.withResolvers<never>();
  let isRefused = false;
  const opening = openDB<Schema>(databaseName(name), DATABASE_VERSION, {
    upgrade(db, from, _to, transaction) {
      if (from === 0) db.createObjectStore('blocks', { keyPath: 'id' });
      if (from < 4) db.createObjectStore('journal');
      if (from === 2 || from === 3) moveJournal(transaction).catch(() => transaction.abort());
    },
    blocked() {
      isRefused = true;
      refused.reject(new ErrnoError(EBUSY, 'a tab with an older version of this site has the store open'));
    },
  });
  void opening.then(
    (db) => isRefused && db.close(),
    () => undefined,
  );
  return Promise.race([opening, refused.promise]);
}

async function moveJournal(transaction: Upgrade): Promise<void> {
  const old = transaction.objectStore('blocks');
  const journal = transaction.objectStore('journal');
  const range = IDBKeyRange.upperBound(-1);
  for (const { id, data, blocks } of (await old.getAll(range)) as OldRecord[])
    await journal.put(blocks ? recordOf(data, blocks) : recordOfGranules(data), id);
  await old.delete(range);
}

function recordOf(data: Uint8Array<ArrayBuffer>, numbers: Uint32Array): JournalRecord {
  const blocks = new Map<number, Block>();
  for (const [i, number] of numbers.entries()) {
    const block = new Block();
    block.bytes.set(data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES));
    blocks.set(number, block);
  }
  const record = new Journal().next(blocks); // an empty one: it compares them with zero
  if (!record) throw new ErrnoError(EIO, 'a record of the journal is damaged');
  return record;
}

/** Remove a database and all that is in it. */
export async function removeDatabase(name: string): Promise<void> {
  const request = indexedDB.deleteDatabase(databaseName(name));
  await new Promise<void>((resolve, reject) => {
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error ?? new ErrnoError(EIO));
  });
}

/**
 * Begin a strict transaction with `work`. What is returned settles when it has ended, after a call of `stored` or
 * `failed` from within the event: who waits for an fsync needn't wait for more turns of the microtasks.
 * If `work` throws or rejects the transaction is aborted.
 */
export function transact(
  db: Database,
  stores: ('blocks' | 'journal')[],
  work: (transaction: IDBTransaction) => Promise<void> | void,
  stored: () => void,
  failed: () => void = () => undefined,
): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    let failure: unknown;
    const transaction = unwrap(db).transaction(stores, 'readwrite', { durability: 'strict' });
    transaction.oncomplete = () => {
      stored();
      resolve();
    };
    transaction.onabort = () => {
      failed();
      // If it has aborted itself, that is why `work` failed.
      reject(transaction.error ?? failure ?? new ErrnoError(EIO, 'the transaction was aborted'));
    };
    const fail = (error: unknown): void => {
      failure = error;
      try {
        transaction.abort();
      } catch {
        // it has aborted itself
      }
    };
    try {
      const working = work(transaction);
      if (working) working.catch(fail);
    } catch (error) {
      fail(error);
    }
  });
}

export function succeeded<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new ErrnoError(EIO));
  });
}

export async function getRange(store: IDBObjectStore & RecordsStore, range: IDBKeyRange): Promise<StoredRun[]> {
  if (store.getAllRecords) return (await succeeded(store.getAllRecords({ query: range }))).map(({ value }) => value);
  return succeeded(store.getAll(range) as IDBRequest<StoredRun[]>);
}
