import { type Direction, ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { FLAG_NOWAIT } from '../../../iter/row-flags.ts'
import { NONE } from '../../op-batch.ts'

/**
 * A system call that moves data between a file and user memory. Every one has the file at argument 0, the buffer or the vector
 * at 1, and bytes or segments at 2. The rest are indexes of arguments, {@link NONE} where the call has none.
 */
export interface IoCall {
  readonly name: string
  /** ITER_DEST for a read, ITER_SOURCE for a write. */
  readonly direction: Direction
  /** Argument 1 is an array of `struct iovec`, argument 2 their number; else a buffer and its bytes. */
  readonly isVector: boolean
  /** Position in the file; of preadv and its kin the low word, which on 64 bits is all of it. */
  readonly position: number
  readonly positionHigh: number
  /** RWF_* of this call alone. */
  readonly flags: number
  /** Names of the arguments, in order, as the kernel's syscall metadata (perf, ftrace, LTTng) has them. @kernel include/linux/syscalls.h: SYSCALL_METADATA */
  readonly argumentNames: readonly string[]
}

/** Argument index of the file. */
export const ARGUMENT_FD = 0
/** Argument index of the buffer, or of the vector. */
export const ARGUMENT_BUFFER = 1
/** Argument index of the bytes of a buffer, or the number of segments of a vector. */
export const ARGUMENT_COUNT = 2

const BUFFER_ARGUMENTS = ['fd', 'buf', 'count', 'pos']
const VECTOR_ARGUMENTS = ['fd', 'vec', 'vlen', 'pos_l', 'pos_h', 'flags']

/** The calls, by the names that kernels give them. @kernel fs/read_write.c: SYSCALL_DEFINE */
const IO_CALLS = new Map<string, IoCall>(
  [
    buffer('read', ITER_DEST, 3),
    buffer('write', ITER_SOURCE, 3),
    buffer('pread64', ITER_DEST, 4),
    buffer('pwrite64', ITER_SOURCE, 4),
    vector('readv', ITER_DEST, 3),
    vector('writev', ITER_SOURCE, 3),
    vector('preadv', ITER_DEST, 5),
    vector('pwritev', ITER_SOURCE, 5),
    vector('preadv2', ITER_DEST, 6),
    vector('pwritev2', ITER_SOURCE, 6),
  ].map((call) => [call.name, call]),
)

/** Names that tools use for the same calls: LTTng and libc, 32-bit programs on a 64-bit kernel. */
const ALIASES: Readonly<Record<string, string>> = {
  pread: 'pread64',
  pwrite: 'pwrite64',
  preadv64: 'preadv',
  pwritev64: 'pwritev',
  preadv64v2: 'preadv2',
  pwritev64v2: 'pwritev2',
}

const SOCKETS = 'calls on sockets'
const NO_BUFFER = 'calls without a user buffer (sendfile, splice, copy_file_range)'
const OTHER_MEMORY = "calls on another process's memory or into a pipe (process_vm_*, vmsplice)"
const DESCRIPTORS = 'calls that open, close and set up files'
const SYNC = 'calls that sync, cut or allocate files'

/** Calls that move data, or are about files, and make no row: why, as `rows.skip` takes it. */
const PASSED_OVER = new Map<string, string>([
  ...each('sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg send recv', SOCKETS),
  ...each('socket socketpair accept accept4 bind connect listen shutdown getsockname getpeername', SOCKETS),
  ...each('setsockopt getsockopt socketcall', SOCKETS),
  ...each('sendfile sendfile64 splice tee copy_file_range', NO_BUFFER),
  ...each('process_vm_readv process_vm_writev vmsplice', OTHER_MEMORY),
  ...each('open openat openat2 creat close close_range dup dup2 dup3 fcntl fcntl64 pipe pipe2 ioctl', DESCRIPTORS),
  ...each(
    'lseek _llseek stat fstat newfstat newfstatat statx lstat access faccessat2 getdents getdents64',
    DESCRIPTORS,
  ),
  ...each('fsync fdatasync sync syncfs sync_file_range ftruncate truncate fallocate fadvise64 readahead', SYNC),
])

/** The call of that name, as a kernel or a tool writes it: `pread64`, `pread`. */
export function ioCallOf(name: string): IoCall | undefined {
  return IO_CALLS.get(name) ?? IO_CALLS.get(ALIASES[name] ?? '')
}

/** Why a call that is no {@link IoCall} makes no row, in the plural, for `rows.skip`. */
export function passedOverCall(name: string): string {
  return PASSED_OVER.get(name) ?? 'other system calls'
}

/** @kernel include/uapi/asm-generic/errno-base.h: EBADF */
const EBADF = -9

/**
 * Why a call with this result makes no row though it names a buffer, for `rows.skip`; null where it makes one. A call on a descriptor
 * that is not open, or not for reading or writing, fails before anything walks its buffer; what fails later is I/O that failed.
 * @kernel fs/read_write.c: ksys_read, vfs_read
 */
export function refusedCall(result: number): string | null {
  return result === EBADF ? 'calls on a descriptor that is not open' : null
}

/**
 * Position in the file out of the arguments of a call, bytes; NONE where the call is made at the file's own position. A kernel
 * of 64 bits takes all of it from the low word: the high one is shifted out. Minus one, as preadv2 has it, is the file's own.
 * @kernel fs/read_write.c: pos_from_hilo
 */
export function positionOf(low: number): number {
  return Number.isSafeInteger(low) && low >= 0 ? low : NONE
}

/** Flag of one call: it may not wait. @kernel include/uapi/linux/fs.h: RWF_NOWAIT */
export const RWF_NOWAIT = 0x8

/** Flags of a row out of the RWF_* flags of its call. */
export function rowFlagsOfRwf(rwf: number): number {
  return (rwf & RWF_NOWAIT) === 0 ? 0 : FLAG_NOWAIT
}

/** Open flag O_DIRECT as numbers have it. Architectures differ; this is x86's, and that of every one without its own. @kernel include/uapi/asm-generic/fcntl.h: O_DIRECT */
export const O_DIRECT = 0o40000

function buffer(name: string, direction: Direction, count: number): IoCall {
  const argumentNames = BUFFER_ARGUMENTS.slice(0, count)
  const position = argumentNames.indexOf('pos')
  return { name, direction, isVector: false, position, positionHigh: NONE, flags: NONE, argumentNames }
}

function vector(name: string, direction: Direction, count: number): IoCall {
  const argumentNames = VECTOR_ARGUMENTS.slice(0, count)
  const [position, positionHigh, flags] = ['pos_l', 'pos_h', 'flags'].map((one) => argumentNames.indexOf(one)) as [
    number,
    number,
    number,
  ]
  return { name, direction, isVector: true, position, positionHigh, flags, argumentNames }
}

function each(names: string, reason: string): [string, string][] {
  return names.split(' ').map((name) => [name, reason])
}
