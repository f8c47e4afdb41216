/*
 * An image in a Blob as a block store: to look at only, or to change, which leaves
 * the Blob as it is and makes another one.
 */
import { BLOCK_BYTES, type BlockStore, type Bytes, type Estimate } from './block-store.ts';
import { EROFS, ErrnoError } from './errno.ts';

export class ImageStore implements BlockStore {
  readonly #image: Blob;
  /** Blocks that differ from the image; null: none may. */
  readonly #changed: Map<number, Uint8Array<ArrayBuffer>> | null;

  constructor(image: Blob, readOnly = true) {
    this.#image = image;
    this.#changed = readOnly ? null : new Map();
  }

  async read(block: number, count: number): Promise<Uint8Array> {
    const data = new Uint8Array(count * BLOCK_BYTES);
    const at = block * BLOCK_BYTES;
    data.set(new Uint8Array(await this.#image.slice(at, at + data.length).arrayBuffer()));
    for (let i = 0; this.#changed && i < count; i++) {
      const newer = this.#changed.get(block + i);
      if (newer) data.set(newer, i * BLOCK_BYTES);
    }
    return data;
  }

  write(block: number, data: Bytes): void {
    if (!this.#changed) throw new ErrnoError(EROFS);
    for (let at = 0; at < data.length; at += BLOCK_BYTES)
      this.#changed.set(block + at / BLOCK_BYTES, new Uint8Array(data.subarray(at, at + BLOCK_BYTES)));
  }

  async drain(): Promise<void> {}

  async flush(): Promise<void> {}

  async size(): Promise<number> {
    const last = Math.max(-1, ...(this.#changed?.keys() ?? []));
    return Math.max(Math.ceil(this.#image.size / BLOCK_BYTES), last + 1);
  }

  async estimate(): Promise<Estimate> {
    return { held: await this.size(), available: 0 };
  }

  async close(): Promise<void> {}

  /** The image with all that was written, whether flushed or not. */
  get changed(): Blob {
    const parts: Blob[] = [];
    const blank = (bytes: number): Blob => new Blob([new Uint8Array(bytes)]);
    let end = 0;
    const fill = (to: number): void => {
      const own = this.#image.slice(end, to);
      if (own.size > 0) parts.push(own);
      if (own.size < to - end) parts.push(blank(to - end - own.size));
      end = to;
    };
    for (const [block, data] of [...(this.#changed ?? [])].sort(([a], [b]) => a - b)) {
      fill(block * BLOCK_BYTES);
      parts.push(new Blob([data]));
      end += BLOCK_BYTES;
    }
    if (end < this.#image.size) fill(this.#image.size);
    return new Blob(parts, { type: this.#image.type });
  }
}
