/*
 * The page in a browser that nothing drives: a script beside it asks the server
 * what to do, and says what came of it.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

import { serve } from '../boot/serve.mjs';
import { DEADLINE_MS, findBrowser, type BrowserName } from './harness.ts';

/** A request that fails is made again: a page that stopped asking would look as if its browser hung. */
const SCRIPT = `
async function ask(...request) {
  for (;;) {
    try {
      return await (await fetch(...request)).json();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
for (;;) {
  const { code } = await ask('/remote/next');
  let answer;
  try {
    answer = { value: await (0, eval)(code) };
  } catch (e) {
    answer = { error: String(e) };
  }
  await ask('/remote/done', { method: 'POST', body: JSON.stringify(answer) });
}
`;
const FIREFOX_PREFERENCES = {
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.storageManager.prompt.testing': true,
  'dom.storageManager.prompt.testing.allow': true,
  'dom.disable_open_during_load': false, // pages may open others
  'browser.sessionstore.resume_from_crash': false,
  'toolkit.startup.max_resumed_crashes': -1, // who is killed often would ask for safe mode, and wait for an answer
};
const CHROMIUM_ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-popup-blocking',
  '--disable-renderer-backgrounding',
  '--disable-background-timer-throttling',
];
const ISOLATION = { 'Cross-Origin-Resource-Policy': 'same-origin', 'Content-Type': 'application/json' };

interface Errand {
  readonly code: string;
  readonly done: PromiseWithResolvers<unknown>;
}

export class RemotePage {
  readonly #name: BrowserName;
  readonly #server: Server;
  readonly #url: string;
  readonly #profile: string;
  #browser: ChildProcess;
  #errands: Errand[] = [];
  #current: Errand | undefined;
  /** A page that asks and is not answered yet. */
  #asking: ServerResponse | undefined;

  /** Open the site at `directory`, which is changed for it, in a browser of its own. */
  static async open(name: BrowserName, directory: string): Promise<RemotePage> {
    const index = join(directory, 'index.html');
    writeFileSync(join(directory, 'remote.js'), SCRIPT);
    const html = readFileSync(index, 'utf8').replace(
      '</body>',
      '<script type="module" src="remote.js"></script></body>',
    );
    writeFileSync(index, html);
    const page = new RemotePage(name, await serve(directory, { port: 0 }), '');
    try {
      await page.#until(() => page.evaluate('tabos.state === "running"'), 'TabOS did not start');
    } catch (error) {
      await page.close();
      throw error;
    }
    return page;
  }

  /** A page with nothing but the script, to open others from; they are at the site in `directory`, which is changed. */
  static async openBare(name: BrowserName, directory: string): Promise<RemotePage> {
    writeFileSync(join(directory, 'remote.js'), SCRIPT);
    writeFileSync(join(directory, 'remote.html'), '<!doctype html><script type="module" src="remote.js"></script>');
    return new RemotePage(name, await serve(directory, { port: 0 }), 'remote.html');
  }

