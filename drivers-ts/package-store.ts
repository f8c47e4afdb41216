/*
 * Package images as read-only block stores: `pkg.MANIFEST.IMAGE`, where MANIFEST
 * is the SHA-256 (base64url) of the manifest that lists the images (userland/manifest.mjs).
 *
 * An image is read in chunks. Each has its hash in the manifest, the manifest's own
 * hash comes from the boot archive, so nothing that was changed on the way is ever
 * used. Chunks are kept by their hash in a cache that outlives the page, so what was
 * used once is there without the network.
 */
import { BLOCK_BYTES, type BlockStore, type Estimate, type OpenStore } from './block-store.ts';
import { EINVAL, EIO, ENOENT, EROFS, ErrnoError } from './errno.ts';

const NAME = /^pkg\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{1,15})$/;
const HASH = /^[A-Za-z0-9_-]{43}$/;
const FILE = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;

/** Chunks in memory. The kernel has its own caches; these serve what it asks for in smaller pieces. */
const MEMORY_BYTES = 4 * 1024 * 1024;
/** Fetched in one request at most, when an image is read from front to back. */
const AHEAD_BYTES_MAX = 1024 * 1024;

type Data = Uint8Array<ArrayBuffer>;

/** Where images and the manifest come from. */
export interface PackageSource {
  /** All of a file. */
  whole(file: string): Promise<Data>;
  /**
   * Bytes from..to of a file that is `size` long; or all of it, where parts can't be
   * had. `fresh`: what came last was not right, so not from a cache on the way.
   */
  part(file: string, from: number, to: number, size: number, fresh: boolean): Promise<Data>;
}

/** What was fetched before, by hash. It may lose anything at any time. */
export interface ChunkCache {
  has(hash: string): boolean;
  get(hash: string): Promise<Data | undefined>;
  /** Returns at once; failures are its own business. */
  put(hash: string, data: Data): void;
  /** Everything else is not needed any more. */
  keepOnly(hashes: ReadonlySet<string>): void;
}

/** One line for the kernel's log, level as syslog. */
export type Log = (level: number, text: string) => void;

interface Image {
  readonly file: string;
  readonly bytes: number;
  readonly chunks: readonly string[];
}

interface Manifest {
  readonly chunkBytes: number;
  readonly images: ReadonlyMap<string, Image>;
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');
}

async function hashOf(data: Data): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', data)));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isNatural(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** Our build wrote it, and its hash is right; still it is checked, once, here. */
function parseManifest(text: string): Manifest {
  const json: unknown = JSON.parse(text);
  if (!isRecord(json) || json['version'] !== 1 || !isNatural(json['chunkBytes']) || !isRecord(json['images']))
    throw new Error('not a manifest of version 1');
  const chunkBytes = json['chunkBytes'];
  if (chunkBytes % BLOCK_BYTES !== 0 || chunkBytes > MEMORY_BYTES) throw new Error(`chunks of ${chunkBytes} bytes`);
  const images = new Map<string, Image>();
  for (const [name, image] of Object.entries(json['images'])) {
    if (!isRecord(image)) throw new Error(`image ${name}`);
    const { file, bytes, chunks } = image;
    if (typeof file !== 'string' || !FILE.test(file) || !isNatural(bytes) || !Array.isArray(chunks))
      throw new Error(`image ${name}`);
    const hashes = chunks.filter((chunk): chunk is string => typeof chunk === 'string' && HASH.test(chunk));
    if (hashes.length !== chunks.length || hashes.length !== Math.ceil(bytes / chunkBytes))
      throw new Error(`chunks of ${name}`);
    images.set(name, { file, bytes, chunks: hashes });
  }
  return { chunkBytes, images };
}

/** Verified chunks, the least recently used first. */
class ChunkMemory {
  readonly #chunks = new Map<string, Data>();
  #bytes = 0;

  get(hash: string): Data | undefined {
    const data = this.#chunks.get(hash);
    if (data) {
      this.#chunks.delete(hash);
      this.#chunks.set(hash, data);
    }
    return data;
  }

