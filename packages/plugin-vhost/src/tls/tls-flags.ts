import {
  EINVAL,
  EOPNOTSUPP,
  FLAG_EOR,
  FLAG_MORE,
  FLAG_SPLICE,
  FLAG_ZEROCOPY,
  ITER_BVEC,
  isSince,
  isUserBacked,
  type Operation,
  PAGE_SIZE,
} from '@pinscope/core'

/**
 * 0, or the errno of flags that a TLS socket does not know. 6.1 has no MSG_EOR, and no version has MSG_ZEROCOPY.
 * @kernel net/tls/tls_sw.c: tls_sw_sendmsg; net/tls/tls_device.c: tls_push_data
 */
export function flagsError({ flags, iter }: Operation): number {
  const hasEor = isSince(iter.kernel.version, '6.12')
  if ((flags & FLAG_ZEROCOPY) !== 0 || ((flags & FLAG_EOR) !== 0 && !hasEor)) return EOPNOTSUPP
  return (flags & FLAG_EOR) !== 0 && (flags & FLAG_MORE) !== 0 ? EINVAL : 0
}

/**
 * The pages themselves are attached. sendmsg(2) drops the flag, so it comes with kernel memory only; before 6.5 a page
 * at a time comes out of a pipe, and there is no iterator but the bvecs of this model.
 * @kernel net/socket.c: ____sys_sendmsg (MSG_INTERNAL_SENDMSG_FLAGS); 6.1: fs/splice.c: pipe_to_sendpage
 */
export function isSplice({ flags, iter }: Operation): boolean {
  if ((flags & FLAG_SPLICE) === 0) return false
  if (iter.kernel.version === '6.1') return iter.type === ITER_BVEC
  return !isUserBacked(iter.type) || iter.kernel.quirks['tls-splice-user']
}

/**
 * Bytes of the page that the next call of the sendpage callback is for; 0 when there is none.
 * @kernel fs/splice.c: pipe_to_sendpage (before 6.5)
 */
export function sendpageBytes({ iter }: Operation): number {
  iter.skipEmpty()
  return Math.min(PAGE_SIZE - iter.currentStartBytes(), iter.currentLengthBytes())
}
