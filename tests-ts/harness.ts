/*
 * The page in a real browser: boot it, type, wait for what appears.
 *
 * Chromium and Firefox are the ones that Debian installs. Both are driven by
 * WebDriver BiDi or the DevTools protocol through puppeteer-core. Nothing waits
 * for a time: every wait is for text or a state, with a deadline that fails.
 */
import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { launch as launchBrowser, type Browser, type Page } from 'puppeteer-core';

import { serve } from '../boot/serve.mjs';

export type BrowserName = 'chromium' | 'firefox';
export const BROWSERS: readonly BrowserName[] = ['chromium', 'firefox'];

/** The built page. */
export const SITE = process.env['TABOS_SITE'] ?? fileURLToPath(new URL('../build/site', import.meta.url));

/** How long a terminal that tells nothing new is left alone. */
const QUIET_MS = 1000;

/** Long enough for a cold start on a busy two-core machine. */
export const DEADLINE_MS = Number(process.env['TABOS_DEADLINE_MS'] ?? 60_000);

const PROGRAMS: Record<BrowserName, readonly string[]> = {
  chromium: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'],
  firefox: ['/usr/bin/firefox-esr', '/usr/bin/firefox'],
};

/** Where a browser is, or undefined when the machine has none. TABOS_CHROMIUM and TABOS_FIREFOX override. */
export function findBrowser(name: BrowserName): string | undefined {
  return process.env[`TABOS_${name.toUpperCase()}`] ?? PROGRAMS[name].find((path) => existsSync(path));
}

/** `preferences` are Firefox's. */
export async function launch(name: BrowserName, preferences: Record<string, unknown> = {}): Promise<Browser> {
  const executablePath = findBrowser(name);
  if (!executablePath)
    throw new Error(`${name} is not installed: apt install ${name === 'firefox' ? 'firefox-esr' : name}`);
  return launchBrowser({
    browser: name === 'firefox' ? 'firefox' : 'chrome',
    executablePath,
    headless: true,
    defaultViewport: { width: 1000, height: 640 },
    ...(name === 'chromium'
      ? {
          args: [
            '--no-sandbox', // the tests may run as root, in a container
            '--disable-gpu',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync',
          ],
        }
      : {
          // navigator.storage.persist() asks the person; let the answer be yes.
          extraPrefsFirefox: {
            'dom.storageManager.prompt.testing': true,
            'dom.storageManager.prompt.testing.allow': true,
            ...preferences,
          },
        }),
  });
}

