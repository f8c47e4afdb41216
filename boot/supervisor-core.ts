/*
 * The supervisor, in whatever host: it owns the kernel's memory, starts and kills
 * task workers, runs the drivers, feeds terminals and keeps the time.
 *
 * It never blocks. Workers ring the doorbell word; the answer is supervisor#run,
 * which makes all calls to the imports below.
 */
import type { KernelImports } from '../build/gen/kernel.d.ts';
import { AudioDriver } from '../drivers-ts/audio.ts';
import type { Driver } from '../drivers-ts/driver.ts';
import { EAGAIN, ENOMEM } from '../drivers-ts/errno.ts';
import { HidDriver } from '../drivers-ts/hid.ts';
import { KernelMemory } from '../drivers-ts/memory.ts';
import { NetDriver } from '../drivers-ts/net.ts';
import { clockSince, wallClock } from './clock.ts';
import {
  instantiateKernel,
  KERNEL_PAGES_INITIAL,
  KERNEL_PAGES_MAX,
  systemCalls,
  type KernelExports,
} from './kernel-instance.ts';
import { machineImports } from './machine.ts';
import type { Platform, WorkerHandle } from './platform.ts';
import { ProgramStore, SharedMemories } from './programs.ts';
import { Shortage } from './shortage.ts';
import { CONTROL, type FailureKind, type FromTask, type SpawnOptions, type ToTask } from './protocol.ts';
import { writeTar } from './tar.ts';

/** Firefox starts no more than 512 workers per origin, and says nothing about the next one. */
const WORKER_START_MS = 10_000;
/** Failed starts in a row after which no more are tried. */
const WORKER_FAILURES_MAX = 3;
/** The kernel's pieces of the boot archive, and of input. */
const BUFFER_BYTES = 256 * 1024;
/** Turns of the doorbell loop before other events are looked at. */
const TURNS_MAX = 16;
/** Bits of SpawnOptions.streams: input, output, error. */
const ALL_STREAMS = 7;
/** setTimeout's limit; a later deadline is looked at again then. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** Deadlines as near as this to each other are one: clocks of browsers are that coarse. */
const TIMER_SLACK_MS = 0.1;

/** Something that ends the start, in words for whoever started it. */
export class BootFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

interface TaskWorkerState {
  readonly handle: WorkerHandle;
  readonly killed: Int32Array<SharedArrayBuffer>;
  deadline: ReturnType<typeof setTimeout> | null;
  /** The memory of the program it runs, for poking. */
  memory: WebAssembly.Memory | null;
  /** How often it has told us so; in the word after `killed` it counts what it sent. */
  memories: number;
  /** The kernel wants to poke when the message that is on the way has come. */
  pokeWaits: boolean;
}

export interface SupervisorModules {
  readonly kernel: WebAssembly.Module;
  readonly uaccess: WebAssembly.Module;
}

/** Called with a wait status. */
export type ExitListener = (pid: number, status: number) => void;

export class Supervisor {
  readonly #platform: Platform;
  readonly #modules: SupervisorModules;
  readonly #memory: KernelMemory;
  readonly #kernel: KernelExports;
  readonly #drivers: Driver[];
  readonly #control = new SharedArrayBuffer(CONTROL.words * 4);
  readonly #origin = performance.timeOrigin;
  readonly #workers = new Map<number, TaskWorkerState>();
  /** Started before the kernel was there, without a slot yet. */
  readonly #early: WorkerHandle[];
  readonly #programs: ProgramStore;
  readonly #memories: SharedMemories;
  readonly #shortage: Shortage;
  readonly #exitListeners = new Set<ExitListener>();
  readonly #input = new Map<number, Uint8Array[]>();
  readonly #helpers: WorkerHandle[] = [];
  #workerFailures = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** By performance.now(). */
  #timerDue = 0;
  #stopped = false;
  #hasHome = false;
  /** What has stopped the system by itself. */
  #failure: BootFailure | null = null;
  /** An address in kernel memory with room for BUFFER_BYTES. */
  #buffer = 0;

