/*
 * Block stores: numbered blocks of 4 KiB that survive, in IndexedDB or in a file.
 */
import { EINVAL, ErrnoError } from './errno.ts';

export const BLOCK_BYTES = 4096;

export interface BlockStore {
  /** Blocks never written are zero. */
  read(block: number, count: number): Promise<Uint8Array>;
  write(block: number, data: Uint8Array): Promise<void>;
  /** Everything written so far survives a crash when this resolves. */
  flush(): Promise<void>;
  /** Size in blocks: one more than the highest block ever written. */
  size(): Promise<number>;
  close(): Promise<void>;
}

/** Opens a store by name, making it when there is none. */
export type OpenStore = (name: string, readOnly: boolean) => Promise<BlockStore>;

/** A name that is safe as a file's or database's. */
export function checkStoreName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) throw new ErrnoError(EINVAL, `bad store name ${name}`);
  return name;
}
