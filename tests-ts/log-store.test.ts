/*
 * drivers-ts/log-store.ts: what a file holds after a crash at any moment.
 *
 * The file is simulated. Until it is flushed, any part of what was written may
 * be there after a crash, sector by sector, in any order. The seed of a failed
 * run is in the message; TABOS_SEED runs it alone.
 */
import assert from 'node:assert/strict';
import { BLOCK_BYTES, type Bytes } from '../drivers-ts/block-store.ts';
import { EIO, ENOSPC, EROFS, ErrnoError } from '../drivers-ts/errno.ts';
import { LogStore } from '../drivers-ts/log-store.ts';
import type { RandomAccessFile } from '../drivers-ts/random-access.ts';

const SECTOR = 512;
const CUTS = Number(process.env['TABOS_CUTS'] ?? 400);

/** mulberry32 */
function randomFrom(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

class Cut extends Error {}

/** Bytes that grow. */
class Content {
  #room: Uint8Array<ArrayBuffer>;
  #length: number;

  constructor(bytes: Uint8Array) {
    this.#room = new Uint8Array(bytes);
    this.#length = bytes.length;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#room.subarray(0, this.#length);
  }

  put(at: number, data: Uint8Array): void {
    const end = at + data.length;
    if (end > this.#room.length) {
      const larger = new Uint8Array(2 * end);
      larger.set(this.bytes);
      this.#room = larger;
    }
    this.#room.set(data, at);
    this.#length = Math.max(this.#length, end);
  }
}

class SimulatedFile implements RandomAccessFile {
  readonly #durable: Content;
  readonly #seen: Content;
  #unsynced: { at: number; data: Uint8Array }[] = [];
  /** Calls until the power fails; or until the disk is full. */
  callsLeft = Infinity;
  bytesMax = Infinity;
  flushesFail = false;
  calls = 0;

  constructor(content: Uint8Array<ArrayBuffer> = new Uint8Array()) {
    this.#durable = new Content(content);
    this.#seen = new Content(content);
  }

  get durable(): Uint8Array<ArrayBuffer> {
    return this.#durable.bytes;
  }

  #call(): void {
    this.calls++;
    if (--this.callsLeft < 0) throw new Cut();
  }

  read(at: number, into: Uint8Array): number {
    const part = this.#seen.bytes.subarray(at, at + into.length);
    into.set(part);
    return part.length;
  }

  write(at: number, data: Bytes): void {
    if (at + data.length > this.bytesMax) throw new ErrnoError(ENOSPC);
    const copy = new Uint8Array(data);
    // The call in which the power fails may have written some of it.
    this.#unsynced.push({ at, data: copy });
    this.#call();
    this.#seen.put(at, copy);
  }

  flush(): void {
    this.#call();
    if (this.flushesFail) throw new ErrnoError(EIO);
    for (const { at, data } of this.#unsynced) this.#durable.put(at, data);
    this.#unsynced = [];
  }

  size(): number {
    return this.#seen.bytes.length;
  }

  async free(): Promise<number> {
    return this.bytesMax === Infinity ? 1e12 : this.bytesMax - this.size();
  }

  close(): void {}

  /** What is there when the power is back. */
  crash(random: (below: number) => number): Uint8Array<ArrayBuffer> {
    const content = new Content(this.durable);
    const sectors = this.#unsynced.flatMap(({ at, data }) =>
      Array.from({ length: Math.ceil(data.length / SECTOR) }, (_, i) => ({
        at: at + i * SECTOR,
        data: data.subarray(i * SECTOR, (i + 1) * SECTOR),
      })),
    );
    // Mostly all or mostly nothing of it: both are as likely as a wild mixture.
    const share = [0, 5, 50, 95, 100][random(5)] ?? 50;
    for (const { at, data } of sectors) if (random(100) < share) content.put(at, data);
    return content.bytes;
  }
}

/** One that can be written to at once. */
class PromptFile extends SimulatedFile {
  writeNow(at: number, data: Bytes): void {
    this.write(at, data);
  }
}

/** What a store should hold: a block is filled with words that tell its write. */
type Model = Map<number, number>;

function block(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array(BLOCK_BYTES / 4).fill(value).buffer);
}

async function contents(store: LogStore, blocks: number): Promise<Model> {
  const model: Model = new Map();
  const data = await store.read(0, blocks);
  const words = new Uint32Array(data.buffer);
  for (let i = 0; i < blocks; i++) {
    const part = words.subarray((i * BLOCK_BYTES) / 4, ((i + 1) * BLOCK_BYTES) / 4);
    const [value = 0] = part;
    assert.ok(
      part.every((word) => word === value),
      `block ${i} is mixed`,
    );
    if (value) model.set(i, value);
  }
  return model;
}