  private constructor(name: BrowserName, server: Server, path: string) {
    this.#name = name;
    this.#server = server;
    const [listener] = server.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[];
    server.removeAllListeners('request');
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      if (request.url?.startsWith('/remote/')) void this.#serve(request, response);
      else listener?.(request, response);
    });
    this.#url = `http://localhost:${(server.address() as AddressInfo).port}/${path}`;
    this.#profile = mkdtempSync(join(tmpdir(), 'tabos-profile-'));
    const lines = Object.entries(FIREFOX_PREFERENCES).map(([key, value]) => `user_pref("${key}", ${value});\n`);
    writeFileSync(join(this.#profile, 'user.js'), lines.join(''));
    this.#browser = this.#start();
  }

  #start(): ChildProcess {
    const program = findBrowser(this.#name);
    if (!program) throw new Error(`${this.#name} is not installed`);
    const args =
      this.#name === 'firefox'
        ? ['--headless', '--no-remote', '--profile', this.#profile, this.#url]
        : [...CHROMIUM_ARGUMENTS, `--user-data-dir=${this.#profile}`, this.#url];
    return spawn(program, args, { stdio: 'ignore' });
  }

  /** The browser dies without a word, and is started again with what it had stored. */
  async killAndRestart(): Promise<void> {
    const ended = once(this.#browser, 'exit');
    this.#browser.kill('SIGKILL');
    await ended;
    this.#asking?.destroy();
    this.#asking = undefined;
    const lost = [...(this.#current ? [this.#current] : []), ...this.#errands];
    this.#current = undefined;
    this.#errands = [];
    for (const { done } of lost) done.reject(new Error('the browser was killed'));
    this.#browser = this.#start();
  }

  /** The value of a JavaScript expression in the page. */
  evaluate(code: string): Promise<unknown> {
    const errand = { code, done: Promise.withResolvers<unknown>() };
    this.#errands.push(errand);
    this.#hand();
    return errand.done.promise;
  }

  async screen(terminal: number): Promise<string> {
    return String(await this.evaluate(`tabos.screen(${terminal})`));
  }

  async type(text: string, terminal: number): Promise<void> {
    await this.evaluate(`tabos.type(${JSON.stringify(text.replace(/\n/g, '\r'))}, ${terminal})`);
  }

  /** A new tab in front, by its key. */
  async openTab(): Promise<void> {
    const key = { code: 'KeyN', key: 'N', altKey: true, shiftKey: true, bubbles: true, cancelable: true };
    await this.evaluate(`document.body.dispatchEvent(new KeyboardEvent('keydown', ${JSON.stringify(key)})), 0`);
  }

  /** Wait until a terminal's text matches, and return the match. */
  async waitFor(pattern: RegExp, terminal: number): Promise<RegExpExecArray> {
    let screen = '';
    let found: RegExpExecArray | null = null;
    await this.#until(
      async () => (found = pattern.exec((screen = await this.screen(terminal)))) !== null,
      () => `no ${pattern} on terminal ${terminal}; it shows:\n${screen.slice(-2000)}`,
    );
    return found as unknown as RegExpExecArray;
  }

  async close(): Promise<void> {
    if (this.#browser.exitCode === null && this.#browser.signalCode === null) {
      const ended = once(this.#browser, 'exit');
      this.#browser.kill('SIGKILL');
      await ended;
    }
    this.#server.closeAllConnections();
    this.#server.close();
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }

  async #until(done: () => Promise<unknown>, otherwise: string | (() => string)): Promise<void> {
    const deadline = Date.now() + DEADLINE_MS;
    const say = (): Error => new Error(typeof otherwise === 'string' ? otherwise : otherwise());
    while (Date.now() < deadline) {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(() => late.reject(say()), deadline - Date.now());
      const result = await Promise.race([done(), late.promise]).finally(() => clearTimeout(timer));
      if (result) return;
      await new Promise((resolve) => setTimeout(resolve, 50)); // between two looks
    }
    throw say();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === '/remote/next') {
      if (this.#current) this.#errands.unshift(this.#current); // it never arrived
      this.#current = undefined;
      this.#asking = response;
      this.#hand();
      return;
    }
    const answer = JSON.parse(await text(request)) as { value?: unknown; error?: string };
    const errand = this.#current;
    this.#current = undefined;
    response.writeHead(200, ISOLATION).end('{}');
    if (answer.error === undefined) errand?.done.resolve(answer.value);
    else errand?.done.reject(new Error(answer.error));
  }

  #hand(): void {
    if (!this.#asking || this.#current) return;
    this.#current = this.#errands.shift();
    if (!this.#current) return;
    this.#asking.writeHead(200, ISOLATION).end(JSON.stringify({ code: this.#current.code }));
    this.#asking = undefined;
  }
}