  /** `early` are workers that were started while the modules were being compiled. */
  constructor(platform: Platform, modules: SupervisorModules, cpus: number, early: WorkerHandle[] = []) {
    this.#platform = platform;
    this.#modules = modules;
    this.#early = early;
    const answer = (slot: number, message: ToTask): void => this.#workers.get(slot)?.handle.post(message);
    this.#programs = new ProgramStore(answer);
    this.#memories = new SharedMemories(answer);
    this.#shortage = new Shortage(answer, () => this.#guard(() => this.#kernel['tabos:posix/supervisor#shrink']()));
    this.#memory = new KernelMemory(this.#makeMemory());
    const driverHost = {
      memory: this.#memory,
      done: (request: number, result: number) => this.#completed(request, result),
    };
    const drivers = {
      fs: platform.fsDriver(driverHost),
      net: new NetDriver(driverHost),
      audio: new AudioDriver(driverHost),
      hid: new HidDriver(driverHost),
    };
    this.#drivers = Object.values(drivers);
    this.#kernel = this.#instantiate(drivers);
    this.#guard(() => this.#boot(cpus));
    if (this.#failure) throw this.#failure;
  }

  #makeMemory(): WebAssembly.Memory {
    try {
      return new WebAssembly.Memory({ initial: KERNEL_PAGES_INITIAL, maximum: KERNEL_PAGES_MAX, shared: true });
    } catch (error) {
      throw new BootFailure('memory', `no memory for the kernel: ${String(error)}`);
    }
  }