function same(a: Model, b: Model): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

const BLOCKS = 700;

/** Random writes and flushes until the power fails; then see what is there. Several lives on one file. */
async function live(seed: number): Promise<void> {
  const random = randomFrom(seed);
  const File = random(2) ? PromptFile : SimulatedFile;
  let content: Uint8Array<ArrayBuffer> = new Uint8Array();
  let durable: Model = new Map();
  let value = 0;
  for (let life = 0; life < 4; life++) {
    const file = new File(content);
    const store = await LogStore.open(file, false);
    assert.ok(same(await contents(store, BLOCKS), durable), `life ${life}: not what was flushed`);
    file.callsLeft = 1 + random(random(2) ? 12 : 120);
    const model: Model = new Map(durable);
    /** What the flush under way would leave. */
    let underWay: Model | null = null;
    const write = (large: boolean): void => {
      const count = large ? 1 + random(600) : 1 + random(4);
      for (let left = count; left > 0;) {
        const n = Math.min(left, 1 + random(large ? 150 : 3));
        const at = random(BLOCKS - n);
        const data = new Uint8Array(n * BLOCK_BYTES);
        for (let i = 0; i < n; i++) {
          data.set(block(++value), i * BLOCK_BYTES);
          model.set(at + i, value);
        }
        store.write(at, data);
        left -= n;
      }
    };
    try {
      for (;;) {
        write(random(6) === 0);
        if (random(8) === 0) assert.ok(same(await contents(store, BLOCKS), model), 'what was written is not read');
        underWay = new Map(model);
        const flushed = store.flush();
        if (random(3) === 0) write(random(2) === 0); // which belongs to the next one
        await flushed;
        durable = underWay;
        underWay = null;
        if (random(60) === 0) {
          await store.close();
          break;
        }
      }
    } catch (error) {
      if (!(error instanceof Cut)) throw error;
    }
    content = file.crash(random);
    const after = await LogStore.open(new SimulatedFile(content), true);
    const found = await contents(after, BLOCKS);
    if (underWay && same(found, underWay)) durable = underWay;
    assert.ok(same(found, durable), `life ${life}: neither the last flush nor the one under way`);
  }
}

