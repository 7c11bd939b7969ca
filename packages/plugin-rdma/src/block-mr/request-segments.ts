import { PAGE_SHIFT, type PageStore } from '@pinscope/core'
import { Pieces } from '../payload/pieces.ts'

/**
 * The scatterlist of a request: its bvecs cut at the largest segment, and joined where they follow each other in memory.
 * @kernel block/blk-merge.c: __blk_rq_map_sg, blk_bvec_map_sg (6.1, 6.12); block/blk-mq-dma.c: blk_map_iter_next
 */
export class RequestSegments {
  readonly sg = new Pieces()
  private readonly pages: PageStore
  private readonly maxSegmentBytes: number
  /** Those of one bio too; else only where a bio follows another. */
  private readonly mergesAll: boolean

  constructor(pages: PageStore, maxSegmentBytes: number, mergesAll: boolean) {
    this.pages = pages
    this.maxSegmentBytes = maxSegmentBytes
    this.mergesAll = mergesAll
  }

  /**
   * Lists `bytes` bytes that begin `skip` bytes into bvec `first`. `isAdopted`: the bvecs are an iterator's own, which
   * nobody has joined before.
   */
  map(vecs: Pieces, first: number, skip: number, bytes: number, isAdopted: boolean): void {
    const { sg } = this
    const joins = this.mergesAll || !isAdopted
    sg.clear()
    let left = bytes
    for (let i = first; left > 0; i++) {
      const from = i === first ? skip : 0
      const length = Math.min(vecs.lengthBytes[i] - from, left)
      left -= length
      const offset = vecs.offsetBytes[i] + from
      if (!(joins && this.joinsLast(vecs.page[i], offset, length))) this.append(vecs.page[i], offset, length)
    }
  }

  /** Two ranges follow each other in memory: `end` is where the first ends, from the start of its page. */
  follows(page: number, end: number, nextPage: number, nextOffset: number): boolean {
    const pageBytesMask = (1 << PAGE_SHIFT) - 1
    if (((end ^ nextOffset) & pageBytesMask) !== 0) return false
    return this.pages.frameOf(page) + (end >> PAGE_SHIFT) === this.pages.frameOf(nextPage) + (nextOffset >> PAGE_SHIFT)
  }

  /** @kernel block/blk.h: biovec_phys_mergeable */
  private joinsLast(page: number, offset: number, length: number): boolean {
    const { sg } = this
    const last = sg.length - 1
    if (last < 0 || sg.lengthBytes[last] + length > this.maxSegmentBytes) return false
    if (!this.follows(sg.page[last], sg.offsetBytes[last] + sg.lengthBytes[last], page, offset)) return false
    sg.lengthBytes[last] += length
    sg.bytes += length
    return true
  }

  private append(page: number, offset: number, length: number): void {
    const { sg, maxSegmentBytes } = this
    for (let done = 0; done < length; ) {
      const part = Math.min(length - done, maxSegmentBytes)
      sg.add(page, offset + done, part)
      done += part
    }
  }
}