/** A server for one directory, with its address. */
export async function startServer(directory = SITE, options: { isolate?: boolean } = {}) {
  const server = await serve(directory, { port: 0, ...options });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://localhost:${port}/`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

let marks = 0;

/** One page with TabOS on it. */
export class Console {
  readonly page: Page;
  readonly errors: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on('pageerror', (e) => this.errors.push(String(e)));
    page.on('console', (m) => m.type() === 'error' && this.errors.push(m.text()));
    // Leaving a page with a running shell asks first.
    page.on('dialog', (d) => void d.accept());
  }

  /** Open `url` in a new page of `browser`; `prepare` runs in the page before its own scripts. */
  static async open(browser: Browser, url: string, prepare?: () => void): Promise<Console> {
    const page = await browser.newPage();
    const shown = new Console(page);
    if (prepare) await page.evaluateOnNewDocument(prepare);
    await page.goto(url, { waitUntil: 'load' });
    return shown;
  }

  /** Everything on the terminal in front (or on one), scrollback included. */
  screen(terminal?: number): Promise<string> {
    return this.page.evaluate((t) => window.tabos?.screen(t) ?? '', terminal);
  }

  /** Type as a person would, key by key; `\n` is Enter. */
  async type(text: string): Promise<void> {
    for (const part of text.split(/(\n)/)) {
      if (part === '\n') await this.page.keyboard.press('Enter');
      else if (part) await this.page.keyboard.type(part);
    }
  }

  /** Press a key with modifiers, `press('c', 'Control')`. */
  async press(key: string, ...modifiers: ('Control' | 'Shift' | 'Alt')[]): Promise<void> {
    for (const m of modifiers) await this.page.keyboard.down(m);
    await this.page.keyboard.press(key as Parameters<Page['keyboard']['press']>[0]);
    for (const m of modifiers.reverse()) await this.page.keyboard.up(m);
  }

  /** Wait until the terminal's text matches, and return the match. */
  async waitFor(pattern: RegExp, terminal?: number, timeoutMs = DEADLINE_MS): Promise<RegExpExecArray> {
    let seen = -1;
    const found = await this.#poll(async () => {
      seen = await this.#changed(seen, terminal);
      return pattern.exec(await this.screen(terminal));
    }, timeoutMs);
    if (found) return found;
    throw new Error(
      `no ${pattern} on the terminal within ${timeoutMs} ms; it shows:\n${await this.#everything(terminal)}`,
    );
  }

  /** What `tabos.changed` gives, or `seen` after a while: to look at a quiet screen often slows down what runs. */
  #changed(seen: number, terminal?: number): Promise<number> {
    return this.page.evaluate(
      async (s, t, ms) => {
        const late = new Promise<number>((resolve) => setTimeout(() => resolve(s), ms));
        return (await Promise.race([window.tabos?.changed?.(s, t), late])) ?? s;
      },
      seen,
      terminal,
      QUIET_MS,
    );
  }

  /** Wait until something visible on the page (not the terminal) matches. */
  async waitForMessage(pattern: RegExp, timeoutMs = DEADLINE_MS): Promise<string> {
    await this.started();
    const visible = () => this.page.evaluate(() => document.body.innerText);
    const found = await this.#poll(async () => {
      const text = await visible().catch(() => ''); // the page may be loading again
      return pattern.test(text) ? text : undefined;
    }, timeoutMs);
    if (found !== undefined) return found;
    throw new Error(`no ${pattern} on the page within ${timeoutMs} ms; it shows:\n${await visible()}`);
  }

  /** Wait for the shell's first prompt; `answer` is for the page's question, should it ask. */
  async prompt(answer?: string): Promise<void> {
    await this.#start(async () => {
      if (answer) await this.#answer(answer);
      const state = await this.#state();
      if (state === 'failed')
        throw new Error(`the start failed: ${await this.page.evaluate(() => document.body.innerText)}`);
      return state === 'running' && /[#$] ?$/.test(await this.screen());
    });
  }

  async #answer(answer: string): Promise<void> {
    const click = (which: string) => document.querySelector<HTMLElement>(`[data-answer=${which}]`)?.click();
    await this.page.evaluate(click, answer).catch(() => undefined); // it may be loading again
  }

  /** Wait until the page has started or said why not. */
  async started(): Promise<void> {
    await this.#start(async () => ['running', 'failed'].includes((await this.#state()) ?? ''));
  }

  #state(): Promise<string | undefined> {
    return this.page.evaluate(() => window.tabos?.state).catch(() => undefined); // it may be loading again
  }

  async #start(done: () => Promise<boolean>): Promise<void> {
    if (!(await this.#poll(async () => ((await done()) ? true : undefined), DEADLINE_MS)))
      throw new Error(`TabOS did not start:\n${await this.#everything()}`);
  }

  /** Run a command line in the shell at the prompt: what it wrote, and its exit status. */
  async run(command: string, timeoutMs = DEADLINE_MS): Promise<{ output: string; status: number }> {
    const n = ++marks;
    // The marks are typed in two pieces, so that the echo of the line doesn't look like its output.
    await this.type(`echo "beg""in${n}"; ${command}; echo "e""nd${n}" $?\n`);
    const [, output, status] = await this.waitFor(
      new RegExp(`begin${n}\\n([^]*)end${n} (\\d+)\\n`),
      undefined,
      timeoutMs,
    );
    return { output: output ?? '', status: Number(status) };
  }

  async #everything(terminal?: number): Promise<string> {
    const screen = await this.screen(terminal).catch((e: unknown) => String(e));
    const body = await this.page.evaluate(() => document.body.innerText).catch((e: unknown) => String(e));
    return `${screen}\n--- page ---\n${body}\n--- errors ---\n${this.errors.join('\n')}`;
  }

  async #poll<T>(look: () => Promise<T | undefined | null>, timeoutMs: number): Promise<T | undefined> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== null) return found;
      if (Date.now() > deadline) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 50)); // between two looks, not instead of one
    }
  }
}
