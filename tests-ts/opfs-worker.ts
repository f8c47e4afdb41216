/*
 * What opfs-store.web.ts does in a worker, where sync access handles exist: a
 * message names it, the answer is '' or what was wrong.
 */
import { BLOCK_BYTES } from '../drivers-ts/block-store.ts';
import { EBUSY, ErrnoError } from '../drivers-ts/errno.ts';
import { OpfsStore } from '../drivers-ts/opfs-store.ts';

const MIB = 1 << 20;
const block = (value: number, count = 1): Uint8Array => new Uint8Array(count * BLOCK_BYTES).fill(value);

function must(good: boolean, what: string): void {
  if (!good) throw new Error(what);
}

let names = 0;
const freshName = (): string => `test-${Date.now()}-${++names}`;

async function fileOf(name: string): Promise<FileSystemFileHandle> {
  return (await (await navigator.storage.getDirectory()).getDirectoryHandle('tabos')).getFileHandle(`${name}.store`);
}

async function sizeOf(name: string): Promise<number> {
  return (await (await fileOf(name)).getFile()).size;
}

interface Resizable {
  createSyncAccessHandle(): Promise<{ truncate(size: number): void; close(): void }>;
}

async function resize(name: string, size: number): Promise<void> {
  const file = await ((await fileOf(name)) as unknown as Resizable).createSyncAccessHandle();
  file.truncate(size);
  file.close();
}

const TESTS: Record<string, () => Promise<void>> = {
  async lasting() {
    const name = freshName();
    const store = await OpfsStore.open(name, false);
    store.write(3, block(7, 600));
    await store.flush();
    store.write(5, block(8));
    await store.flush();
    store.write(6, block(9)); // not flushed: gone
    await store.close();
    const again = await OpfsStore.open(name, false);
    const data = await again.read(3, 601);
    must(data[0] === 7 && data[2 * BLOCK_BYTES] === 8 && data[3 * BLOCK_BYTES] === 7, 'not what was flushed');
    must(data[600 * BLOCK_BYTES] === 0, 'what was never written is not zero');
    await again.close();
    await OpfsStore.remove(name);
  },

  async busy() {
    const name = freshName();
    const store = await OpfsStore.open(name, false);
    const error: unknown = await OpfsStore.open(name, false).catch((e: unknown) => e);
    must(error instanceof ErrnoError && error.errno === EBUSY, `not EBUSY: ${String(error)}`);
    await store.close();
    await (await OpfsStore.open(name, false)).close();
    await OpfsStore.remove(name);
  },

  async removed() {
    const name = freshName();
    const store = await OpfsStore.open(name, false);
    store.write(0, block(1));
    await store.flush();
    await store.close();
    await OpfsStore.remove(name);
    await OpfsStore.remove(name);
    const again = await OpfsStore.open(name, false);
    must((await again.read(0, 1))[0] === 0, 'it is still there');
    await again.close();
    await OpfsStore.remove(name);
  },

  async estimate() {
    const name = freshName();
    const store = await OpfsStore.open(name, false);
    store.write(0, block(1, 10));
    await store.flush();
    const { held, available } = await store.estimate();
    must(held === 10 && available > 0, `${held} held, ${available} available`);
    await store.close();
    await OpfsStore.remove(name);
  },

  async ahead() {
    const name = freshName();
    const store = await OpfsStore.open(name, false);
    store.write(0, block(1, 600));
    await store.flush();
    await store.close();
    const size = await sizeOf(name);
    must(size < 6 * MIB, `${size} bytes for 600 blocks: what it grew ahead is still there`);
    // A crash leaves it there.
    await resize(name, size + 8 * MIB);
    const again = await OpfsStore.open(name, false);
    again.write(600, block(2, 600));
    await again.flush();
    const data = await again.read(599, 2);
    must(data[0] === 1 && data[BLOCK_BYTES] === 2, 'not what was written');
    await again.close();
    must((await sizeOf(name)) === size + 8 * MIB, 'it grew although there was room');
    await OpfsStore.remove(name);
  },
};

onmessage = ({ data }: MessageEvent<string>) => {
  const test = TESTS[data];
  const done = (wrong: string): void => postMessage(wrong);
  if (!test) done('no such test');
  else
    test().then(
      () => done(''),
      (error: unknown) => done(String(error)),
    );
};
