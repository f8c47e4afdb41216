/*
 * Entry of the supervisor worker in browsers: the page's messages on one side
 * (protocol.ts), the supervisor on the other.
 */
import { FsDriver } from '../drivers-ts/fs.ts';
import { BrowserCache, HttpSource } from '../drivers-ts/package-http.ts';
import { Packages, withPackages } from '../drivers-ts/package-store.ts';
import { HostChannel, type GivenFile } from '../drivers-ts/host-channel.ts';
import { cacheLimit } from './cache-limit.ts';
import { Home, type OwnEnding } from './home.ts';
import { RequestedWorkers, type WorkerReport } from './page-workers.ts';
import type { Platform, WorkerHandle } from './platform.ts';
import {
  TERMINAL_WINDOW,
  type BootOptions,
  type BusyChoice,
  type FromSupervisor,
  type ToSupervisor,
} from './protocol.ts';
import { BootFailure, Supervisor } from './supervisor-core.ts';

/** A few workers ready before the first program asks for one. */
const EARLY_WORKERS = 3;
const LOG_ERROR = 3;

const scope = globalThis as unknown as {
  onmessage: ((event: MessageEvent<ToSupervisor>) => void) | null;
  postMessage(message: FromSupervisor, transfer?: Transferable[]): void;
};

function post(message: FromSupervisor, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

const workers = new RequestedWorkers(post);

/** A macrotask that isn't delayed, unlike setTimeout's. */
function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

/** Bytes of output that the page has not shown yet, by terminal. */
class OutputWindows {
  readonly #unshown = new Map<number, number>();

  /** How many of `length` bytes may be sent now. */
  take(terminal: number, length: number): number {
    const unshown = this.#unshown.get(terminal) ?? 0;
    const taken = Math.min(length, TERMINAL_WINDOW - unshown);
    this.#unshown.set(terminal, unshown + taken);
    return taken;
  }

  shown(terminal: number, bytes: number): void {
    this.#unshown.set(terminal, Math.max(0, (this.#unshown.get(terminal) ?? 0) - bytes));
  }

  forget(terminal: number): void {
    this.#unshown.delete(terminal);
  }
}

const windows = new OutputWindows();
let verbose = false;
let failed = false;

function fail(kind: BootFailure['kind'], message: string): void {
  if (failed) return;
  failed = true;
  post({ type: 'failed', kind, message });
}

const PACKAGES_URL = new URL('./packages/', import.meta.url);
const packages = new Packages(
  new HttpSource(PACKAGES_URL),
  () => BrowserCache.open(PACKAGES_URL, platform.log),
  (level, text) => platform.log(level, text),
);

/* ---- programs of the system's own ---- */

/** What they complained about. */
let complaints = '';
let lastOwn: Promise<unknown> = Promise.resolve();

/** One after the other, so that it is known whose complaints these are. */
function watchOwn(run: () => Promise<number>): Promise<OwnEnding> {
  const ended = lastOwn.then(async () => {
    complaints = '';
    const status = await run();
    return { status, errors: complaints.trim() };
  });
  lastOwn = ended.catch(() => undefined);
  return ended;
}

/* ---- /home ---- */

let homeChosen: (choice: BusyChoice) => void = () => undefined;

const home = new Home({
  askWhatNow() {
    post({ type: 'home-busy' });
    return new Promise((resolve) => (homeChosen = resolve));
  },
  watch: watchOwn,
});

function problemOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function exportHome(target: Supervisor): Promise<void> {
  const name = 'home.img';
  try {
    post({ type: 'give', name, data: await home.image(target) });
  } catch (error) {
    post({ type: 'not-given', name, problem: problemOf(error) });
  }
}

async function importHome(target: Supervisor, image: Blob): Promise<void> {
  const problem = await home.replace(target, image).then(() => null, problemOf);
  post({ type: 'home-replaced', problem });
}

/* ---- files in and out ---- */

let requests = 0;
const asked = new Map<number, (files: readonly GivenFile[] | null) => void>();
/** The shell of each terminal. */
const shells = new Map<number, number>();

const channel = new HostChannel({
  give: (name, data) => post({ type: 'give', name, data }),
  ask(signal) {
    const request = ++requests;
    post({ type: 'files-wanted', request });
    return new Promise((resolve) => {
      asked.set(request, resolve);
      signal.addEventListener('abort', () => {
        if (!asked.delete(request)) return;
        post({ type: 'files-unwanted', request });
        resolve(null);
      });
    });
  },
});

/** Put dropped files into the directory where the terminal's shell is. */
async function drop(
  target: Supervisor,
  { request, terminal, files }: Extract<ToSupervisor, { type: 'drop' }>,
): Promise<void> {
  const number = channel.drop(files);
  const script = 'cd "/proc/$1/cwd" 2>/dev/null || cd /root; exec upload -t "$2"';
  const shell = String(shells.get(terminal) ?? 0);
  const { status, errors } = await watchOwn(() =>
    target.runToEnd(['/bin/sh', '-c', script, 'sh', shell, String(number)], []),
  );
  channel.undrop(number);
  const count = `${files.length} ${files.length === 1 ? 'file' : 'files'}`;
  post({ type: 'dropped', request, text: status === 0 ? `${count} put into the shell’s directory` : errors });
}

const platform: Platform = {
  startWorker: () => workers.start(),
  yield: nextTurn,
  fsDriver: (host) => new FsDriver(host, withPackages(packages, home.openStore), [], channel),
  terminalWrite(terminal, bytes) {
    const taken = windows.take(terminal, bytes.length);
    const data = taken === bytes.length ? bytes : bytes.slice(0, taken);
    if (taken > 0) post({ type: 'terminal-output', terminal, data }, [data.buffer]);
    return taken;
  },
  // A page has no standard streams; what is written to them is only of use in a log.
  streamWrite(stream, bytes) {
    const text = new TextDecoder().decode(bytes);
    if (stream === 2) complaints += text;
    platform.log(stream === 2 ? LOG_ERROR : 6, text);
    return bytes.length;
  },
  streamWanted: () => supervisor?.streamEnd(),
  log(level, text) {
    if (verbose || level <= LOG_ERROR) post({ type: 'log', level, text });
  },
  failed: fail,
};

let supervisor: Supervisor | null = null;

/* ---- the start ---- */

type Download = Extract<FromSupervisor, { type: 'progress' }>['name'];

async function request(url: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new BootFailure('download', `${url}: ${String(error)}`);
  }
  if (!response.ok || !response.body) throw new BootFailure('download', `${url}: HTTP ${response.status}`);
  return response;
}

