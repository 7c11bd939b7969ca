import { guard, type SlowCopied } from './slow-copy.ts'
import { pageBytes } from './slow-memory.ts'
import { pipeFill } from './slow-pipe.ts'
import type { SlowIov, SlowWorld } from './slow-types.ts'
import { walk } from './slow-walk.ts'

/** @kernel lib/checksum.c: the ones' complement sum of 16-bit words, complemented; of an odd length, with a zero behind. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i += 2) {
    sum += bytes[i]! * 256 + (bytes[i + 1] ?? 0)
    if (sum > 0xffff) sum = (sum & 0xffff) + 1
  }
  return ~sum & 0xffff
}

/** `bytes` are those that were summed. A discard iterator: 6.1 warns and does nothing, later kernels only sum. */
export function csumCopyTo(world: SlowWorld, iter: SlowIov, data: Uint8Array): SlowCopied {
  if (!guard(iter, 'dest')) return { copied: 0, bytes: new Uint8Array() }
  if (iter.type === 'discard') {
    if (iter.kernel !== '6.1') return { copied: data.length, bytes: data }
    iter.warnings.push('csum-discard')
    return { copied: 0, bytes: new Uint8Array() }
  }
  const copied =
    iter.type === 'pipe'
      ? pipeFill(world, iter, data, data.length)
      : walk(world, iter, data.length, { write: true, isWhole: true }, (page, offset, progress, len) => {
          pageBytes(world, page).set(data.subarray(progress, progress + len), offset)
          return 0
        })
  return { copied, bytes: data.subarray(0, copied) }
}

/** @kernel 6.1: lib/iov_iter.c: csum_and_copy_from_iter; later: inside net/core/skbuff.c */
export function csumCopyFrom(world: SlowWorld, iter: SlowIov, wanted: number): SlowCopied {
  if (!guard(iter, 'source')) return { copied: 0, bytes: new Uint8Array() }
  if (iter.type === 'discard' || iter.type === 'pipe') {
    iter.warnings.push('csum-type')
    return { copied: 0, bytes: new Uint8Array() }
  }
  const to = new Uint8Array(Math.min(wanted, iter.count))
  const copied = walk(world, iter, wanted, { write: false, isWhole: true }, (page, offset, progress, len) => {
    to.set(pageBytes(world, page).subarray(offset, offset + len), progress)
    return 0
  })
  return { copied, bytes: to.subarray(0, copied) }
}
