/*
 * A 9P2000.L server over a HostTree: what the kernel's 9p filesystem speaks to.
 *
 * The messages are those of Linux's v9fs. One message comes at a time per
 * request; several requests may be under way, each answered by its own tag.
 */
import { EBADF, EINVAL, EIO, ENAMETOOLONG, ENOTDIR, EOPNOTSUPP, EPERM, ErrnoError, errnoOf } from './errno.ts';
import type { MessageServer } from './fs.ts';
import type { BigIntStats, FileHandle, HostTree } from './host-tree.ts';

const HEADER_BYTES = 7;
const READ_HEADER_BYTES = HEADER_BYTES + 4;
const NAME_BYTES_MAX = 255;
const WALK_MAX = 16;

/** Types of the T messages; the answer's type is one more. */
const T = {
  lerror: 7,
  statfs: 8,
  lopen: 12,
  lcreate: 14,
  symlink: 16,
  readlink: 22,
  getattr: 24,
  setattr: 26,
  readdir: 40,
  fsync: 50,
  link: 70,
  mkdir: 72,
  renameat: 74,
  unlinkat: 76,
  version: 100,
  attach: 104,
  flush: 108,
  walk: 110,
  read: 116,
  write: 118,
  clunk: 120,
} as const;

const QID_DIRECTORY = 0x80;
const QID_SYMLINK = 0x02;
const AT_REMOVEDIR = 0x200;
/** Fields that getattr answers: all of the basic ones. */
const GETATTR_BASIC = 0x7ffn;
const SETATTR = { mode: 1, uid: 2, gid: 4, size: 8, atime: 16, mtime: 32, atimeSet: 128, mtimeSet: 256 } as const;
/** Linux's directory entry types, by file type bits. */
const DIRENT_TYPES = new Map([
  [0o010000, 1],
  [0o020000, 2],
  [0o040000, 4],
  [0o060000, 6],
  [0o100000, 8],
  [0o120000, 10],
  [0o140000, 12],
]);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

class Parser {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  /** A u64 that must be exact as a number: offsets and sizes. */
  size(): number {
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new ErrnoError(EINVAL);
    return Number(value);
  }

  bytes(length: number): Uint8Array {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(): string {
    return decoder.decode(this.bytes(this.u16()));
  }

  /** A single component of a path. */
  name(): string {
    const length = this.u16();
    if (length > NAME_BYTES_MAX) throw new ErrnoError(ENAMETOOLONG);
    const name = decoder.decode(this.bytes(length));
    if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) throw new ErrnoError(EINVAL);
    return name;
  }

  #advance(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw new ErrnoError(EINVAL, 'truncated 9P message');
    this.#at += length;
    return at;
  }
}

