/*
 * An image in a Blob as a block store, to look at only.
 */
import { BLOCK_BYTES, type BlockStore, type Estimate } from './block-store.ts';
import { EROFS, ErrnoError } from './errno.ts';

export class ImageStore implements BlockStore {
  readonly #image: Blob;

  constructor(image: Blob) {
    this.#image = image;
  }

  async read(block: number, count: number): Promise<Uint8Array> {
    const data = new Uint8Array(count * BLOCK_BYTES);
    const at = block * BLOCK_BYTES;
    data.set(new Uint8Array(await this.#image.slice(at, at + data.length).arrayBuffer()));
    return data;
  }

  write(): void {
    throw new ErrnoError(EROFS);
  }

  async drain(): Promise<void> {}

  async flush(): Promise<void> {}

  async size(): Promise<number> {
    return Math.ceil(this.#image.size / BLOCK_BYTES);
  }

  async estimate(): Promise<Estimate> {
    return { held: await this.size(), available: 0 };
  }

  async close(): Promise<void> {}
}