  #instantiate(drivers: Pick<KernelImports, 'fs' | 'net' | 'audio' | 'hid'>): KernelExports {
    const { kernel: module } = this.#modules;
    const now = clockSince(this.#origin);
    const machine = machineImports({
      memory: this.#memory,
      control: new Int32Array(this.#control),
      calls: systemCalls(module),
      now,
      log: (level, text) => this.#logged(level, text),
      programCompiled: (program) => this.#programs.add(program),
      programDropped: (id) => this.#programs.drop(id),
    });
    const imports: KernelImports = {
      ...drivers,
      env: { memory: this.#memory.memory },
      host: {
        ...machine,
        'worker-start': () => this.#startWorker(),
        'worker-kill': (slot) => this.#killWorker(slot),
        'worker-poke': (slot, address) => this.#poke(slot, address),
        'terminal-write': (terminal, buffer, length) =>
          this.#platform.terminalWrite(terminal, this.#memory.copy(buffer, length)),
        'terminal-ready': (terminal) => this.#feedTerminalSoon(terminal),
        'stream-write': (stream, buffer, length) =>
          this.#platform.streamWrite(stream, this.#memory.copy(buffer, length)),
        'stream-want': () => this.#streamWanted(),
        exited: (pid, status) => this.#exited(pid, status),
      },
    };
    try {
      return instantiateKernel(module, imports);
    } catch (error) {
      throw new BootFailure('compile', error instanceof Error ? error.message : String(error));
    }
  }

  #boot(cpus: number): void {
    const wallOffset = wallClock() - clockSince(this.#origin)();
    const result = this.#kernel['tabos:posix/supervisor#boot'](cpus, wallOffset);
    if (result < 0) throw new BootFailure('internal', `the kernel does not start: error ${-result}`);
    this.#buffer = this.#allocate(BUFFER_BYTES);
    for (let count = this.#early.length; count > 0; count--) this.#startWorker();
    void this.#answerDoorbell();
  }

  /* ---- the doorbell ---- */

  async #answerDoorbell(): Promise<void> {
    const { words, index } = this.#memory.words(this.#kernel['tabos:posix/supervisor#doorbell']());
    if (typeof Atomics.waitAsync !== 'function') {
      this.#startDoorbellHelper(index * 4);
      return;
    }
    for (let turns = 0; !this.#stopped; turns++) {
      const seen = Atomics.load(words, index);
      this.#run();
      const wait = Atomics.waitAsync(words, index, seen);
      if (wait.async) {
        await wait.value;
        turns = 0;
      } else if (turns >= TURNS_MAX) {
        await this.#platform.yield();
        turns = 0;
      }
    }
  }

  #startDoorbellHelper(address: number): void {
    const helper = this.#platform.startWorker();
    this.#helpers.push(helper);
    helper.listen(
      (message) => message.type === 'rung' && this.#run(),
      (reason) => this.#fail('worker', `the doorbell helper has ended: ${reason}`),
    );
    helper.post({ type: 'doorbell', memory: this.#memory.memory, address });
  }

  #run(): void {
    if (this.#stopped) return;
    this.#guard(() => {
      const next = this.#kernel['tabos:posix/supervisor#run']();
      if (next >= 0n) this.#wakeIn(Number(next) / 1e6);
    });
  }

  /** A timer that is due before then is left alone: it runs the kernel, which says what is next. To set one takes long. */
  #wakeIn(delayMs: number): void {
    const due = performance.now() + delayMs;
    if (this.#timer !== null) {
      if (this.#timerDue < due + TIMER_SLACK_MS) return;
      clearTimeout(this.#timer);
    }
    this.#timerDue = due;
    const onTime = (): void => {
      this.#timer = null;
      this.#run();
    };
    this.#timer = setTimeout(onTime, Math.min(Math.ceil(delayMs), TIMER_MS_MAX));
  }

  /** A trap in the kernel on this instance is the end of the system. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof BootFailure) throw error;
      if (this.#stopped) return;
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#fail('panic', `the kernel has stopped: ${reason}`);
    }
  }

  #logged(level: number, text: string): void {
    this.#platform.log(level, text);
    if (level === 0) this.#fail('panic', `kernel panic: ${text}`);
  }

  #fail(kind: FailureKind, message: string): void {
    if (this.#stopped) return;
    this.#failure = new BootFailure(kind, message);
    void this.stop();
    this.#platform.failed(kind, message);
  }

  /** End everything at once. Resolves when no worker runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const states = [...this.#workers.values()];
    this.#workers.clear();
    for (const { deadline } of states) if (deadline !== null) clearTimeout(deadline);
    const handles = [...states.map(({ handle }) => handle), ...this.#early, ...this.#helpers];
    await Promise.all([
      ...handles.map((handle) => handle.terminate()),
      ...this.#drivers.map((driver) => driver.dispose()),
    ]);
  }

  /* ---- workers ---- */

  #startWorker(): number {
    const kernel = this.#kernel;
    if (this.#workerFailures >= WORKER_FAILURES_MAX) return -EAGAIN;
    const slot = kernel['tabos:posix/supervisor#worker-new']();
    if (slot < 0) return slot;
    let handle: WorkerHandle;
    try {
      handle = this.#early.pop() ?? this.#platform.startWorker();
    } catch (error) {
      this.#platform.log(3, `cannot start a worker: ${String(error)}`);
      kernel['tabos:posix/supervisor#worker-gone'](slot);
      return -EAGAIN;
    }
    const killed = new Int32Array(new SharedArrayBuffer(8));
    const deadline = setTimeout(() => this.#lost(slot, 'it never started'), WORKER_START_MS);
    this.#workers.set(slot, { handle, killed, deadline, memory: null, memories: 0, pokeWaits: false });
    handle.listen(
      (message) => this.#heard(slot, message),
      (reason) => this.#lost(slot, reason),
    );
    handle.post({
      type: 'start',
      kernel: this.#modules.kernel,
      uaccess: this.#modules.uaccess,
      memory: this.#memory.memory,
      slot,
      stack: kernel['tabos:posix/supervisor#worker-stack'](slot) >>> 0,
      tls: kernel['tabos:posix/supervisor#worker-tls'](slot) >>> 0,
      origin: this.#origin,
      control: this.#control,
      killed: killed.buffer,
      programs: this.#programs.greet(slot),
    });
    return 0;
  }

  #heard(slot: number, message: FromTask): void {
    const worker = this.#workers.get(slot);
    if (!worker) {
      // Its last words; a thread may wait for the memory.
      if (message.type === 'share-memory') this.#memories.shareLast(message.id, message.memory);
      return;
    }
    switch (message.type) {
      case 'attached':
        this.#workerFailures = 0;
        if (worker.deadline !== null) clearTimeout(worker.deadline);
        worker.deadline = null;
        break;
      case 'program':
        this.#programs.add(message.program, slot);
        break;
      case 'drop-program':
        this.#programs.drop(message.id);
        break;
      case 'want-program':
        this.#programs.want(slot, message.id);
        break;
      case 'memory':
        worker.memory = message.memory;
        worker.memories++;
        if (worker.pokeWaits) {
          worker.pokeWaits = false;
          this.#run();
        }
        break;
      case 'want-space':
        void this.#shortage.want(slot, message.pages);
        break;
      case 'share-memory':
        this.#memories.share(slot, message.id, message.memory);
        break;
      case 'want-memory':
        this.#memories.want(slot, message.id);
        break;
      case 'leave-memory':
        this.#memories.leave(slot, message.id);
        break;
      case 'log':
        this.#logged(message.level, message.text);
        break;
      case 'closing':
        this.#killWorker(slot);
        break;
      case 'broken':
        this.#lost(slot, message.message);
        break;
      case 'rung':
        break;
    }
  }

  /** A worker has failed by itself. */
  #lost(slot: number, reason: string): void {
    const worker = this.#workers.get(slot);
    if (!worker || this.#stopped) return;
    this.#platform.log(3, `worker ${slot} is lost: ${reason}`);
    if (worker.deadline !== null && ++this.#workerFailures === WORKER_FAILURES_MAX)
      this.#platform.log(2, 'workers no longer start');
    this.#killWorker(slot);
  }

  /** The kernel may use the slot again only when the worker has certainly stopped. */
  #killWorker(slot: number): number {
    const worker = this.#workers.get(slot);
    if (!worker) return 0;
    this.#workers.delete(slot);
    this.#programs.forget(slot);
    this.#memories.forget(slot);
    this.#shortage.forget(slot);
    if (worker.deadline !== null) clearTimeout(worker.deadline);
    Atomics.store(worker.killed, 0, 1);
    void worker.handle.terminate().then(() => {
      if (this.#stopped) return;
      this.#guard(() => this.#kernel['tabos:posix/supervisor#worker-gone'](slot));
      this.#run();
    });
    return 0;
  }

  #poke(slot: number, address: number): number {
    const worker = this.#workers.get(slot);
    if (worker && worker.memories !== Atomics.load(worker.killed, 1)) {
      worker.pokeWaits = true; // its message about another memory is on the way
      return -EAGAIN;
    }
    const words = worker?.memory && new Int32Array(worker.memory.buffer);
    const index = address >>> 2;
    if (!words || index >= words.length) return 0; // it has ended meanwhile, or says so soon
    Atomics.store(words, index, 1);
    return 0;
  }

  /* ---- what the kernel reports ---- */

  #completed(request: number, result: number): void {
    if (this.#stopped) return;
    this.#guard(() => this.#kernel['tabos:posix/completion#done'](request, result));
    this.#run(); // what comes next, the flush after a write, need not wait for the doorbell to be heard
  }

  #exited(pid: number, status: number): number {
    this.#exitListeners.forEach((listener) => listener(pid, status));
    return 0;
  }

  #streamWanted(): number {
    this.#platform.streamWanted();
    return 0;
  }

