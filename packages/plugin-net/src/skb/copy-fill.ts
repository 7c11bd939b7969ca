import { EFAULT, EMSGSIZE, ENOMEM, type Operation, PAGE_FRAG_BYTES } from '@pinscope/core'
import { MAX_SKB_FRAGS, NONE, REFILL_BYTES } from './skb-sizes.ts'
import { FRAG_OWN, type Skbs } from './skbs.ts'

/**
 * Up to `bytes` of the iterator, copied behind an skb's data: into the task's page frag, which the last frag of the skb goes
 * on with where it can, and else another one with a reference on it. Returns how many; -ENOMEM, -EMSGSIZE when it has 17
 * frags, or -EFAULT, with nothing moved.
 * @kernel net/ipv4/tcp.c: tcp_sendmsg_locked (skb_copy_to_page_nocache); net/ipv4/ip_output.c: __ip_append_data
 */
export function appendCopied(io: Operation, skbs: Skbs, skb: number, bytes: number): number {
  const { pageFrags } = skbs
  if (!pageFrags.refill(io, REFILL_BYTES)) return ENOMEM
  const { frag, offsetBytes } = pageFrags
  // Nothing joins what a ubuf_info keeps.
  const goesOn = skbs.uarg[skb] === NONE && skbs.goesOn(skb, frag, offsetBytes, FRAG_OWN)
  if (!goesOn && !io.fits(skbs.fragCount[skb] + 1, MAX_SKB_FRAGS)) return EMSGSIZE
  const part = Math.min(bytes, PAGE_FRAG_BYTES - offsetBytes)
  skbs.downgradePure(skb)
  skbs.downgradeManaged(io, skb)
  io.isBounced = true
  const copied = io.copy(part)
  if (copied !== part) {
    io.iter.revert(copied)
    return EFAULT
  }
  if (goesOn) skbs.extend(skb, part)
  else {
    pageFrags.get(io, frag)
    skbs.addFrag(skb, frag, offsetBytes, part, FRAG_OWN)
  }
  pageFrags.offsetBytes += part
  return part
}
