/*
 * What the four drivers share.
 *
 * The errno rule: a call returns 0 when it is accepted, or -errno; the result
 * follows through `done` with a count or -errno. Exceptions end in the driver; the kernel
 * sees only numbers.
 */
import { errnoOf, ENOSYS } from './errno.ts';
import type { KernelMemory } from './memory.ts';

/** What a driver is given: the kernel's memory, and completion#done. */
export interface DriverHost {
  readonly memory: KernelMemory;
  done(request: number, result: number): void;
}

export abstract class Driver {
  protected readonly host: DriverHost;

  constructor(host: DriverHost) {
    this.host = host;
  }

  /** Give back what the driver has opened. */
  async dispose(): Promise<void> {}

  /** The answer of a driver that has no such device. */
  protected absent(): number {
    return -ENOSYS;
  }

  /** Complete `request` with what `work` resolves to (0 for nothing), or the errno of what it throws. */
  protected complete(request: number, work: () => Promise<number | void>): number {
    try {
      work().then(
        (result) => this.host.done(request, result ?? 0),
        (error: unknown) => this.host.done(request, -errnoOf(error)),
      );
    } catch (error) {
      return -errnoOf(error);
    }
    return 0;
  }
}
