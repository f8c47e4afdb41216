/*
 * The life of a task worker: attach to a slot, then run one job after the other
 * (docs/architecture.md, "The life of a worker").
 *
 * Between jobs the worker sleeps inside the kernel, so it hears no messages. Only
 * when it needs something that it must ask the supervisor for does it return to
 * its event loop.
 */
import type { KernelImports } from '../build/gen/kernel.d.ts';
import { ENOSYS } from '../drivers-ts/errno.ts';
import { KernelMemory } from '../drivers-ts/memory.ts';
import { clockSince } from './clock.ts';
import { instantiateKernel, systemCalls, type KernelExports } from './kernel-instance.ts';
import { machineImports } from './machine.ts';
import { ENTRY_START, globalOf, RunningProgram, type ProgramExports } from './program.ts';
import type { FromTask, Program, TaskStart, ToTask } from './protocol.ts';
import { Spaces, type Space } from './space.ts';
import { describeTrap, trapInfo } from './trap.ts';

const JOB_CLOSE = 0;
const JOB_FORK = 2;
const JOB_THREAD = 3;
/** What worker#ended returns when the task execs. */
const ENDED_EXEC = 1;
const SIGKILL = 9;
const SIGSYS = 31;
/** Enough of the stack to see where it came from; V8 keeps 10 frames of itself. */
const STACK_FRAMES_MAX = 32;
/** A complaint's line lies on the kernel stack while it is printed. */
const COMPLAINT_BYTES_MAX = 1024;
/** In UTF-8 at most three bytes each. */
const COMPLAINT_CHARS_MAX = 300;
/** Compiled programs to remember; what is forgotten can be asked for again. */
const PROGRAMS_MAX = 128;

const DRIVER_CALLS = {
  fs: ['open', 'read', 'write', 'read-list', 'write-list', 'flush', 'seek', 'estimate', 'close', 'message'],
  net: ['socket', 'connect', 'send', 'recv', 'close'],
  audio: ['write'],
  hid: ['control'],
  host: [
    'worker-start',
    'worker-kill',
    'worker-poke',
    'terminal-write',
    'terminal-ready',
    'stream-write',
    'stream-want',
    'exited',
  ],
} as const;

/** Calls that are made on the supervisor's instance only. */
function supervisorOnly(module: keyof typeof DRIVER_CALLS): Record<string, () => number> {
  return Object.fromEntries(DRIVER_CALLS[module].map((name) => [name, () => -ENOSYS]));
}

export interface TaskHost {
  post(message: FromTask): void;
  /** From when on the end of this worker will be noticed. */
  readonly owned: Promise<void>;
}

export class TaskWorker {
  readonly #host: TaskHost;
  readonly #start: TaskStart;
  readonly #memory: KernelMemory;
  readonly #kernel: KernelExports;
  readonly #killed: Int32Array<SharedArrayBuffer>;
  readonly #spaces: Spaces;
  readonly #programs = new Map<number, Program>();
  /** All system calls, grouped as programs import them; `env` is added per program. */
  readonly #imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  #running: RunningProgram | null = null;
  /** The running program's memory, when the supervisor knows it from us because of its threads. */
  #sharedId = 0;
  /**
   * Where this worker last ran a thread, as the next one is likely to be of the same process. Weak,
   * since a memory whose process has gone must not be kept.
   */
  #adopted: { readonly id: number; readonly space: WeakRef<Space> } | null = null;
  #awaited: ((message: ToTask) => void) | null = null;

  constructor(start: TaskStart, host: TaskHost) {
    this.#start = start;
    this.#host = host;
    this.#memory = new KernelMemory(start.memory);
    this.#killed = new Int32Array(start.killed);
    start.programs.forEach((program) => this.#remember(program));
    Error.stackTraceLimit = STACK_FRAMES_MAX;

    const calls = systemCalls(start.kernel);
    this.#kernel = this.#instantiate(calls);
    this.#spaces = new Spaces(this.#kernel, this.#memory, start.uaccess, (memory) => {
      Atomics.add(this.#killed, 1, 1);
      host.post({ type: 'memory', memory });
    });
    this.#collectImports(calls);
  }

