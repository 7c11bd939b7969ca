/** Operations with a user iterator, as recordings name them, by direction. */
const READS = new Set(
  [
    'read readv pread64 preadv preadv2 aio:PREAD aio:PREADV',
    'uring:READ uring:READV uring:READ_FIXED uring:READV_FIXED uring:READ_MULTISHOT',
  ].flatMap((words) => words.split(' ')),
)
const WRITES = new Set(
  [
    'write writev pwrite64 pwritev pwritev2 aio:PWRITE aio:PWRITEV',
    'uring:WRITE uring:WRITEV uring:WRITE_FIXED uring:WRITEV_FIXED',
  ].flatMap((words) => words.split(' ')),
)
/** Sends on a socket. */
const SENDS = new Set('sendto sendmsg sendmmsg uring:SEND uring:SENDMSG uring:SEND_ZC uring:SENDMSG_ZC'.split(' '))
/** Calls that submit operations, and those that reap them: used, and no operations of their own. */
const SUBMITS = new Set(['io_submit', 'io_uring_enter'])
const REAPS = new Set(['io_getevents', 'io_pgetevents'])

export function isRead(op: string): boolean {
  return READS.has(op)
}

/** It reads or writes a file, or what is used like one. */
export function isTransfer(op: string): boolean {
  return READS.has(op) || WRITES.has(op)
}

export function isSend(op: string): boolean {
  return SENDS.has(op)
}

export function isSubmission(op: string): boolean {
  return SUBMITS.has(op)
}

export function isReaping(op: string): boolean {
  return REAPS.has(op)
}

/** The row tells that an asynchronous operation is over. */
export function isCompletion(op: string): boolean {
  return op === 'aio:event' || op === 'uring:cqe'
}

/** An operation of libaio or io_uring. */
export function isAsync(op: string): boolean {
  return (op.startsWith('aio:') || op.startsWith('uring:')) && !isCompletion(op)
}

/** A call that pins pages, and is no file I/O. @kernel mm/process_vm_access.c; net/xdp/xdp_umem.c */
export function isOtherPinning(op: string): boolean {
  return op === 'process_vm_readv' || op === 'process_vm_writev' || op === 'setsockopt'
}

/** Over a registered buffer of io_uring. @kernel io_uring/rw.c: io_read_fixed, io_write_fixed */
export function isFixed(op: string): boolean {
  return op.endsWith('_FIXED')
}
