/** drivers-ts/fs.ts with stores in files: blocks, errors, completion. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BLOCK_BYTES } from '../drivers-ts/block-store.ts';
import { EBADF, EINVAL, ENODEV, EROFS } from '../drivers-ts/errno.ts';
import { FileStore } from '../drivers-ts/file-store.ts';
import { FsDriver } from '../drivers-ts/fs.ts';
import { KernelMemory } from '../drivers-ts/memory.ts';

const BUFFER = 8192;
const READ_ONLY = 1;

describe('fs', () => {
  let directory: string;
  let memory: KernelMemory;
  let driver: FsDriver;
  let completions: Map<number, (result: number) => void>;
  let requests = 0;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tabos-fs-'));
    memory = new KernelMemory(new WebAssembly.Memory({ initial: 4, maximum: 4, shared: true }));
    completions = new Map();
    const done = (request: number, result: number): void => completions.get(request)?.(result);
    driver = new FsDriver({ memory, done }, (name, readOnly) => FileStore.open(directory, name, readOnly));
  });

  afterEach(async () => {
    await driver.dispose();
    await rm(directory, { recursive: true });
  });

  /** Submit a request; what it completes with. */
  function ask(submit: (request: number) => number): Promise<number> {
    const request = ++requests;
    const answer = new Promise<number>((resolve) => completions.set(request, resolve));
    const accepted = submit(request);
    return accepted === 0 ? answer : Promise.resolve(accepted);
  }

  function open(name: string, flags = 0): Promise<number> {
    const bytes = new TextEncoder().encode(name);
    memory.write(64, bytes);
    return ask((request) => driver.open(request, 64, bytes.length, flags));
  }

  it('fs: blocks written are read back, also after the store was closed', async () => {
    const store = await open('home');
    assert.ok(store > 0);
    const data = new Uint8Array(2 * BLOCK_BYTES).map((_, i) => i * 7);
    memory.write(BUFFER, data);
    assert.equal(await ask((r) => driver.write(r, store, 5, 2, BUFFER)), 2);
    assert.equal(await ask((r) => driver.flush(r, store, 0, 0)), 0);
    assert.equal(await ask((r) => driver.close(r, store)), 0);

    const again = await open('home', READ_ONLY);
    memory.write(BUFFER, new Uint8Array(2 * BLOCK_BYTES));
    assert.equal(await ask((r) => driver.read(r, again, 5, 2, BUFFER)), 2);
    assert.deepEqual(memory.copy(BUFFER, data.length), data);
  });

  it('fs: a store that is just being closed is waited for, not in use', async () => {
    const closes: number[] = [];
    for (let i = 0; i < 5; i++) {
      const store = await open('home');
      assert.ok(store > 0, `open ${i}: ${store}`);
      await ask((r) => driver.write(r, store, i, 1, BUFFER));
      void ask((r) => driver.close(r, store)).then((result) => closes.push(result));
    }
    assert.ok((await open('home')) > 0);
    assert.deepEqual(closes, [0, 0, 0, 0, 0]);
  });

  it('fs: blocks never written are zero, within and beyond the store', async () => {
    const store = await open('home');
    await ask((r) => driver.write(r, store, 3, 1, BUFFER));
    for (const block of [0, 100]) {
      memory.write(BUFFER, new Uint8Array(BLOCK_BYTES).fill(9));
      assert.equal(await ask((r) => driver.read(r, store, block, 1, BUFFER)), 1);
      assert.ok(memory.copy(BUFFER, BLOCK_BYTES).every((byte) => byte === 0));
    }
  });

  it('fs: seek tells the size in blocks', async () => {
    const store = await open('home');
    await ask((r) => driver.write(r, store, 9, 1, BUFFER));
    assert.equal(await ask((r) => driver.seek(r, store, 256)), 0);
    assert.deepEqual([...memory.copy(256, 8)], [10, 0, 0, 0, 0, 0, 0, 0]);
  });

  it('fs: a name that could be a path is refused', async () => {
    for (const name of ['../x', '/etc/passwd', '', '.hidden', 'a/b']) assert.equal(await open(name), -EINVAL);
  });

  it('fs: writing to a store opened read-only gives EROFS', async () => {
    await ask((r) => driver.close(r, 1));
    await open('home');
    const store = await open('home', READ_ONLY);
    assert.equal(await ask((r) => driver.write(r, store, 0, 1, BUFFER)), -EROFS);
  });

  it('fs: a handle that is not open gives EBADF, a tree that is not there ENODEV', async () => {
    assert.equal(await ask((r) => driver.flush(r, 99, 0, 0)), -EBADF);
    assert.equal(await ask((r) => driver.message(r, 0, BUFFER, 7, 4096)), -ENODEV);
  });
});
