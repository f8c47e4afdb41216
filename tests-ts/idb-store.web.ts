/*
 * The block store in IndexedDB, in a page of each browser.
 */
import { BLOCK_BYTES } from '../drivers-ts/block-store.ts';
import { EBUSY, EINVAL, EROFS, ErrnoError } from '../drivers-ts/errno.ts';
import { IdbStore } from '../drivers-ts/idb-store.ts';

/** `count` blocks, each filled with its own byte. */
function blocks(first: number, count: number): Uint8Array {
  const data = new Uint8Array(count * BLOCK_BYTES);
  for (let i = 0; i < count; i++) data.fill(first + i, i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
  return data;
}

/** The byte each block is filled with; fails when a block is not all one byte. */
function fills(data: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = 0; at < data.length; at += BLOCK_BYTES) {
    const block = data.subarray(at, at + BLOCK_BYTES);
    const [fill = -1] = block;
    if (!block.every((byte) => byte === fill)) throw new Error(`block ${at / BLOCK_BYTES} is mixed`);
    found.push(fill);
  }
  return found;
}

function equal(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
}

async function failsWith(errno: number, promise: Promise<unknown>): Promise<void> {
  const error: unknown = await promise.then(
    () => 'no error',
    (e: unknown) => e,
  );
  if (!(error instanceof ErrnoError)) throw new Error(`expected errno ${errno}, got ${String(error)}`);
  equal(error.errno, errno);
}

let names = 0;
const freshName = () => `test-${Date.now()}-${++names}`;

it('idb-store: blocks never written are zero, and the size is 0', async () => {
  const store = await IdbStore.open(freshName(), false);
  equal(fills(await store.read(5, 3)), [0, 0, 0]);
  equal(await store.size(), 0);
  await store.close();
});

it('idb-store: what is written is read back, before and after flush', async () => {
  const store = await IdbStore.open(freshName(), false);
  await store.write(14, blocks(1, 20)); // over three records
  equal(fills(await store.read(13, 4)), [0, 1, 2, 3]);
  await store.flush();
  equal(fills(await store.read(30, 5)), [17, 18, 19, 20, 0]);
  await store.close();
});

it('idb-store: a flushed write survives closing, its neighbours stay', async () => {
  const name = freshName();
  const first = await IdbStore.open(name, false);
  await first.write(0, blocks(10, 16));
  await first.flush();
  await first.close();
  const second = await IdbStore.open(name, false);
  await second.write(3, blocks(99, 1));
  await second.flush();
  await second.close();
  const third = await IdbStore.open(name, false);
  equal(fills(await third.read(2, 3)), [12, 99, 14]);
  equal(await third.size(), 16);
  await third.close();
});

it('idb-store: writes during a flush are not lost', async () => {
  const store = await IdbStore.open(freshName(), false);
  await store.write(0, blocks(1, 1));
  const flushed = store.flush();
  await store.write(0, blocks(2, 1));
  await store.write(1, blocks(3, 1));
  equal(fills(await store.read(0, 2)), [2, 3]);
  await flushed;
  equal(fills(await store.read(0, 2)), [2, 3]);
  await store.flush();
  equal(fills(await store.read(0, 2)), [2, 3]);
  await store.close();
});

it('idb-store: a second writer gets EBUSY until the first has closed', async () => {
  const name = freshName();
  const store = await IdbStore.open(name, false);
  await failsWith(EBUSY, IdbStore.open(name, false));
  await store.close();
  await (await IdbStore.open(name, false)).close();
});

it('idb-store: what was not flushed is gone when the store is closed', async () => {
  const name = freshName();
  const store = await IdbStore.open(name, false);
  store.write(0, blocks(1, 3));
  await store.flush();
  store.write(1, blocks(9, 1));
  await store.close();
  const again = await IdbStore.open(name, false);
  equal(fills(await again.read(0, 3)), [1, 2, 3]);
  await again.close();
});

it('idb-store: many runs in one flush, some of them in part, are all there', async () => {
  const name = freshName();
  const first = await IdbStore.open(name, false);
  first.write(0, new Uint8Array(1600 * BLOCK_BYTES).fill(5));
  await first.flush();
  await first.close();
  const store = await IdbStore.open(name, false);
  for (let run = 0; run < 100; run += 3) store.write(run * 16 + 2, blocks(run, 1));
  store.write(1600, new Uint8Array(16 * BLOCK_BYTES).fill(6));
  const flushed = store.flush();
  store.write(2, blocks(77, 1));
  await flushed;
  await store.close();
  const again = await IdbStore.open(name, false);
  const found = fills(await again.read(0, 1616));
  found.forEach((fill, i) => {
    const run = Math.floor(i / 16);
    const expected = i >= 1600 ? 6 : i % 16 === 2 && run % 3 === 0 ? run : 5;
    if (fill !== expected) throw new Error(`block ${i} is ${fill}, not ${expected}`);
  });
  await again.close();
});

