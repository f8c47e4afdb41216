/*
 * What describes of tests in browsers have in common: how patient they are, and one
 * page with TabOS on it for all of their tests.
 */
import type { Browser } from 'puppeteer-core';
import type { Suite } from 'mocha';

import { Console, DEADLINE_MS, findBrowser, launch, SITE, startServer, type BrowserName } from './harness.ts';

/** The tests of `suite` run in a browser, or are skipped where there is none. */
export function runIn(name: BrowserName, suite: Suite): void {
  suite.timeout(4 * DEADLINE_MS);
  suite.beforeAll(function () {
    if (!findBrowser(name)) this.skip();
  });
}

/** A browser, a server and a page whose shell is at its prompt, from the first test of a suite to its last. */
export class SharedPage {
  browser!: Browser;
  server!: Awaited<ReturnType<typeof startServer>>;
  tab!: Console;

  /** `directory` is asked when the tests begin: who makes the site may do it before. */
  constructor(name: BrowserName, suite: Suite, directory: () => string = () => SITE) {
    runIn(name, suite);
    suite.beforeAll(async () => {
      this.server = await startServer(directory());
      this.browser = await launch(name);
      this.tab = await Console.open(this.browser, this.server.url);
      await this.tab.prompt();
    });
    suite.afterAll(async () => {
      await this.browser?.close();
      this.server?.close();
    });
  }
}
