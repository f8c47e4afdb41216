/*
 * drivers-ts/package-store.ts: what is read is what the manifest says, or an error.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { EINVAL, EIO, ENOENT, EROFS, ErrnoError } from '../drivers-ts/errno.ts';
import { Packages, type ChunkCache, type PackageSource } from '../drivers-ts/package-store.ts';

type Data = Uint8Array<ArrayBuffer>;
const CHUNK = 8192;

/** An image of `chunks` chunks and a bit, with its manifest; what is fetched is noted, and can be damaged. */
class Source implements PackageSource {
  readonly image: Data;
  readonly manifest: Data;
  readonly digest: string;
  readonly parts: [from: number, to: number, fresh: boolean][] = [];
  damage: (data: Data, fresh: boolean) => Data = (data) => data;
  hasParts = true;
  fails = false;

  constructor(chunks: number) {
    this.image = Uint8Array.from({ length: chunks * CHUNK + 4096 }, (_, i) => (i * 7 + (i >> 10)) & 0xff);
    const hashes: string[] = [];
    for (let at = 0; at < this.image.length; at += CHUNK)
      hashes.push(
        createHash('sha256')
          .update(this.image.subarray(at, at + CHUNK))
          .digest('base64url'),
      );
    const images = { base: { file: 'base.sqfs', bytes: this.image.length, chunks: hashes } };
    this.manifest = new TextEncoder().encode(JSON.stringify({ version: 1, chunkBytes: CHUNK, images }));
    this.digest = createHash('sha256').update(this.manifest).digest('base64url');
  }

  async whole(): Promise<Data> {
    if (this.fails) throw new Error('no network');
    return this.manifest;
  }

  async part(_file: string, from: number, to: number, _size: number, fresh: boolean): Promise<Data> {
    if (this.fails) throw new Error('no network');
    this.parts.push([from, to, fresh]);
    return this.damage(this.hasParts ? this.image.slice(from, to) : this.image.slice(), fresh);
  }
}

class Cache implements ChunkCache {
  readonly chunks = new Map<string, Data>();
  has = (hash: string): boolean => this.chunks.has(hash);
  get = async (hash: string): Promise<Data | undefined> => this.chunks.get(hash);
  put(hash: string, data: Data): void {
    this.chunks.set(hash, data);
  }
  keepOnly(hashes: ReadonlySet<string>): void {
    for (const hash of this.chunks.keys()) if (!hashes.has(hash)) this.chunks.delete(hash);
  }
}

const noErrno = (errno: number) => (error: unknown) => error instanceof ErrnoError && error.errno === errno;

function openBase(source: Source, cache: Cache | null = null, log: string[] = []) {
  const packages = new Packages(
    source,
    async () => cache,
    (_level, text) => log.push(text),
  );
  return packages.open(`pkg.${source.digest}.base`);
}

describe('package store', () => {
  it('packages: blocks are read across chunks, and are zero beyond the end', async () => {
    const source = new Source(3);
    const store = await openBase(source);
    assert.equal(await store.size(), 7);
    assert.deepEqual(await store.read(1, 3), source.image.slice(4096, 16384));
    const end = await store.read(6, 2);
    assert.deepEqual(end.slice(0, 4096), source.image.slice(24576));
    assert.ok(end.slice(4096).every((byte) => byte === 0));
    assert.throws(() => store.write(0, new Uint8Array(4096)), noErrno(EROFS));
  });

  it('packages: a chunk is fetched once, also by two at a time; reading on fetches ahead', async () => {
    const source = new Source(20);
    const store = await openBase(source);
    await Promise.all([store.read(10, 1), store.read(11, 1)]);
    assert.equal(source.parts.length, 1);
    for (let block = 12; block < 40; block++) await store.read(block, 1);
    assert.ok(source.parts.length <= 6, `${source.parts.length} requests`);
    for (const [from] of source.parts) assert.equal(source.parts.filter(([other]) => other === from).length, 1);
  });

  it('packages: a source without parts gives all at once', async () => {
    const source = new Source(5);
    source.hasParts = false;
    const store = await openBase(source);
    assert.deepEqual(await store.read(2, 1), source.image.slice(8192, 12288));
    await store.read(10, 1);
    assert.equal(source.parts.length, 1);
  });

  it('packages: a damaged part is asked for again, past caches; still damaged it is EIO', async () => {
    const source = new Source(2);
    const log: string[] = [];
    const broken = (data: Data) => data.map((byte, i) => (i === 100 ? byte ^ 1 : byte));
    source.damage = (data, fresh) => (fresh ? data : broken(data));
    const store = await openBase(source, null, log);
    assert.deepEqual(await store.read(0, 1), source.image.slice(0, 4096));
    source.damage = broken;
    await assert.rejects(store.read(2, 1), noErrno(EIO));
    source.damage = (data) => data.slice(0, 1000);
    await assert.rejects(store.read(2, 1), noErrno(EIO));
    assert.match(log.join('\n'), /base\.sqfs can't be read: .*hash/);
    // The error is not kept.
    source.damage = (data) => data;
    assert.deepEqual(await store.read(2, 1), source.image.slice(8192, 12288));
  });

  it('packages: what is in the cache needs no source, unless it was damaged there', async () => {
    const source = new Source(4);
    const cache = new Cache();
    cache.put('left over', new Uint8Array(1));
    await (await openBase(source, cache)).read(0, 4);
    assert.ok(!cache.has('left over'));
    source.fails = true;
    const store = await openBase(source, cache);
    assert.deepEqual(await store.read(0, 4), source.image.slice(0, 16384));
    await assert.rejects(store.read(8, 1), noErrno(EIO));
    for (const [hash, data] of cache.chunks)
      if (hash !== source.digest)
        cache.put(
          hash,
          data.map((byte) => byte ^ 1),
        );
    const damaged = await openBase(source, cache);
    await assert.rejects(damaged.read(0, 1), noErrno(EIO));
    source.fails = false;
    assert.deepEqual(await damaged.read(0, 1), source.image.slice(0, 4096));
  });

  it('packages: a manifest with another hash is refused, and bad names are', async () => {
    const source = new Source(1);
    const packages = new Packages(
      source,
      async () => null,
      () => {},
    );
    await assert.rejects(packages.open(`pkg.${'A'.repeat(43)}.base`), noErrno(EIO));
    await assert.rejects(packages.open(`pkg.${source.digest}.none`), noErrno(ENOENT));
    await assert.rejects(packages.open('pkg.base'), noErrno(EINVAL));
    // One that could not be had is asked for again.
    const other = new Source(1);
    other.fails = true;
    const later = new Packages(
      other,
      async () => null,
      () => {},
    );
    await assert.rejects(later.open(`pkg.${other.digest}.base`), noErrno(EIO));
    other.fails = false;
    assert.equal(await (await later.open(`pkg.${other.digest}.base`)).size(), 3);
  });
});
