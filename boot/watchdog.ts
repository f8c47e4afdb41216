/*
 * Says when a store does not answer, and when it does at last: whoever waits in fsync would wait
 * for ever without a word.
 *
 * It looks at what the kernel has written down of its requests (kernel-c/dev/request.c), every few
 * seconds, and costs them nothing. In a browser the page does it: a call of OPFS that
 * never returns blocks the supervisor's thread, and so all of the system that could speak.
 */
import { KernelMemory } from '../drivers-ts/memory.ts';

const LOOK_MS = 5000;
/** Looks in a row that find the same. Counted, for a machine that was asleep has not waited. */
const LOOKS = 3;
const SILENCE_S = ((LOOKS - 1) * LOOK_MS) / 1000;

/** The kernel's `watch`: two words, a word for each slot twice, names. */
const SLOTS = 64;
const NAME_BYTES = 64;
const AT = { submitted: 0, taken: 4, tokens: 8, named: 8 + 4 * SLOTS, names: 8 + 8 * SLOTS } as const;

/** `isOver`: it answers again. */
export type Say = (text: string, isOver: boolean) => void;

/** What waits: under way with a store, or for the supervisor. */
interface Wait {
  readonly name: string;
  readonly since: number;
  looks: number;
}

export class Watchdog {
  readonly #memory: KernelMemory;
  readonly #address: number;
  readonly #say: Say;
  readonly #waits = new Map<number, Wait>();

  /** `address` is that of supervisor#requests. */
  constructor(memory: WebAssembly.Memory, address: number, say: Say) {
    this.#memory = new KernelMemory(memory);
    this.#address = address;
    this.#say = say;
  }

  /** Look from now on; what ends it. */
  start(): () => void {
    const timer: { unref?: () => void } | number = setInterval(() => this.look(performance.now()), LOOK_MS);
    if (typeof timer === 'object') timer.unref?.(); // Node ends when nothing else is to be done
    return () => clearInterval(timer as number);
  }

  look(now: number): void {
    const found = this.#found();
    // Whoever has ended, or is another one now.
    for (const [token, wait] of this.#waits) if (!found.has(token)) this.#ended(token, wait, now);
    for (const [token, name] of found) this.#waited(token, name, now);
  }

  /** What waits at the moment, each under a number that it keeps. */
  #found(): Map<number, string> {
    const found = new Map<number, string>();
    for (let slot = 0; slot < SLOTS; slot++) {
      const token = this.#word(AT.tokens + 4 * slot);
      if (token !== 0) found.set(token, this.#name(this.#word(AT.named + 4 * slot)));
    }
    const taken = this.#word(AT.taken);
    // Nobody takes requests: the supervisor itself hangs, if no store that it called does. Negative, as no token is.
    if (found.size === 0 && taken !== this.#word(AT.submitted)) found.set(-1 - taken, 'the supervisor');
    return found;
  }

  #waited(token: number, name: string, now: number): void {
    const wait = this.#waits.get(token) ?? { name, since: now, looks: 0 };
    this.#waits.set(token, wait);
    if (++wait.looks === LOOKS && !this.#isSaid(wait)) this.#say(`${name}: no answer for ${SILENCE_S} s`, false);
  }

  #ended(token: number, wait: Wait, now: number): void {
    this.#waits.delete(token);
    if (wait.looks >= LOOKS && !this.#isSaid(wait))
      this.#say(`${wait.name}: answers again, after ${Math.round((now - wait.since) / 1000)} s`, true);
  }

  /** One word for all that waits for the same store. */
  #isSaid(wait: Wait): boolean {
    return [...this.#waits.values()].some((w) => w !== wait && w.name === wait.name && w.looks >= LOOKS);
  }

  #word(offset: number): number {
    const { words, index } = this.#memory.words(this.#address + offset);
    return Atomics.load(words, index) >>> 0;
  }

  /** As people know it: volumes of /home are devices, package images are not. */
  #name(index: number): string {
    const text = this.#memory.text(this.#address + AT.names + index * NAME_BYTES, NAME_BYTES);
    const name = text.slice(0, text.indexOf('\0'));
    return name.includes('.') ? name : `/dev/${name}`;
  }
}
