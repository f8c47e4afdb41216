/*
 * Error numbers as the kernel knows them (kernel-c/abi/errno.h), and from host exceptions.
 */
export const EPERM = 1;
export const ENOENT = 2;
export const EIO = 5;
export const ENOEXEC = 8;
export const EBADF = 9;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const EACCES = 13;
export const EBUSY = 16;
export const EEXIST = 17;
export const EXDEV = 18;
export const ENODEV = 19;
export const ENOTDIR = 20;
export const EISDIR = 21;
export const EINVAL = 22;
export const EMFILE = 24;
export const EFBIG = 27;
export const ENOSPC = 28;
export const EROFS = 30;
export const EPIPE = 32;
export const ENAMETOOLONG = 36;
export const ENOSYS = 38;
export const ENOTEMPTY = 39;
export const ELOOP = 40;
export const EPROTO = 71;
export const EOPNOTSUPP = 95;
export const ESTALE = 116;
export const ECANCELED = 125;

/** Node's error codes and the browser's exception names; what is missing becomes EIO. */
const BY_NAME: ReadonlyMap<string, number> = new Map([
  ['EPERM', EPERM],
  ['ENOENT', ENOENT],
  ['EBADF', EBADF],
  ['EAGAIN', EAGAIN],
  ['ENOMEM', ENOMEM],
  ['EACCES', EACCES],
  ['EBUSY', EBUSY],
  ['EEXIST', EEXIST],
  ['EXDEV', EXDEV],
  ['ENOTDIR', ENOTDIR],
  ['EISDIR', EISDIR],
  ['EINVAL', EINVAL],
  ['EMFILE', EMFILE],
  ['EFBIG', EFBIG],
  ['ENOSPC', ENOSPC],
  ['EROFS', EROFS],
  ['EPIPE', EPIPE],
  ['ENAMETOOLONG', ENAMETOOLONG],
  ['ENOSYS', ENOSYS],
  ['ENOTEMPTY', ENOTEMPTY],
  ['ELOOP', ELOOP],
  ['EOPNOTSUPP', EOPNOTSUPP],
  ['ENOTSUP', EOPNOTSUPP],
  ['ESTALE', ESTALE],
  ['QuotaExceededError', ENOSPC],
  ['NotFoundError', ENOENT],
  ['NotAllowedError', EACCES],
  ['NoModificationAllowedError', EBUSY],
]);

/** An error that carries its number. */
export class ErrnoError extends Error {
  readonly errno: number;

  constructor(errno: number, message = `errno ${errno}`) {
    super(message);
    this.errno = errno;
  }
}

/** The positive errno that an exception stands for. */
export function errnoOf(error: unknown): number {
  if (error instanceof ErrnoError) return error.errno;
  if (!(error instanceof Error)) return EIO;
  if ('code' in error && typeof error.code === 'string') return BY_NAME.get(error.code) ?? EIO;
  return BY_NAME.get(error.name) ?? EIO;
}
