/*
 * How much more this origin may store.
 *
 * Chromium's navigator.storage.estimate() does not tell: so that nobody knows one disk from
 * another, what it calls free is always a whole number of GiB, of 10 at most. Only trying tells
 * then whether some more fits; a file of OPFS grows in a moment, and counts for the quota at once.
 */

const MADE_UP = 2 ** 30;
/** The kernel asks again before it has used up so much (kernel-c/fs/ext2_grow.c), dirty pages and all. */
const TRY_BYTES_MAX = 128 * 1024 * 1024;
const TRY_BYTES_MIN = 1024 * 1024;
const PROBE = 'tabos-room';

/** Something that may grow: can it, by so much? It is as large as before then. */
export type Fits = (bytes: number) => boolean;

/** What OPFS has for that; TypeScript has it for workers only, and they can't be had beside the page's. */
interface Growing {
  truncate(size: number): void;
  getSize(): number;
  close(): void;
}

/**
 * Bytes that may still be stored; none known is as good as endless. `fits` is asked when the browser's own
 * answer is made up; what it takes for a try may stay reserved for it.
 */
export async function originFree(fits?: Fits): Promise<number> {
  const { quota, usage } = (await navigator.storage?.estimate?.()) ?? {};
  if (quota === undefined) return Number.MAX_SAFE_INTEGER;
  const free = Math.max(0, quota - (usage ?? 0));
  if (free % MADE_UP !== 0) return free;
  return fits ? largestThatFits(free, fits) : tryFile(free);
}

/** `free` if much fits, else the largest power of two that does: browsers grow files by those. */
function largestThatFits(free: number, fits: Fits): number {
  for (let bytes = Math.min(free, TRY_BYTES_MAX); bytes >= TRY_BYTES_MIN; bytes /= 2)
    if (fits(bytes)) return bytes === TRY_BYTES_MAX ? free : bytes;
  return 0;
}

/** Can the file grow? */
export function canGrow(file: Growing, bytes: number): boolean {
  const size = file.getSize();
  try {
    file.truncate(size + bytes);
    return true;
  } catch {
    return false;
  } finally {
    file.truncate(size);
  }
}

/** By a file of our own. Where there can be none, or another tab has it, the browser's answer has to do. */
async function tryFile(free: number): Promise<number> {
  try {
    const directory = await navigator.storage.getDirectory();
    const handle = await directory.getFileHandle(PROBE, { create: true });
    const file = await (handle as unknown as { createSyncAccessHandle(): Promise<Growing> }).createSyncAccessHandle();
    try {
      return largestThatFits(free, (bytes) => canGrow(file, bytes));
    } finally {
      file.close();
      await directory.removeEntry(PROBE);
    }
  } catch {
    return free;
  }
}
