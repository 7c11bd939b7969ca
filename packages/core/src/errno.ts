/** Error numbers as the kernel returns them: negative integers in the place of a byte count. @kernel include/uapi/asm-generic/errno-base.h */
export const EIO = -5
export const EAGAIN = -11
export const ENOMEM = -12
export const EFAULT = -14
export const EBUSY = -16
export const EINVAL = -22
export const EOPNOTSUPP = -95
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
