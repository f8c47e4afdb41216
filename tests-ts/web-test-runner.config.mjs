/*
 * Tests that run inside a page: what the drivers do with the browser's own
 * stores. In Chromium through Playwright; Playwright has no Debian Firefox, so
 * a small launcher drives that one through WebDriver BiDi.
 *
 *     TEST_FILTER='part of a name' web-test-runner --config tests-ts/web-test-runner.config.mjs
 */
import { readdirSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { playwrightLauncher } from '@web/test-runner-playwright';

import { findBrowser, launch } from './harness.ts';

/** Browsers know no types: drop them, as Node does. */
const types = {
  name: 'types',
  resolveMimeType: ({ path }) => (path.endsWith('.ts') ? 'js' : undefined),
  transform: ({ path, body }) => (path.endsWith('.ts') ? stripTypeScriptTypes(body) : undefined),
};

/** One Firefox with a page for each session. */
function firefoxLauncher() {
  const pages = new Map();
  let browser;
  return {
    name: 'Firefox',
    type: 'puppeteer-bidi',
    concurrency: 1,
    async startSession(id, url) {
      browser ??= launch('firefox');
      const page = await (await browser).newPage();
      pages.set(id, page);
      await page.goto(url);
    },
    isActive: (id) => pages.has(id),
    getBrowserUrl: (id) => pages.get(id)?.url(),
    async stopSession(id) {
      await pages.get(id)?.close();
      pages.delete(id);
      return {};
    },
    async stop() {
      await (await browser)?.close();
    },
    startDebugSession() {
      throw new Error('Firefox can only be tested here, not debugged');
    },
  };
}

/** One line for each test, as tests-ts/run.mjs reads them. */
const lines = {
  reportTestFileResults({ sessionsForTestFile }) {
    console.log(); // takes the escape sequences with which the runner wipes its own lines
    for (const session of sessionsForTestFile) {
      const browser = session.browser.name.toLowerCase();
      for (const error of session.errors) console.log(`FAIL ${browser}: ${session.testFile}: ${error.message}`);
      const walk = (suite) => {
        for (const { name, passed, skipped, error } of suite.tests) {
          const title = `${name} (${browser})`;
          if (skipped) console.log(`skip ${title}: marked so`);
          else if (passed) console.log(`ok ${title}`);
          else if (error) console.log(`FAIL ${title}: ${error.message}`);
          // else the filter left it out
        }
        suite.suites.forEach(walk);
      };
      if (session.testResults) walk(session.testResults);
    }
  },
};

/** The files with tests of that name, or all: a file of which no test is run would count as failed. */
function filesWith(filter) {
  const all = readdirSync(new URL('.', import.meta.url))
    .filter((file) => file.endsWith('.web.ts'))
    .map((file) => fileURLToPath(new URL(file, import.meta.url)));
  const some = all.filter((file) => readFileSync(file, 'utf8').includes(filter));
  return some.length > 0 ? some : all;
}

const chromium = findBrowser('chromium');
const firefox = findBrowser('firefox');
if (!chromium) console.log('skip web: no Chromium on this machine');
if (!firefox) console.log('skip web: no Firefox on this machine');

export default {
  rootDir: fileURLToPath(new URL('..', import.meta.url)),
  files: filesWith(process.env.TEST_FILTER ?? ''),
  nodeResolve: true,
  plugins: [types],
  reporters: [lines],
  staticLogging: true,
  testFramework: { config: { grep: RegExp.escape(process.env.TEST_FILTER ?? '') } },
  browserStartTimeout: 60_000,
  testsFinishTimeout: 120_000,
  concurrency: 1,
  browsers: [
    ...(chromium
      ? [
          playwrightLauncher({
            product: 'chromium',
            launchOptions: {
              executablePath: chromium,
              args: [
                '--no-sandbox',
                '--disable-gpu',
                '--disable-quic',
                '--no-first-run',
                '--disable-background-networking',
                '--disable-component-update',
                '--disable-sync',
              ],
            },
          }),
        ]
      : []),
    ...(firefox ? [firefoxLauncher()] : []),
  ],
};
