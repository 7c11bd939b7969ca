/**
 * Error numbers as the kernel returns them: negative integers in the place of a byte count.
 * @kernel include/uapi/asm-generic/errno-base.h, errno.h
 */
/** Operation not permitted. @kernel EPERM */
export const EPERM = -1
/** A signal came. @kernel EINTR */
export const EINTR = -4
/** I/O error. @kernel EIO */
export const EIO = -5
/** More than fits into one request. @kernel E2BIG */
export const E2BIG = -7
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
/** No room left in a list or a ring. @kernel ENOSPC */
export const ENOSPC = -28
/** A message that does not authenticate. @kernel EBADMSG */
export const EBADMSG = -74
/** Message too long. @kernel EMSGSIZE */
export const EMSGSIZE = -90
/** Operation not supported. @kernel EOPNOTSUPP */
export const EOPNOTSUPP = -95
/** Peer-to-peer memory that was not asked for. @kernel EREMOTEIO */
export const EREMOTEIO = -121
/** The connection was given up. @kernel ECONNABORTED */
export const ECONNABORTED = -103
/** Not connected. @kernel ENOTCONN */
export const ENOTCONN = -107
/** A signal came, and the call is to be made again: never seen by a program. @kernel include/linux/errno.h: ERESTARTSYS */
export const ERESTARTSYS = -512
/** A server met something that it cannot explain: of NFS, never seen by a program. @kernel include/linux/errno.h: ESERVERFAULT */
export const ESERVERFAULT = -526

/** No such process. @kernel ESRCH */
export const ESRCH = -3
/** A file is too large. @kernel EFBIG */
export const EFBIG = -27

const NAMES: ReadonlyMap<number, string> = new Map([
  [EPERM, 'EPERM'],
  [ESRCH, 'ESRCH'],
  [EFBIG, 'EFBIG'],
  [EINTR, 'EINTR'],
  [EIO, 'EIO'],
  [EAGAIN, 'EAGAIN'],
  [ENOMEM, 'ENOMEM'],
  [EFAULT, 'EFAULT'],
  [EBUSY, 'EBUSY'],
  [EINVAL, 'EINVAL'],
  [ENOSPC, 'ENOSPC'],
  [EBADMSG, 'EBADMSG'],
  [EMSGSIZE, 'EMSGSIZE'],
  [EOPNOTSUPP, 'EOPNOTSUPP'],
  [EREMOTEIO, 'EREMOTEIO'],
  [ECONNABORTED, 'ECONNABORTED'],
  [ENOTCONN, 'ENOTCONN'],
  [ERESTARTSYS, 'ERESTARTSYS'],
  [ESERVERFAULT, 'ESERVERFAULT'],
])

/** `-EINVAL` for -22, the plain number for one that has no name here. */
export function errnoName(errno: number): string {
  const name = NAMES.get(errno)
  return name === undefined ? String(errno) : `-${name}`
}
