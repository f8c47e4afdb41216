/**
 * How much of files the kernel should keep in memory: part of the machine's memory,
 * and not more than a part of what the origin may store, for then there is no more to keep.
 */

/** What the machine is taken to have where it doesn't say. */
const MEMORY_ASSUMED = 4 * 2 ** 30;
const MEMORY_PART = 16;
const QUOTA_PART = 8;

/** Bytes for supervisor#cache-limit. Both may be unknown; `quota` in bytes as of navigator.storage.estimate(). */
export function cacheLimit(memory: number | undefined, quota: number | undefined): bigint {
  const ofMemory = (memory || MEMORY_ASSUMED) / MEMORY_PART;
  return BigInt(Math.floor(Math.min(ofMemory, quota === undefined ? Infinity : quota / QUOTA_PART)));
}
