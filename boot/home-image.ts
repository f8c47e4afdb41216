/*
 * What is in a volume as one file, an image, and back: for the person to keep, to take
 * in, and for moves between stores.
 */
import { BLOCK_BYTES, type BlockStore } from '../drivers-ts/block-store.ts';

/** Blocks copied at once. */
export const COPY_BLOCKS = 256;
const IMAGE_BYTES = COPY_BLOCKS * BLOCK_BYTES;

/** What a volume can be filled from: blocks, in any order; those left out are zero. */
export type BlockSource = AsyncIterable<{ readonly block: number; readonly data: Uint8Array }>;

/** What is in a store, without the blocks that are zero. */
export async function* blocksOf(from: BlockStore): BlockSource {
  const size = await from.size();
  for (let block = 0; block < size; block += COPY_BLOCKS) {
    const data = await from.read(block, Math.min(COPY_BLOCKS, size - block));
    yield* withoutZeros(block, data);
  }
}

function* withoutZeros(block: number, data: Uint8Array): Generator<{ block: number; data: Uint8Array }> {
  const words = new Uint32Array(data.buffer, data.byteOffset, data.length >>> 2);
  const isZero = (i: number): boolean =>
    words.subarray((i * BLOCK_BYTES) / 4, ((i + 1) * BLOCK_BYTES) / 4).every((word) => word === 0);
  const count = data.length / BLOCK_BYTES;
  for (let from = 0; from < count;) {
    if (isZero(from)) {
      from++;
      continue;
    }
    let to = from + 1;
    while (to < count && !isZero(to)) to++;
    yield { block: block + from, data: data.subarray(from * BLOCK_BYTES, to * BLOCK_BYTES) };
    from = to;
  }
}

/** All of a store as one file. */
export async function imageOf(from: BlockStore): Promise<Blob> {
  const size = await from.size();
  const empty = new Blob([new Uint8Array(IMAGE_BYTES)]); // most of a small filesystem: one for all
  const parts: Blob[] = [];
  for (let block = 0; block < size; block += COPY_BLOCKS) {
    const data = await from.read(block, Math.min(COPY_BLOCKS, size - block));
    const [any] = withoutZeros(0, data);
    parts.push(any || data.length < IMAGE_BYTES ? new Blob([data as Uint8Array<ArrayBuffer>]) : empty);
  }
  return new Blob(parts, { type: 'application/octet-stream' });
}

/** Is it an ext2 filesystem that we can mount? The kernel looks closer. */
export async function checkImage(image: Blob): Promise<void> {
  const bytes = new Uint8Array(await image.slice(1024, 2048).arrayBuffer());
  const view = new DataView(bytes.buffer);
  if (bytes.length < 1024 || view.getUint16(56, true) !== 0xef53) throw new Error('this is no ext2 image');
  if (view.getUint32(24, true) !== 2) throw new Error('the image’s blocks are not of 4 KiB');
}

export async function* blocksOfImage(image: Blob): BlockSource {
  for (let at = 0; at < image.size; at += IMAGE_BYTES) {
    const part = new Uint8Array(await image.slice(at, at + IMAGE_BYTES).arrayBuffer());
    const whole = new Uint8Array(Math.ceil(part.length / BLOCK_BYTES) * BLOCK_BYTES);
    whole.set(part);
    yield* withoutZeros(at / BLOCK_BYTES, whole);
  }
}
