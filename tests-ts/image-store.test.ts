/*
 * An image as a block store: what is written shows in the image it makes, and not in
 * the one it was made from.
 */
import assert from 'node:assert/strict';

import { BLOCK_BYTES } from '../drivers-ts/block-store.ts';
import { EROFS } from '../drivers-ts/errno.ts';
import { ImageStore } from '../drivers-ts/image-store.ts';

const filled = (value: number, blocks: number): Uint8Array<ArrayBuffer> =>
  new Uint8Array(blocks * BLOCK_BYTES).fill(value);
/** The first byte of each block, for those that are of one byte all over. */
const values = (data: Uint8Array): number[] =>
  Array.from({ length: data.length / BLOCK_BYTES }, (_, i) => {
    const block = data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    assert.ok(block.every((byte) => byte === block[0]));
    return block[0] ?? 0;
  });

describe('image store', () => {
  const image = new Blob([filled(1, 3), filled(2, 1)]);

  it('image store: to look at only, it can’t be written', async () => {
    const store = new ImageStore(image);
    assert.throws(() => store.write(0, filled(9, 1)), { errno: EROFS });
    assert.deepEqual(values(await store.read(2, 3)), [1, 2, 0]);
    assert.equal(await store.size(), 4);
  });

  it('image store: what is written is read, and is in the image it makes', async () => {
    const store = new ImageStore(image, false);
    const data = filled(7, 2);
    store.write(1, data);
    data.fill(8); // it was copied
    store.write(2, filled(9, 1));
    assert.deepEqual(values(await store.read(0, 4)), [1, 7, 9, 2]);
    assert.deepEqual(values(new Uint8Array(await store.changed.arrayBuffer())), [1, 7, 9, 2]);
    assert.deepEqual(values(new Uint8Array(await image.arrayBuffer())), [1, 1, 1, 2]);
  });

  it('image store: beyond its end, and an end that is no whole block', async () => {
    const store = new ImageStore(new Blob([filled(1, 1), filled(2, 1).subarray(0, 100)]), false);
    store.write(4, filled(5, 1));
    assert.equal(await store.size(), 5);
    const made = new Uint8Array(await store.changed.arrayBuffer());
    assert.equal(made.length, 5 * BLOCK_BYTES);
    assert.deepEqual(values(made.subarray(2 * BLOCK_BYTES)), [0, 0, 5]);
    assert.deepEqual([made[BLOCK_BYTES + 99], made[BLOCK_BYTES + 100]], [2, 0]);
  });
});