it('idb-store: a reader beside the writer sees one moment, and disturbs nobody', async () => {
  const name = freshName();
  const writer = await IdbStore.open(name, false);
  writer.write(0, blocks(1, 20));
  await writer.flush();
  const reader = await IdbStore.open(name, true);
  writer.write(0, blocks(50, 20));
  await writer.flush();
  equal(fills(await reader.read(0, 3)), [1, 2, 3]);
  equal(fills(await writer.read(0, 3)), [50, 51, 52]);
  await reader.close();
  await writer.close();
});

it('idb-store: it tells what it holds and what it takes', async () => {
  const store = await IdbStore.open(freshName(), false);
  store.write(0, blocks(1, 20));
  await store.flush();
  const { held, available } = await store.estimate();
  equal(held, 32); // whole runs
  if (!(available > 1000)) throw new Error(`${available} available`);
  await store.close();
});

it('idb-store: small flushes and large ones, in any order, leave what was written last', async () => {
  const name = freshName();
  const size = 2000; // blocks: more runs than the journal takes
  const now = new Uint8Array(size);
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48271) % 0x7fffffff) % below;
  let store = await IdbStore.open(name, false);
  const check = async (from: IdbStore, expected: Uint8Array) => equal(fills(await from.read(0, size)), [...expected]);
  for (let step = 1; step <= 600; step++) {
    for (let writes = random(20) === 0 ? 200 : 1 + random(6); writes > 0; writes--) {
      const count = random(30) === 0 ? 40 : 1 + random(2);
      const block = random(size - count);
      const data = blocks(random(200), count);
      store.write(block, data);
      now.set(fills(data), block);
    }
    const flushed = store.flush();
    if (random(3) > 0) await flushed;
    if (step % 50 === 0) await check(store, now);
    if (step % 100 === 0) {
      await flushed;
      const reader = await IdbStore.open(name, true);
      const then = now.slice();
      store.write(0, blocks(210, 3)); // is never flushed
      await check(reader, then);
      await reader.close();
      await store.close();
      store = await IdbStore.open(name, false);
      await check(store, now);
    }
  }
  equal((await store.size()) % 16, 0);
  await store.close();
}).timeout(60_000);

/** Ways in which a transaction fails: before it is on its way, and at its end. */
const failures: Record<string, (fail: boolean) => void> = {
  put: (fail) => {
    IDBObjectStore.prototype.put = fail
      ? () => {
          throw new DOMException('no', 'QuotaExceededError');
        }
      : put;
  },
  commit: (fail) => {
    IDBTransaction.prototype.commit = fail ? IDBTransaction.prototype.abort : commit;
    // Runs that have to be read first end without it.
    IDBObjectStore.prototype.put = fail
      ? function (this: IDBObjectStore, ...record) {
          const asked = put.apply(this, record);
          if (this.name === 'blocks') this.transaction.abort();
          return asked;
        }
      : put;
  },
};
const { put } = IDBObjectStore.prototype;
const { commit } = IDBTransaction.prototype;

for (const [where, setFailing] of Object.entries(failures))
  it(`idb-store: what a flush had that failed at ${where} is stored by the next, in the journal or not`, async () => {
    const name = freshName();
    const store = await IdbStore.open(name, false);
    for (const count of [2, 100]) {
      store.write(count, blocks(1, count));
      setFailing(true);
      const failed = await store.flush().then(
        () => false,
        () => true,
      );
      setFailing(false);
      equal(failed, true);
      store.write(1000 + count, blocks(7, 1));
      await store.flush();
      equal(fills(await store.read(count, 2)), [1, 2]);
    }
    await store.close();
    const again = await IdbStore.open(name, false);
    equal(fills(await again.read(2, 2)), [1, 2]);
    equal(
      fills(await again.read(100, 100)),
      Array.from({ length: 100 }, (_, i) => i + 1),
    );
    equal(fills(await again.read(1002, 1)), [7]);
    equal(fills(await again.read(1100, 1)), [7]);
    await again.close();
  });

it('idb-store: what is newest is known although the cache is too small for what is being stored', async () => {
  const { estimate } = navigator.storage;
  navigator.storage.estimate = async () => ({ quota: 1 << 30, usage: 0 }); // the smallest cache: 256 runs
  const name = freshName();
  try {
    const store = await IdbStore.open(name, false);
    store.write(82, blocks(1, 1));
    await store.flush();
    for (let run = 0; run < 300; run++) store.write(run * 16 + 2, blocks(2, 1));
    const flushed = store.flush();
    const beside = store.read(81, 1); // of a run that is being stored in part
    equal(fills(await store.read(98, 1)), [2]);
    equal(fills(await store.read(82, 2)), [2, 0]);
    await Promise.all([beside, flushed]);
    equal(fills(await store.read(82, 1)), [2]);
    store.write(83, blocks(3, 1));
    await store.flush();
    await store.close();
    const again = await IdbStore.open(name, false);
    equal(fills(await again.read(81, 3)), [0, 2, 3]);
    await again.close();
  } finally {
    navigator.storage.estimate = estimate;
  }
});

function request<T>(asked: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error ?? new Error('no reason'));
  });
}

