/*
 * The page, in every browser there is: boot, typing, pipes, signals, tabs, and
 * what it says when something is missing.
 */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BROWSERS, Console, SITE, startServer } from './harness.ts';
import { SharedPage } from './shared-page.ts';

/** A copy of the site that a test may damage. */
function copySite(damage: (directory: string) => void): string {
  const directory = mkdtempSync(join(tmpdir(), 'tabos-site-'));
  cpSync(SITE, directory, { recursive: true });
  damage(directory);
  return directory;
}

for (const name of BROWSERS) {
  describe(`page in ${name}`, function () {
    const shared = new SharedPage(name, this);

    /** Run a test on a page of its own, against a directory. */
    async function withPage(
      directory: string,
      options: { isolate?: boolean; prepare?: () => void },
      test: (tab: Console) => Promise<void>,
    ): Promise<void> {
      const own = await startServer(directory, options);
      const shown = await Console.open(shared.browser, own.url, options.prepare);
      try {
        await test(shown);
      } finally {
        await shown.page.close();
        own.close();
      }
    }

    it('page: a typed command runs and its output appears', async () => {
      assert.deepEqual(await shared.tab.run('echo hello, world'), { output: 'hello, world\n', status: 0 });
    });

    it('page: a pipeline joins programs', async () => {
      const { output } = await shared.tab.run("printf 'b\\na\\nc\\n' | sort | tr abc ABC | head -n 2");
      assert.equal(output, 'A\nB\n');
    });

    it('page: exit statuses arrive', async () => {
      assert.equal((await shared.tab.run('true')).status, 0);
      assert.equal((await shared.tab.run('sh -c "exit 42"')).status, 42);
      assert.equal((await shared.tab.run('sh -c "kill -TERM \\$\\$"')).status, 128 + 15);
      assert.equal((await shared.tab.run('no-such-command')).status, 127);
    });

    it('page: Ctrl-C interrupts what runs, and the shell goes on', async () => {
      const started = Date.now();
      await shared.tab.type('echo go; sleep 100\n');
      await shared.tab.waitFor(/\ngo\n/);
      await shared.tab.press('c', 'Control');
      await shared.tab.waitFor(/\^C/);
      assert.deepEqual(await shared.tab.run('echo alive'), { output: 'alive\n', status: 0 });
      assert.ok(Date.now() - started < 90_000);
    });

    it('page: Ctrl-D ends the input of a program', async () => {
      await shared.tab.type('wc -l; echo "counted"" it"\nx\ny\n');
      await shared.tab.press('d', 'Control');
      assert.match((await shared.tab.waitFor(/ *(\d+)\ncounted it\n/))[1] ?? '', /2/);
    });

    it('page: the keyboard and the screen speak UTF-8, wide characters included', async () => {
      await shared.tab.page.evaluate(() =>
        window.tabos?.type('printf "%s|\\n" "漢字 é ☺" | tee /tmp/wide; wc -c < /tmp/wide\r'),
      );
      await shared.tab.waitFor(/\n漢字 é ☺\|\n *15\n/);
    });

    it('page: a new size reaches stty', async () => {
      const size = async () => (await shared.tab.run('stty size')).output.trim().split(' ').map(Number);
      const [rows = 0, columns = 0] = await size();
      assert.ok(rows > 10 && columns > 40, `${rows} rows, ${columns} columns`);
      await shared.tab.page.setViewport({ width: 700, height: 400 });
      // The new size comes with the next frame, not with the answer to setViewport.
      await shared.tab.page.waitForFunction((r) => (window.tabos?.size()[1] ?? r) < r, {}, rows);
      const [newRows = 0, newColumns = 0] = await size();
      assert.ok(newRows < rows && newColumns < columns, `${newRows} rows, ${newColumns} columns`);
      await shared.tab.page.setViewport({ width: 1000, height: 640 });
    });

    it('page: a program that floods the terminal can be interrupted', async () => {
      await shared.tab.type('while :; do echo flood; done\n');
      await shared.tab.waitFor(/(flood\n){50}/);
      await shared.tab.press('c', 'Control');
      assert.deepEqual(await shared.tab.run('echo calm'), { output: 'calm\n', status: 0 });
    });

    it('page: a second tab is a session of its own, and closes with its shell', async () => {
      await shared.tab.run('x=one');
      await shared.tab.press('N', 'Alt', 'Shift');
      await shared.tab.waitFor(/[#$] ?$/, 2);
      assert.deepEqual(await shared.tab.run('tty; echo "[$x]"'), { output: '/dev/tty2\n[]\n', status: 0 });
      assert.match((await shared.tab.run('ps')).output, /sh/);
      await shared.tab.type('exit\n');
      await shared.tab.page.waitForFunction(() => window.tabos?.terminals().length === 1);
      assert.equal((await shared.tab.run('tty; echo $x')).output, '/dev/tty1\none\n');
    });

    it('page: a closed tab hangs its programs up', async () => {
      await shared.tab.press('N', 'Alt', 'Shift');
      await shared.tab.waitFor(/[#$] ?$/, 2);
      await shared.tab.type('sleep 4321\n');
      await shared.tab.press('W', 'Alt', 'Shift');
      await shared.tab.page.waitForFunction(() => window.tabos?.terminals().length === 1);
      // SIGHUP travels while we look: ask until it has arrived.
      assert.equal((await shared.tab.run('while ps | grep -q "[s]leep 4321"; do :; done')).status, 0);
    });

    it('page: a shell that ends badly leaves its words and offers a new one', async () => {
      await shared.tab.type('exit 3\n');
      await shared.tab.waitFor(/ended with status 3/);
      await shared.tab.type('\n');
      await shared.tab.waitFor(/new one\.\][^]*[#$] ?$/);
      assert.equal((await shared.tab.run('echo again')).output, 'again\n');
    });

    it('page: nothing was logged as an error', () => {
      assert.deepEqual(shared.tab.errors, []);
    });

    it('page: a static host without headers gets isolation from the service worker', async () => {
      await withPage(SITE, { isolate: false }, async (shown) => {
        await shown.prompt();
        assert.equal(await shown.page.evaluate(() => crossOriginIsolated), true);
        assert.equal((await shown.run('echo isolated')).output, 'isolated\n');
      });
    });

    it('page: without isolation and service worker it says so, and does not load in circles', async () => {
      const directory = copySite((d) => rmSync(join(d, 'sw.js')));
      await withPage(directory, { isolate: false }, async (shown) => {
        const text = await shown.waitForMessage(/Cross-origin isolation/);
        assert.match(text, /can’t run here/);
        assert.doesNotMatch(text, /Shared memory/);
      });
      rmSync(directory, { recursive: true });
    });

    it('page: an old browser is told what it lacks', async () => {
      const prepare = () => {
        const { Module } = WebAssembly;
        // What the detectors of multi-memory and exnref try, an old browser refuses.
        WebAssembly.Module = class extends Module {
          constructor() {
            throw new WebAssembly.CompileError('unknown section');
            super(new Uint8Array());
          }
        } as typeof Module;
        WebAssembly.validate = () => false;
      };
      await withPage(SITE, { prepare }, async (shown) => {
        const text = await shown.waitForMessage(/can’t run here/);
        assert.match(text, /several memories/);
        assert.match(text, /exnref/);
        assert.match(text, /update the browser/);
      });
    });

    it('page: a corrupt boot archive is named, not a blank page', async () => {
      const directory = copySite((d) => {
        const archive = readFileSync(join(d, 'boot.tar.gz'));
        const middle = archive.length >> 1;
        archive.fill(0x55, middle, middle + 4096);
        writeFileSync(join(d, 'boot.tar.gz'), archive);
      });
      await withPage(directory, {}, async (shown) => {
        await shown.waitForMessage(/boot archive is damaged/);
      });
      rmSync(directory, { recursive: true });
    });

    it('page: a truncated boot archive is named', async () => {
      const directory = copySite((d) => {
        const archive = readFileSync(join(d, 'boot.tar.gz'));
        writeFileSync(join(d, 'boot.tar.gz'), archive.subarray(0, archive.length >> 1));
      });
      await withPage(directory, {}, async (shown) => {
        await shown.waitForMessage(/boot archive is damaged/);
      });
      rmSync(directory, { recursive: true });
    });

    it('page: a missing file on the server is named', async () => {
      const directory = copySite((d) => rmSync(join(d, 'kernel.wasm')));
      await withPage(directory, {}, async (shown) => {
        assert.match(await shown.waitForMessage(/couldn’t be loaded/), /kernel\.wasm/);
      });
      rmSync(directory, { recursive: true });
    });

    it('page: a foreign kernel is named', async () => {
      const directory = copySite((d) => writeFileSync(join(d, 'kernel.wasm'), 'this is not WebAssembly'));
      await withPage(directory, {}, async (shown) => {
        await shown.waitForMessage(/kernel can’t be used/);
      });
      rmSync(directory, { recursive: true });
    });
  });
}
