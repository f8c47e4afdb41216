/*
 * Firefox's own debugger, without its window: the remote debugging protocol that
 * its toolbox speaks. WebDriver BiDi can't set breakpoints.
 *
 * A packet is its length in bytes, a colon and JSON; an actor answers its requests
 * in order, and what carries a `type` is an event, not an answer.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { DEADLINE_MS, findBrowser } from './harness.ts';

const PREFERENCES: Record<string, boolean | number> = {
  'devtools.debugger.remote-enabled': true,
  'devtools.debugger.prompt-connection': false,
  'devtools.chrome.enabled': true,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.page': 0,
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.storageManager.prompt.testing': true,
  'dom.storageManager.prompt.testing.allow': true,
};

interface Packet {
  from: string;
  type?: string;
  error?: string;
  message?: string;
  applicationType?: string;
  [field: string]: unknown;
}

interface Waiting {
  resolve(packet: Packet): void;
  reject(error: Error): void;
}

/** Where a worker stopped: its name, and the module and offset of each frame that is wasm. */
export interface Stop {
  worker: string;
  frames: { url: string; offset: number }[];
  resume(): Promise<void>;
}

export class FirefoxDebugger {
  readonly #firefox: ChildProcess;
  readonly #profile: string;
  readonly #socket: Socket;
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #targets = new Map<string, { threadActor: string; name?: string }>();
  readonly #sources = new Map<string, string>(); // actor -> URL
  readonly #stop = Promise.withResolvers<Stop>();
  #received = Buffer.alloc(0);
  #tab = '';
  #breakpoints = '';

  /** Starts Firefox, with its debugger watching an empty tab. */
  static async launch(): Promise<FirefoxDebugger> {
    const port = await freePort();
    const profile = mkdtempSync(join(tmpdir(), 'tabos-firefox-'));
    const lines = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${value});\n`);
    writeFileSync(join(profile, 'user.js'), lines.join(''));
    const firefox = spawn(
      findBrowser('firefox') ?? '',
      ['--headless', '--no-remote', '--profile', profile, '--start-debugger-server', String(port), 'about:blank'],
      { stdio: 'ignore' },
    );
    try {
      const debug = new FirefoxDebugger(firefox, profile, await connectTo(port));
      await debug.#attach();
      return debug;
    } catch (error) {
      firefox.kill('SIGKILL');
      throw error;
    }
  }

  private constructor(firefox: ChildProcess, profile: string, socket: Socket) {
    this.#firefox = firefox;
    this.#profile = profile;
    this.#socket = socket;
    socket.on('data', (data: Buffer) => this.#receive(data));
    socket.on('error', () => undefined); // as when Firefox is closed; what waits has a deadline
  }

  async navigate(url: string): Promise<void> {
    await this.#call(this.#tab, 'navigateTo', { url, waitForLoad: false });
  }

  /** A breakpoint at an offset of a module, in all workers that have it or will have it. */
  async breakAt(url: string, offset: number): Promise<void> {
    // In Firefox an offset is a line, and each has one column, number 1.
    const location = { sourceUrl: url, line: offset, column: 1 };
    await this.#call(this.#breakpoints, 'setBreakpoint', { location, options: {} });
  }

  /** The first stop. */
  async stopped(): Promise<Stop> {
    const late = delay(DEADLINE_MS, undefined, { ref: false }).then(() => {
      throw new Error(`no worker stopped within ${DEADLINE_MS} ms`);
    });
    return Promise.race([this.#stop.promise, late]);
  }

  async close(): Promise<void> {
    this.#socket.destroy();
    const ended = once(this.#firefox, 'exit');
    this.#firefox.kill('SIGKILL');
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }

  async #attach(): Promise<void> {
    let tabs: { actor: string }[] = [];
    for (const deadline = Date.now() + DEADLINE_MS; tabs.length === 0 && Date.now() < deadline; await delay(100)) {
      tabs = (await this.#call('root', 'listTabs'))['tabs'] as typeof tabs;
    }
    this.#tab = tabs[0]?.actor ?? '';
    const watcher = (await this.#call(this.#tab, 'getWatcher', { isServerTargetSwitchingEnabled: true }))[
      'actor'
    ] as string;
    const threads = (await this.#call(watcher, 'getThreadConfigurationActor'))['configuration'] as { actor: string };
    await this.#call(threads.actor, 'updateConfiguration', { configuration: { observeWasm: true } });
    const list = (await this.#call(watcher, 'getBreakpointListActor'))['breakpointList'] as { actor: string };
    this.#breakpoints = list.actor;
    for (const targetType of ['frame', 'worker']) await this.#call(watcher, 'watchTargets', { targetType });
    await this.#call(watcher, 'watchResources', { resourceTypes: ['source', 'thread-state'] });
  }

  #call(to: string, type: string, fields: object = {}): Promise<Packet> {
    const { promise, resolve, reject } = Promise.withResolvers<Packet>();
    const queue = this.#waiting.get(to) ?? [];
    this.#waiting.set(to, queue);
    queue.push({ resolve, reject });
    const text = JSON.stringify({ to, type, ...fields });
    this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    return promise;
  }

  #receive(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    for (;;) {
      const colon = this.#received.indexOf(':');
      if (colon < 0) return;
      const end = colon + 1 + Number(this.#received.toString('latin1', 0, colon));
      if (this.#received.length < end) return;
      const packet = JSON.parse(this.#received.toString('utf8', colon + 1, end)) as Packet;
      this.#received = this.#received.subarray(end);
      this.#dispatch(packet);
    }
  }

  #dispatch(packet: Packet): void {
    if (packet.applicationType) return; // the greeting
    if (!packet.type) {
      const waiting = this.#waiting.get(packet.from)?.shift();
      if (packet.error) waiting?.reject(new Error(`${packet.error}: ${packet.message}`));
      else waiting?.resolve(packet);
    } else if (packet.type === 'target-available-form') {
      const target = packet['target'] as { actor: string; threadActor: string; name?: string };
      this.#targets.set(target.actor, target);
    } else if (packet.type === 'resources-available-array') {
      for (const [kind, items] of packet['array'] as [string, Record<string, unknown>[]][]) {
        if (kind === 'source') for (const s of items) this.#sources.set(String(s['actor']), String(s['url']));
        if (kind === 'thread-state' && items.some((item) => item['state'] === 'paused'))
          this.#paused(packet.from).then(this.#stop.resolve, this.#stop.reject);
      }
    }
  }

  async #paused(targetActor: string): Promise<Stop> {
    const target = this.#targets.get(targetActor);
    if (!target) throw new Error(`${targetActor} stopped, and nobody knows it`);
    const { frames } = (await this.#call(target.threadActor, 'frames', { start: 0, count: 1000 })) as unknown as {
      frames: { type: string; where: { actor: string; line: number } }[];
    };
    return {
      worker: target.name ?? '',
      frames: frames
        .filter(({ type }) => type === 'wasmcall')
        .map(({ where }) => ({ url: this.#sources.get(where.actor) ?? '', offset: where.line })),
      resume: async () => {
        await this.#call(target.threadActor, 'resume', { resumeLimit: null });
      },
    };
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function connectTo(port: number): Promise<Socket> {
  for (const deadline = Date.now() + DEADLINE_MS; ; await delay(100)) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (Date.now() > deadline) throw error; // until then it is starting
    }
  }
}
