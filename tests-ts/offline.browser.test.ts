/*
 * Package images and the page without the network, in every browser there is.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'puppeteer-core';

import { serve } from '../boot/serve.mjs';
import { BROWSERS, Console, DEADLINE_MS, launch, SITE } from './harness.ts';
import { runIn } from './shared-page.ts';

/** A server that can be stopped and started again at the same address, and remembers what it was asked. */
class Network {
  readonly directory: string;
  readonly requests: { readonly path: string; readonly range: string | undefined }[] = [];
  /** Serve as a simple host does: without ranges. */
  ranges = true;
  #server: Awaited<ReturnType<typeof serve>> | null = null;
  #port = 0;

  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'tabos-offline-'));
    cpSync(SITE, this.directory, { recursive: true });
    this.seal();
  }

  /** The files are a version of the site as they are now. */
  seal(): void {
    execFileSync(process.execPath, [fileURLToPath(new URL('../boot/site.mjs', import.meta.url)), this.directory]);
  }

  get url(): string {
    return `http://localhost:${this.#port}/`;
  }

  async start(): Promise<void> {
    this.#server = await serve(this.directory, { port: this.#port });
    this.#port = (this.#server.address() as AddressInfo).port;
    this.#server.prependListener('request', (request: IncomingMessage) => {
      this.requests.push({ path: request.url ?? '', range: request.headers.range });
      if (!this.ranges) delete request.headers.range;
    });
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  images(): typeof this.requests {
    return this.requests.filter(({ path }) => path.endsWith('.sqfs'));
  }

  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true });
  }
}

/** Wait until the site is kept as it is now (and not as `before`). */
async function kept(tab: Console, before: string | null = null): Promise<string> {
  const handle = await tab.page.waitForFunction(
    (old) => window.tabos?.kept !== old && window.tabos?.kept,
    { timeout: DEADLINE_MS },
    before,
  );
  return (await handle.jsonValue()) as string;
}

for (const name of BROWSERS) {
  describe(`offline in ${name}`, function () {
    runIn(name, this);
    let browser: Browser;
    let network: Network;

    // Each test has a browser that has seen nothing yet.
    beforeEach(async () => {
      network = new Network();
      await network.start();
      browser = await launch(name);
    });
    afterEach(async () => {
      await browser?.close();
      await network?.dispose();
    });

    async function open(): Promise<Console> {
      const tab = await Console.open(browser, `${network.url}?home=volatile`); // several pages at once
      await tab.prompt();
      return tab;
    }

    it('packages: images are fetched when /usr is touched, in parts, and not again', async () => {
      const tab = await open();
      assert.equal((await tab.run('mount | grep -c "on /usr type pkgfs"')).status, 0);
      // A command in /bin is looked for in /usr first, which is the base image's directory only.
      assert.deepEqual(
        new Set(network.images().map(({ path }) => path.replace(/-.*/, ''))),
        new Set(['/packages/base']),
      );
      assert.match((await tab.run("bash -c 'echo $BASH_VERSION'")).output, /^5\./);
      assert.match((await tab.run('TZ=Europe/Berlin date +%Z')).output, /^(CET|CEST)\n$/);
      const images = network.images();
      assert.ok(images.every(({ range }) => range));
      assert.ok(!images.some(({ path }) => path.includes('terminfo')));
      // The chunks are kept: another page fetches none of them.
      network.requests.length = 0;
      const again = await open();
      assert.match((await again.run("bash -c 'echo $BASH_VERSION'")).output, /^5\./);
      assert.deepEqual(network.images(), []);
    });

    it('packages: a server without ranges sends images whole', async () => {
      network.ranges = false;
      const tab = await open();
      assert.equal((await tab.run('echo "6 * 7" | bc')).output, '42\n');
      assert.equal((await tab.run("bash -c 'echo yes'")).output, 'yes\n');
    });

    it('packages: a damaged image gives EIO, and the rest works', async () => {
      const terminfo = execFileSync('ls', [join(network.directory, 'packages')], { encoding: 'utf8' })
        .split('\n')
        .find((file) => file.startsWith('terminfo-'));
      execFileSync(
        'dd',
        [
          'if=/dev/zero',
          `of=${join(network.directory, 'packages', terminfo ?? '')}`,
          'bs=4096',
          'count=1',
          'conv=notrunc',
        ],
        { stdio: 'ignore' },
      );
      const tab = await open();
      const { output, status } = await tab.run('cat /usr/share/terminfo/x/xterm');
      assert.match(output, /I\/O error|Input\/output error/);
      assert.notEqual(status, 0);
      assert.equal((await tab.run("bash -c 'echo yes'")).output, 'yes\n');
    });

    it('offline: the page starts without the network and runs what was used before', async () => {
      const first = await open();
      assert.match((await first.run("bash -c 'echo $BASH_VERSION'")).output, /^5\./);
      await kept(first);
      await first.page.close();
      await network.stop();
      const tab = await open();
      assert.match((await tab.run("bash -c 'echo $BASH_VERSION'")).output, /^5\./);
      assert.equal((await tab.run('echo a | tr a b')).output, 'b\n');
      // What was never used is not there, and says so.
      assert.match((await tab.run('cat /usr/share/terminfo/x/xterm')).output, /I\/O error|Input\/output error/);
      // With the network back it is.
      await network.start();
      assert.equal((await tab.run('cat /usr/share/terminfo/x/xterm | wc -c')).status, 0);
      assert.match((await tab.run('wc -c < /usr/share/terminfo/x/xterm')).output, /^ *[1-9]\d{3}\n$/);
    });

    it('offline: a new version of the site takes the place of the one that was kept', async () => {
      const first = await open();
      const old = await kept(first);
      appendFileSync(join(network.directory, 'index.html'), '<!-- new --><meta name="fresh" />\n');
      network.seal();
      const second = await open();
      assert.ok(await second.page.$('meta[name=fresh]'));
      const fresh = await kept(second);
      assert.notEqual(fresh, old);
      await network.stop();
      const third = await open();
      assert.ok(await third.page.$('meta[name=fresh]'));
    });
  });
}
