/*
 * Files into a page under test and out of it, and whether an image is sound.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { Page } from 'puppeteer-core';

import { DEADLINE_MS } from './harness.ts';

const E2FSCK = ['/usr/sbin/e2fsck', '/sbin/e2fsck'].find((path) => existsSync(path));

/** What the page hands to the browser's downloads is caught here instead: name and base64 of the bytes. */
export async function catchDownloads(page: Page): Promise<void> {
  await page.evaluate(() => {
    const caught: { name: string; data: Blob }[] = [];
    Object.assign(window, { caught });
    const blobs = new Map<string, Blob>();
    const create = URL.createObjectURL.bind(URL);
    URL.createObjectURL = (data: Blob) => {
      const url = create(data);
      blobs.set(url, data);
      return url;
    };
    HTMLAnchorElement.prototype.click = function () {
      const data = blobs.get(this.href);
      if (data) caught.push({ name: this.download, data });
    };
  });
}

export async function downloaded(page: Page, name: string): Promise<Buffer> {
  await page.waitForFunction(
    (wanted) => (window as unknown as { caught: { name: string }[] }).caught.some((c) => c.name === wanted),
    { timeout: DEADLINE_MS },
    name,
  );
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const part = await page.evaluate(
      async (wanted, from) => {
        const all = (window as unknown as { caught: { name: string; data: Blob }[] }).caught;
        const piece = all.find((c) => c.name === wanted)?.data.slice(from, from + 8 * 1024 * 1024);
        if (!piece?.size) return '';
        const bytes = new Uint8Array(await piece.arrayBuffer());
        // Most of an image is zero, and needs no way through the debugger.
        if (bytes.every((byte) => byte === 0)) return `zero ${bytes.length}`;
        return new Promise<string>((resolve) => {
          const reader = new FileReader();
          reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''));
          reader.readAsDataURL(new Blob([bytes]));
        });
      },
      name,
      at,
    );
    if (!part) return Buffer.concat(parts);
    const zero = /^zero (\d+)$/.exec(part);
    const bytes = zero ? Buffer.alloc(Number(zero[1])) : Buffer.from(part, 'base64');
    parts.push(bytes);
    at += bytes.length;
  }
}

/** Drop files onto the page, as a person would from the desktop. */
export async function drop(page: Page, files: Record<string, string | Uint8Array>): Promise<void> {
  const encoded = Object.entries(files).map(([name, data]) => [name, Buffer.from(data as string).toString('base64')]);
  await page.evaluate((all) => {
    document.getElementById('remark')?.replaceChildren(); // of the last drop
    const dataTransfer = new DataTransfer();
    for (const [name = '', text = ''] of all)
      dataTransfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
    window.dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true, bubbles: true }));
  }, encoded);
  await waitForDrop(page);
}

/** What the page says of a drop when it is done. */
async function waitForDrop(page: Page): Promise<void> {
  await page.waitForFunction(() => /directory/.test(document.getElementById('remark')?.textContent ?? ''), {
    timeout: DEADLINE_MS,
  });
}

/** Drop a folder of this machine. Only DevTools can do that; in Firefox stand-ins say what is in it. */
export async function dropFolder(page: Page, path: string): Promise<void> {
  await page.evaluate(() => document.getElementById('remark')?.replaceChildren());
  if (/chrom/i.test(await page.browser().version())) {
    const session = await page.createCDPSession();
    const data = { items: [], files: [path], dragOperationsMask: 1 };
    for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
      await session.send('Input.dispatchDragEvent', { type, x: 200, y: 200, data });
    await session.detach();
  } else {
    const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(path, name)).isFile())
      .map((name) => [`${basename(path)}/${name}`, readFileSync(join(path, name), 'utf8')] as const);
    await page.evaluate(dropStandIns, files);
  }
  await waitForDrop(page);
}

/** Runs in the page: a drop of entries as the File and Directory Entries API has them. */
function dropStandIns(files: readonly (readonly [path: string, text: string])[]): void {
  const AT_ONCE = 100; // as Chromium's readEntries
  const entry = (prefix: string): unknown => {
    const name = prefix.replace(/^.*\//, '');
    const own = files.find(([path]) => path === prefix);
    if (own) return { name, isFile: true, file: (done: (file: File) => void) => done(new File([own[1]], name)) };
    const below = files.filter(([path]) => path.startsWith(`${prefix}/`));
    const names = [...new Set(below.map(([path]) => path.slice(prefix.length + 1).replace(/\/.*/, '')))];
    const createReader = () => ({
      readEntries: (done: (entries: unknown[]) => void) =>
        done(names.splice(0, AT_ONCE).map((child) => entry(`${prefix}/${child}`))),
    });
    return { name, isFile: false, createReader };
  };
  const root = files[0]?.[0].replace(/\/.*/, '') ?? '';
  const event = new DragEvent('drop', { cancelable: true, bubbles: true });
  const items = [{ kind: 'file', webkitGetAsEntry: () => entry(root) }];
  Object.defineProperty(event, 'dataTransfer', { value: { types: ['Files'], items } });
  window.dispatchEvent(event);
}

export function checkImage(image: Buffer): void {
  assert.equal(image.readUInt16LE(1024 + 56), 0xef53);
  if (!E2FSCK) return;
  const directory = mkdtempSync(join(tmpdir(), 'tabos-image-'));
  try {
    writeFileSync(join(directory, 'img'), image);
    const { status, stdout } = spawnSync(E2FSCK, ['-fn', join(directory, 'img')], { encoding: 'utf8' });
    assert.equal(status, 0, stdout);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
