/*
 * The stores of /home at their limits, in every browser there is: no room left, and a browser that
 * does not answer.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'puppeteer-core';

import { catchDownloads, checkImage, downloaded } from './exchange.ts';
import { BROWSERS, Console, launch, SITE, startServer, type BrowserName } from './harness.ts';
import { runIn } from './shared-page.ts';

const QUOTA_BYTES = 24 * 1024 * 1024;
/** How often that may be filled up before df must say so. */
const ROUNDS = 5;

/** Files until there is no room: a line with the checksum of each whose fsync has said that it is there. */
const FILL =
  'i=0; while i=$((i+1)); dd if=/dev/urandom of=f$i bs=SIZE count=1 conv=fsync 2>/tmp/why; do cksum f$i; done; rm f$i; sync; cat /tmp/why';

function sums(text: string): string[] {
  return text.match(/^\d+ \d+ f\d+$/gm) ?? [];
}

/** A browser that gives the site at `url` QUOTA_BYTES, and a page with nothing on it. */
async function launchSmall(name: BrowserName, url: string): Promise<Browser> {
  // Firefox: KiB for all origins together; what one may have is a part of it.
  const browser = await launch(name, { 'dom.quotaManager.temporaryStorage.fixedLimit': QUOTA_BYTES / 1024 });
  if (name === 'chromium') {
    const [page] = await browser.pages();
    const session = await page!.createCDPSession(); // the limit ends with it
    await session.send('Storage.overrideQuotaForOrigin', { origin: new URL(url).origin, quotaSize: QUOTA_BYTES });
  }
  return browser;
}

async function imageOfHome(tab: Console): Promise<Buffer> {
  await catchDownloads(tab.page);
  await tab.page.evaluate(() => document.querySelectorAll<HTMLElement>('#menu button')[1]?.click());
  return downloaded(tab.page, 'home.img');
}

for (const name of BROWSERS) {
  describe(`stores in ${name}`, function () {
    runIn(name, this);

    for (const store of ['idb', 'opfs']) {
      it(`stores: a quota that is used up is ENOSPC, before data is taken and never after (${store})`, async () => {
        const server = await startServer();
        const browser = await launchSmall(name, server.url);
        try {
          const tab = await Console.open(browser, `${server.url}?home=${store}`);
          await tab.prompt();
          await tab.run(`mkdir ~/q; cd ~/q; mkdir $(seq 1 ${ROUNDS}); sync`);
          const large = (await tab.run(FILL.replace('SIZE', '1M'))).output;
          assert.match(large, /No space left on device/);
          assert.ok(sums(large).length > 2, large);
          let written = sums(large);
          // The browser may find room at any moment, by what was overwritten: then there is room for files again.
          for (let round = 1, left = Infinity; left >= 1024; round++) {
            assert.ok(round <= ROUNDS, `df says that ${left} KiB are free, after ${round - 1} rounds`);
            await tab.run(`cd ~/q/${round}`);
            const small = (await tab.run(FILL.replace('SIZE', '64k'))).output;
            assert.match(small, /No space left on device/);
            written = [...written, ...sums(small)];
            const free = /(\d+) +\d+% /.exec((await tab.run('df -Pk /home')).output);
            assert.ok(free);
            left = Number(free[1]);
          }

          await tab.page.reload({ waitUntil: 'load' });
          await tab.prompt();
          const all = (await tab.run('for d in ~/q ~/q/[0-9]; do (cd $d; cksum f* 2>/tmp/none); done')).output;
          assert.deepEqual(sums(all).sort(), written.sort());
          checkImage(await imageOfHome(tab));

          assert.equal((await tab.run('rm ~/q/f*; sync')).status, 0);
          const { output, status } = await tab.run('dd if=/dev/urandom of=$HOME/q/again bs=1M count=2 conv=fsync');
          assert.equal(status, 0, output);
          checkImage(await imageOfHome(tab));
        } finally {
          await browser.close();
          server.close();
        }
      });
    }

    it('stores: a call that does not return is told on the page, and that it has', async () => {
      const directory = mkdtempSync(join(tmpdir(), 'tabos-hang-'));
      cpSync(SITE, directory, { recursive: true });
      const script = join(directory, 'supervisor.js');
      writeFileSync(script, HANG + readFileSync(script, 'utf8'));
      const server = await startServer(directory);
      const browser = await launch(name);
      try {
        const tab = await Console.open(browser, `${server.url}?home=opfs`);
        await tab.prompt();
        await tab.page.evaluate(() => new BroadcastChannel('hang').postMessage(null));
        await tab.type('echo x > ~/hang; sync; echo "do""ne"\n');
        await tab.waitForMessage(/\/dev\/opfs0: no answer for 10 s/);
        await tab.waitForMessage(/\/dev\/opfs0: answers again, after \d+ s/);
        await tab.waitFor(/^done$/m);
      } finally {
        await browser.close();
        server.close();
        rmSync(directory, { recursive: true });
      }
    });
  });
}

/** Put before the supervisor's script: when told so, the next flush of a file blocks its thread. */
const HANG = `
const flush = FileSystemSyncAccessHandle.prototype.flush;
let hangs = false;
new BroadcastChannel('hang').onmessage = () => (hangs = true);
FileSystemSyncAccessHandle.prototype.flush = function () {
  if (hangs) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 18000);
  hangs = false;
  return flush.call(this);
};
`;
