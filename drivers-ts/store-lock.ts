/*
 * One tab owns a volume: Web Locks. A lock goes with the tab, however that ends.
 */
import { EBUSY, ErrnoError } from './errno.ts';

/**
 * Take the lock `name`: at once, or within `patience` milliseconds when whoever has it may just be ending;
 * else EBUSY. Resolves to what gives it back.
 */
export async function lockStore(name: string, patience = 0): Promise<() => Promise<void>> {
  if (typeof navigator !== 'object' || !navigator.locks) return async () => undefined;
  const held = Promise.withResolvers<void>();
  const granted = Promise.withResolvers<boolean>();
  const when: LockOptions = patience > 0 ? { signal: AbortSignal.timeout(patience) } : { ifAvailable: true };
  const ended = navigator.locks.request(name, when, (lock) => {
    granted.resolve(lock !== null);
    return lock ? held.promise : undefined;
  });
  ended.catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'TimeoutError') granted.resolve(false);
    else granted.reject(error);
  });
  if (!(await granted.promise)) throw new ErrnoError(EBUSY, `${name} is in use by another tab`);
  return async () => {
    held.resolve();
    // Firefox keeps the lock in another process: only now has it been given back there.
    await ended;
  };
}