  onExit(listener: ExitListener): void {
    this.#exitListeners.add(listener);
  }

  /* ---- kernel memory for arguments ---- */

  #allocate(length: number): number {
    const address = this.#kernel['tabos:posix/supervisor#allocate'](length) >>> 0;
    if (address === 0) throw new RangeError('no kernel memory');
    return address;
  }

  /** Call `work` with the address of a copy of each of `parts` (0 for an empty one). */
  #withCopies(parts: readonly Uint8Array[], work: (...addresses: number[]) => number): number {
    const held: { address: number; length: number }[] = [];
    try {
      const addresses = parts.map((bytes) => {
        if (bytes.length === 0) return 0;
        const address = this.#allocate(bytes.length);
        held.push({ address, length: bytes.length });
        this.#memory.write(address, bytes);
        return address;
      });
      return work(...addresses);
    } catch (error) {
      if (error instanceof RangeError) return -ENOMEM;
      throw error;
    } finally {
      for (const { address, length } of held) this.#kernel['tabos:posix/supervisor#release'](address, length);
    }
  }

  /* ---- what the host asks for ---- */

  /** Feed the uncompressed boot archive. */
  async unpack(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<void> {
    for await (const chunk of chunks) this.#feedArchive(chunk);
    this.#endArchive();
  }

  #feedArchive(chunk: Uint8Array): void {
    for (let done = 0; done < chunk.length;) {
      const part = chunk.subarray(done, done + BUFFER_BYTES);
      this.#memory.write(this.#buffer, part);
      this.#archive(part.length);
      done += part.length;
    }
  }

  #endArchive(): void {
    this.#archive(0);
  }

  #archive(length: number): void {
    let result = 0;
    this.#guard(() => (result = this.#kernel['tabos:posix/supervisor#archive'](this.#buffer, length)));
    if (this.#failure) throw this.#failure;
    if (result < 0) throw new BootFailure('archive', `the boot archive is corrupt (error ${-result})`);
  }

  /** Create a file, as root: 0 or -errno. */
  writeFile(path: string, mode: number, data: Uint8Array): number {
    try {
      this.#feedArchive(writeTar([{ path, mode, data }]));
      this.#endArchive();
      return 0;
    } catch (error) {
      if (error instanceof BootFailure) return -ENOMEM;
      throw error;
    }
  }

  /** Start a program as a child of init: its pid or -errno. */
  spawn(options: SpawnOptions): number {
    const text = new TextEncoder();
    const path = text.encode(`${options.path}\0`);
    const argv = text.encode(options.argv.map((word) => `${word}\0`).join(''));
    const env = text.encode(options.env.map((word) => `${word}\0`).join(''));
    const cwd = options.cwd === undefined ? new Uint8Array() : text.encode(`${options.cwd}\0`);
    let pid = -EAGAIN;
    this.#guard(() => {
      pid = this.#withCopies([path, argv, env, cwd], (pathAt, argvAt, envAt, cwdAt) =>
        this.#kernel['tabos:posix/supervisor#spawn'](
          pathAt ?? 0,
          argvAt ?? 0,
          argv.length,
          envAt ?? 0,
          env.length,
          cwdAt ?? 0,
          options.terminal ?? 0,
          options.streams ?? 0,
        ),
      );
    });
    this.#run();
    return pid;
  }

  /** What a watchdog (watchdog.ts) looks at, on whichever thread. */
  get watched(): { readonly memory: WebAssembly.Memory; readonly address: number } {
    return { memory: this.#memory.memory, address: this.#kernel['tabos:posix/supervisor#requests']() >>> 0 };
  }

  /** The most bytes of files to keep in memory (cache-limit.ts). */
  limitCache(bytes: bigint): void {
    this.#guard(() => this.#kernel['tabos:posix/supervisor#cache-limit'](bytes));
  }

  /** Mount as the system call does: 0 or -errno. */
  mount(source: string, target: string, type: string, data = ''): number {
    const text = new TextEncoder();
    const parts = [source, target, type, data].map((part) => text.encode(`${part}\0`));
    return this.#withCopies(parts, (sourceAt, targetAt, typeAt, dataAt) =>
      this.#kernel['tabos:posix/supervisor#mount'](sourceAt ?? 0, targetAt ?? 0, typeAt ?? 0, dataAt ?? 0),
    );
  }

  /**
   * Run /etc/rc, which mounts the block store `device` on /home and what else fstab
   * lists. Resolves to its exit status; not 0: /home is what it was.
   */
  async mountHome(device: string, options: string): Promise<number> {
    const status = await this.runToEnd(['/bin/sh', '/etc/rc'], [`HOME_DEVICE=${device}`, `HOME_OPTIONS=${options}`]);
    this.#hasHome = status === 0;
    return status;
  }

  /** Before the end: what is in memory goes to /home's store. */
  async sync(): Promise<void> {
    if (this.#hasHome && !this.#stopped) await this.runToEnd(['/bin/sync'], []);
  }

  /** Run a program of the system's own, with the host's streams: its exit status (as wait has it), or an errno. */
  async runToEnd(argv: readonly [string, ...string[]], env: readonly string[]): Promise<number> {
    const ended = Promise.withResolvers<number>();
    const early = new Map<number, number>();
    let pid = 0;
    const listener: ExitListener = (which, status) => {
      if (pid === 0) early.set(which, status);
      else if (which === pid) ended.resolve(status);
    };
    this.#exitListeners.add(listener);
    try {
      const path = 'PATH=/usr/local/bin:/usr/bin:/bin';
      pid = this.spawn({ path: argv[0], argv, env: [path, ...env], streams: ALL_STREAMS });
      if (pid < 0) return -pid;
      return early.get(pid) ?? (await ended.promise);
    } finally {
      this.#exitListeners.delete(listener);
    }
  }

  kill(pid: number, signal: number): number {
    if (this.#stopped) return 0;
    let result = 0;
    this.#guard(() => (result = this.#kernel['tabos:posix/supervisor#kill'](pid, signal)));
    return result;
  }

  /* ---- terminals and streams ---- */

  /** Typed bytes: what the terminal doesn't take now waits for it. */
  terminalInput(terminal: number, bytes: Uint8Array): void {
    const queue = this.#input.get(terminal) ?? [];
    this.#input.set(terminal, queue);
    queue.push(bytes);
    if (queue.length === 1) this.#feedTerminal(terminal);
  }

  #feedTerminal(terminal: number): void {
    const queue = this.#input.get(terminal);
    for (let bytes = queue?.shift(); queue && bytes; bytes = queue.shift()) {
      const taken = this.#feed(bytes, (buffer, length) =>
        this.#kernel['tabos:posix/terminal#input'](terminal, buffer, length),
      );
      if (taken === bytes.length) continue;
      queue.unshift(bytes.subarray(taken));
      return;
    }
  }

  /** Called from within the kernel, which isn't entered twice for it. */
  #feedTerminalSoon(terminal: number): number {
    queueMicrotask(() => this.#feedTerminal(terminal));
    return 0;
  }

  terminalResize(terminal: number, columns: number, rows: number): void {
    this.#guard(() => this.#kernel['tabos:posix/terminal#resize'](terminal, columns, rows));
  }

  terminalHangup(terminal: number): void {
    this.#input.delete(terminal);
    this.#guard(() => this.#kernel['tabos:posix/terminal#hangup'](terminal));
  }

  terminalDrained(terminal: number): void {
    if (this.#stopped) return;
    this.#guard(() => this.#kernel['tabos:posix/terminal#drained'](terminal));
    this.#run();
  }

  /** How many of the bytes were taken; the rest is to be offered again when streamWanted is called. */
  streamInput(bytes: Uint8Array): number {
    return this.#feed(bytes, (buffer, length) => this.#kernel['tabos:posix/terminal#stream-input'](buffer, length));
  }

  streamEnd(): void {
    if (this.#stopped) return;
    this.#guard(() => this.#kernel['tabos:posix/terminal#stream-input'](this.#buffer, 0));
  }

  /** `error` is 0, or what writers get from now on. */
  streamDrained(stream: number, error: number): void {
    if (this.#stopped) return;
    this.#guard(() => this.#kernel['tabos:posix/terminal#stream-drained'](stream, error));
    this.#run();
  }

  /** Offer bytes piece by piece until they aren't taken whole. */
  #feed(bytes: Uint8Array, offer: (buffer: number, length: number) => number): number {
    let done = 0;
    while (done < bytes.length && !this.#stopped) {
      const part = bytes.subarray(done, done + BUFFER_BYTES);
      let taken = 0;
      this.#guard(() => {
        this.#memory.write(this.#buffer, part);
        taken = offer(this.#buffer, part.length);
      });
      done += Math.max(taken, 0);
      if (taken < part.length) break;
    }
    return done;
  }
}