class Builder {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = HEADER_BYTES;

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, value), true);
    return this;
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  text(value: string): this {
    const bytes = encoder.encode(value);
    return this.u16(bytes.length).bytes(bytes);
  }

  qid(stat: BigIntStats): this {
    const type = stat.isDirectory() ? QID_DIRECTORY : stat.isSymbolicLink() ? QID_SYMLINK : 0;
    return this.u8(type)
      .u32(Number(stat.mtimeMs & 0xffffffffn))
      .u64(stat.ino);
  }

  time(ns: bigint): this {
    const subsecond = ((ns % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n; // also before 1970
    return this.u64((ns - subsecond) / 1_000_000_000n).u64(subsecond);
  }

  finish(type: number, tag: number): Uint8Array {
    this.#view.setUint32(0, this.#length, true);
    this.#view.setUint8(4, type);
    this.#view.setUint16(5, tag, true);
    return this.#bytes.subarray(0, this.#length);
  }

  /** Where the next `length` bytes go. It may replace the arrays, so it comes before any use of them. */
  #grow(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

/** What a client's number stands for. */
interface Fid {
  path: string;
  handle: FileHandle | null;
  /** Entries of an open directory, as they were when reading it began. */
  entries: { name: string; type: number; stat: BigIntStats }[] | null;
}

type Handler = (message: Parser, reply: Builder, capacity: number) => Promise<void>;

export class NinepServer implements MessageServer {
  readonly #tree: HostTree;
  readonly #fids = new Map<number, Fid>();
  readonly #handlers: ReadonlyMap<number, Handler>;

  constructor(tree: HostTree) {
    this.#tree = tree;
    this.#handlers = new Map<number, Handler>([
      [T.version, this.#version.bind(this)],
      [T.attach, this.#attach.bind(this)],
      [T.flush, async () => undefined],
      [T.walk, this.#walk.bind(this)],
      [T.clunk, this.#clunk.bind(this)],
      [T.lopen, this.#open.bind(this)],
      [T.lcreate, this.#create.bind(this)],
      [T.read, this.#read.bind(this)],
      [T.write, this.#write.bind(this)],
      [T.fsync, this.#sync.bind(this)],
      [T.getattr, this.#getAttributes.bind(this)],
      [T.setattr, this.#setAttributes.bind(this)],
      [T.readdir, this.#readDirectory.bind(this)],
      [T.mkdir, this.#makeDirectory.bind(this)],
      [T.symlink, this.#makeSymlink.bind(this)],
      [T.readlink, this.#readLink.bind(this)],
      [T.link, this.#makeLink.bind(this)],
      [T.unlinkat, this.#remove.bind(this)],
      [T.renameat, this.#rename.bind(this)],
      [T.statfs, this.#statFilesystem.bind(this)],
    ]);
  }

  async answer(message: Uint8Array, capacity: number): Promise<Uint8Array> {
    const parser = new Parser(message);
    let tag = 0xffff;
    try {
      if (parser.u32() !== message.length) throw new ErrnoError(EINVAL);
      const type = parser.u8();
      tag = parser.u16();
      const handler = this.#handlers.get(type);
      if (!handler) throw new ErrnoError(EOPNOTSUPP);
      const reply = new Builder();
      await handler(parser, reply, capacity);
      const bytes = reply.finish(type + 1, tag);
      if (bytes.length > capacity) throw new ErrnoError(EIO);
      return bytes;
    } catch (error) {
      return new Builder().u32(errnoOf(error)).finish(T.lerror, tag);
    }
  }

  async dispose(): Promise<void> {
    const fids = [...this.#fids.values()];
    this.#fids.clear();
    await Promise.allSettled(fids.map(({ handle }) => handle?.close()));
  }

  #fid(number: number): Fid {
    const fid = this.#fids.get(number);
    if (!fid) throw new ErrnoError(EBADF);
    return fid;
  }

  #handle(number: number): FileHandle {
    const { handle } = this.#fid(number);
    if (!handle) throw new ErrnoError(EBADF);
    return handle;
  }

  #child(directory: number, name: string): string {
    const { path } = this.#fid(directory);
    return path === '' ? name : `${path}/${name}`;
  }

  async #version(message: Parser, reply: Builder, capacity: number): Promise<void> {
    const size = message.u32();
    const known = message.text().startsWith('9P2000.L');
    await this.dispose(); // a version message begins a new session
    reply.u32(Math.min(size, capacity)).text(known ? '9P2000.L' : 'unknown');
  }

  async #attach(message: Parser, reply: Builder): Promise<void> {
    const number = message.u32();
    reply.qid(await this.#tree.stat(''));
    this.#fids.set(number, { path: '', handle: null, entries: null });
  }

  async #walk(message: Parser, reply: Builder): Promise<void> {
    const from = this.#fid(message.u32());
    const target = message.u32();
    const count = message.u16();
    if (count > WALK_MAX) throw new ErrnoError(EINVAL);
    const stats: BigIntStats[] = [];
    let path = from.path;
    for (let i = 0; i < count; i++) {
      const name = message.text();
      if (name === '' || /[/\0]/.test(name)) throw new ErrnoError(EINVAL);
      if (name === '..') path = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
      else if (name !== '.') path = path === '' ? name : `${path}/${name}`;
      try {
        stats.push(await this.#tree.stat(path));
      } catch (error) {
        if (i === 0) throw error; // later ones just end the walk
        break;
      }
      if (i < count - 1 && !stats.at(-1)?.isDirectory()) {
        if (i === 0) throw new ErrnoError(ENOTDIR);
        break;
      }
    }
    if (stats.length === count) this.#fids.set(target, { path, handle: null, entries: null });
    reply.u16(stats.length);
    for (const stat of stats) reply.qid(stat);
  }

  async #clunk(message: Parser): Promise<void> {
    const number = message.u32();
    const { handle } = this.#fid(number);
    this.#fids.delete(number);
    await handle?.close();
  }

  async #open(message: Parser, reply: Builder): Promise<void> {
    const fid = this.#fid(message.u32());
    const flags = message.u32();
    const stat = await this.#tree.stat(fid.path);
    if (!stat.isDirectory()) fid.handle = await this.#tree.open(fid.path, flags);
    reply.qid(stat).u32(0);
  }

  async #create(message: Parser, reply: Builder): Promise<void> {
    const number = message.u32();
    const path = this.#child(number, message.name());
    const flags = message.u32();
    const mode = message.u32();
    const handle = await this.#tree.open(path, flags | 0o100, mode & 0o7777);
    this.#fids.set(number, { path, handle, entries: null });
    reply.qid(await this.#tree.stat(path)).u32(0);
  }

  async #read(message: Parser, reply: Builder, capacity: number): Promise<void> {
    const handle = this.#handle(message.u32());
    const offset = message.size();
    const count = Math.min(message.u32(), capacity - READ_HEADER_BYTES);
    const { bytesRead, buffer } = await handle.read(new Uint8Array(count), 0, count, offset);
    reply.u32(bytesRead).bytes(buffer.subarray(0, bytesRead));
  }

  async #write(message: Parser, reply: Builder): Promise<void> {
    const handle = this.#handle(message.u32());
    const offset = message.size();
    const data = message.bytes(message.u32());
    const { bytesWritten } = await handle.write(data, 0, data.length, offset);
    reply.u32(bytesWritten);
  }

  async #sync(message: Parser): Promise<void> {
    const fid = this.#fid(message.u32());
    await fid.handle?.sync();
  }

  async #getAttributes(message: Parser, reply: Builder): Promise<void> {
    const fid = this.#fid(message.u32());
    const stat = fid.handle ? await fid.handle.stat({ bigint: true }) : await this.#tree.stat(fid.path);
    reply.u64(GETATTR_BASIC).qid(stat).u32(Number(stat.mode)).u32(ownerInside(stat.uid)).u32(groupInside(stat.gid));
    reply.u64(stat.nlink).u64(stat.rdev).u64(stat.size).u64(stat.blksize).u64(stat.blocks);
    reply.time(stat.atimeNs).time(stat.mtimeNs).time(stat.ctimeNs).time(stat.birthtimeNs);
    reply.u64(0n).u64(0n); // generation, data version
  }

  async #setAttributes(message: Parser): Promise<void> {
    const fid = this.#fid(message.u32());
    const valid = message.u32();
    const mode = message.u32();
    const uid = message.u32();
    const gid = message.u32();
    const size = message.size();
    const atime = Number(message.u64()) + Number(message.u64()) / 1e9;
    const mtime = Number(message.u64()) + Number(message.u64()) / 1e9;
    if (valid & (SETATTR.uid | SETATTR.gid)) await this.#checkOwner(fid, valid, uid, gid);
    if (valid & SETATTR.mode) await this.#tree.setMode(fid.path, mode & 0o7777);
    if (valid & SETATTR.size) await (fid.handle ? fid.handle.truncate(size) : this.#tree.setSize(fid.path, size));
    if (valid & (SETATTR.atime | SETATTR.mtime)) {
      const now = Date.now() / 1000;
      await this.#tree.setTimes(fid.path, {
        atime: valid & SETATTR.atime ? (valid & SETATTR.atimeSet ? atime : now) : null,
        mtime: valid & SETATTR.mtime ? (valid & SETATTR.mtimeSet ? mtime : now) : null,
      });
    }
  }

  /** Files stay the host user's: only "changing" the owner to what it is works. */
  async #checkOwner(fid: Fid, valid: number, uid: number, gid: number): Promise<void> {
    const stat = await this.#tree.stat(fid.path);
    if (valid & SETATTR.uid && uid !== ownerInside(stat.uid)) throw new ErrnoError(EPERM);
    if (valid & SETATTR.gid && gid !== groupInside(stat.gid)) throw new ErrnoError(EPERM);
  }

  async #readDirectory(message: Parser, reply: Builder, capacity: number): Promise<void> {
    const fid = this.#fid(message.u32());
    const offset = message.size();
    const room = Math.min(message.u32(), capacity - READ_HEADER_BYTES);
    if (offset === 0 || !fid.entries) fid.entries = await this.#entries(fid.path);
    const data = new Builder();
    let used = 0;
    for (let i = offset; i < fid.entries.length; i++) {
      const entry = fid.entries[i];
      if (!entry) break;
      const length = 13 + 8 + 1 + 2 + encoder.encode(entry.name).length;
      if (used + length > room) break;
      used += length;
      data
        .qid(entry.stat)
        .u64(BigInt(i + 1))
        .u8(entry.type)
        .text(entry.name);
    }
    reply.u32(used).bytes(data.finish(0, 0).subarray(HEADER_BYTES));
  }

  /** All entries, `.` and `..` first, since the client asks for them by place. */
  async #entries(path: string): Promise<NonNullable<Fid['entries']>> {
    const own = await this.#tree.stat(path);
    const parent = await this.#tree.stat(path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '');
    const entries = [
      { name: '.', type: 4, stat: own },
      { name: '..', type: 4, stat: parent },
    ];
    for (const { name } of await this.#tree.list(path)) {
      const stat = await this.#tree.stat(path === '' ? name : `${path}/${name}`).catch(() => null);
      if (!stat) continue; // removed meanwhile
      entries.push({ name, type: DIRENT_TYPES.get(Number(stat.mode) & 0o170000) ?? 0, stat });
    }
    return entries;
  }

  async #makeDirectory(message: Parser, reply: Builder): Promise<void> {
    const path = this.#child(message.u32(), message.name());
    await this.#tree.makeDirectory(path, message.u32() & 0o7777);
    reply.qid(await this.#tree.stat(path));
  }

  async #makeSymlink(message: Parser, reply: Builder): Promise<void> {
    const path = this.#child(message.u32(), message.name());
    await this.#tree.makeSymlink(path, message.text());
    reply.qid(await this.#tree.stat(path));
  }

  async #readLink(message: Parser, reply: Builder): Promise<void> {
    reply.text(await this.#tree.readLink(this.#fid(message.u32()).path));
  }

  async #makeLink(message: Parser): Promise<void> {
    const directory = message.u32();
    const existing = this.#fid(message.u32()).path;
    await this.#tree.makeLink(existing, this.#child(directory, message.name()));
  }

  async #remove(message: Parser): Promise<void> {
    const path = this.#child(message.u32(), message.name());
    await this.#tree.remove(path, (message.u32() & AT_REMOVEDIR) !== 0);
  }

  async #rename(message: Parser): Promise<void> {
    const from = this.#child(message.u32(), message.name());
    const to = this.#child(message.u32(), message.name());
    await this.#tree.rename(from, to);
    for (const fid of this.#fids.values()) {
      if (fid.path === from) fid.path = to;
      else if (fid.path.startsWith(`${from}/`)) fid.path = to + fid.path.slice(from.length);
    }
  }

  async #statFilesystem(message: Parser, reply: Builder): Promise<void> {
    this.#fid(message.u32());
    const { bsize, blocks, bfree, bavail, files, ffree } = await this.#tree.statFilesystem();
    const V9FS_MAGIC = 0x01021997;
    reply.u32(V9FS_MAGIC).u32(Number(bsize)).u64(blocks).u64(bfree).u64(bavail).u64(files).u64(ffree);
    reply.u64(0n).u32(NAME_BYTES_MAX);
  }
}

/** The host's user is root inside: what is theirs is root's. */
function ownerInside(uid: bigint): number {
  return Number(uid) === process.getuid?.() ? 0 : Number(uid);
}

function groupInside(gid: bigint): number {
  return Number(gid) === process.getgid?.() ? 0 : Number(gid);
}
