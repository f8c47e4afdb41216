/*
 * The compiled programs, and the memories that have threads: what task workers
 * ask the supervisor for.
 */
import type { Program, ToTask } from './protocol.ts';

/** Dropped programs to keep for the processes that still run them. */
const DROPPED_MAX = 64;

/** A worker to answer, by its slot. */
export type Answer = (slot: number, message: ToTask) => void;

/**
 * Programs are compiled in one worker and needed in any. A worker's message may
 * overtake another's: a program that is asked for before it has arrived is
 * answered when it does.
 */
export class ProgramStore {
  readonly #answer: Answer;
  readonly #programs = new Map<number, Program>();
  /** Oldest first. A process that runs one of them may still fork. */
  readonly #dropped = new Map<number, Program>();
  /** The highest id of those that were let go for good. */
  #goneUpTo = 0;
  readonly #sent = new Map<number, Set<number>>();
  readonly #waiting = new Map<number, Set<number>>();

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  add(program: Program, slot?: number): void {
    this.#programs.set(program.id, program);
    if (slot !== undefined) this.#sentTo(slot).add(program.id);
    const waiting = this.#waiting.get(program.id);
    this.#waiting.delete(program.id);
    waiting?.forEach((waiter) => this.#send(waiter, program.id));
  }

  /** No new process will run it. */
  drop(id: number): void {
    const program = this.#programs.get(id);
    if (!program) return;
    this.#programs.delete(id);
    this.#dropped.set(id, program);
    for (const old of [...this.#dropped.keys()].slice(0, -DROPPED_MAX)) {
      this.#dropped.delete(old);
      this.#goneUpTo = Math.max(this.#goneUpTo, old);
      this.#sent.forEach((sent) => sent.delete(old));
    }
  }

  /** For a new worker: all there are. */
  greet(slot: number): Program[] {
    this.#sent.set(slot, new Set(this.#programs.keys()));
    return [...this.#programs.values()];
  }

  want(slot: number, id: number): void {
    if (this.#programs.has(id) || this.#dropped.has(id)) this.#send(slot, id);
    else if (id <= this.#goneUpTo) this.#answer(slot, { type: 'no-program', id });
    else if (this.#waiting.has(id)) this.#waiting.get(id)?.add(slot);
    else this.#waiting.set(id, new Set([slot]));
  }

  forget(slot: number): void {
    this.#sent.delete(slot);
    this.#waiting.forEach((waiting) => waiting.delete(slot));
  }

  /** The one it wants, with all that are new to it, since it seldom listens. */
  #send(slot: number, wanted: number): void {
    const sent = this.#sentTo(slot);
    const programs = [...this.#programs.values()].filter(({ id }) => id === wanted || !sent.has(id));
    const dropped = this.#dropped.get(wanted);
    if (dropped) programs.push(dropped);
    programs.forEach(({ id }) => sent.add(id));
    this.#answer(slot, { type: 'programs', programs });
  }

  #sentTo(slot: number): Set<number> {
    let sent = this.#sent.get(slot);
    if (!sent) this.#sent.set(slot, (sent = new Set()));
    return sent;
  }
}

/** Entries whose users are all gone; one of them may have a thread about to start. */
const IDLE_MEMORIES_MAX = 8;
/** Numbers of memories that were let go, to remember. */
const GONE_MAX = 1000;

/** Memories of processes with threads, by the kernel's number, for the workers that will run these. */
export class SharedMemories {
  readonly #answer: Answer;
  readonly #entries = new Map<number, { memory: WebAssembly.Memory; users: Set<number> }>();
  readonly #waiting = new Map<number, Set<number>>();
  /** Who wants one of them would wait for ever. */
  readonly #gone = new Set<number>();

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  share(slot: number, id: number, memory: WebAssembly.Memory): void {
    const users = this.#entries.get(id)?.users ?? new Set();
    users.add(slot);
    this.#gone.delete(id);
    this.#entries.delete(id); // to the end: Maps keep the order of insertion
    this.#entries.set(id, { memory, users });
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.forEach((waiter) => this.want(waiter, id));
  }

  /** From a worker that has been terminated since. */
  shareLast(id: number, memory: WebAssembly.Memory): void {
    if (!this.#entries.has(id) && this.#waiting.has(id)) {
      this.share(-1, id, memory);
      this.leave(-1, id);
    }
  }

  /** The thread's message may have overtaken its creator's: then it waits. */
  want(slot: number, id: number): void {
    const entry = this.#entries.get(id);
    if (entry) {
      entry.users.add(slot);
      this.#answer(slot, { type: 'memory', id, memory: entry.memory });
    } else if (this.#gone.has(id)) {
      this.#answer(slot, { type: 'memory', id, memory: null });
    } else {
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting.add(slot));
    }
  }

  leave(slot: number, id: number): void {
    this.#entries.get(id)?.users.delete(slot);
    this.#trim();
  }

  forget(slot: number): void {
    this.#entries.forEach(({ users }) => users.delete(slot));
    this.#waiting.forEach((waiting) => waiting.delete(slot));
    this.#trim();
  }

  #trim(): void {
    const idle = [...this.#entries].filter(([, { users }]) => users.size === 0);
    for (const [id] of idle.slice(0, -IDLE_MEMORIES_MAX)) {
      this.#entries.delete(id);
      this.#gone.add(id);
      const [oldest] = this.#gone;
      if (this.#gone.size > GONE_MAX && oldest !== undefined) this.#gone.delete(oldest);
    }
  }
}
