/*
 * The crash test of /home in a browser: a page is killed at a random moment while
 * four processes write, hundreds of times; see tests-c/suites/crash.c for what
 * they do and how it is judged.
 *
 *     node tests-ts/crash.ts BROWSER COUNT CRASH.wasm [STORE]
 *
 * What a program has said of its fsyncs is read off the page just before it is
 * killed. Then the page is opened again; every process's files must be what a step
 * from there on left, and e2fsck must find nothing in the image of /home.
 */
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'puppeteer-core';

import { catchDownloads, checkImage, downloaded, drop } from './exchange.ts';
import { Console, findBrowser, launch, startServer, type BrowserName } from './harness.ts';

const PROCESSES = 4;
/** The moment of a kill lies in this time after the work has begun. */
const WORK_MS = 1500;

const [name = 'chromium', countText = '500', program = 'crash.wasm', store = 'current'] = process.argv.slice(2);
const count = Number(countText);

/** Ways in which a page ends. */
const KILLS: Record<string, (page: Page) => Promise<unknown>> = {
  'the tab is closed': (page) => page.close({ runBeforeUnload: false }),
  'the page is left': (page) => page.goto('about:blank'),
  'the page is loaded again': (page) => page.reload({ waitUntil: 'commit' as never }).catch(() => undefined),
  // Firefox has no such address, and the page stays: then the tab is closed.
  ...(name === 'chromium'
    ? { 'the process dies': (page: Page) => page.goto('chrome://crash', { timeout: 1000 }).catch(() => undefined) }
    : {}),
};

/** What each process was last heard to have made durable. */
async function heard(page: Page): Promise<number[]> {
  const screen = await page.evaluate(() => window.tabos?.screen() ?? '');
  const last = new Array<number>(PROCESSES).fill(0);
  for (const [, process, step] of screen.matchAll(/^A(\d):(\d+)$/gm)) {
    const i = Number(process);
    last[i] = Math.max(last[i] ?? 0, Number(step));
  }
  const broken = /BROKEN.*/.exec(screen);
  if (broken) throw new Error(broken[0]);
  return last;
}

async function openPage(browser: Browser, url: string): Promise<Console> {
  const tab = await Console.open(browser, url);
  await tab.prompt();
  const mode = await tab.page.evaluate(() => window.tabos?.home?.mode);
  if (mode !== 'lasting') console.log(tab.errors);
  if (mode !== 'lasting')
    throw new Error(`/home is ${mode}: ${await tab.page.evaluate(() => window.tabos?.home?.problem)}`);
  return tab;
}

async function main(): Promise<void> {
  const browserName = name as BrowserName;
  if (!findBrowser(browserName)) {
    console.log(`skip crash in ${name}: there is none on this machine`);
    return;
  }
  const server = await startServer();
  const url = `${server.url}?home=${store}`;
  const browser = await launch(browserName);
  const kills = new Map<string, number>();
  let steps = 0;
  try {
    let tab = await openPage(browser, url);
    await tab.run('mkdir -p /home/crash && cd /home/crash');
    await drop(tab.page, { crash: readFileSync(program) });
    await tab.run('chmod +x crash; sync');
    for (let life = 1; life <= count; life++) {
      const seed = (Math.random() * 2 ** 31) | 0;
      const [how = '', kill] = Object.entries(KILLS)[life % Object.keys(KILLS).length] ?? [];
      await tab.run('cd /home/crash; if [ -d p0 ]; then rm -rf p*; fi; sync');
      await tab.page.evaluate((s, n) => window.tabos?.type(`./crash work ${s} ${n}\n`), seed, PROCESSES);
      await tab.waitFor(/A\d:\d+/).catch(async (error: unknown) => {
        // What do they wait for?
        await tab.page.evaluate(() => window.tabos?.type('\x1a'));
        const { output } = await tab.run('ps; for p in /proc/[0-9]*; do echo $p; cat $p/wchan; done');
        throw new Error(`${String(error)}\n${output}`);
      });
      await new Promise((resolve) => setTimeout(resolve, Math.random() * WORK_MS));
      const least = await heard(tab.page);
      await kill?.(tab.page);
      kills.set(how, (kills.get(how) ?? 0) + 1);
      if (!tab.page.isClosed()) await tab.page.close({ runBeforeUnload: false }).catch(() => undefined);
      tab = await openPage(browser, url);
      const verdict = await tab.run(`cd /home/crash; ./crash verify ${seed} ${least.join(' ')}`);
      if (!/VERDICT good/.test(verdict.output)) {
        const any = await tab.run(`./crash verify ${seed} 0 0 0 0; ls -l p*`);
        throw new Error(`life ${life} (${how}, seed ${seed}): ${verdict.output}without what was heard:\n${any.output}`);
      }
      steps += least.reduce((sum, n) => sum + n, 0);
      await catchDownloads(tab.page);
      await tab.page.evaluate(() => document.querySelectorAll<HTMLElement>('#menu button')[1]?.click());
      try {
        checkImage(await downloaded(tab.page, 'home.img'));
      } catch (error) {
        throw new Error(`life ${life} (${how}, seed ${seed}): e2fsck: ${String(error)}`);
      }
      if (life % 25 === 0 || process.env['TABOS_VERBOSE'])
        console.log(`# ${life} kills, ${steps} steps; the last: ${how}`);
    }
    const ways = [...kills].map(([how, n]) => `${n} times ${how}`).join(', ');
    console.log(`ok crash: ${count} kills in ${name} (${ways}), ${steps} steps heard of, none lost, e2fsck clean`);
  } catch (error) {
    console.log(`FAIL crash in ${name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    process.exitCode = 1;
  } finally {
    await browser.close().catch(() => undefined);
    server.close();
  }
}

await main();
process.exit();
