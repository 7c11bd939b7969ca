import type { Kernel } from '@pinscope/core'

/**
 * A TLS 1.3 record that could not be opened in place is copied behind the memory that it was opened into, not over it.
 * @kernel net/tls/tls_sw.c: tls_decrypt_sw (6.1: no iov_iter_revert before the retry)
 */
export function retriesWithoutRevert({ quirks }: Kernel): boolean {
  return quirks['tls-retry-no-revert']
}

/**
 * MSG_SPLICE_PAGES with a user-backed iterator pins pages that nobody unpins. No caller does it: sendmsg(2) drops the flag.
 * @kernel net/tls/tls_sw.c: tls_sw_sendmsg_splice; net/tls/tls_device.c: tls_push_data (since 6.5)
 */
export function splicesUserPages({ quirks }: Kernel): boolean {
  return quirks['tls-splice-user']
}
