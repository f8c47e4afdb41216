/*
 * host.now: nanoseconds that all workers count alike.
 */

/** Node's own clock is the same in every thread; browsers have one origin per worker. */
export function clockSince(originMs: number): () => bigint {
  if (typeof process === 'object' && process.versions?.node) return () => process.hrtime.bigint();
  const offsetMs = performance.timeOrigin - originMs;
  return () => BigInt(Math.round((offsetMs + performance.now()) * 1e6));
}

/** CPU time of this thread, where the host can tell (Node 23.9 and later). */
export function threadCpuTime(): bigint {
  if (typeof process !== 'object' || !process.threadCpuUsage) return -1n;
  const { user, system } = process.threadCpuUsage();
  return BigInt(user + system) * 1000n;
}

/** Wall-clock nanoseconds, as finely as the host tells them. */
export function wallClock(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;
}
