/** drivers-ts/p9.ts over a directory of the host: the messages of Linux's v9fs. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EACCES, EBADF, EEXIST, EINVAL, ENOENT, ENOTEMPTY, EOPNOTSUPP, EROFS } from '../drivers-ts/errno.ts';
import { HostTree } from '../drivers-ts/host-tree.ts';
import { NinepServer } from '../drivers-ts/p9.ts';

const CAPACITY = 8192;
const ROOT = 0;

type Field = { readonly size: 1 | 2 | 4 | 8; readonly value: number | bigint } | string | Uint8Array;
const u16 = (value: number): Field => ({ size: 2, value });
const u32 = (value: number): Field => ({ size: 4, value });
const u64 = (value: number): Field => ({ size: 8, value: BigInt(value) });

/** A message by hand, not with the server's own encoder. */
function encode(type: number, tag: number, fields: readonly Field[]): Uint8Array {
  const parts = fields.map((field) => {
    if (field instanceof Uint8Array) return Buffer.from(field);
    if (typeof field === 'string') {
      const text = Buffer.from(field);
      const length = Buffer.alloc(2);
      length.writeUInt16LE(text.length);
      return Buffer.concat([length, text]);
    }
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(field.value));
    return bytes.subarray(0, field.size);
  });
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(7);
  head.writeUInt32LE(7 + body.length, 0);
  head.writeUInt8(type, 4);
  head.writeUInt16LE(tag, 5);
  return Uint8Array.from(Buffer.concat([head, body]));
}

