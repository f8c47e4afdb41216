/*
 * The crash test of /home in a browser: a page is killed at a random moment, hundreds
 * of times, and what its store holds then is judged by a new page.
 *
 *     node tests-ts/crash.ts work BROWSER COUNT CRASH.wasm [STORE] [LOG]
 *     node tests-ts/crash.ts move BROWSER COUNT [LOG]
 *
 * `work`: four processes write; tests-c/suites/crash.c says what, and how it is judged. What they
 * have said of their fsyncs is read in the same breath as the page is killed. Then every process's
 * files must be what a step from there on left. `move`: /home moves from IndexedDB to OPFS or back; the
 * new page must find every file, wherever. In both, e2fsck must find nothing in the image of /home.
 *
 * A line for each kill goes to LOG, and a run goes on where the LOG ends. No WebDriver: a page
 * that stays opens the others and kills them.
 */
import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { checkImage } from './exchange.ts';
import { DEADLINE_MS, findBrowser, SITE, type BrowserName } from './harness.ts';
import { RemotePage } from './remote-page.ts';

const PROCESSES = 4;
/** The moment of a kill lies in this time after the work has begun. */
const WORK_MS = 1200;
/** Kills of the page before the whole browser is killed instead, which takes longest. */
const PAGES_KILLED = 4;
const POLL_MS = 15;

/** Ways in which a page ends, in the page that has opened it as `tab`. */
const KILLS = {
  'the tab is closed': 'tab.close()',
  'the page is left': 'tab.location.href = "about:blank"',
  'the page is loaded again': 'tab.location.reload()',
} as const;
const BROWSER_DIES = 'the browser is killed';

/**
 * What the page that stays has for its errands. `imageOf` gives what of /home's image is not zero:
 * [offset, base64] of each piece, and the size.
 */
const HELPERS = `
  globalThis.tab = null;
  globalThis.heard = () => tab.tabos.screen();
  globalThis.base64 = (data) => new Promise((resolve) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result.replace(/^[^,]*,/, ''));
    reader.readAsDataURL(new Blob([data]));
  });
  globalThis.imageOf = () => new Promise((resolve, reject) => {
    const create = tab.URL.createObjectURL;
    tab.URL.createObjectURL = (data) => {
      tab.URL.createObjectURL = create;
      pieces(data).then(resolve, reject);
      return '#';
    };
    tab.HTMLAnchorElement.prototype.click = () => undefined;
    tab.document.querySelectorAll('#menu button')[1].click();
  });
  globalThis.pieces = async (image) => {
    const found = [];
    const PART = 1 << 22, PIECE = 1 << 16;
    for (let at = 0; at < image.size; at += PART) {
      const part = await image.slice(at, at + PART).arrayBuffer();
      for (let from = 0; from < part.byteLength; from += PIECE) {
        const words = new Float64Array(part, from, Math.min(PIECE, part.byteLength - from) >> 3);
        if (words.some((word) => !Object.is(word, 0))) found.push([at + from, await base64(part.slice(from, from + PIECE))]);
      }
    }
    return { size: image.size, found };
  };
  globalThis.drop = (name, data) => {
    const dataTransfer = new tab.DataTransfer();
    dataTransfer.items.add(new tab.File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));
    tab.dispatchEvent(new tab.DragEvent('drop', { dataTransfer, cancelable: true, bubbles: true }));
  };
  0`;

class Crashes {
  readonly #page: RemotePage;
  readonly #log: string | undefined;
  #marks = 0;
  #kills = 0;

  /** An image that is not sound is kept beside the log. */
  constructor(page: RemotePage, log: string | undefined) {
    this.#page = page;
    this.#log = log;
  }

