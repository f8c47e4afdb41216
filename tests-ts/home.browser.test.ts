/*
 * /home on the page, in every browser there is: it lasts, it has one owner, it moves
 * between stores, and files come in and go out.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'puppeteer-core';

import { catchDownloads, checkImage, downloaded, drop } from './exchange.ts';
import { BROWSERS, Console, DEADLINE_MS, findBrowser, launch, startServer } from './harness.ts';

async function homeOf(page: Page): Promise<string> {
  return page.evaluate(() => `${window.tabos?.home?.mode} ${window.tabos?.home?.device}`);
}

async function reload(tab: Console): Promise<void> {
  await tab.page.reload({ waitUntil: 'load' });
  await tab.prompt();
}

for (const name of BROWSERS) {
  describe(`home in ${name}`, function () {
    this.timeout(4 * DEADLINE_MS);
    if (name === 'firefox') this.retries(3); // it may hang under BiDi, without TabOS too: harness.ts
    let browser: Browser;
    let server: Awaited<ReturnType<typeof startServer>>;
    let tab: Console;

    before(async function () {
      if (!findBrowser(name)) this.skip();
      server = await startServer();
      browser = await launch(name);
      tab = await Console.open(browser, server.url);
      await tab.prompt();
    });

    after(async () => {
      await browser?.close();
      server?.close();
    });

    it('home: files are there after a reload, which takes at most 1.5 s to the prompt', async () => {
      await tab.run('mkdir -p ~/d && cp -r /etc ~/d/ && echo kept > ~/kept && sync');
      await reload(tab);
      assert.deepEqual(await tab.run('cat ~/kept; cmp /etc/passwd ~/d/etc/passwd'), { output: 'kept\n', status: 0 });
      const promptMs = await tab.page.evaluate(() => performance.getEntriesByName('tabos:prompt')[0]?.startTime ?? 1e9);
      assert.ok(promptMs < 1500, `${promptMs} ms`);
    });

    it('home: it is in /proc/mounts, and df tells its size', async () => {
      const { output } = await tab.run('grep " /home " /proc/mounts; df -P /home | tail -n 1');
      assert.match(output, /^\/dev\/(idb|opfs)0 \/home ext2 rw/);
      assert.match(output, /\/dev\/(idb|opfs)0 +\d+ +\d+ +\d+ +\d+% +\/home/);
    });

    it('home: a second tab is asked, and may do without', async () => {
      const second = await Console.open(browser, server.url);
      try {
        await second.page.waitForSelector('[data-answer=again]');
        await second.page.click('[data-answer=volatile]');
        await second.prompt();
        assert.equal(await homeOf(second.page), 'volatile null');
        assert.equal((await second.run('ls /root | wc -l')).output.trim(), '0');
      } finally {
        await second.page.close();
      }
    });

    it('home: a tab that was killed frees it for the next', async () => {
      const second = await Console.open(browser, server.url);
      await second.page.waitForSelector('[data-answer=again]');
      await tab.page.close();
      await second.page.click('[data-answer=again]');
      await second.prompt();
      assert.match(await homeOf(second.page), /^lasting/);
      assert.equal((await second.run('cat ~/kept')).output, 'kept\n');
      tab = second;
    });

    it('home: dropped files go to the directory of the shell', async () => {
      await tab.run('mkdir -p ~/in && cd ~/in');
      await drop(tab.page, { 'a.txt': 'first\n', 'b c.txt': 'second\n' });
      assert.deepEqual(await tab.run('cat a.txt "b c.txt"; cd'), { output: 'first\nsecond\n', status: 0 });
    });

    it('home: upload asks for files, and a way out of the directory is refused', async () => {
      await tab.type('upload ~/in; echo "status" $?\n');
      await tab.page.waitForSelector('dialog[data-purpose=upload]');
      await tab.page.evaluate(() => {
        const input = document.querySelector<HTMLInputElement>('dialog[data-purpose=upload] input[type=file]');
        const transfer = new DataTransfer();
        transfer.items.add(new File(['chosen'], 'chosen.txt'));
        const out = new File(['bad'], 'out.txt');
        Object.defineProperty(out, 'webkitRelativePath', { value: '../out.txt' });
        Object.defineProperty(input, 'files', { value: [...transfer.files, out] });
        input?.dispatchEvent(new Event('change'));
      });
      await tab.waitFor(/not a path below[^]*status 1\n/);
      assert.equal((await tab.run('cat ~/in/chosen.txt; ls ~/out.txt')).output.slice(0, 6), 'chosen');
    });

    it('home: Ctrl-C ends the wait for files', async () => {
      await tab.type('upload\n');
      await tab.page.waitForSelector('dialog[data-purpose=upload]');
      await tab.page.evaluate(() => window.tabos?.type('\x03'));
      await tab.page.waitForFunction(() => !document.querySelector('dialog[data-purpose=upload]'));
      assert.equal((await tab.run('echo on')).output, 'on\n');
    });

    it('home: download hands files over, a directory as tar', async () => {
      await catchDownloads(tab.page);
      await tab.run('seq 1 100000 > ~/seq && download ~/seq ~/in');
      assert.equal(
        (await downloaded(tab.page, 'seq')).toString(),
        Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join(''),
      );
      const directory = mkdtempSync(join(tmpdir(), 'tabos-tar-'));
      writeFileSync(join(directory, 'in.tar'), await downloaded(tab.page, 'in.tar'));
      mkdirSync(join(directory, 'in'));
      assert.equal(spawnSync('tar', ['xf', '../in.tar'], { cwd: join(directory, 'in') }).status, 0);
      assert.equal(readFileSync(join(directory, 'in/b c.txt'), 'utf8'), 'second\n');
      rmSync(directory, { recursive: true });
    });

    it('home: an image is taken while programs write, and e2fsck finds nothing; another page takes it in', async () => {
      await tab.run("sh -c 'i=0; while :; do i=$((i+1)); cp -r /etc ~/w$((i%7)); rm -rf ~/w$(((i+3)%7)); done' & true");
      await tab.page.click('#menu-button');
      await tab.page.evaluate(() => document.querySelectorAll<HTMLElement>('#menu button')[1]?.click());
      const image = await downloaded(tab.page, 'home.img');
      await tab.run('kill %1; wait');
      checkImage(image);

      await tab.run('echo newer > ~/kept; sync');
      const directory = mkdtempSync(join(tmpdir(), 'tabos-image-'));
      writeFileSync(join(directory, 'home.img'), image);
      const input = await tab.page.$('#import-image');
      const loaded = tab.page.waitForNavigation({ timeout: DEADLINE_MS });
      await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(join(directory, 'home.img'));
      await loaded;
      await tab.prompt();
      rmSync(directory, { recursive: true });
      assert.equal((await tab.run('cat ~/kept')).output, 'kept\n');
    });

    it('home: it moves to the other kind of store and back', async () => {
      const before = await homeOf(tab.page);
      for (const kind of before.includes('idb') ? ['opfs', 'idb'] : ['idb', 'opfs']) {
        await tab.page.goto(`${server.url}?home=${kind}`, { waitUntil: 'load' });
        await tab.prompt();
        assert.match(await homeOf(tab.page), new RegExp(`lasting /dev/${kind}`));
        assert.equal((await tab.run('cat ~/kept ~/in/a.txt')).output, 'kept\nfirst\n');
      }
    });

    it('home: mount and umount, read-only, bind and remount', async () => {
      const { output } = await tab.run(
        [
          'cd /; mkdir -p /mnt/b; mount --bind /home/root/in /mnt/b && cat /mnt/b/a.txt',
          'umount /mnt/b && ls /mnt/b | wc -l',
          'umount /root && mount -o remount,ro /home; touch /home/x; mount -o remount,rw /home && touch /home/x && rm /home/x',
          'umount /home && mount /home && mount /root && cat /root/kept; cd',
        ].join('; '),
      );
      assert.match(output, /^first\n *0\ntouch: .*Read-only file system\nkept\n$/);
    });
  });
}