it('idb-store: the journal is emptied when nobody flushes for a while', async () => {
  const name = freshName();
  const store = await IdbStore.open(name, false);
  for (let i = 0; i < 60; i++) {
    store.write(i * 16, blocks(i, 1));
    await store.flush();
  }
  const db = await request(indexedDB.open(`tabos-${name}`));
  const journaled = () => request(db.transaction('journal').objectStore('journal').count());
  equal(await journaled(), 60);
  store.write(5, blocks(99, 1)); // is not flushed, so it must not be stored
  while ((await journaled()) > 0) await new Promise((resolve) => setTimeout(resolve, 200));
  equal(await request(db.transaction('blocks').objectStore('blocks').count()), 60);
  db.close();
  await store.close();
  const again = await IdbStore.open(name, false);
  equal(fills(await again.read(0, 17)), [...new Uint8Array(16), 1]);
  equal(fills(await again.read(59 * 16, 1)), [59]);
  await again.close();
}).timeout(30_000);

/** What a store of an older version has, in its journal and elsewhere. */
async function makeOld(name: string, version: number, records: object[]): Promise<void> {
  const opening = indexedDB.open(`tabos-${name}`, version);
  opening.onupgradeneeded = () => opening.result.createObjectStore('blocks', { keyPath: 'id' });
  const db = await request(opening);
  const store = db.transaction('blocks', 'readwrite').objectStore('blocks');
  for (const record of records) await request(store.put(record));
  db.close();
}

it('idb-store: the journal of an older version, with whole blocks, is read and written on', async () => {
  const name = freshName();
  await makeOld(name, 2, [
    { id: 0, data: blocks(1, 16) },
    { id: -1024, data: blocks(100, 2), blocks: new Uint32Array([3, 40]) },
    { id: -1023, data: blocks(200, 1), blocks: new Uint32Array([40]) },
  ]);
  for (const at40 of [200, 201]) {
    const store = await IdbStore.open(name, false);
    equal(fills(await store.read(2, 3)), [3, 100, 5]);
    equal(fills(await store.read(39, 3)), [0, at40, 0]);
    store.write(40, blocks(201, 1));
    await store.flush();
    await store.close();
  }
});

it('idb-store: the journal of an older version, in granules of 64 bytes, is read and written on', async () => {
  const name = freshName();
  const fresh = 1 << 16;
  const span = (first: number, count: number) => first | (count << 8);
  // Block 7 is zero but for its second granule; block 9 is all of one byte, and then its last two granules of another.
  const record = (spans: number[], bytes: Uint8Array) => {
    const data = new Uint8Array(4 + spans.length * 4 + bytes.length);
    new Uint32Array(data.buffer, 0, 1 + spans.length).set([spans.length / 2, ...spans]);
    data.set(bytes, 4 + spans.length * 4);
    return data;
  };
  const first = new Uint8Array(64 + 4096).fill(5, 0, 64).fill(6, 64);
  await makeOld(name, 3, [
    { id: 0, data: blocks(1, 16) },
    { id: -1024, data: record([7, span(1, 1) | fresh, 9, span(0, 64) | fresh], first) },
    { id: -1023, data: record([9, span(62, 2), 8, fresh], new Uint8Array(128).fill(7)) },
  ]);
  for (let i = 0; i < 2; i++) {
    const store = await IdbStore.open(name, false);
    const found = await store.read(6, 4);
    const expected = new Uint8Array(4 * 4096);
    expected.fill(7, 0, 4096).fill(5, 4096 + 64, 4096 + 128);
    expected.fill(6, 3 * 4096).fill(7, 4 * 4096 - 128);
    equal([...found], [...expected]);
    store.write(20, blocks(i, 1));
    await store.flush();
    await store.close();
  }
});

it('idb-store: a read-only store refuses writes with EROFS', async () => {
  const name = freshName();
  const store = await IdbStore.open(name, true);
  await failsWith(EROFS, (async () => store.write(0, blocks(1, 1)))());
  await store.close();
});

it('idb-store: a name that could leave its place is EINVAL', async () => {
  await failsWith(EINVAL, IdbStore.open('../etc', false));
});

it('idb-store: parts of blocks that change again and again are read back from the journal', async () => {
  const name = freshName();
  const size = 40;
  const now = new Uint8Array(size * BLOCK_BYTES);
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 0x7fffffff) % below;
  let store = await IdbStore.open(name, false);
  for (let step = 1; step <= 300; step++) {
    for (let n = 1 + random(5); n > 0; n--) {
      const block = random(size);
      const data = now.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
      const at = random(BLOCK_BYTES);
      const what = random(4); // sometimes nothing changes, sometimes all of it
      if (what === 0) data.fill(random(2) * random(256));
      else if (what < 3) data.fill(random(256), at, at + random(300));
      store.write(block, data);
    }
    await store.flush();
    if (step % 30 === 0) {
      await store.close();
      store = await IdbStore.open(name, false);
      const found = await store.read(0, size);
      const wrong = now.findIndex((byte, i) => found[i] !== byte);
      if (wrong >= 0) throw new Error(`step ${step}: byte ${wrong} is ${found[wrong]}, not ${now[wrong]}`);
    }
  }
  await store.close();
}).timeout(60_000);
