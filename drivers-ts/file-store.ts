/*
 * Block store in one file of the host. Node only.
 */
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { BLOCK_BYTES, checkStoreName, type BlockStore } from './block-store.ts';
import { EROFS, ErrnoError } from './errno.ts';

export class FileStore implements BlockStore {
  readonly #file: FileHandle;
  readonly #readOnly: boolean;

  private constructor(file: FileHandle, readOnly: boolean) {
    this.#file = file;
    this.#readOnly = readOnly;
  }

  static async open(directory: string, name: string, readOnly: boolean): Promise<FileStore> {
    const path = join(directory, `${checkStoreName(name)}.img`);
    if (!readOnly) {
      await mkdir(directory, { recursive: true });
      // Make it when it is missing, without emptying one that is there.
      await (await open(path, 'a')).close();
    }
    return new FileStore(await open(path, readOnly ? 'r' : 'r+'), readOnly);
  }

  async read(block: number, count: number): Promise<Uint8Array> {
    const out = new Uint8Array(count * BLOCK_BYTES);
    for (let done = 0; done < out.length;) {
      const { bytesRead } = await this.#file.read(out, done, out.length - done, block * BLOCK_BYTES + done);
      if (bytesRead === 0) break; // beyond the end: zero
      done += bytesRead;
    }
    return out;
  }

  async write(block: number, data: Uint8Array): Promise<void> {
    if (this.#readOnly) throw new ErrnoError(EROFS);
    for (let done = 0; done < data.length;) {
      const { bytesWritten } = await this.#file.write(data, done, data.length - done, block * BLOCK_BYTES + done);
      done += bytesWritten;
    }
  }

  flush(): Promise<void> {
    return this.#file.datasync();
  }

  async size(): Promise<number> {
    return Math.ceil((await this.#file.stat()).size / BLOCK_BYTES);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
