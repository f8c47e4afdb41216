/*
 * Headers and records of a log store (log-store.ts), as they are in the file: a slot of 32-bit words each,
 * under a checksum, with entries that tell where blocks are.
 */
import { BLOCK_BYTES } from './block-store.ts';
import { checksum } from './checksum.ts';
import type { SlotRun } from './slot-allocator.ts';

export const HEADER_SLOTS = 2;
const VERSION = 1;
export const HEADER_MAGIC = 0x4c424154; // TABL
export const RECORD_MAGIC = 0x52424154; // TABR
export const WORDS = BLOCK_BYTES / 4;
/** Words before the entries; an entry is [block, slot, count]. */
export const HEAD_WORDS = 16;
export const ENTRY_WORDS = 3;
export const ENTRIES_MAX = Math.floor((WORDS - HEAD_WORDS) / ENTRY_WORDS);

/** Word indexes in headers and records. */
export const W = {
  magic: 0,
  /** Checksum of the slot with this word 0. */
  sum: 1,
  version: 2,
  /** Which session of writing made it: what an earlier one left behind doesn't count. */
  session: 3,
  /** Flushes so far, low and high. */
  number: 4,
  numberHigh: 5,
  /** Where the next record will be. */
  next: 6,
  /** Entries here; those of the table if there is one are in the slots that these name. */
  entries: 7,
  /** 0, or how many words the table has and its checksum: [slot, slot, count] entries name its slots. */
  tableWords: 8,
  tableSum: 9,
  /** Blocks in the store: one more than the highest ever written. */
  size: 10,
  /** Record: slots of data right behind it, and their checksum. */
  inline: 11,
  inlineSum: 12,
  /** Header: one more than the last one's. */
  serial: 13,
} as const;

/** Where blocks are: `count` from `block` on, in slots from `slot` on. */
export type Entry = readonly [block: number, slot: number, count: number];

/** Entries that are too many for a slot, in slots of their own. */
export interface Table {
  readonly runs: readonly SlotRun[];
  readonly words: number;
  readonly sum: number;
}

/** What headers and records say. */
interface Statement {
  readonly session: number;
  readonly number: number;
  readonly next: number;
  readonly size: number;
  readonly entries: readonly Entry[];
  readonly table: Table | null;
}

/** Fill in a header or record whose other words are set. */
export function seal(words: Uint32Array<ArrayBuffer>, magic: number, says: Statement): void {
  const { session, number, next, size, entries, table } = says;
  words[W.version] = VERSION;
  words[W.session] = session;
  words[W.number] = number >>> 0;
  words[W.numberHigh] = Math.floor(number / 2 ** 32);
  words[W.next] = next;
  words[W.size] = size;
  words[W.tableWords] = table?.words ?? 0;
  words[W.tableSum] = table?.sum ?? 0;
  const listed = table ? table.runs.map(({ slot, count }): Entry => [slot, slot, count]) : entries;
  words[W.entries] = listed.length;
  listed.forEach((entry, i) => words.set(entry, HEAD_WORDS + i * ENTRY_WORDS));
  words[W.magic] = magic;
  words[W.sum] = sumOf(words);
}

/** The checksum of all words but its own. */
function sumOf(words: Uint32Array<ArrayBuffer>): number {
  const own = words[W.sum]!;
  words[W.sum] = 0;
  const sum = checksum(new Uint8Array(words.buffer, words.byteOffset, words.byteLength));
  words[W.sum] = own;
  return sum;
}

export function isSealed(words: Uint32Array<ArrayBuffer>, magic: number): boolean {
  return words[W.magic] === magic && words[W.version] === VERSION && words[W.sum] === sumOf(words);
}

export function numberOf(words: Uint32Array): number {
  return words[W.numberHigh]! * 2 ** 32 + words[W.number]!;
}

export function tableRunsOf(words: Uint32Array): SlotRun[] {
  if (words[W.tableWords] === 0) return [];
  return Array.from({ length: words[W.entries]! }, (_, i) => {
    const at = HEAD_WORDS + i * ENTRY_WORDS;
    return { slot: words[at + 1]!, count: words[at + 2]! };
  });
}

/** Blocks and their slots, joined where both follow each other. */
export class EntryList {
  readonly #entries: [block: number, slot: number, count: number][] = [];

  get entries(): Entry[] {
    return this.#entries;
  }

  add(block: number, slot: number): void {
    const last = this.#entries.at(-1);
    if (last && block === last[0] + last[2] && slot === last[1] + last[2]) last[2]++;
    else this.#entries.push([block, slot, 1]);
  }
}