describe('log-store', function () {
  this.timeout(120_000);

  it(`log-store: after any of ${CUTS} cuts it holds the last completed flush`, async () => {
    const only = process.env['TABOS_SEED'];
    const seeds = only ? [Number(only)] : Array.from({ length: CUTS / 4 }, (_, i) => i + 1);
    for (const seed of seeds)
      await live(seed).catch((error: unknown) => {
        throw new Error(`seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      });
  });

  it('log-store: many flushes and a snapshot between them', async () => {
    const file = new SimulatedFile();
    const store = await LogStore.open(file, false);
    for (let i = 1; i <= 5000; i++) {
      store.write(i % 50, block(i));
      await store.flush();
    }
    const expected = new Map(Array.from({ length: 50 }, (_, i) => [i, i === 0 ? 5000 : 4950 + i]));
    const again = await LogStore.open(new SimulatedFile(file.durable), true);
    assert.ok(same(await contents(again, BLOCKS), expected));
    assert.ok(file.durable.length < 64 * 1024 * 1024, `the file has ${file.durable.length} bytes`);
  });

  it('log-store: regions of records that lie behind each other are read one after the other', async () => {
    const file = new SimulatedFile();
    const store = await LogStore.open(file, false);
    const expected = new Map<number, number>();
    for (let i = 1; i <= 600; i++) {
      store.write(i % BLOCKS, block(i));
      expected.set(i % BLOCKS, i);
      await store.flush();
      if (i % 10) continue;
      const again = await LogStore.open(new SimulatedFile(file.durable), true);
      assert.ok(same(await contents(again, BLOCKS), expected), `after ${i} flushes`);
    }
  });

  it('log-store: a large flush writes its data once, in large calls', async () => {
    const file = new SimulatedFile();
    const store = await LogStore.open(file, false);
    store.write(0, new Uint8Array(64 * 1024 * 1024).fill(7));
    await store.flush();
    assert.ok(file.calls <= 64 + 8, `${file.calls} calls`);
    assert.ok(file.durable.length < 66 * 1024 * 1024);
  });

  it('log-store: a file that can be written to at once gets long runs as they come, and the rest in full pieces', async () => {
    const file = new PromptFile();
    const store = await LogStore.open(file, false);
    store.write(0, new Uint8Array(300 * BLOCK_BYTES).fill(1));
    assert.equal(file.calls, 1);
    for (let i = 0; i < 300; i++) store.write(300 + i, new Uint8Array(BLOCK_BYTES).fill(2));
    assert.equal(file.calls, 2);
    await store.flush();
    const again = await LogStore.open(new SimulatedFile(file.durable), true);
    const data = await again.read(0, 600);
    assert.ok(data.every((byte, i) => byte === (i < 300 * BLOCK_BYTES ? 1 : 2)));
  });

  it('log-store: a small flush is one write and one flush of the file', async () => {
    const file = new SimulatedFile();
    const store = await LogStore.open(file, false);
    store.write(0, block(1));
    await store.flush();
    file.calls = 0;
    for (let i = 0; i < 20; i++) {
      store.write(i, block(i + 1));
      await store.flush();
    }
    assert.equal(file.calls, 40);
  });

  it('log-store: the file does not grow by small flushes, but by regions', async () => {
    const file = new SimulatedFile();
    const store = await LogStore.open(file, false);
    const sizes = new Set<number>();
    for (let i = 1; i <= 300; i++) {
      store.write(i, block(i));
      await store.flush();
      sizes.add(file.durable.length);
    }
    assert.ok(sizes.size <= 4, `${sizes.size} sizes`); // two slots each: 300 are in three regions
  });

  it('log-store: what is overwritten again and again does not let the file grow', async () => {
    const file = new SimulatedFile();
    const store = await LogStore.open(file, false);
    for (let i = 1; i <= 300; i++) {
      store.write(0, new Uint8Array(BLOCK_BYTES * 512).fill(i));
      await store.flush();
    }
    assert.ok(file.durable.length < 96 * 1024 * 1024, `the file has ${file.durable.length} bytes`);
  });

  it('log-store: a full disk fails the flush with ENOSPC, and a later one stores all', async () => {
    const file = new SimulatedFile();
    const store = await LogStore.open(file, false);
    store.write(0, block(1));
    await store.flush();
    file.bytesMax = file.durable.length;
    const data = new Uint8Array(4 * 1024 * 1024).fill(9);
    store.write(10, data);
    await assert.rejects(store.flush(), (error) => error instanceof ErrnoError && error.errno === ENOSPC);
    const after = await LogStore.open(new SimulatedFile(file.durable), true);
    assert.ok(same(await contents(after, 100), new Map([[0, 1]])));
    file.bytesMax = Infinity;
    await store.flush();
    const again = await LogStore.open(new SimulatedFile(file.durable), true);
    assert.deepEqual(await again.read(10, 1024), data);
  });

  it('log-store: flushes that fail lose nothing, whatever is written after them', async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = randomFrom(seed);
      const file = seed % 2 ? new SimulatedFile() : new PromptFile();
      const store = await LogStore.open(file, false);
      const model: Model = new Map();
      let durable: Model = new Map();
      const tried: Model[] = [];
      let value = 0;
      for (let step = 0; step < 30; step++) {
        for (let n = random(3) ? 3 : 300; n > 0; n--) {
          const at = random(BLOCKS);
          store.write(at, block(++value));
          model.set(at, value);
        }
        file.flushesFail = random(3) === 0;
        tried.push(new Map(model));
        const failed = await store.flush().then(
          () => false,
          () => true,
        );
        if (failed) continue;
        durable = new Map(model);
        tried.length = 0;
      }
      assert.ok(same(await contents(store, BLOCKS), model));
      const after = await LogStore.open(new SimulatedFile(file.crash(random)), true);
      const found = await contents(after, BLOCKS);
      assert.ok(
        [durable, ...tried].some((state) => same(found, state)),
        `seed ${seed}`,
      );
    }
  });

  it('log-store: read-only refuses writes, a foreign file is refused with EIO', async () => {
    const store = await LogStore.open(new SimulatedFile(), true);
    assert.throws(
      () => store.write(0, block(1)),
      (error) => error instanceof ErrnoError && error.errno === EROFS,
    );
    const foreign = new SimulatedFile(new Uint8Array(64 * 1024).fill(0x5a));
    await assert.rejects(LogStore.open(foreign, false), (error) => error instanceof ErrnoError && error.errno === EIO);
  });
});