  receive(message: ToTask): void {
    if (message.type === 'programs') message.programs.forEach((program) => this.#remember(program));
    this.#awaited?.(message);
  }

  async run(): Promise<void> {
    const kernel = this.#kernel;
    await this.#host.owned;
    if (Atomics.load(this.#killed, 0) !== 0) return; // the slot may be another's
    const attached = kernel['tabos:posix/worker#attach'](this.#start.slot);
    if (attached < 0) throw new Error(`worker#attach(${this.#start.slot}) = ${attached}`);
    this.#host.post({ type: 'attached' });
    for (;;) {
      const job = kernel['tabos:posix/worker#next-job']();
      if (job === JOB_CLOSE) break;
      await this.#work(job);
    }
    this.#host.post({ type: 'closing' });
  }

  #instantiate(calls: ReadonlySet<string>): KernelExports {
    const { memory, kernel: module, control, stack, tls } = this.#start;
    const clock = clockSince(this.#start.origin);
    const imports = {
      env: { memory },
      host: {
        ...machineImports({
          memory: this.#memory,
          control: new Int32Array(control),
          calls,
          now: clock,
          log: (level, text) => this.#host.post({ type: 'log', level, text }),
          programCompiled: (program) => {
            this.#remember(program);
            this.#host.post({ type: 'program', program });
          },
          programDropped: (id) => this.#host.post({ type: 'drop-program', id }),
        }),
        ...supervisorOnly('host'),
      },
      fs: supervisorOnly('fs'),
      net: supervisorOnly('net'),
      audio: supervisorOnly('audio'),
      hid: supervisorOnly('hid'),
    } as unknown as KernelImports;
    const kernel = instantiateKernel(module, imports);
    kernel.__stack_pointer.value = stack;
    kernel.__wasm_init_tls(tls);
    return kernel;
  }

  #collectImports(calls: ReadonlySet<string>): void {
    const kernel = this.#kernel as unknown as Record<string, WebAssembly.ImportValue>;
    for (const call of calls) {
      const [module, name] = call.split('#') as [string, string];
      (this.#imports[module] ??= {})[name] = kernel[call] as WebAssembly.ImportValue;
    }
    (this.#imports['tabos:posix/process'] ??= {})['fork'] = () => this.#running?.fork() ?? -ENOSYS;
    const create = this.#kernel['tabos:posix/thread#thread-create'];
    (this.#imports['tabos:posix/thread'] ??= {})['thread-create'] = (attributes: number) => {
      this.#shareMemory();
      return create(attributes);
    };
  }

  /** Run one job, and the programs its task execs, to the end. */
  async #work(job: number): Promise<void> {
    let kind = job;
    for (;;) {
      const id = this.#kernel['tabos:posix/worker#module-id']();
      const program = this.#programs.get(id) ?? (await this.#fetchProgram(id));
      if (!program) {
        this.#imageFailed(new Error('its compiled code is gone'));
        return;
      }
      const space =
        kind === JOB_THREAD
          ? await this.#findShared()
          : (this.#takeSpace(kind, program) ?? (await this.#fetchSpace(kind, program)));
      const ended = this.#runImage(kind, program, space);
      if (ended !== ENDED_EXEC) return;
      kind = 1;
    }
  }

  /** Instantiate and run; what worker#ended (or worker#image-failed) says about the task. */
  #runImage(job: number, program: Program, space: Space | null): number {
    let ended: number;
    try {
      if (!space) throw new Error(job === JOB_THREAD ? 'the memory of its process is gone' : 'no memory for it');
      this.#spaces.bind(space);
      // From here on the task can be terminated, as a module's start function may run for ever.
      this.#check(this.#kernel['tabos:posix/worker#image-begin'](), 'worker#image-begin');
      const enter = this.#prepare(job, program, space);
      ended = this.#execute(enter);
    } catch (error) {
      ended = this.#imageFailed(error);
    }
    this.#running = null;
    if (this.#sharedId !== 0) {
      this.#host.post({ type: 'leave-memory', id: this.#sharedId });
      this.#sharedId = 0;
    }
    // When the task has ended nobody waits for this worker: clean up now.
    if (space) this.#spaces.giveBack(space, ended !== ENDED_EXEC);
    return ended;
  }

  #takeSpace(job: number, program: Program): Space | null {
    return this.#spaces.take(this.#pagesFor(job, program));
  }

  #pagesFor(job: number, { info }: Program): number {
    const needed = job === JOB_FORK ? this.#kernel['tabos:posix/worker#memory-pages']() : 0;
    return Math.max(needed >>> 0, info.minimumPages);
  }

  /** The program on its memory, ready: what is left is to call the result. */
  #prepare(job: number, { module }: Program, space: Space): () => void {
    const kernel = this.#kernel;
    const initial = kernel['tabos:posix/worker#initial-global'];
    const ready = kernel['tabos:posix/worker#image-ready'];
    // The copy comes first: it says that passive data is initialised, so that instantiation leaves it alone.
    if (job === JOB_FORK) this.#check(kernel['tabos:posix/worker#fork-fill'](), 'worker#fork-fill');
    const imports = { ...this.#imports, env: { memory: space.memory } };
    const exports = new WebAssembly.Instance(module, imports).exports as unknown as ProgramExports;
    const entry = job === JOB_THREAD || job === JOB_FORK ? initial(2) >>> 0 : ENTRY_START;
    const running = new RunningProgram(exports, space, kernel['tabos:posix/worker#fork'], entry);
    this.#running = running;
    let enter = (): void => running.run();
    let heapBase = 0; // only a new program has one to tell
    if (job === JOB_FORK) {
      exports.__stack_pointer.value = initial(0);
      exports.__tls_base.value = initial(1);
      const buffer = initial(3) >>> 0;
      enter = () => running.runForked(buffer);
    } else if (job === JOB_THREAD) {
      exports.__stack_pointer.value = initial(0);
      exports.__wasm_init_tls?.(initial(1));
    } else {
      heapBase = globalOf(exports.__heap_base);
    }
    return () => {
      // The task is in user state from here on.
      this.#check(ready(space.pages, heapBase, globalOf(exports.__stack_high)), 'worker#image-ready');
      enter();
    };
  }

  #check(result: number, what: string): void {
    if (result < 0) throw new Error(`${what}: error ${-result}`);
  }

  /** From here on the task is told how its program ends. */
  #execute(enter: () => void): number {
    const { 'tabos:posix/worker#unwound': unwound, 'tabos:posix/worker#ended': ended } = this.#kernel;
    let cause: unknown = null;
    for (let run: (() => void) | null = enter; run;) {
      try {
        run();
        run = null;
      } catch (error) {
        this.#afterTrap();
        // The kernel ends programs by a trap; its stack, which is slow to get, says nothing.
        if (unwound() !== 0) return ended(0, 0);
        // A handler jumped, to a frame that its trap has unwound.
        const jumped = this.#running?.trapSignal && error instanceof WebAssembly.Exception;
        if (!jumped) cause = error;
        run = jumped ? null : this.#trapHandler(error);
        if (unwound() !== 0) return ended(0, 0);
      }
    }
    if (cause !== null) this.#complain(describeTrap(cause));
    return ended(cause === null ? (this.#running?.trapSignal ?? 0) : trapInfo(cause).signal, 0);
  }

  /** How to run the program's own handler for a trap, or null. */
  #trapHandler(error: unknown): (() => void) | null {
    const running = this.#running;
    if (!running?.exports.trap_entry) return null;
    const { signal, code, address } = trapInfo(error);
    const left = globalOf(running.exports.__stack_pointer);
    let top: number;
    try {
      top = this.#kernel['tabos:posix/worker#fault'](signal, code, address, left);
    } catch {
      this.#afterTrap(); // killed meanwhile
      return null;
    }
    return top === 0 ? null : () => running.runTrapHandler(signal, top >>> 0);
  }

  #imageFailed(error: unknown): number {
    this.#afterTrap();
    const message = error instanceof Error ? error.message : String(error);
    if (this.#kernel['tabos:posix/worker#unwound']() === 0) this.#complain([`cannot run: ${message}`]);
    // A link error means that a call has another signature here.
    const signal = error instanceof WebAssembly.LinkError ? SIGSYS : SIGKILL;
    return this.#kernel['tabos:posix/worker#image-failed'](signal);
  }

  /** A trap leaves the kernel's stack pointer where it was. */
  #afterTrap(): void {
    this.#kernel.__stack_pointer.value = this.#start.stack;
    // The slot and its stack may be another worker's by now; the end of this one is on its way.
    if (Atomics.load(this.#killed, 0) !== 0) Atomics.wait(this.#killed, 0, 1);
  }

  #complain(lines: readonly string[]): void {
    const pointer = this.#kernel.__stack_pointer;
    for (const line of lines) {
      const bytes = new TextEncoder().encode(`${line.slice(0, COMPLAINT_CHARS_MAX)}\n`);
      const address = this.#start.stack - COMPLAINT_BYTES_MAX;
      this.#memory.write(address, bytes);
      pointer.value = address;
      try {
        this.#kernel['tabos:posix/worker#complain'](address, bytes.length);
      } catch {
        return; // killed while it wrote: ended() tells
      } finally {
        pointer.value = this.#start.stack;
      }
    }
  }

  /* ---- what only the supervisor has ---- */

  #remember(program: Program): void {
    this.#programs.set(program.id, program);
    const oldest = this.#programs.keys().next();
    if (this.#programs.size > PROGRAMS_MAX && !oldest.done) this.#programs.delete(oldest.value);
  }

  async #fetchProgram(id: number): Promise<Program | null> {
    this.#host.post({ type: 'want-program', id });
    for (;;) {
      const message = await this.#message();
      if (message.type === 'no-program' && message.id === id) return null;
      const program = message.type === 'programs' && message.programs.find((candidate) => candidate.id === id);
      if (program) return program;
    }
  }

