/**
 * Error numbers as the kernel returns them: negative integers in the place of a byte count.
 * @kernel include/uapi/asm-generic/errno-base.h, errno.h
 */
/** I/O error. @kernel EIO */
export const EIO = -5
/** Try again: what was asked for would have to wait. @kernel EAGAIN */
export const EAGAIN = -11
/** No memory, and no room for a page in a list of none. @kernel ENOMEM */
export const ENOMEM = -12
/** Bad address: the page cannot be had. @kernel EFAULT */
export const EFAULT = -14
/** Device or resource busy. @kernel EBUSY */
export const EBUSY = -16
/** Invalid argument. @kernel EINVAL */
export const EINVAL = -22
/** Operation not supported. @kernel EOPNOTSUPP */
export const EOPNOTSUPP = -95
/** Peer-to-peer memory that was not asked for. @kernel EREMOTEIO */
export const EREMOTEIO = -121

const NAMES: ReadonlyMap<number, string> = new Map([
  [EIO, 'EIO'],
  [EAGAIN, 'EAGAIN'],
  [ENOMEM, 'ENOMEM'],
  [EFAULT, 'EFAULT'],
  [EBUSY, 'EBUSY'],
  [EINVAL, 'EINVAL'],
  [EOPNOTSUPP, 'EOPNOTSUPP'],
  [EREMOTEIO, 'EREMOTEIO'],
])

/** `-EINVAL` for -22, the plain number for one that has no name here. */
export function errnoName(errno: number): string {
  const name = NAMES.get(errno)
  return name === undefined ? String(errno) : `-${name}`
}
