import { EFAULT, type Operation } from '@pinscope/core'

/** An iterator over the caller's side: its bytes are copied, and nothing is taken on it. Bytes, or -EFAULT. */
export function copyLocal(io: Operation): number {
  const { countBytes } = io.iter
  const copied = io.copy(countBytes)
  return copied === 0 && countBytes > 0 ? EFAULT : copied
}
