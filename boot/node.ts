/*
 * The Node host: task workers are worker_threads, this thread is the supervisor.
 */
import { readFile, stat } from 'node:fs/promises';
import { homedir, totalmem } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { gunzip } from 'node:zlib';
import type { OpenStore } from '../drivers-ts/block-store.ts';
import { ENODEV, ErrnoError } from '../drivers-ts/errno.ts';
import { FileStore } from '../drivers-ts/file-store.ts';
import { FsDriver, type MessageServer } from '../drivers-ts/fs.ts';
import { DirectorySource } from '../drivers-ts/package-file.ts';
import { Packages, withPackages } from '../drivers-ts/package-store.ts';
import { cacheLimit } from './cache-limit.ts';
import type { Console, Platform, WorkerHandle } from './platform.ts';
import type { FailureKind, FromTask } from './protocol.ts';
import { BootFailure, Supervisor } from './supervisor-core.ts';
import { writeTar, type TarFile } from './tar.ts';
import { Watchdog } from './watchdog.ts';

const LOG_WARNING = 4;

/** Sources run as they are: then this file is boot/node.ts, else part of build/node/cli.js. */
const IS_SOURCE = import.meta.url.endsWith('.ts');
const TASK_URL = new URL(IS_SOURCE ? './task.ts' : './task.js', import.meta.url);
const BUILD_URL = new URL(IS_SOURCE ? '../build/' : '../', import.meta.url);

/** A worker each for the first program, for what it starts, and one to spare. */
const EARLY_WORKERS = 3;

export interface NodeOptions {
  readonly console: Console;
  readonly cpus: number;
  /** Directory trees of the host; a tree's number is what `mount` takes as a 9p source. */
  readonly trees?: readonly MessageServer[];
  /** Files to put into the system beside the boot archive's. */
  readonly files?: readonly TarFile[];
  /** Boot archive; the built one when absent. */
  readonly archive?: string;
  /** Directory of the package images, its address ending with a slash; the built one when absent. */
  readonly packages?: URL;
  /** Kernel module; the built one when absent. */
  readonly kernel?: string;
  /** The file of /home, or a directory for it; a /home that ends with the system when absent. */
  readonly home?: string;
  /** It could not be mounted; the reason is on the standard error stream. */
  homeFailed?(path: string): void;
  /** The system has stopped by itself. */
  failed(kind: FailureKind, message: string): void;
}

function startWorker(): WorkerHandle {
  // It writes nothing; what isn't captured costs listeners on our own streams.
  const worker = new Worker(TASK_URL, { stdout: true, stderr: true });
  let ending: Promise<unknown> | null = null;
  return {
    post: (message) => worker.postMessage(message),
    listen(receive, crashed) {
      worker.on('message', (message: FromTask) => receive(message));
      worker.on('messageerror', (error) => crashed(String(error)));
      worker.on('error', (error) => crashed(error instanceof Error ? (error.stack ?? error.message) : String(error)));
      worker.on('exit', (code) => ending ?? crashed(`it has ended by itself (${code})`));
    },
    async terminate() {
      ending ??= worker.terminate();
      await ending;
    },
  };
}

/** The one store there is: the file of /home. */
const HOME_STORE = 'file0';
const HOME_FILE = 'home.store';

/** Where /home is kept when nobody says where. */
export function defaultHome(): string {
  const base = process.env['XDG_DATA_HOME'] || join(homedir(), '.local', 'share');
  return join(base, 'tabos', HOME_FILE);
}

function openStoreAt(home: string | undefined): OpenStore {
  return async (name, readOnly) => {
    if (home === undefined || name !== HOME_STORE) throw new ErrnoError(ENODEV, `no store ${name}`);
    const isDirectory = (await stat(home).catch(() => null))?.isDirectory() ?? false;
    return FileStore.openPath(isDirectory ? join(home, HOME_FILE) : home, readOnly);
  };
}

async function read(path: URL | string): Promise<Buffer<ArrayBuffer>> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new BootFailure('download', error instanceof Error ? error.message : String(error));
  }
}

async function compile(path: URL | string): Promise<WebAssembly.Module> {
  const bytes = await read(path);
  try {
    return await WebAssembly.compile(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BootFailure('compile', `${path instanceof URL ? fileURLToPath(path) : path}: ${reason}`);
  }
}

async function readArchive(path: URL | string): Promise<Uint8Array> {
  const bytes = await read(path);
  try {
    return await promisify(gunzip)(bytes);
  } catch (error) {
    throw new BootFailure(
      'archive',
      `the boot archive is corrupt: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** The whole of a tar but its end mark, so that another can follow. */
function withoutEnd(tar: Uint8Array): Uint8Array {
  return tar.subarray(0, tar.length - 1024);
}

/** Boot the system; it is ready for programs when this resolves. */
export async function bootNode(options: NodeOptions): Promise<Supervisor> {
  const { console: output, failed, trees = [] } = options;
  const early = Array.from({ length: EARLY_WORKERS }, startWorker);
  const packages = new Packages(
    new DirectorySource(options.packages ?? new URL('site/packages/', BUILD_URL)),
    async () => null,
    (level, text) => output.log(level, text),
  );
  const platform: Platform = {
    startWorker,
    yield: async () => void (await nextTurn()),
    fsDriver: (host) => new FsDriver(host, withPackages(packages, openStoreAt(options.home)), trees),
    terminalWrite: (terminal, bytes) => output.terminalWrite(terminal, bytes),
    streamWrite: (stream, bytes) => output.streamWrite(stream, bytes),
    streamWanted: () => output.streamWanted(),
    log: (level, text) => output.log(level, text),
    failed,
  };
  let supervisor: Supervisor | null = null;
  try {
    const [kernel, uaccess, archive] = await Promise.all([
      compile(options.kernel ?? new URL('kernel.wasm', BUILD_URL)),
      compile(new URL('uaccess.wasm', BUILD_URL)),
      readArchive(options.archive ?? new URL('site/boot.tar.gz', BUILD_URL)),
    ]);
    supervisor = new Supervisor(platform, { kernel, uaccess }, options.cpus, early);
    supervisor.limitCache(cacheLimit(totalmem(), undefined));
    const { memory, address } = supervisor.watched;
    new Watchdog(memory, address, (text) => output.log(LOG_WARNING, text)).start();
    const own = options.files?.length ? [withoutEnd(writeTar(options.files))] : [];
    await supervisor.unpack([...own, archive]);
    if (options.home !== undefined && (await supervisor.mountHome(`/dev/${HOME_STORE}`, 'rw')) !== 0)
      options.homeFailed?.(options.home);
    return supervisor;
  } catch (error) {
    await (supervisor ? supervisor.stop() : Promise.all(early.map((worker) => worker.terminate())));
    throw error;
  }
}
