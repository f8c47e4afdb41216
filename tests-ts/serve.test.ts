/*
 * boot/serve.mjs: ranges, as package images are read by.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { serve } from '../boot/serve.mjs';

describe('server', () => {
  const text = 'abcdefghij'.repeat(1000);
  let directory: string;
  let server: Awaited<ReturnType<typeof serve>>;
  let url: string;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'tabos-serve-'));
    writeFileSync(join(directory, 'image.sqfs'), text);
    server = await serve(directory, { port: 0 });
    url = `http://localhost:${(server.address() as AddressInfo).port}/image.sqfs`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  });

  async function get(range: string, headers: Record<string, string> = {}) {
    const response = await fetch(url, { headers: { Range: range, ...headers } });
    return { status: response.status, range: response.headers.get('content-range'), body: await response.text() };
  }

  it('server: a range is a part of the file, also to its end, of its end, and beyond it', async () => {
    assert.deepEqual(await get('bytes=3-5'), { status: 206, range: 'bytes 3-5/10000', body: 'def' });
    assert.deepEqual(await get('bytes=9998-'), { status: 206, range: 'bytes 9998-9999/10000', body: 'ij' });
    assert.deepEqual(await get('bytes=-3'), { status: 206, range: 'bytes 9997-9999/10000', body: 'hij' });
    assert.deepEqual(await get('bytes=9999-20000'), { status: 206, range: 'bytes 9999-9999/10000', body: 'j' });
  });

  it('server: a range that begins beyond the end is refused; what is no range, or several, gives all', async () => {
    assert.deepEqual(await get('bytes=10000-'), { status: 416, range: 'bytes */10000', body: '' });
    assert.deepEqual(await get('bytes=-0'), { status: 416, range: 'bytes */10000', body: '' });
    for (const range of ['bytes=5-3', 'bytes=-', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=a-b'])
      assert.deepEqual(await get(range), { status: 200, range: null, body: text });
  });

  it('server: a range of another version of the file gives all of this one', async () => {
    const etag = (await fetch(url)).headers.get('etag') ?? '';
    assert.equal((await get('bytes=0-0', { 'If-Range': etag })).body, 'a');
    assert.deepEqual(await get('bytes=0-0', { 'If-Range': '"old"' }), { status: 200, range: null, body: text });
  });
});
