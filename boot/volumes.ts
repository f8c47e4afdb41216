/*
 * The volume of /home in a browser: which store holds it, and its moves from one
 * store to another (IndexedDB to OPFS or back, or to what an image brings).
 *
 * A small database names the store. A move fills another store first, which
 * counts for nothing until one transaction names it; whatever is cut short before
 * or after that is swept up by the next opening. One tab owns the volume, by a lock
 * that goes with the tab.
 */
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { BLOCK_BYTES, type BlockStore } from '../drivers-ts/block-store.ts';
import { EIO, ErrnoError } from '../drivers-ts/errno.ts';
import { IdbStore } from '../drivers-ts/idb-store.ts';
import { ImageStore } from '../drivers-ts/image-store.ts';
import { OpfsStore } from '../drivers-ts/opfs-store.ts';
import { blocksOf, COPY_BLOCKS, type BlockSource } from './home-image.ts';

export type StoreKind = 'idb' | 'opfs';

interface VolumeRecord {
  readonly name: string;
  /** Its store: `idb0`, `opfs1` … */
  readonly store: string;
  /** Stores that are not, or no longer, the volume's: a move has begun to fill it, or has left it. */
  readonly discard: readonly string[];
}

interface Schema extends DBSchema {
  volumes: { key: string; value: VolumeRecord };
}

const VOLUME = 'home';
const LOCK = 'tabos-volume-home';
/** A BroadcastChannel: a tab asks for an image with a number, the owner answers with the same. */
const LOOKERS = 'tabos-volume-home-lookers';
const LOOKER_MS = 60_000;
/** A tab that is loaded again may not have given the lock back yet: only then is its owner asked for. */
const RELOAD_MS = 1000;
/** An owner that does not answer is ending, which takes its time on a busy machine. */
const ENDING_MS = 15_000;
/** Blocks copied between two flushes: a flush that is too large is a lot of memory. */
const FLUSH_BLOCKS = 16 * COPY_BLOCKS;

function kindOf(store: string): StoreKind {
  return store.startsWith('opfs') ? 'opfs' : 'idb';
}

/* The volume's lock is had before its store's, but a tab that ends may give back the store's later. */

function openStore(store: string, readOnly: boolean): Promise<BlockStore> {
  return kindOf(store) === 'opfs'
    ? OpfsStore.open(store, readOnly, ENDING_MS)
    : IdbStore.open(store, readOnly, ENDING_MS);
}

function removeStore(store: string): Promise<void> {
  return kindOf(store) === 'opfs' ? OpfsStore.remove(store, ENDING_MS) : IdbStore.remove(store, ENDING_MS);
}

export class HomeVolume {
  readonly #db: IDBPDatabase<Schema>;
  #record: VolumeRecord;
  readonly readOnly: boolean;
  /** What there is to look at, if not the store itself. */
  #image: Blob | null = null;

  private constructor(db: IDBPDatabase<Schema>, record: VolumeRecord, readOnly: boolean) {
    this.#db = db;
    this.#record = record;
    this.readOnly = readOnly;
  }

  /** The volume's owner; null when another tab is. Waits a moment for a tab that is just closing. */
  static async own(wanted: StoreKind | null): Promise<HomeVolume | null> {
    if (!(await takeLock())) return null;
    const volume = await HomeVolume.#open(false, wanted);
    if (wanted && wanted !== volume.kind) await volume.moveTo(wanted);
    return volume;
  }

  /** To read beside its owner: what is there now. OPFS has one reader at a time, so the owner makes an image. */
  static async besideOwner(): Promise<HomeVolume> {
    const volume = await HomeVolume.#open(true, null);
    if (volume.kind === 'opfs') volume.#image = await askForImage();
    return volume;
  }

  /** Give what `take` makes to tabs that want to look. */
  share(take: () => Promise<Blob | null>): void {
    const lookers = new BroadcastChannel(LOOKERS);
    lookers.onmessage = ({ data: id }: MessageEvent<unknown>) => {
      if (typeof id !== 'number') return; // another's answer
      take().then(
        (image) => lookers.postMessage({ id, image }),
        () => lookers.postMessage({ id, image: null }),
      );
    };
  }