  /** There was no room for a memory: one that the supervisor has found some for, or null. */
  async #fetchSpace(job: number, program: Program): Promise<Space | null> {
    this.#host.post({ type: 'want-space', pages: this.#pagesFor(job, program) });
    for (;;) {
      const message = await this.#message();
      if (message.type === 'space') return message.memory && this.#spaces.over(message.memory);
    }
  }

  /** Where the thread that is to be run lives, as a space of this worker's; null: that is gone. */
  async #findShared(): Promise<Space | null> {
    const id = this.#kernel['tabos:posix/worker#memory-id']();
    const known = this.#adopted?.id === id ? this.#adopted.space.deref() : undefined;
    if (known) return known;
    const memory = await this.#fetchMemory(id);
    const space = memory && this.#spaces.over(memory);
    if (space) space.shared = true;
    this.#adopted = space && { id, space: new WeakRef(space) };
    return space;
  }

  async #fetchMemory(id: number): Promise<WebAssembly.Memory | null> {
    this.#host.post({ type: 'want-memory', id });
    for (;;) {
      const message = await this.#message();
      if (message.type !== 'memory' || message.id !== id) continue;
      this.#sharedId = id;
      return message.memory;
    }
  }

  #message(): Promise<ToTask> {
    return new Promise((resolve) => {
      this.#awaited = (message) => {
        this.#awaited = null;
        resolve(message);
      };
    });
  }

  /** Before a thread starts: its worker will ask for this process's memory. */
  #shareMemory(): void {
    const space = this.#running?.space;
    if (!space) return;
    const id = this.#kernel['tabos:posix/worker#memory-id']();
    if (this.#sharedId === id) return;
    space.shared = true;
    this.#sharedId = id;
    this.#host.post({ type: 'share-memory', id, memory: space.memory });
  }
}
