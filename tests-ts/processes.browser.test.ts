/*
 * Processes, signals and job control in the page, in every browser there is.
 */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import type { Browser } from 'puppeteer-core';

import { BUSY_LOOP, compileC, siteWith } from './c-programs.ts';
import { BROWSERS, Console, DEADLINE_MS, findBrowser, launch, startServer } from './harness.ts';

let site: string;
before(() => (site = siteWith([{ path: '/bin/busy', mode: 0o755, data: compileC(BUSY_LOOP) }])));
after(() => rmSync(site, { recursive: true }));

for (const name of BROWSERS) {
  describe(`processes in ${name}`, function () {
    this.timeout(4 * DEADLINE_MS);
    if (name === 'firefox') this.retries(3); // it may hang under BiDi, without TabOS too: harness.ts
    let browser: Browser;
    let server: Awaited<ReturnType<typeof startServer>>;
    let tab: Console;

    before(async function () {
      if (!findBrowser(name)) this.skip();
      server = await startServer(site);
      browser = await launch(name);
      tab = await Console.open(browser, server.url);
      await tab.prompt();
    });

    after(async () => {
      await browser?.close();
      server?.close();
    });

    it('page: Ctrl-C runs the handler of a loop without calls, which goes on afterwards', async () => {
      await tab.type('busy; echo "status" $?\n');
      await tab.waitFor(/\nbusy\n/);
      for (let times = 1; times <= 3; times++) {
        await tab.press('c', 'Control');
        await tab.waitFor(new RegExp(`SIGINT ${times}\n`));
      }
      await tab.waitFor(/\nwent on\n/);
      await tab.press('\\', 'Control'); // SIGQUIT, which has its default action
      await tab.waitFor(/\nstatus 131\n/);
    });

    it('page: bash is a login shell with job control', async () => {
      const enter = async (line: string, answer: RegExp): Promise<void> => {
        const before = (await tab.screen()).length;
        await tab.type(`${line}\n`);
        await tab.page.waitForFunction(
          (from, source) => new RegExp(source).test((window.tabos?.screen() ?? '').slice(from)),
          { timeout: DEADLINE_MS, polling: 50 },
          before,
          `${answer.source}[^]*# ?$`,
        );
      };
      await tab.type('exec bash -l\n');
      await tab.waitFor(/exec bash -l\n[^]*# ?$/);
      await enter('shopt login_shell', /login_shell\s+on\n/);
      await tab.type("sh -c 'echo up$((1)); sleep 1000'\n");
      await tab.waitFor(/\nup1\n/);
      await tab.press('z', 'Control');
      await tab.waitFor(/\[1\]\+ +Stopped[^]*# ?$/);
      await enter('bg', /\[1\]\+ sh -c/);
      await enter('jobs', /\[1\]\+ +Running/);
      await enter('cat &', /\[2\] \d+/);
      // A job in the background that reads the terminal stops, and reads when it comes back.
      await enter('until jobs %2 | grep Stopped; do :; done', /Stopped +cat\n/);
      await tab.type('fg\n');
      await tab.waitFor(/fg\ncat\n/);
      await tab.type('a line\n');
      await tab.waitFor(/a line\na line\n/);
      await tab.press('d', 'Control');
      await tab.waitFor(/a line\na line\n[^]*# ?$/);
      await tab.type('fg %1\n');
      await tab.waitFor(/fg %1\nsh -c [^\n]*sleep 1000/);
      await tab.press('c', 'Control');
      await enter('echo status $?', /status 130\n/);
      await enter('sleep 1000 & kill %1; wait %1; echo status $?', /status 143\n/);
      await enter('jobs | wc -l', /\n *0\n/);
    });
  });
}
