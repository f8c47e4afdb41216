/*
 * Package images from a directory. Node only.
 */
import { open, readFile } from 'node:fs/promises';
import type { PackageSource } from './package-store.ts';

export class DirectorySource implements PackageSource {
  readonly #directory: URL;

  /** `directory` ends with a slash. */
  constructor(directory: URL) {
    this.#directory = directory;
  }

  async whole(file: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await readFile(new URL(file, this.#directory)));
  }

  async part(file: string, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
    const handle = await open(new URL(file, this.#directory));
    try {
      const data = new Uint8Array(to - from);
      let done = 0;
      while (done < data.length) {
        const { bytesRead } = await handle.read(data, done, data.length - done, from + done);
        if (bytesRead === 0) break; // cut short: whoever asked sees it
        done += bytesRead;
      }
      return data.subarray(0, done);
    } finally {
      await handle.close();
    }
  }
}
