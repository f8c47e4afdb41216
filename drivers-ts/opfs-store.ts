/*
 * Block store in one OPFS file: a log store (log-store.ts). Worker only: sync
 * access handles exist nowhere else.
 *
 * The calls block the worker. They are short: a piece of 1 MiB, or a flush.
 */
import { checkStoreName, type BlockStore, type Bytes } from './block-store.ts';
import { EIO, ErrnoError } from './errno.ts';
import { LogStore } from './log-store.ts';
import { canGrow, originFree } from './origin-room.ts';
import type { RandomAccessFile } from './random-access.ts';
import { lockStore } from './store-lock.ts';

const DIRECTORY = 'tabos';
/** Nothing but a browser that hangs takes so long to open a file. */
const OPEN_MS = 30_000;
/** A page that is just ending may have the file open still. */
const RETRY_MS = 50;

/** TypeScript has these in its library for workers only, which can't be had beside the page's. */
interface SyncAccessHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(data: Bytes, options: { at: number }): number;
  flush(): void;
  truncate(size: number): void;
  getSize(): number;
  close(): void;
}
interface SyncFileHandle {
  createSyncAccessHandle(): Promise<SyncAccessHandle>;
}

/**
 * The file grows ahead of what is written, by half of its size within these bounds. Calls of a MiB each that
 * make it longer, one after the other, take ten times as long in both browsers.
 */
const AHEAD_BYTES_MIN = 4 * 1024 * 1024;
const AHEAD_BYTES_MAX = 64 * 1024 * 1024;

class OpfsFile implements RandomAccessFile {
  readonly #handle: SyncAccessHandle;
  #size: number;
  /** Where what was written ends: the rest of the size is ahead. */
  #end: number;

  constructor(handle: SyncAccessHandle) {
    this.#handle = handle;
    this.#size = this.#end = handle.getSize();
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
    const end = at + data.length;
    if (end > this.#size) this.#growBeyond(end);
    // A full quota is an exception in one browser and a short count in another.
    for (let done = 0; done < data.length;) {
      const count = this.#handle.write(data.subarray(done), { at: at + done });
      if (count <= 0) throw new DOMException('the quota is used up', 'QuotaExceededError');
      done += count;
    }
    this.#end = Math.max(this.#end, end);
    this.#size = Math.max(this.#size, end);
  }

  #growBeyond(end: number): void {
    const size = end + Math.min(AHEAD_BYTES_MAX, Math.max(AHEAD_BYTES_MIN, end / 2));
    try {
      this.#handle.truncate(size);
      this.#size = size;
    } catch {
      // The quota is nearly used up: not ahead, then.
    }
  }

  /** Browsers take shared memory here too. */
  writeNow(at: number, data: Bytes): void {
    this.write(at, data);
  }

  flush(): void {
    this.#handle.flush();
  }

  size(): number {
    return this.#size;
  }

  async free(): Promise<number> {
    return (await originFree((bytes) => canGrow(this.#handle, bytes))) + this.#size - this.#end;
  }

  /** What it grew ahead is given back. Whoever opens a file that a crash left with it finds it free. */
  close(): void {
    try {
      if (this.#size > this.#end) this.#handle.truncate(this.#end);
    } finally {
      this.#handle.close();
    }
  }
}

async function directory(): Promise<FileSystemDirectoryHandle> {
  return (await navigator.storage.getDirectory()).getDirectoryHandle(DIRECTORY, { create: true });
}

/**
 * The handle of a file, which is made when it is missing. EIO when the browser doesn't answer; a handle
 * that comes later is closed.
 */
async function openHandle(file: string): Promise<SyncAccessHandle> {
  const late = Promise.withResolvers<never>();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    late.reject(new ErrnoError(EIO, `the browser does not open ${file}; a restart of the browser may help`));
  }, OPEN_MS);
  const opening = (async () => {
    const handle = await (await directory()).getFileHandle(file, { create: true });
    for (;;) {
      try {
        const access = await (handle as unknown as SyncFileHandle).createSyncAccessHandle();
        if (isLate) access.close();
        return access;
      } catch (error) {
        if (isLate || !(error instanceof DOMException && error.name === 'NoModificationAllowedError')) throw error;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  })();
  try {
    return await Promise.race([opening, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

export const OpfsStore = {
  /** Can this browser do it? */
  get isPossible(): boolean {
    return typeof FileSystemFileHandle === 'function' && 'createSyncAccessHandle' in FileSystemFileHandle.prototype;
  },

  /** EBUSY when it is open elsewhere, to read too: there is one handle on a file at a time. `patience`: lockStore's. */
  async open(name: string, readOnly: boolean, patience = 0): Promise<BlockStore> {
    const file = `${checkStoreName(name)}.store`;
    const unlock = await lockStore(`tabos-${name}`, patience);
    try {
      const access = await openHandle(file);
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
  async remove(name: string, patience = 0): Promise<void> {
    const unlock = await lockStore(`tabos-${checkStoreName(name)}`, patience);
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