describe('p9', () => {
  let directory: string;
  let server: NinepServer;
  let nextFid = 1;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'tabos-p9-'));
    writeFileSync(join(directory, 'file'), 'content');
    mkdirSync(join(directory, 'sub'));
    writeFileSync(join(directory, 'sub', 'deep'), 'deeper');
    await connect(false);
  });

  afterEach(async () => {
    await server.dispose();
    rmSync(directory, { recursive: true });
  });

  async function connect(readOnly: boolean): Promise<void> {
    server = new NinepServer(new HostTree(directory, readOnly));
    await ask(100, u32(CAPACITY), '9P2000.L');
    await ask(104, u32(ROOT), u32(0xffffffff), 'root', '', u32(0));
  }

  async function raw(type: number, ...fields: Field[]): Promise<Buffer> {
    const reply = Buffer.from(await server.answer(encode(type, 77, fields), CAPACITY));
    assert.equal(reply.readUInt32LE(0), reply.length);
    assert.equal(reply.readUInt16LE(5), 77);
    return reply;
  }

  /** The answer's body. */
  async function ask(type: number, ...fields: Field[]): Promise<Buffer> {
    const reply = await raw(type, ...fields);
    assert.equal(reply[4], type + 1, `error ${reply[4] === 7 ? reply.readUInt32LE(7) : '?'}`);
    return reply.subarray(7);
  }

  async function refused(errno: number, type: number, ...fields: Field[]): Promise<void> {
    const reply = await raw(type, ...fields);
    assert.deepEqual([reply[4], reply.readUInt32LE(7)], [7, errno]);
  }

  async function walk(...names: string[]): Promise<number> {
    const fid = nextFid++;
    const reply = await ask(110, u32(ROOT), u32(fid), u16(names.length), ...names);
    assert.equal(reply.readUInt16LE(0), names.length);
    return fid;
  }

  async function names(fid: number): Promise<string[]> {
    const found: string[] = [];
    let offset = 0n;
    for (;;) {
      const reply = await ask(40, u32(fid), { size: 8, value: offset }, u32(60)); // one or two entries at a time
      const length = reply.readUInt32LE(0);
      if (length === 0) return found;
      for (let at = 4; at < 4 + length;) {
        offset = reply.readBigUInt64LE(at + 13);
        const nameLength = reply.readUInt16LE(at + 22);
        found.push(reply.toString('utf8', at + 24, at + 24 + nameLength));
        at += 24 + nameLength;
      }
    }
  }

  it('p9: a file is walked to, opened, read and closed', async () => {
    const fid = await walk('sub', 'deep');
    await ask(12, u32(fid), u32(0));
    const reply = await ask(116, u32(fid), u64(2), u32(100));
    assert.equal(reply.readUInt32LE(0), 4);
    assert.equal(reply.toString('utf8', 4), 'eper');
    await ask(120, u32(fid));
    await refused(EBADF, 116, u32(fid), u64(0), u32(1));
  });

  it('p9: a file is created, written, and seen by the host', async () => {
    const fid = await walk();
    await ask(14, u32(fid), 'new', u32(2), u32(0o640), u32(0));
    const data = new TextEncoder().encode('hello');
    const reply = await ask(118, u32(fid), u64(3), u32(data.length), data);
    assert.equal(reply.readUInt32LE(0), 5);
    await ask(50, u32(fid), u32(0));
    assert.equal(readFileSync(join(directory, 'new'), 'utf8'), '\0\0\0hello');
  });

  it('p9: a read takes as much as the answer has room for', async () => {
    const data = Buffer.alloc(20_000, 'abcdefg');
    writeFileSync(join(directory, 'large'), data);
    const fid = await walk('large');
    await ask(12, u32(fid), u32(0));
    const reply = await ask(116, u32(fid), u64(5), u32(100_000));
    assert.deepEqual(reply.subarray(4), data.subarray(5, 5 + CAPACITY - 11));
  });

  it('p9: times before 1970 count whole seconds down and nanoseconds up', async () => {
    utimesSync(join(directory, 'file'), new Date(-1250), new Date(-1250));
    const reply = await ask(24, u32(await walk('file')), u64(0x7ff));
    const mtime = 8 + 13 + 12 + 8 * 5 + 16;
    assert.deepEqual([reply.readBigInt64LE(mtime), reply.readBigInt64LE(mtime + 8)], [-2n, 750_000_000n]);
  });

  it('p9: attributes tell size and mode', async () => {
    const reply = await ask(24, u32(await walk('file')), u64(0x7ff));
    assert.equal(reply.readUInt32LE(8 + 13) & 0o170000, 0o100000);
    assert.equal(reply.readBigUInt64LE(8 + 13 + 4 + 4 + 4 + 8 + 8), 7n);
  });

  it('p9: setattr truncates and sets the mode', async () => {
    const fid = await walk('file');
    const times = [u64(0), u64(0), u64(0), u64(0)];
    await ask(26, u32(fid), u32(1 | 8), u32(0o600), u32(0), u32(0), u64(3), ...times);
    assert.equal(readFileSync(join(directory, 'file'), 'utf8'), 'con');
  });

  it('p9: a directory is listed in small pieces, each entry once', async () => {
    for (let i = 0; i < 20; i++) writeFileSync(join(directory, 'sub', `entry-${i}`), '');
    const fid = await walk('sub');
    await ask(12, u32(fid), u32(0));
    const expected = ['.', '..', 'deep', ...Array.from({ length: 20 }, (_, i) => `entry-${i}`)];
    assert.deepEqual((await names(fid)).sort(), expected.sort());
  });

  it('p9: directories, links and names are made, moved and removed', async () => {
    await ask(72, u32(ROOT), 'made', u32(0o755), u32(0));
    await refused(EEXIST, 72, u32(ROOT), 'made', u32(0o755), u32(0));
    await ask(16, u32(ROOT), 'link', '../outside', u32(0));
    assert.equal((await ask(22, u32(await walk('link')))).toString('utf8', 2), '../outside');
    await ask(70, u32(ROOT), u32(await walk('file')), 'twin');
    const made = await walk('made');
    await ask(74, u32(ROOT), 'twin', u32(made), 'moved');
    assert.equal(readFileSync(join(directory, 'made', 'moved'), 'utf8'), 'content');
    await refused(ENOTEMPTY, 76, u32(ROOT), 'made', u32(0x200));
    await ask(76, u32(made), 'moved', u32(0));
    await ask(76, u32(ROOT), 'made', u32(0x200));
    await refused(ENOENT, 110, u32(ROOT), u32(nextFid++), u16(1), 'made');
  });

  it('p9: nothing leads out of the tree', async () => {
    symlinkSync('/', join(directory, 'slash'));
    // `..` stops at the root, and a link on the way is not followed.
    const above = await walk('..', '..');
    await ask(12, u32(above), u32(0));
    assert.ok((await names(above)).includes('file'));
    const reply = await ask(110, u32(ROOT), u32(nextFid++), u16(2), 'slash', 'etc').catch(() => null);
    assert.ok(reply === null || reply.readUInt16LE(0) < 2);
    await refused(EINVAL, 110, u32(ROOT), u32(nextFid++), u16(1), 'sub/deep');
    await refused(EINVAL, 72, u32(ROOT), '..', u32(0o755), u32(0));
    await refused(
      EACCES,
      26,
      u32(await walk('slash')),
      u32(1),
      u32(0o777),
      u32(0),
      u32(0),
      u64(0),
      u64(0),
      u64(0),
      u64(0),
      u64(0),
    );
  });

  it('p9: a read-only tree can be read and refuses changes', async () => {
    await connect(true);
    await ask(12, u32(await walk('file')), u32(0));
    await refused(EROFS, 72, u32(ROOT), 'made', u32(0o755), u32(0));
    await refused(EROFS, 12, u32(await walk('file')), u32(1));
    await refused(EROFS, 76, u32(ROOT), 'file', u32(0));
  });

  it('p9: unknown and truncated messages are refused, not fatal', async () => {
    await refused(EOPNOTSUPP, 99);
    await refused(EINVAL, 110, u32(ROOT));
    const lying = encode(116, 1, [u32(ROOT)]);
    lying[0] = 200;
    assert.equal((await server.answer(lying, CAPACITY))[4], 7);
    assert.equal((await server.answer(new Uint8Array(3), CAPACITY))[4], 7);
  });
});