  static async #open(readOnly: boolean, wanted: StoreKind | null): Promise<HomeVolume> {
    const db = await openDB<Schema>('tabos-volumes', 1, {
      upgrade: (fresh) => void fresh.createObjectStore('volumes', { keyPath: 'name' }),
    });
    let record = await db.get('volumes', VOLUME);
    if (!record) {
      record = { name: VOLUME, store: `${wanted ?? (await fasterKind())}0`, discard: [] };
      if (!readOnly) await store(db, record);
    }
    return new HomeVolume(db, record, readOnly);
  }

  get store(): string {
    return this.#record.store;
  }

  get kind(): StoreKind {
    return kindOf(this.store);
  }

  async open(readOnly: boolean): Promise<BlockStore> {
    if (this.#image) return new ImageStore(this.#image);
    return openStore(this.store, readOnly || this.readOnly);
  }

  /** Move to the other kind of store. */
  async moveTo(kind: StoreKind): Promise<void> {
    const source = await openStore(this.store, false);
    try {
      await this.fill(kind, blocksOf(source));
    } finally {
      await source.close();
    }
  }

  /**
   * Make another store from `source` and let it be the volume. Until the last moment,
   * the volume is what it was; what it was is kept until sweep.
   */
  async fill(kind: StoreKind, source: BlockSource): Promise<void> {
    const old = this.#record;
    const target = [`${kind}0`, `${kind}1`].find((name) => name !== old.store) ?? `${kind}0`;
    await this.#write({ ...old, discard: [...new Set([...old.discard, target])] });
    await removeStore(target);
    const into = await openStore(target, false);
    try {
      let written = 0;
      for await (const { block, data } of source) {
        into.write(block, data);
        written += data.length / BLOCK_BYTES;
        if (written < FLUSH_BLOCKS) continue;
        await into.flush();
        written = 0;
      }
      await into.flush();
    } finally {
      await into.close();
    }
    await this.#write({ ...old, store: target, discard: [old.store] });
  }

  /** Remove what moves have left: when what is there now has proved good. */
  async sweep(): Promise<void> {
    if (this.readOnly || this.#record.discard.length === 0) return;
    for (const name of this.#record.discard) if (name !== this.store) await removeStore(name);
    await this.#write({ ...this.#record, discard: [] });
  }

  async #write(record: VolumeRecord): Promise<void> {
    await store(this.#db, record);
    this.#record = record;
  }
}

async function store(db: IDBPDatabase<Schema>, record: VolumeRecord): Promise<void> {
  const transaction = db.transaction('volumes', 'readwrite', { durability: 'strict' });
  await Promise.all([transaction.store.put(record), transaction.done]);
}

/** Take the volume's lock for as long as this worker lives; false when another tab has it, and says so. */
async function takeLock(): Promise<boolean> {
  const granted = Promise.withResolvers<boolean>();
  const given = new AbortController();
  const owners = new BroadcastChannel(LOCK);
  let isOwner = false;
  owners.onmessage = ({ data }) => {
    if (data === 'owned') given.abort();
    else if (isOwner) owners.postMessage('owned');
  };
  const timers = [
    setTimeout(() => owners.postMessage('whose?'), RELOAD_MS),
    setTimeout(() => given.abort(), RELOAD_MS + ENDING_MS),
  ];
  navigator.locks
    .request(LOCK, { signal: given.signal }, () => {
      isOwner = true;
      granted.resolve(true);
      return new Promise<never>(() => undefined);
    })
    .catch(() => granted.resolve(false));
  const isGranted = await granted.promise;
  timers.forEach(clearTimeout);
  if (!isGranted) owners.close();
  return isGranted;
}

/** An image of the volume as it is now, by its owner. */
async function askForImage(): Promise<Blob> {
  const id = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  const owner = new BroadcastChannel(LOOKERS);
  const answer = Promise.withResolvers<Blob | null>();
  const timer = setTimeout(() => answer.resolve(null), LOOKER_MS);
  owner.onmessage = ({ data }: MessageEvent<{ id?: number; image?: Blob | null }>) => {
    if (data.id === id) answer.resolve(data.image ?? null);
  };
  owner.postMessage(id);
  try {
    const image = await answer.promise;
    if (!image) throw new ErrnoError(EIO, 'the tab that has them does not show them');
    return image;
  } finally {
    clearTimeout(timer);
    owner.close();
  }
}

/* ---- which is faster here ---- */

const PROBE_BLOCKS = 1024; // 4 MiB: enough to see the rate, little enough for a first start
const PROBE_FLUSHES = 8;
/** A small durable write counts like this much of a large one: that is what programs mostly wait for. */
const PROBE_SMALL_WEIGHT = 4;

/**
 * Firefox (153) may crash when a tab ends whose worker has a file of OPFS open: once in 355 kills (none in 535 on IndexedDB),
 * and in a page without TabOS too (docs/storage.md). Nothing was lost, but the process takes other tabs of the site with it. So there
 * it takes ?home=opfs.
 */
const CRASHES = navigator.userAgent.includes('Firefox/');

/** The kind of store that is faster in this browser, by a short try. IndexedDB where OPFS can't be had. */
async function fasterKind(): Promise<StoreKind> {
  if (!OpfsStore.isPossible || CRASHES) return 'idb';
  try {
    return (await probe('opfs')) < (await probe('idb')) ? 'opfs' : 'idb';
  } catch {
    return 'idb'; // a private window has no OPFS
  }
}

async function probe(kind: StoreKind): Promise<number> {
  const name = `${kind}-probe`;
  await removeStore(name);
  const tried = await openStore(name, false);
  try {
    const data = new Uint8Array(PROBE_BLOCKS * BLOCK_BYTES).fill(1);
    tried.write(0, data.subarray(0, BLOCK_BYTES));
    await tried.flush(); // the first flush of a new store does more
    const start = performance.now();
    tried.write(0, data);
    await tried.flush();
    const large = performance.now();
    for (let i = 0; i < PROBE_FLUSHES; i++) {
      tried.write(i * 100, data.subarray(0, BLOCK_BYTES));
      await tried.flush();
    }
    return large - start + ((performance.now() - large) / PROBE_FLUSHES) * PROBE_SMALL_WEIGHT;
  } finally {
    await tried.close();
    await removeStore(name);
  }
}
