/*
 * Block store in one file of the host: a log store (log-store.ts). Node only.
 *
 * One process owns a store, by a lock file beside it that names the process: Node
 * has no flock. One whose process is gone doesn't count.
 */
import { mkdir, open, readFile, rm, statfs, writeFile, link, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkStoreName, type BlockStore, type Bytes } from './block-store.ts';
import { EBUSY, ENOENT, ErrnoError, errnoOf } from './errno.ts';
import { LogStore } from './log-store.ts';
import type { RandomAccessFile } from './random-access.ts';

class HostFile implements RandomAccessFile {
  readonly #file: FileHandle;
  readonly #path: string;

  constructor(file: FileHandle, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async read(at: number, into: Uint8Array): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const { bytesRead } = await this.#file.read(into, done, into.length - done, at + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async write(at: number, data: Bytes): Promise<void> {
    for (let done = 0; done < data.length;) {
      const { bytesWritten } = await this.#file.write(data, done, data.length - done, at + done);
      done += bytesWritten;
    }
  }

  flush(): Promise<void> {
    return this.#file.datasync();
  }

  async size(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  async free(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#path);
    return bavail * bsize;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

export const FileStore = {
  /** The store `name` in a directory, which is made when it is missing. */
  open(directory: string, name: string, readOnly: boolean): Promise<BlockStore> {
    return FileStore.openPath(join(directory, `${checkStoreName(name)}.store`), readOnly);
  },

  /** EBUSY when another process has it open. */
  async openPath(path: string, readOnly: boolean): Promise<BlockStore> {
    if (readOnly) return LogStore.open(new HostFile(await open(path, 'r'), path), true);
    await mkdir(dirname(path), { recursive: true });
    const unlock = await lockFile(`${path}.lock`);
    try {
      // Made when it is missing, without emptying one that is there.
      await (await open(path, 'a')).close();
      const file = await open(path, 'r+');
      try {
        return await LogStore.open(new HostFile(file, path), false, unlock);
      } catch (error) {
        await file.close();
        throw error;
      }
    } catch (error) {
      await unlock();
      throw error;
    }
  },
};

/** Take the lock or say EBUSY; resolves to what gives it back. */
async function lockFile(path: string): Promise<() => Promise<void>> {
  // It appears with its content: a file that is empty for a moment would look like a dead owner's.
  const own = `${path}.${process.pid}.${++locks}`;
  await writeFile(own, String(process.pid));
  try {
    for (;;) {
      try {
        await link(own, path);
        return () => rm(path, { force: true });
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      if (await isOwned(path)) throw new ErrnoError(EBUSY, `${path.replace(/\.lock$/, '')} is in use`);
      await rm(path, { force: true });
    }
  } finally {
    await rm(own, { force: true });
  }
}

let locks = 0;

/** Is a process alive that holds the lock? */
async function isOwned(path: string): Promise<boolean> {
  try {
    const pid = Number(await readFile(path, 'utf8'));
    if (!(pid > 0)) return false;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    const errno = errnoOf(error);
    return errno !== ENOENT && !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}
