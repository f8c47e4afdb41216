/*
 * A file as the log store needs it: bytes anywhere, and a flush. In OPFS every
 * call answers at once (a sync access handle), in Node later.
 */
import type { Bytes } from './block-store.ts';

export interface RandomAccessFile {
  /** How many bytes were there; fewer than asked for only at the end. */
  read(at: number, into: Uint8Array): Promise<number> | number;
  /** All of `data`; beyond the end the file grows, with zeros in between. */
  write(at: number, data: Bytes): Promise<void> | void;
  /** The same, done when it returns: in files that can. */
  writeNow?(at: number, data: Bytes): void;
  /** What was written before is durable. Until then any part of it may be, in any order. */
  flush(): Promise<void> | void;
  size(): Promise<number> | number;
  /** How many bytes it may still grow by. */
  free(): Promise<number>;
  close(): Promise<void> | void;
}