/** How many bytes a response's body will have; 0 when nobody knows. */
function bodyLength({ headers }: Response): number {
  // With content coding Content-Length is the coded length; boot/serve.mjs tells the other one too.
  const length = headers.get(headers.has('content-encoding') ? 'x-uncompressed-length' : 'content-length');
  return Number(length ?? 0);
}

/** A response whose body reports its progress as it is read. */
async function download(name: Download, url: string): Promise<Response> {
  const response = await request(url);
  const total = bodyLength(response);
  let loaded = 0;
  const counted = response.body?.pipeThrough(
    new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        loaded += chunk.length;
        post({ type: 'progress', name, loaded, total });
        controller.enqueue(chunk);
      },
    }),
  );
  return new Response(counted, { headers: { 'content-type': response.headers.get('content-type') ?? '' } });
}

/**
 * The module at `url`. It is compiled from the very response that fetch() gave:
 * debuggers know the module by that response's URL, and browsers keep the machine
 * code beside it in their cache. So progress is told only before and after.
 */
async function compile(name: Download, url: string): Promise<WebAssembly.Module> {
  const response = await request(url);
  const total = bodyLength(response);
  post({ type: 'progress', name, loaded: 0, total });
  try {
    const isWasm = /^application\/wasm\b/.test(response.headers.get('content-type') ?? '');
    const module = await (isWasm
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer()));
    post({ type: 'progress', name, loaded: total, total });
    return module;
  } catch (error) {
    throw new BootFailure('compile', `${url}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

async function unpack(target: Supervisor, response: Response): Promise<void> {
  if (!response.body) throw new BootFailure('download', 'the boot archive is empty');
  try {
    await target.unpack(chunksOf(response.body.pipeThrough(new DecompressionStream('gzip'))));
  } catch (error) {
    if (error instanceof BootFailure) throw error;
    throw new BootFailure(
      'archive',
      `the boot archive is corrupt: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** Does not keep the boot waiting. */
async function limitCache(target: Supervisor): Promise<void> {
  const { deviceMemory } = navigator as { deviceMemory?: number }; // GiB; not in Firefox
  const { quota } = await navigator.storage.estimate().catch(() => ({ quota: undefined }));
  target.limitCache(cacheLimit(deviceMemory && deviceMemory * 2 ** 30, quota));
}

async function boot(options: BootOptions): Promise<void> {
  verbose = options.verbose ?? false;
  const early: WorkerHandle[] = [];
  try {
    const found = home.find(options.home ?? 'current');
    found.catch(() => undefined); // as the archive
    const archive = download('archive', options.archive);
    archive.catch(() => undefined); // it is awaited below, perhaps after another failure
    for (let count = EARLY_WORKERS; count > 0; count--) early.push(workers.start());
    const [kernel, uaccess] = await Promise.all([
      compile('kernel', options.kernel),
      compile('uaccess', options.uaccess),
    ]);
    post({ type: 'step', step: 'compile' });
    const cpus = options.cpus ?? navigator.hardwareConcurrency;
    supervisor = new Supervisor(platform, { kernel, uaccess }, cpus, early);
    supervisor.onExit(reportExit);
    void limitCache(supervisor);
    post({ type: 'watch', ...supervisor.watched });
    post({ type: 'step', step: 'unpack' });
    await unpack(supervisor, await archive);
    const state = await home.mount(supervisor, found);
    if (!failed) post({ type: 'ready', home: state });
  } catch (error) {
    if (error instanceof BootFailure) fail(error.kind, error.message);
    else fail('internal', error instanceof Error ? (error.stack ?? error.message) : String(error));
    if (supervisor) await supervisor.stop();
    else early.forEach((worker) => void worker.terminate());
    supervisor = null;
  }
}

function reportExit(pid: number, status: number): void {
  const signal = status & 0x7f;
  post({ type: 'exited', pid, code: signal ? null : (status >> 8) & 0xff, signal: signal || null });
}

/* ---- the page's messages ---- */

function spawn({ request, program }: Extract<ToSupervisor, { type: 'spawn' }>, target: Supervisor): void {
  const pid = target.spawn(program);
  if (pid > 0 && program.terminal) shells.set(program.terminal, pid);
  post({ type: 'spawned', request, pid });
}

function receive(
  message: Exclude<ToSupervisor, WorkerReport | { type: 'boot' | 'home-choice' }>,
  target: Supervisor,
): void {
  switch (message.type) {
    case 'spawn':
      spawn(message, target);
      break;
    case 'files':
      asked.get(message.request)?.(message.files);
      asked.delete(message.request);
      break;
    case 'drop':
      void drop(target, message);
      break;
    case 'export-home':
      void exportHome(target);
      break;
    case 'import-home':
      void importHome(target, message.image);
      break;
    case 'kill':
      target.kill(message.pid, message.signal);
      break;
    case 'terminal-input':
      target.terminalInput(message.terminal, message.data);
      break;
    case 'terminal-ack':
      windows.shown(message.terminal, message.bytes);
      target.terminalDrained(message.terminal);
      break;
    case 'terminal-resize':
      target.terminalResize(message.terminal, message.columns, message.rows);
      break;
    case 'terminal-close':
      windows.forget(message.terminal);
      target.terminalHangup(message.terminal);
      target.terminalDrained(message.terminal);
      break;
    case 'write-file':
      post({
        type: 'written',
        request: message.request,
        result: target.writeFile(message.path, message.mode, message.data),
      });
      break;
  }
}

scope.onmessage = ({ data }) => {
  if (data.type === 'boot') void boot(data.options);
  else if (data.type === 'home-choice') homeChosen(data.choice);
  else if (data.type === 'worker-ended' || data.type === 'worker-crashed') workers.receive(data);
  else if (supervisor) receive(data, supervisor);
};
