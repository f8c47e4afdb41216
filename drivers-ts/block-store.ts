/*
 * Block stores: numbered blocks of 4 KiB that survive, in IndexedDB, in OPFS or
 * in a file.
 *
 * What all of them promise (docs/storage.md): what is written becomes durable at
 * flush, together. After a crash at any moment the store holds exactly what the
 * last completed flush left.
 */
import { EINVAL, ErrnoError } from './errno.ts';

export const BLOCK_BYTES = 4096;

/** Bytes of the kernel's memory are shared, a test's are not. */
export type Bytes = Uint8Array<ArrayBufferLike>;

export interface Estimate {
  /** Blocks that hold something. */
  readonly held: number;
  /** How many more can be written that hold nothing yet. */
  readonly available: number;
}

export interface BlockStore {
  /** Blocks never written are zero. What was written and not yet flushed is read too. */
  read(block: number, count: number): Promise<Uint8Array>;
  /** Whole blocks. They are copied before this returns. EROFS in a read-only store. */
  write(block: number, data: Bytes): void;
  /** Resolves when more can be written without piling up. */
  drain(): Promise<void>;
  /**
   * Everything written before this call becomes durable, all of it or none. When it
   * fails, all of that is still to be flushed. Flushes end in the order of the calls.
   */
  flush(): Promise<void>;
  /** Size in blocks: at least one more than the highest block ever written. */
  size(): Promise<number>;
  estimate(): Promise<Estimate>;
  /** Lets others have the store. What is not flushed is gone: it may be half of something. */
  close(): Promise<void>;
}

/** Opens a store by name, making it when there is none. EBUSY: another has it open for writing. */
export type OpenStore = (name: string, readOnly: boolean) => Promise<BlockStore>;

/** A name that is safe as a file's or database's. */
export function checkStoreName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) throw new ErrnoError(EINVAL, `bad store name ${name}`);
  return name;
}

/**
 * What of the host's free space is never promised: a store needs room to write a new version of a block
 * beside the old one, and other users of the same quota go on writing.
 */
const RESERVE_SHARE = 0.02;
const RESERVE_BYTES_MIN = 4 * 1024 * 1024;
const RESERVE_BYTES_MAX = 256 * 1024 * 1024;

/** Blocks that may be promised out of `free` bytes. */
export function blocksAvailable(free: number): number {
  const reserve = Math.min(RESERVE_BYTES_MAX, Math.max(RESERVE_BYTES_MIN, free * RESERVE_SHARE));
  return Math.max(0, Math.floor((free - reserve) / BLOCK_BYTES));
}
