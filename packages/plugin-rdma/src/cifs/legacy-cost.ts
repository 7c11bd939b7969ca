import { type IovIter, ITER_BVEC, ITER_KVEC, PAGE_OFFSET_MASK, PAGE_SIZE, pagesSpanned } from '@pinscope/core'

/**
 * What 6.1 makes of the same payload on the way to its packets: an array of pages, and for each packet, which never crosses
 * a page, a scatterlist of one entry on the stack. Those are the entries that a transport avoids that takes iterators.
 * @kernel fs/smb/client/smbdirect.c: smbd_send, smbd_post_send_page (6.1)
 */
export class LegacyCost {
  pages = 0
  packets = 0
  private readonly payloadBytes: number

  /** `payloadBytes`: of a packet. */
  constructor(payloadBytes: number) {
    this.payloadBytes = payloadBytes
  }

  /** Of what is left of an iterator over kernel memory. */
  of(iter: IovIter): void {
    this.pages = 0
    this.packets = 0
    if (iter.type !== ITER_BVEC && iter.type !== ITER_KVEC) {
      // The pages of a file, or of folios: one behind the other.
      this.add(iter.currentStartBytes(), iter.countBytes)
      return
    }
    const column = iter.isByFrame() ? iter.table.offsetBytes : iter.table.addressBytes
    let left = iter.countBytes
    let skip = iter.iovOffsetBytes
    for (let s = iter.segment; left > 0 && s < iter.segment + iter.segmentsLeft; s++) {
      const length = Math.min(left, iter.table.lengthBytes[s] - skip)
      this.add((column[s] + skip) & PAGE_OFFSET_MASK, length)
      left -= length
      skip = 0
    }
  }

  /** `bytes` bytes from byte `offset` of a page on. */
  private add(offset: number, bytes: number): void {
    if (bytes <= 0) return
    const { payloadBytes } = this
    const pages = pagesSpanned(offset, bytes)
    const first = Math.min(bytes, PAGE_SIZE - offset)
    this.pages += pages
    this.packets += Math.ceil(first / payloadBytes)
    if (pages === 1) return
    const last = offset + bytes - (pages - 1) * PAGE_SIZE
    this.packets += (pages - 2) * Math.ceil(PAGE_SIZE / payloadBytes) + Math.ceil(last / payloadBytes)
  }
}