  async #until<T>(what: string, look: () => Promise<T | null | undefined | false>): Promise<T> {
    const deadline = Date.now() + DEADLINE_MS;
    for (;;) {
      const found = await look();
      if (found) return found;
      if (Date.now() > deadline) throw new Error(`${what}: not within ${DEADLINE_MS} ms`);
      await delay(POLL_MS);
    }
  }

  #evaluate<T>(code: string): Promise<T> {
    const late = delay(DEADLINE_MS).then(() => {
      throw new Error(`no answer to ${code.slice(0, 80)}`);
    });
    return Promise.race([this.#page.evaluate(code) as Promise<T>, late]);
  }

  begin(): Promise<unknown> {
    return this.#evaluate(HELPERS);
  }

  /** A page with TabOS; it is only asked for. */
  go(store: string): Promise<unknown> {
    return this.#evaluate(`tab?.close(), (globalThis.tab = open('/?home=${store}')), 0`);
  }

  /** The page is there, and has its /home: on which device. */
  async started(): Promise<string> {
    const state =
      '(() => { try { const t = tab.tabos; return t ? [t.state, t.home, t.screen(), tab.document.body.innerText] : null } catch { return null } })()';
    let last = '';
    const home = await this.#until('a page', async () => {
      const found = await this.#evaluate<
        [string, { mode: string; device: string; problem: string } | null, string, string] | null
      >(state);
      last = JSON.stringify(found);
      if (found?.[0] === 'failed') throw new Error(`the start failed: ${last}`);
      return found?.[0] === 'running' && /[#$] ?$/.test(found[2]) ? found[1] : null;
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${last}`);
    });
    if (home.mode !== 'lasting') throw new Error(`/home is ${home.mode}: ${home.problem}`);
    return home.device;
  }

  screen(): Promise<string> {
    return this.#evaluate<string>('heard()');
  }

  type(line: string): Promise<unknown> {
    return this.#evaluate(`tab.tabos.type(${JSON.stringify(`${line}\r`)}), 0`);
  }

  /** Run a command line at the prompt: what it wrote. */
  async run(command: string): Promise<string> {
    const n = ++this.#marks;
    await this.type(`echo "beg""in${n}"; ${command}; echo "e""nd${n}"`);
    const pattern = new RegExp(`begin${n}\\n([^]*)end${n}\\n`);
    let screen = '';
    const found = await this.#until(command, async () => pattern.exec((screen = await this.screen()))).catch(
      (error: unknown) => {
        throw new Error(`${String(error)}; the terminal shows:\n${screen.slice(-2000)}`);
      },
    );
    return found[1] ?? '';
  }

  async put(name: string, data: Buffer): Promise<void> {
    await this.#evaluate(`drop(${JSON.stringify(name)}, ${JSON.stringify(data.toString('base64'))}), 0`);
    await this.#until('dropped', () =>
      this.#evaluate(`!!tab.document.getElementById('remark')?.textContent.includes('directory')`),
    );
  }

  /** Kill the page, one way or another: how, and what was on the terminal. The next `started` is another page. */
  async kill(store: string): Promise<[how: string, screen: string]> {
    const turn = this.#kills++ % (PAGES_KILLED + 1);
    if (turn === PAGES_KILLED) {
      const screen = await this.#seen('0');
      await this.#page.killAndRestart();
      await this.begin();
      await this.go(store);
      return [BROWSER_DIES, screen];
    }
    const [how, code] = Object.entries(KILLS)[turn % Object.keys(KILLS).length]!;
    const screen = await this.#seen(code);
    // A page that is loaded again is another one already, or will soon be: it must not be taken for the old one.
    if (how === 'the page is loaded again') await this.#until('a new page', () => this.#evaluate('!tab.wasOld'));
    else await this.go(store);
    return [how, screen];
  }

  /** What the terminal shows, and at once what `code` does. */
  #seen(code: string): Promise<string> {
    return this.#evaluate(
      `(() => { let text = ''; try { text = heard(); tab.wasOld = true } catch {} ${code}; return text })()`,
    );
  }

  async check(): Promise<void> {
    const { size, found } = await this.#evaluate<{ size: number; found: [number, string][] }>('imageOf()');
    const image = Buffer.alloc(size);
    for (const [at, data] of found) Buffer.from(data, 'base64').copy(image, at);
    try {
      checkImage(image);
    } catch (error) {
      if (this.#log) writeFileSync(`${this.#log}.img`, image);
      throw error;
    }
  }
}

/** What each process was last heard to have made durable. */
function heardIn(screen: string): number[] {
  const last = new Array<number>(PROCESSES).fill(0);
  for (const [, process, step] of screen.matchAll(/^A(\d):(\d+)$/gm)) {
    const i = Number(process);
    last[i] = Math.max(last[i] ?? 0, Number(step));
  }
  const broken = /BROKEN.*/.exec(screen);
  if (broken) throw new Error(broken[0]);
  return last;
}

/** A kind of test: how a page is prepared, and one life of it, up to its judgement. */
interface Test {
  prepare(crashes: Crashes): Promise<void>;
  live(crashes: Crashes): Promise<string>;
}

class WorkTest implements Test {
  readonly #program: Buffer;
  readonly #store: string;

  constructor(program: string, store: string) {
    this.#program = readFileSync(program);
    this.#store = store;
  }

  async prepare(crashes: Crashes): Promise<void> {
    await crashes.go(this.#store);
    await crashes.started();
    await crashes.run('mkdir -p /home/crash; cd /home/crash');
    await crashes.put('crash', this.#program);
    await crashes.run('chmod +x crash; sync');
  }

  async live(crashes: Crashes): Promise<string> {
    const seed = (Math.random() * 2 ** 31) | 0;
    await crashes.run('cd /home/crash; rm -rf p[0-9]; sync');
    await crashes.type(`clear; ./crash work ${seed} ${PROCESSES}`);
    await delay(Math.random() * WORK_MS);
    const [how, screen] = await crashes.kill(this.#store);
    const least = heardIn(screen);
    await crashes.started();
    const verdict = await crashes.run(`cd /home/crash; ./crash verify ${seed} ${least.join(' ')}`);
    if (!verdict.includes('VERDICT good')) {
      const any = await crashes.run(`./crash verify ${seed} 0 0 0 0; ls -l p*`);
      throw new Error(`${how}, seed ${seed}: ${verdict}without what was heard:\n${any}`);
    }
    await crashes.check();
    return `${how}; ${least.reduce((sum, n) => sum + n, 0)} steps`;
  }
}

class MoveTest implements Test {
  /** How long a page takes that moves /home, more or less. */
  #tookMs = 0;
  #sums = '';

  async prepare(crashes: Crashes): Promise<void> {
    await crashes.go('idb');
    await crashes.started();
    // Enough for some hundred milliseconds, in files of all sizes.
    await crashes.run('mkdir /home/many; cd /home/many; for i in $(seq 200); do seq $i 2000 >$i; done');
    await crashes.run('seq 1 2500000 >/home/large; ln -s large /home/link; sync');
    this.#sums = await crashes.run('cat /home/many/* /home/link | cksum; ls /home /home/many | cksum');
    const start = performance.now();
    await crashes.go('opfs');
    await crashes.started();
    this.#tookMs = performance.now() - start;
  }

  async live(crashes: Crashes): Promise<string> {
    const before = await this.#device(crashes, 'current');
    const to = before.includes('idb') ? 'opfs' : 'idb';
    await crashes.go(to);
    await delay(Math.random() * 1.1 * this.#tookMs);
    const [how] = await crashes.kill('current');
    const after = await this.#device(crashes, 'current');
    const sums = await crashes.run('cat /home/many/* /home/link | cksum; ls /home /home/many | cksum');
    if (sums !== this.#sums) throw new Error(`${how}, from ${before} to ${after}: ${sums} is not ${this.#sums}`);
    await crashes.check();
    return `${how}; ${after === before ? `not moved to ${to}` : `moved to ${after}`}`;
  }

  async #device(crashes: Crashes, store: string): Promise<string> {
    await crashes.go(store);
    return crashes.started();
  }
}

async function main(): Promise<void> {
  const [kind = 'work', name = 'chromium', countText = '500', ...rest] = process.argv.slice(2);
  const browser = name as BrowserName;
  const count = Number(countText);
  const [program = 'crash.wasm', store = 'current'] = rest;
  const log = kind === 'move' ? rest[0] : rest[2];
  const title = kind === 'move' ? `moves in ${name}` : `${name}, store ${store}`;
  if (!findBrowser(browser)) {
    console.log(`skip crash in ${name}: there is none on this machine`);
    return;
  }
  let done =
    log && existsSync(log)
      ? readFileSync(log, 'utf8')
          .split('\n')
          .filter((line) => line.startsWith('ok ')).length
      : 0;
  const say = (line: string): void => {
    console.log(line);
    if (log) appendFileSync(log, `${line}\n`);
  };
  const directory = mkdtempSync(join(tmpdir(), 'tabos-crash-'));
  cpSync(SITE, directory, { recursive: true });
  const page = await RemotePage.openBare(browser, directory);
  try {
    const crashes = new Crashes(page, log);
    const test = kind === 'move' ? new MoveTest() : new WorkTest(program, store);
    await crashes.begin();
    await test.prepare(crashes);
    while (done < count) {
      const start = performance.now();
      const what = await test.live(crashes);
      say(
        `ok ${++done} ${new Date().toISOString().slice(11, 19)} ${Math.round(performance.now() - start)} ms: ${what}`,
      );
    }
    console.log(`ok crash: ${count} kills, ${title}: nothing lost, e2fsck clean`);
  } catch (error) {
    say(
      `FAIL crash, ${title}, after ${done} kills: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    process.exitCode = 1;
  } finally {
    await page.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
process.exit();
