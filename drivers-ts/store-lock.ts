/*
 * One tab owns a volume: Web Locks. A lock goes with the tab, however that ends.
 */
import { EBUSY, ErrnoError } from './errno.ts';

/** Take the lock `name`, now or never (EBUSY). Resolves to what gives it back. */
export async function lockStore(name: string): Promise<() => Promise<void>> {
  if (typeof navigator !== 'object' || !navigator.locks) return async () => undefined;
  const held = Promise.withResolvers<void>();
  const granted = Promise.withResolvers<boolean>();
  const ended = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
    granted.resolve(lock !== null);
    return lock ? held.promise : undefined;
  });
  ended.catch((error: unknown) => granted.reject(error));
  if (!(await granted.promise)) throw new ErrnoError(EBUSY, `${name} is in use by another tab`);
  return async () => {
    held.resolve();
    // Firefox keeps the lock in another process: only now has it been given back there.
    await ended;
  };
}
