/*
 * What the supervisor does for a worker that can't make a memory for its program.
 *
 * Chromium has room for about 124 in one tab, and one that nobody uses any more counts until it has been
 * collected by every worker that knew it. An engine without room collects the garbage of the worker that
 * asks, not that of others. So the supervisor tries it in the worker's place, and its own garbage goes; then
 * workers without a task close, and with them goes what they held.
 */
import { MEMORY_PAGES_MAX } from './modules.ts';
import type { Answer } from './programs.ts';

/** Pauses between attempts, while workers close. A task that is killed meanwhile waits as well. */
const PAUSES_MS = [5, 10, 20, 50, 100, 200, 400, 800];

/** A zeroed memory for a program. RangeError: the host has no room for it. */
export function makeMemory(pages: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: pages, maximum: MEMORY_PAGES_MAX, shared: true });
}

export class Shortage {
  readonly #answer: Answer;
  /** Has the workers without a task close. */
  readonly #closeIdle: () => void;
  /** By slot: the request whose answer its worker waits for. */
  readonly #waiting = new Map<number, symbol>();

  constructor(answer: Answer, closeIdle: () => void) {
    this.#answer = answer;
    this.#closeIdle = closeIdle;
  }

  /** The worker in `slot` waits for a memory of so many pages. It is answered with null when there is none. */
  async want(slot: number, pages: number): Promise<void> {
    const request = Symbol();
    this.#waiting.set(slot, request);
    let memory = this.#try(pages);
    for (const pause of PAUSES_MS) {
      if (memory) break;
      this.#closeIdle();
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.#waiting.get(slot) !== request) return;
      memory = this.#try(pages);
    }
    this.#waiting.delete(slot);
    this.#answer(slot, { type: 'space', memory });
  }

  /** The worker in `slot` has gone. */
  forget(slot: number): void {
    this.#waiting.delete(slot);
  }

  #try(pages: number): WebAssembly.Memory | null {
    try {
      return makeMemory(pages);
    } catch {
      return null;
    }
  }
}
