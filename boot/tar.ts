/*
 * A small writer of POSIX ustar archives, for files that the host puts into the system.
 */
import { EINVAL, ErrnoError } from '../drivers-ts/errno.ts';

const BLOCK_BYTES = 512;

export interface TarFile {
  /** Absolute path in the system, at most 255 bytes. */
  readonly path: string;
  readonly mode: number;
  readonly data: Uint8Array;
}

const encoder = new TextEncoder();

/** A path's name and prefix fields: it is split at a slash when it is longer than a name. */
function splitPath(path: string): { name: Uint8Array; prefix: Uint8Array } {
  const whole = encoder.encode(path.replace(/^\/+/, ''));
  if (whole.length <= 100) return { name: whole, prefix: new Uint8Array() };
  for (let slash = whole.length - 101; slash <= 155 && slash < whole.length; slash++)
    if (slash > 0 && whole[slash] === 0x2f)
      return { name: whole.subarray(slash + 1), prefix: whole.subarray(0, slash) };
  throw new ErrnoError(EINVAL, `${path}: too long for an archive`);
}

function header({ path, mode, data }: TarFile): Uint8Array {
  const block = new Uint8Array(BLOCK_BYTES);
  const put = (offset: number, text: string): void => block.set(encoder.encode(text), offset);
  const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;
  const { name, prefix } = splitPath(path);
  block.set(name, 0);
  put(100, octal(mode & 0o7777, 7));
  put(108, octal(0, 7)); // owner
  put(116, octal(0, 7)); // group
  put(124, octal(data.length, 11));
  put(136, octal(Math.floor(Date.now() / 1000), 11));
  put(148, ' '.repeat(8)); // the checksum counts as spaces
  put(156, '0'); // a regular file
  put(257, 'ustar\x0000');
  block.set(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(148, `${octal(sum, 6)} `);
  return block;
}

export function writeTar(files: readonly TarFile[]): Uint8Array {
  const padded = (length: number): number => Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
  const total = files.reduce((sum, { data }) => sum + BLOCK_BYTES + padded(data.length), 2 * BLOCK_BYTES);
  const archive = new Uint8Array(total); // ends with two empty blocks
  let at = 0;
  for (const file of files) {
    archive.set(header(file), at);
    archive.set(file.data, at + BLOCK_BYTES);
    at += BLOCK_BYTES + padded(file.data.length);
  }
  return archive;
}
