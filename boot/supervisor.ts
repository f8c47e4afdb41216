/*
 * Entry of the supervisor worker in browsers: the page's messages on one side
 * (protocol.ts), the supervisor on the other.
 */
import { FsDriver } from '../drivers-ts/fs.ts';
import { ENODEV, ErrnoError } from '../drivers-ts/errno.ts';
import { BrowserCache, HttpSource } from '../drivers-ts/package-http.ts';
import { Packages, withPackages } from '../drivers-ts/package-store.ts';
import type { OpenStore } from '../drivers-ts/block-store.ts';
import { HostChannel, type GivenFile } from '../drivers-ts/host-channel.ts';
import { ImageStore } from '../drivers-ts/image-store.ts';
import { StillStore } from '../drivers-ts/still-store.ts';
import { cacheLimit } from './cache-limit.ts';
import { blocksOfImage, checkImage, imageOf } from './home-image.ts';
import { RequestedWorkers, type WorkerReport } from './page-workers.ts';
import type { Platform, WorkerHandle } from './platform.ts';
import {
  TERMINAL_WINDOW,
  type BootOptions,
  type BusyChoice,
  type FromSupervisor,
  type HomeState,
  type HomeStore,
  type ToSupervisor,
} from './protocol.ts';
import { BootFailure, Supervisor } from './supervisor-core.ts';
import { HomeVolume } from './volumes.ts';

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

/* ---- /home ---- */

let volume: HomeVolume | null = null;
let homeChosen: (choice: BusyChoice) => void = () => undefined;

/** The volume's store is the only one there is, but for an image on its way out. */
const openStore: OpenStore = async (name, readOnly) => {
  if (tidied && name === TIDIED) return tidied;
  if (!volume || name !== volume.store) throw new ErrnoError(ENODEV, `no store ${name}`);
  homeStore = new StillStore(await volume.open(readOnly));
  return homeStore;
};

let homeStore: StillStore | null = null;

/** /home as its last checkpoint left it, with the newest made first. */
async function imageOfHome(target: Supervisor): Promise<Blob | null> {
  await target.sync();
  return homeStore ? homeStore.hold(imageOf) : null;
}

/** The image that is being made ready to be given away. */
let tidied: ImageStore | null = null;
const TIDIED = 'export0';

/**
 * The image as an unmount would leave it: a file that has no name any more but is in use
 * takes room in /home, and is nobody's in the image. The kernel frees those, as after a crash.
 */
async function tidy(target: Supervisor, image: Blob): Promise<Blob> {
  tidied = new ImageStore(image, false);
  try {
    programErrors = '';
    const script = 'mkdir -p "$1" && mount -t ext2 "$2" "$1" && umount "$1"';
    const status = await target.runToEnd(['/bin/sh', '-c', script, 'sh', '/run/export', TIDIED], []);
    if (status !== 0) throw new Error(programErrors.trim() || `mount ended with ${status}`);
    return tidied.changed;
  } finally {
    tidied = null;
  }
}

let exported: Promise<void> = Promise.resolve();

/** One after the other, should a person ask twice. */
function exportHome(target: Supervisor): void {
  exported = exported.then(async () => {
    try {
      const image = await imageOfHome(target);
      if (!image) throw new Error('there is no /home that lasts');
      post({ type: 'give', name: 'home.img', data: await tidy(target, image) });
    } catch (error) {
      post({ type: 'not-given', name: 'home.img', problem: error instanceof Error ? error.message : String(error) });
    }
  });
}

/** Replace /home by an image; the system ends for it. */
async function importHome(target: Supervisor, image: Blob): Promise<void> {
  let problem: string | null = null;
  try {
    if (!volume || volume.readOnly) throw new Error('this tab does not own /home');
    await checkImage(image);
    await target.sync();
    await target.stop();
    await volume.fill(volume.kind, blocksOfImage(image));
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
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
  programErrors = '';
  const script = 'cd "/proc/$1/cwd" 2>/dev/null || cd /root; exec upload -t "$2"';
  const status = await target.runToEnd(
    ['/bin/sh', '-c', script, 'sh', String(shells.get(terminal) ?? 0), String(number)],
    [],
  );
  channel.undrop(number);
  const count = `${files.length} ${files.length === 1 ? 'file' : 'files'}`;
  post({ type: 'dropped', request, text: status === 0 ? `${count} put into the shell’s directory` : programErrors });
}

/** Who owns /home: we, or another tab, and then a person decides. Null: it is volatile. */
async function findHome(wanted: HomeStore): Promise<HomeVolume | null> {
  if (wanted === 'volatile') return null;
  for (;;) {
    const own = await HomeVolume.own(wanted === 'current' ? null : wanted);
    if (own) return own;
    const choice = new Promise<BusyChoice>((resolve) => (homeChosen = resolve));
    post({ type: 'home-busy' });
    switch (await choice) {
      case 'read-only':
        return HomeVolume.besideOwner();
      case 'volatile':
        return null;
      case 'again':
        break;
    }
  }
}

/** Mount what was found. Without it the system runs all the same; the page says so. */
async function mountHome(target: Supervisor, found: Promise<HomeVolume | null>): Promise<HomeState> {
  try {
    volume = await found;
    if (!volume) return { mode: 'volatile', device: null, problem: null };
    const device = `/dev/${volume.store}`;
    programErrors = '';
    const status = await target.mountHome(device, volume.readOnly ? 'ro' : 'rw');
    if (status === 0 && !volume.readOnly) volume.share(() => imageOfHome(target));
    if (status === 0) await volume.sweep();
    if (status === 0) return { mode: volume.readOnly ? 'read-only' : 'lasting', device, problem: null };
    return { mode: 'volatile', device: null, problem: programErrors.trim() || `/etc/rc ended with ${status}` };
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return { mode: 'volatile', device: null, problem };
  }
}

/** What the system's own programs complained about. */
let programErrors = '';

const platform: Platform = {
  startWorker: () => workers.start(),
  yield: nextTurn,
  fsDriver: (host) => new FsDriver(host, withPackages(packages, openStore), [], channel),
  terminalWrite(terminal, bytes) {
    const taken = windows.take(terminal, bytes.length);
    const data = taken === bytes.length ? bytes : bytes.slice(0, taken);
    if (taken > 0) post({ type: 'terminal-output', terminal, data }, [data.buffer]);
    return taken;
  },
  // A page has no standard streams; what is written to them is only of use in a log.
  streamWrite(stream, bytes) {
    const text = new TextDecoder().decode(bytes);
    if (stream === 2) programErrors += text;
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
    const home = findHome(options.home ?? 'current');
    home.catch(() => undefined); // as the archive
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
    const state = await mountHome(supervisor, home);
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
      exportHome(target);
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