  put(hash: string, data: Data): void {
    if (this.#chunks.has(hash)) return;
    this.#chunks.set(hash, data);
    this.#bytes += data.length;
    for (const [oldest, { length }] of this.#chunks) {
      if (this.#bytes <= MEMORY_BYTES) break;
      this.#chunks.delete(oldest);
      this.#bytes -= length;
    }
  }
}

export class Packages {
  readonly #source: PackageSource;
  readonly #openCache: () => Promise<ChunkCache | null>;
  readonly #log: Log;
  readonly #memory = new ChunkMemory();
  readonly #manifests = new Map<string, Promise<Manifest>>();
  #cache: Promise<ChunkCache | null> | null = null;

  constructor(source: PackageSource, openCache: () => Promise<ChunkCache | null>, log: Log) {
    this.#source = source;
    this.#openCache = openCache;
    this.#log = log;
  }

  async open(name: string): Promise<BlockStore> {
    const [, digest = '', imageName = ''] = NAME.exec(name) ?? [];
    if (!digest) throw new ErrnoError(EINVAL, `bad package name ${name}`);
    const cache = await (this.#cache ??= this.#openCache());
    const manifest = await this.#manifest(digest, cache);
    const image = manifest.images.get(imageName);
    if (!image) throw new ErrnoError(ENOENT, `no package image ${imageName}`);
    return new PackageStore(image, manifest.chunkBytes, this.#source, cache, this.#memory, this.#log);
  }

  /** The manifest with this hash. One that can't be had is tried again when it is next wanted. */
  #manifest(digest: string, cache: ChunkCache | null): Promise<Manifest> {
    let manifest = this.#manifests.get(digest);
    if (!manifest) {
      manifest = this.#loadManifest(digest, cache);
      manifest.catch(() => this.#manifests.delete(digest));
      this.#manifests.set(digest, manifest);
    }
    return manifest;
  }

  async #loadManifest(digest: string, cache: ChunkCache | null): Promise<Manifest> {
    try {
      let data = await cache?.get(digest);
      if (!data || (await hashOf(data)) !== digest) {
        data = await this.#source.whole('manifest.json');
        if ((await hashOf(data)) !== digest)
          throw new Error('the server has the packages of another version; load the page again');
        cache?.put(digest, data);
      }
      const manifest = parseManifest(new TextDecoder().decode(data));
      cache?.keepOnly(new Set([digest, ...[...manifest.images.values()].flatMap(({ chunks }) => chunks)]));
      return manifest;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log(3, `packages: the list of packages can't be used: ${reason}`);
      throw new ErrnoError(EIO, reason);
    }
  }
}

/** Opens package images, and by any other name what `open` does. */
export function withPackages(packages: Packages, open: OpenStore): OpenStore {
  return (name, readOnly) => (name.startsWith('pkg.') ? packages.open(name) : open(name, readOnly));
}

class PackageStore implements BlockStore {
  readonly #image: Image;
  readonly #chunkBytes: number;
  readonly #source: PackageSource;
  readonly #cache: ChunkCache | null;
  readonly #memory: ChunkMemory;
  readonly #log: Log;
  /** Chunks that are being got. */
  readonly #pending = new Map<number, Promise<Data>>();
  /** The chunk after the last that was fetched, and how many to fetch when reading goes on there. */
  #next = -1;
  #ahead = 1;

  constructor(
    image: Image,
    chunkBytes: number,
    source: PackageSource,
    cache: ChunkCache | null,
    memory: ChunkMemory,
    log: Log,
  ) {
    this.#image = image;
    this.#chunkBytes = chunkBytes;
    this.#source = source;
    this.#cache = cache;
    this.#memory = memory;
    this.#log = log;
  }

  async read(block: number, count: number): Promise<Uint8Array> {
    const out = new Uint8Array(count * BLOCK_BYTES);
    const from = block * BLOCK_BYTES;
    const to = Math.min(from + out.length, this.#image.bytes); // beyond: zero
    const reads: Promise<void>[] = [];
    for (let chunk = Math.floor(from / this.#chunkBytes); chunk * this.#chunkBytes < to; chunk++) {
      const start = chunk * this.#chunkBytes;
      reads.push(
        this.#chunk(chunk).then((data) => {
          const first = Math.max(from, start);
          out.set(data.subarray(first - start, Math.min(to - start, data.length)), first - from);
        }),
      );
    }
    await Promise.all(reads);
    return out;
  }

  write(): void {
    throw new ErrnoError(EROFS);
  }

  async drain(): Promise<void> {}
  async flush(): Promise<void> {}
  async close(): Promise<void> {}

  async size(): Promise<number> {
    return Math.ceil(this.#image.bytes / BLOCK_BYTES);
  }

  async estimate(): Promise<Estimate> {
    return { held: await this.size(), available: 0 };
  }

  #hash(chunk: number): string {
    const hash = this.#image.chunks[chunk];
    if (hash === undefined) throw new ErrnoError(EIO, `${this.#image.file} has no chunk ${chunk}`);
    return hash;
  }

  /** A verified chunk. */
  #chunk(chunk: number): Promise<Data> {
    const known = this.#memory.get(this.#hash(chunk));
    if (known) return Promise.resolve(known);
    return this.#pending.get(chunk) ?? this.#begin(chunk);
  }

  /** Get a chunk that is nowhere in memory, and perhaps those after it. */
  #begin(chunk: number): Promise<Data> {
    if (this.#cache?.has(this.#hash(chunk))) return this.#track(chunk, this.#cached(chunk));
    const end = this.#runEnd(chunk);
    const fetched = this.#fetch(chunk, end);
    for (let ahead = chunk + 1; ahead < end; ahead++) this.#track(ahead, this.#of(fetched, ahead)).catch(() => {});
    return this.#track(chunk, this.#of(fetched, chunk));
  }

  #track(chunk: number, data: Promise<Data>): Promise<Data> {
    const tracked = data.finally(() => this.#pending.delete(chunk));
    this.#pending.set(chunk, tracked);
    return tracked;
  }

  async #of(fetched: Promise<ReadonlyMap<number, Data>>, chunk: number): Promise<Data> {
    const data = (await fetched).get(chunk);
    if (!data) throw new ErrnoError(EIO);
    return data;
  }

  /** How far to fetch from `chunk` on: reading that goes on where the last fetch ended fetches more each time. */
  #runEnd(chunk: number): number {
    const most = Math.max(1, Math.floor(AHEAD_BYTES_MAX / this.#chunkBytes));
    this.#ahead = chunk === this.#next ? Math.min(this.#ahead * 2, most) : 1;
    let end = chunk + 1;
    while (end < Math.min(chunk + this.#ahead, this.#image.chunks.length)) {
      const hash = this.#hash(end);
      if (this.#memory.get(hash) || this.#pending.has(end) || this.#cache?.has(hash)) break;
      end++;
    }
    this.#next = end;
    return end;
  }

  async #cached(chunk: number): Promise<Data> {
    const hash = this.#hash(chunk);
    const data = await this.#cache?.get(hash);
    if (data && (await hashOf(data)) === hash) {
      this.#memory.put(hash, data);
      return data;
    }
    return this.#of(this.#fetch(chunk, chunk + 1), chunk);
  }

  /** Chunks from..end, from the source. A second try when they are not what the manifest says. */
  async #fetch(from: number, end: number): Promise<ReadonlyMap<number, Data>> {
    const { file, bytes } = this.#image;
    try {
      for (const fresh of [false, true]) {
        const start = from * this.#chunkBytes;
        const to = Math.min(end * this.#chunkBytes, bytes);
        const data = await this.#source.part(file, start, to, bytes, fresh);
        const isWhole = data.length === bytes && to - start !== bytes;
        if (!isWhole && data.length !== to - start) throw new Error(`${data.length} bytes came, not ${to - start}`);
        const found = await this.#verify(isWhole ? 0 : from, data);
        if (found) return found;
      }
      throw new Error('it is damaged, or of another version than this page: its hash is not what it should be');
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log(3, `packages: ${file} can't be read: ${reason}`);
      throw error instanceof ErrnoError ? error : new ErrnoError(EIO, reason);
    }
  }

  /** The chunks that `data` consists of, from number `first` on, if all are sound; they are kept. */
  async #verify(first: number, data: Data): Promise<Map<number, Data> | null> {
    const found = new Map<number, Data>();
    for (let at = 0; at < data.length; at += this.#chunkBytes)
      found.set(first + at / this.#chunkBytes, data.slice(at, at + this.#chunkBytes));
    const hashes = await Promise.all([...found.values()].map(hashOf));
    if (!hashes.every((hash, i) => hash === this.#hash(first + i))) return null;
    for (const [chunk, chunkData] of found) {
      this.#memory.put(this.#hash(chunk), chunkData);
      this.#cache?.put(this.#hash(chunk), chunkData);
    }
    return found;
  }
}
