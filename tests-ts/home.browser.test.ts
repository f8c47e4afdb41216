/*
 * /home on the page, in every browser there is: it lasts, it has one owner, it moves
 * between stores, and files come in and go out.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'puppeteer-core';

import { catchDownloads, checkImage, downloaded, drop, dropFolder } from './exchange.ts';
import { BROWSERS, Console, DEADLINE_MS } from './harness.ts';
import { SharedPage } from './shared-page.ts';

async function homeOf(page: Page): Promise<string> {
  return page.evaluate(() => `${window.tabos?.home?.mode} ${window.tabos?.home?.device}`);
}

async function reload(tab: Console): Promise<void> {
  await tab.page.reload({ waitUntil: 'load' });
  await tab.prompt();
}

for (const name of BROWSERS) {
  describe(`home in ${name}`, function () {
    const shared = new SharedPage(name, this);

    it('home: files are there after a reload, which takes at most 1.5 s to the prompt', async () => {
      await shared.tab.run('mkdir -p ~/d && cp -r /etc ~/d/ && echo kept > ~/kept && sync');
      await reload(shared.tab);
      assert.deepEqual(await shared.tab.run('cat ~/kept; cmp /etc/passwd ~/d/etc/passwd'), {
        output: 'kept\n',
        status: 0,
      });
      const promptMs = await shared.tab.page.evaluate(
        () => performance.getEntriesByName('tabos:prompt')[0]?.startTime ?? 1e9,
      );
      assert.ok(promptMs < 1500, `${promptMs} ms`);
    });

    it('home: it is in /proc/mounts, and df tells its size', async () => {
      const { output } = await shared.tab.run('grep " /home " /proc/mounts; df -P /home | tail -n 1');
      assert.match(output, /^\/dev\/(idb|opfs)0 \/home ext2 rw/);
      assert.match(output, /\/dev\/(idb|opfs)0 +\d+ +\d+ +\d+ +\d+% +\/home/);
    });

    it('home: a second tab is asked, and may do without', async () => {
      const second = await Console.open(shared.browser, shared.server.url);
      try {
        await second.page.waitForSelector('[data-answer=again]');
        await second.prompt('volatile');
        assert.equal(await homeOf(second.page), 'volatile null');
        assert.equal((await second.run('ls /root | wc -l')).output.trim(), '0');
      } finally {
        await second.page.close();
      }
    });

    /** A second tab sees what there is, and can't change it. */
    async function lookOnly(): Promise<void> {
      await shared.tab.run('sync');
      const second = await Console.open(shared.browser, shared.server.url);
      try {
        await second.page.waitForSelector('[data-answer=read-only]');
        await second.prompt('read-only');
        assert.match(await homeOf(second.page), /^read-only/);
        assert.equal((await second.run('cat ~/kept')).output, 'kept\n');
        assert.match((await second.run('touch ~/kept')).output, /Read-only file system/);
      } finally {
        await second.page.close();
      }
      assert.equal((await shared.tab.run('touch ~/kept')).status, 0);
    }

    it('home: a second tab may look only', lookOnly);

    it('home: a tab that was killed frees it for the next', async () => {
      const second = await Console.open(shared.browser, shared.server.url);
      await second.page.waitForSelector('[data-answer=again]');
      await shared.tab.page.close();
      await second.prompt('again');
      assert.match(await homeOf(second.page), /^lasting/);
      assert.equal((await second.run('cat ~/kept')).output, 'kept\n');
      shared.tab = second;
    });

    it('home: dropped files go to the directory of the shell', async () => {
      await shared.tab.run('mkdir -p ~/in && cd ~/in');
      await drop(shared.tab.page, { 'a.txt': 'first\n', 'b c.txt': 'second\n' });
      assert.deepEqual(await shared.tab.run('cat a.txt "b c.txt"; cd'), { output: 'first\nsecond\n', status: 0 });
    });

    it('home: a dropped folder comes with all that is below it', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'tabos-folder-'));
      mkdirSync(join(directory, 'folder/deep/er'), { recursive: true });
      writeFileSync(join(directory, 'folder/top.txt'), 'top\n');
      for (let i = 0; i < 150; i++) writeFileSync(join(directory, `folder/deep/er/${i}`), `${i}\n`);
      await shared.tab.run('cd ~/in');
      await dropFolder(shared.tab.page, join(directory, 'folder'));
      rmSync(directory, { recursive: true });
      assert.deepEqual(await shared.tab.run('cat folder/top.txt folder/deep/er/149; ls folder/deep/er | wc -l; cd'), {
        output: 'top\n149\n150\n',
        status: 0,
      });
    });

    it('home: upload asks for files, and a way out of the directory is refused', async () => {
      await shared.tab.type('upload ~/in; echo "status" $?\n');
      await shared.tab.page.waitForSelector('dialog[data-purpose=upload]');
      await shared.tab.page.evaluate(() => {
        const input = document.querySelector<HTMLInputElement>('dialog[data-purpose=upload] input[type=file]');
        const transfer = new DataTransfer();
        transfer.items.add(new File(['chosen'], 'chosen.txt'));
        const out = new File(['bad'], 'out.txt');
        Object.defineProperty(out, 'webkitRelativePath', { value: '../out.txt' });
        Object.defineProperty(input, 'files', { value: [...transfer.files, out] });
        input?.dispatchEvent(new Event('change'));
      });
      await shared.tab.waitFor(/not a path below[^]*status 1\n/);
      assert.equal((await shared.tab.run('cat ~/in/chosen.txt; ls ~/out.txt')).output.slice(0, 6), 'chosen');
    });

    it('home: Ctrl-C ends the wait for files', async () => {
      await shared.tab.type('upload\n');
      await shared.tab.page.waitForSelector('dialog[data-purpose=upload]');
      await shared.tab.page.evaluate(() => window.tabos?.type('\x03'));
      await shared.tab.page.waitForFunction(() => !document.querySelector('dialog[data-purpose=upload]'));
      assert.equal((await shared.tab.run('echo on')).output, 'on\n');
    });

    it('home: download hands files over, a directory as tar', async () => {
      await catchDownloads(shared.tab.page);
      await shared.tab.run('seq 1 100000 > ~/seq && download ~/seq ~/in');
      assert.equal(
        (await downloaded(shared.tab.page, 'seq')).toString(),
        Array.from({ length: 100_000 }, (_, i) => `${i + 1}\n`).join(''),
      );
      const directory = mkdtempSync(join(tmpdir(), 'tabos-tar-'));
      writeFileSync(join(directory, 'in.tar'), await downloaded(shared.tab.page, 'in.tar'));
      mkdirSync(join(directory, 'in'));
      assert.equal(spawnSync('tar', ['xf', '../in.tar'], { cwd: join(directory, 'in') }).status, 0);
      assert.equal(readFileSync(join(directory, 'in/b c.txt'), 'utf8'), 'second\n');
      rmSync(directory, { recursive: true });
    });

    it('home: an image is taken while programs write, and e2fsck finds nothing; another page takes it in', async () => {
      // A file without a name is freed in the image, and goes on to be what it is here.
      await shared.tab.run('exec 9<>~/nameless && echo still >&9 && rm ~/nameless');
      await shared.tab.run(
        "sh -c 'i=0; while :; do i=$((i+1)); cp -r /etc ~/w$((i%7)); rm -rf ~/w$(((i+3)%7)); done' & true",
      );
      await shared.tab.page.click('#menu-button');
      await shared.tab.page.evaluate(() => document.querySelectorAll<HTMLElement>('#menu button')[1]?.click());
      const image = await downloaded(shared.tab.page, 'home.img');
      await shared.tab.run('kill %1; wait');
      checkImage(image);
      assert.equal(
        (await shared.tab.run('cat /proc/self/fd/9; exec 9>&-; grep -c export /proc/mounts')).output,
        'still\n0\n',
      );

      await shared.tab.run('echo newer > ~/kept; sync');
      const directory = mkdtempSync(join(tmpdir(), 'tabos-image-'));
      writeFileSync(join(directory, 'home.img'), image);
      const input = await shared.tab.page.$('#import-image');
      const loaded = shared.tab.page.waitForNavigation({ timeout: DEADLINE_MS });
      await (input as unknown as { uploadFile(path: string): Promise<void> }).uploadFile(join(directory, 'home.img'));
      await loaded;
      await shared.tab.prompt();
      rmSync(directory, { recursive: true });
      assert.equal((await shared.tab.run('cat ~/kept')).output, 'kept\n');
    });

    it('home: it moves to the other kind of store and back', async () => {
      const before = await homeOf(shared.tab.page);
      for (const kind of before.includes('idb') ? ['opfs', 'idb'] : ['idb', 'opfs']) {
        await shared.tab.page.goto(`${shared.server.url}?home=${kind}`, { waitUntil: 'load' });
        await shared.tab.prompt();
        assert.match(await homeOf(shared.tab.page), new RegExp(`lasting /dev/${kind}`));
        assert.equal((await shared.tab.run('cat ~/kept ~/in/a.txt')).output, 'kept\nfirst\n');
        await lookOnly(); // in either kind
      }
    });

    it('home: mount and umount, read-only, bind and remount', async () => {
      const { output } = await shared.tab.run(
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
