import { FLAG_SPLICE, FLAG_ZEROCOPY, ITER_BVEC, ITER_XARRAY, isUserBacked, type Operation } from '@pinscope/core'
import type { SocketSettings } from './settings.ts'

/** The data is copied. */
export const MODE_COPY = 0
/** The data is sent from where it is, and the program told when it is done. @kernel MSG_ZEROCOPY */
export const MODE_ZEROCOPY = 1
/** The pages are handed over. @kernel MSG_SPLICE_PAGES (since 6.5) */
export const MODE_SPLICE = 2
/** One of them a call. @kernel struct proto_ops.sendpage (6.1) */
export const MODE_SENDPAGE = 3

/**
 * How a send goes that asks for pages to be handed over. sendmsg(2) drops the flag, so it comes with kernel memory only;
 * in 6.1 out of a pipe, a page at a time. A registered buffer of io_uring is a bvec iterator like any other.
 * @kernel net/socket.c: ____sys_sendmsg (MSG_INTERNAL_SENDMSG_FLAGS); fs/splice.c: splice_to_socket; 6.1: pipe_to_sendpage
 */
export function spliceMode({ flags, iter }: Operation): number {
  if ((flags & FLAG_SPLICE) === 0 || isUserBacked(iter.type)) return MODE_COPY
  if (iter.kernel.version !== '6.1') return MODE_SPLICE
  return iter.type === ITER_BVEC || iter.type === ITER_XARRAY ? MODE_SENDPAGE : MODE_COPY
}

/** The row asks for zero copy, and has data. */
export function asksZerocopy({ flags, iter }: Operation): boolean {
  return (flags & FLAG_ZEROCOPY) !== 0 && iter.countBytes > 0
}

/** It is io_uring that asks: the notification is its own. */
export function isUringSend({ iter }: Operation, { isUring }: SocketSettings): boolean {
  return isUring || iter.fixed
}
