/*
 * Block store in one OPFS file: a log store (log-store.ts). Worker only: sync
 * access handles exist nowhere else.
 *
 * The calls block the worker. They are short: a piece of 1 MiB, or a flush.
 */
import { checkStoreName, originFree, type BlockStore, type Bytes } from './block-store.ts';
import { EIO, ErrnoError } from './errno.ts';
import { LogStore } from './log-store.ts';
import type { RandomAccessFile } from './random-access.ts';
import { lockStore } from './store-lock.ts';

const DIRECTORY = 'tabos';

/** TypeScript has these in its library for workers only, which can't be had beside the page's. */
interface SyncAccessHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(data: Bytes, options: { at: number }): number;
  flush(): void;
  getSize(): number;
  close(): void;
}
interface SyncFileHandle {
  createSyncAccessHandle(): Promise<SyncAccessHandle>;
}

class OpfsFile implements RandomAccessFile {
  readonly #handle: SyncAccessHandle;

  constructor(handle: SyncAccessHandle) {
    this.#handle = handle;
  }

  read(at: number, into: Uint8Array): number {
    let done = 0;
    while (done < into.length) {
      const count = this.#handle.read(into.subarray(done), { at: at + done });
      if (count <= 0) break; // the end
      done += count;
    }
    return done;
  }

  write(at: number, data: Bytes): void {
    // A full quota is an exception in one browser and a short count in another.
    for (let done = 0; done < data.length;) {
      const count = this.#handle.write(data.subarray(done), { at: at + done });
      if (count <= 0) throw new DOMException('the quota is used up', 'QuotaExceededError');
      done += count;
    }
  }

  flush(): void {
    this.#handle.flush();
  }

  size(): number {
    return this.#handle.getSize();
  }

  free(): Promise<number> {
    return originFree();
  }

  close(): void {
    this.#handle.close();
  }
}

async function directory(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(DIRECTORY, { create: true });
}

export const OpfsStore = {
  /** Can this browser do it? */
  get isPossible(): boolean {
    return typeof FileSystemFileHandle === 'function' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;
  },

  /** EBUSY when it is open elsewhere, to read too: there is one handle on a file at a time. */
  async open(name: string, readOnly: boolean): Promise<BlockStore> {
    const file = `${checkStoreName(name)}.store`;
    const unlock = await lockStore(`tabos-${name}`);
    try {
      const handle = await (await directory()).getFileHandle(file, { create: true });
      const access = await (handle as unknown as SyncFileHandle).createSyncAccessHandle();
      try {
        return await LogStore.open(new OpfsFile(access), readOnly, unlock);
      } catch (error) {
        access.close();
        throw error;
      }
    } catch (error) {
      await unlock();
      throw error;
    }
  },

  /** Remove a store and all that is in it. */
  async remove(name: string): Promise<void> {
    const unlock = await lockStore(`tabos-${checkStoreName(name)}`);
    try {
      await (await directory()).removeEntry(`${name}.store`);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'NotFoundError'))
        throw error instanceof Error ? error : new ErrnoError(EIO);
    } finally {
      await unlock();
    }
  },
};
