/*
 * The system as the page sees it: the supervisor worker, spoken to in messages.
 */
import type { GivenFile } from '../drivers-ts/host-channel.ts';
import { PageWorkers } from './page-workers.ts';
import type {
  BootOptions,
  BusyChoice,
  FailureKind,
  FromSupervisor,
  HomeState,
  SpawnOptions,
  ToSupervisor,
} from './protocol.ts';
import { Watchdog } from './watchdog.ts';

/** What happens in the system, for who shows it. */
export interface SystemEvents {
  /** `loaded` bytes of `total` (0: nobody knows) of the download called `name`. */
  progress(name: string, loaded: number, total: number): void;
  step(step: 'compile' | 'unpack'): void;
  output(terminal: number, data: Uint8Array): void;
  log(level: number, text: string): void;
  /** A store does not answer, or does again: in words. */
  silent(text: string, isOver: boolean): void;
  /** A file for the person. */
  give(name: string, data: Blob): void;
  /** The one that was asked for can't be had. */
  notGiven(name: string, problem: string): void;
  /** A program wants files: what is chosen, or null. `signal`: it no longer does. */
  askForFiles(signal: AbortSignal): Promise<readonly GivenFile[] | null>;
  /** /home was replaced; the system has stopped for it. Or why it was not. */
  homeReplaced(problem: string | null): void;
  /** Another tab has /home: what now? */
  homeBusy(): Promise<BusyChoice>;
  /** It has stopped for good, after a good start. */
  stopped(failure: SystemFailure): void;
}

/** The system can't start, or has stopped. */
export class SystemFailure extends Error {
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string) {
    super(message);
    this.kind = kind;
  }
}

/** How a process ended: by its own exit, or by a signal. */
export interface Ending {
  readonly code: number | null;
  readonly signal: number | null;
}

/** A started process: its pid, and its end. */
export interface StartedProcess {
  readonly pid: number;
  readonly ended: Promise<Ending>;
}

export class System {
  readonly #worker: Worker;
  readonly #events: SystemEvents;
  readonly #workers: PageWorkers;
  readonly #started = Promise.withResolvers<HomeState>();
  readonly #spawning = new Map<number, (pid: number) => void>();
  readonly #running = new Map<number, (ending: Ending) => void>();
  readonly #dropping = new Map<number, (text: string) => void>();
  readonly #asking = new Map<number, AbortController>();
  #unwatch: () => void = () => undefined;
  #requests = 0;
  #isUp = false;

  /** Begin to start the system with the worker script at `supervisor`. */
  constructor(supervisor: URL, options: BootOptions, events: SystemEvents) {
    this.#events = events;
    this.#workers = new PageWorkers(new URL('task.js', supervisor), (report) => this.#send(report));
    this.#worker = new Worker(supervisor, { type: 'module', name: 'supervisor' });
    this.#worker.onmessage = ({ data }: MessageEvent<FromSupervisor>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#workers.endAll();
      // A script that can't be loaded gives an event without a message.
      if (event.message) this.#fail('internal', `${event.message} (${event.filename}:${event.lineno})`);
      else this.#fail('download', `${supervisor.href} can’t be loaded`);
    };
    this.#send({ type: 'boot', options });
  }

  /** Resolves to what /home is when programs can be spawned, rejects with a SystemFailure. */
  get started(): Promise<HomeState> {
    return this.#started.promise;
  }

  /** Start a program. Rejects with the errno's number in the message. */
  async spawn(program: SpawnOptions): Promise<StartedProcess> {
    const request = ++this.#requests;
    const ended = Promise.withResolvers<Ending>();
    const pid = await new Promise<number>((resolve) => {
      // Noted at once, not in a later task: the end may be the very next message.
      this.#spawning.set(request, (pid) => {
        if (pid > 0) this.#running.set(pid, ended.resolve);
        resolve(pid);
      });
      this.#send({ type: 'spawn', request, program });
    });
    if (pid <= 0) throw new Error(`${program.path}: error ${-pid}`);
    return { pid, ended: ended.promise };
  }

  kill(pid: number, signal: number): void {
    this.#send({ type: 'kill', pid, signal });
  }

  input(terminal: number, data: Uint8Array): void {
    this.#send({ type: 'terminal-input', terminal, data });
  }

  resize(terminal: number, columns: number, rows: number): void {
    this.#send({ type: 'terminal-resize', terminal, columns, rows });
  }

  acknowledge(terminal: number, bytes: number): void {
    this.#send({ type: 'terminal-ack', terminal, bytes });
  }

  hangUp(terminal: number): void {
    this.#send({ type: 'terminal-close', terminal });
  }

  /** Put files where the shell of a terminal is; resolves to words for the person. */
  drop(terminal: number, files: readonly GivenFile[]): Promise<string> {
    const request = ++this.#requests;
    return new Promise((resolve) => {
      this.#dropping.set(request, resolve);
      this.#send({ type: 'drop', request, terminal, files });
    });
  }

  /** /home as an image, by the event `give` or `notGiven`. */
  exportHome(): void {
    this.#send({ type: 'export-home' });
  }

  /** Ends in the event `homeReplaced`. */
  importHome(image: Blob): void {
    this.#send({ type: 'import-home', image });
  }

  async #askForFiles(request: number): Promise<void> {
    const over = new AbortController();
    this.#asking.set(request, over);
    const files = await this.#events.askForFiles(over.signal);
    this.#asking.delete(request);
    this.#send({ type: 'files', request, files });
  }

  #send(message: ToSupervisor): void {
    this.#worker.postMessage(message);
  }

  #receive(message: FromSupervisor): void {
    switch (message.type) {
      case 'worker-start':
      case 'worker-end':
        return this.#workers.receive(message);
      case 'progress':
        return this.#events.progress(message.name, message.loaded, message.total);
      case 'step':
        return this.#events.step(message.step);
      case 'ready':
        this.#isUp = true;
        return this.#started.resolve(message.home);
      case 'watch':
        this.#unwatch = new Watchdog(message.memory, message.address, (...what) =>
          this.#events.silent(...what),
        ).start();
        return;
      case 'give':
        return this.#events.give(message.name, message.data);
      case 'not-given':
        return this.#events.notGiven(message.name, message.problem);
      case 'files-wanted':
        return void this.#askForFiles(message.request);
      case 'files-unwanted':
        return this.#asking.get(message.request)?.abort();
      case 'dropped':
        this.#dropping.get(message.request)?.(message.text);
        this.#dropping.delete(message.request);
        return;
      case 'home-replaced':
        return this.#events.homeReplaced(message.problem);
      case 'home-busy':
        return void this.#events.homeBusy().then((choice) => this.#send({ type: 'home-choice', choice }));
      case 'failed':
        return this.#fail(message.kind, message.message);
      case 'spawned':
        this.#spawning.get(message.request)?.(message.pid);
        this.#spawning.delete(message.request);
        return;
      case 'exited':
        this.#running.get(message.pid)?.(message);
        this.#running.delete(message.pid);
        return;
      case 'terminal-output':
        return this.#events.output(message.terminal, message.data);
      case 'log':
        return this.#events.log(message.level, message.text);
    }
  }

  #fail(kind: FailureKind, message: string): void {
    this.#unwatch();
    const failure = new SystemFailure(kind, message);
    if (this.#isUp) this.#events.stopped(failure);
    else this.#started.reject(failure);
  }
}
