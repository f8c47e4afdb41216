/*
 * A block store that can be held still: what a copy of it is made from does not
 * change meanwhile, while its user goes on as if nothing were.
 *
 * It stands still between two flushes, never with half of what belongs together. What
 * is written then is kept aside, and flushes wait.
 */
import { BLOCK_BYTES, type BlockStore, type Bytes, type Estimate } from './block-store.ts';

export class StillStore implements BlockStore {
  readonly #inner: BlockStore;
  /** Something was written since the last flush began, or that has not ended. */
  #unsettled = 0;
  #written = false;
  #settled: (() => void)[] = [];
  /** While it is held: what is written, and who waits for the end of that. */
  #aside: Map<number, Uint8Array> | null = null;
  #released: Promise<void> = Promise.resolve();

  constructor(inner: BlockStore) {
    this.#inner = inner;
  }

  /** Hold the store while `work` reads it. One at a time. */
  async hold<T>(work: (still: BlockStore) => Promise<T>): Promise<T> {
    while (this.#aside) await this.#released;
    while (this.#written || this.#unsettled > 0) await new Promise<void>((resolve) => this.#settled.push(resolve));
    const aside = new Map<number, Uint8Array>();
    const over = Promise.withResolvers<void>();
    this.#aside = aside;
    this.#released = over.promise;
    try {
      return await work(this.#inner);
    } finally {
      this.#aside = null;
      for (const [block, data] of aside) this.write(block, data);
      over.resolve();
    }
  }

  async read(block: number, count: number): Promise<Uint8Array> {
    const data = await this.#inner.read(block, count);
    for (let i = 0; this.#aside && i < count; i++) {
      const newer = this.#aside.get(block + i);
      if (newer) data.set(newer, i * BLOCK_BYTES);
    }
    return data;
  }

  write(block: number, data: Bytes): void {
    if (!this.#aside) {
      this.#written = true;
      return this.#inner.write(block, data);
    }
    for (let i = 0; i * BLOCK_BYTES < data.length; i++)
      this.#aside.set(block + i, data.slice(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES));
  }

  drain(): Promise<void> {
    return this.#inner.drain();
  }

  /** Not async: who called fsync waits for each turn of the microtasks. */
  flush(): Promise<void> {
    if (this.#aside) return this.#released.then(() => this.flush());
    this.#written = false;
    this.#unsettled++;
    const flushed = this.#inner.flush();
    flushed.then(
      () => this.#flushEnded(),
      () => {
        this.#written = true;
        this.#flushEnded();
      },
    );
    return flushed;
  }

  #flushEnded(): void {
    this.#unsettled--;
    if (!this.#written && this.#unsettled === 0) this.#settled.splice(0).forEach((resolve) => resolve());
  }

  size(): Promise<number> {
    return this.#inner.size();
  }

  estimate(): Promise<Estimate> {
    return this.#inner.estimate();
  }

  async close(): Promise<void> {
    while (this.#aside) await this.#released;
    await this.#inner.close();
  }
}
