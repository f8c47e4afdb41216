/*
 * A directory tree of the host, confined to its root. Node only.
 *
 * Paths are relative to the root, without `.`, `..` or empty components. Symbolic links
 * are never followed here: the kernel reads and resolves them in its own
 * namespace, so none leads out of the tree.
 */
import { constants } from 'node:fs';
import {
  chmod,
  link,
  lstat,
  lutimes,
  mkdir,
  open,
  readdir,
  readlink,
  realpath,
  rename,
  rmdir,
  statfs,
  symlink,
  truncate,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import type { BigIntStats, Dirent, StatsFsBase } from 'node:fs';
import { dirname, join } from 'node:path';
import { EACCES, EROFS, ErrnoError } from './errno.ts';

export type { BigIntStats, FileHandle };

/** Open flags as the kernel numbers them (kernel-c/abi/file.h), and the host's names. */
const OPEN_FLAGS: readonly (readonly [number, number])[] = [
  [0o1, constants.O_WRONLY],
  [0o2, constants.O_RDWR],
  [0o100, constants.O_CREAT],
  [0o200, constants.O_EXCL],
  [0o1000, constants.O_TRUNC],
  [0o4000, constants.O_NONBLOCK],
  [0o10000, constants.O_DSYNC],
  [0o200000, constants.O_DIRECTORY],
];
const WRITING_FLAGS = 0o1 | 0o2 | 0o100 | 0o1000;

/** New times in seconds; null leaves one as it is. */
export interface NewTimes {
  readonly atime: number | null;
  readonly mtime: number | null;
}

export class HostTree {
  readonly #given: string;
  readonly #readOnly: boolean;
  #root: Promise<string> | null = null;

  constructor(root: string, readOnly = false) {
    this.#given = root;
    this.#readOnly = readOnly;
  }

  async stat(path: string): Promise<BigIntStats> {
    return lstat(await this.#host(path), { bigint: true });
  }

  /** `flags` as the kernel numbers them. A symbolic link gives ELOOP. */
  async open(path: string, flags: number, mode = 0o666): Promise<FileHandle> {
    if (flags & WRITING_FLAGS) this.#mustWrite();
    const host = OPEN_FLAGS.reduce((all, [ours, theirs]) => (flags & ours ? all | theirs : all), 0);
    return open(await this.#host(path), host | constants.O_NOFOLLOW, mode);
  }

  async list(path: string): Promise<Dirent[]> {
    return readdir(await this.#host(path), { withFileTypes: true });
  }

  async readLink(path: string): Promise<string> {
    return readlink(await this.#host(path));
  }

  async makeDirectory(path: string, mode: number): Promise<void> {
    this.#mustWrite();
    await mkdir(await this.#host(path), mode);
  }

  async makeSymlink(path: string, target: string): Promise<void> {
    this.#mustWrite();
    await symlink(target, await this.#host(path));
  }

  async makeLink(existing: string, path: string): Promise<void> {
    this.#mustWrite();
    await link(await this.#host(existing), await this.#host(path));
  }

  async remove(path: string, directory: boolean): Promise<void> {
    this.#mustWrite();
    await (directory ? rmdir : unlink)(await this.#host(path));
  }

  async rename(from: string, to: string): Promise<void> {
    this.#mustWrite();
    await rename(await this.#host(from), await this.#host(to));
  }

  async setMode(path: string, mode: number): Promise<void> {
    this.#mustWrite();
    const host = await this.#notLink(path);
    await chmod(host, mode);
  }

  async setSize(path: string, size: number): Promise<void> {
    this.#mustWrite();
    const host = await this.#notLink(path);
    await truncate(host, size);
  }

  async setTimes(path: string, times: NewTimes): Promise<void> {
    this.#mustWrite();
    const host = await this.#host(path);
    const now = await lstat(host);
    await lutimes(host, times.atime ?? now.atimeMs / 1000, times.mtime ?? now.mtimeMs / 1000);
  }

  async statFilesystem(): Promise<StatsFsBase<bigint>> {
    return statfs(await this.#host(''), { bigint: true });
  }

  #mustWrite(): void {
    if (this.#readOnly) throw new ErrnoError(EROFS);
  }

  /** chmod and truncate follow links. */
  async #notLink(path: string): Promise<string> {
    const host = await this.#host(path);
    if ((await lstat(host)).isSymbolicLink()) throw new ErrnoError(EACCES);
    return host;
  }

  /** The host's name for `path`, after a look that no directory on the way is a link. */
  async #host(path: string): Promise<string> {
    const root = await (this.#root ??= realpath(this.#given));
    if (path === '') return root;
    const host = join(root, path);
    const parent = dirname(host);
    if ((await realpath(parent)) !== parent) throw new ErrnoError(EACCES, `${path} leads out of the tree`);
    return host;
  }
}
