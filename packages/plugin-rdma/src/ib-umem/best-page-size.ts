import { PAGE_SIZE, type PageStore, type Scatterlists } from '@pinscope/core'
import type { UmemTable } from './umem-table.ts'

const PAGE_SHIFT = 12
/** Low bits of a page number that are compared: page sizes up to 2^43 bytes. */
const FRAME_BITS = 31
const FRAME_MASK = 0x7fffffff

/** log2 of the page sizes in a bitmap, ascending. */
export function pageShifts(bitmap: number): Int32Array {
  const shifts: number[] = []
  for (let shift = 0; shift <= PAGE_SHIFT + FRAME_BITS; shift++) {
    if (Math.floor(bitmap / 2 ** shift) % 2 === 1) shifts.push(shift)
  }
  return Int32Array.from(shifts)
}

/**
 * log2 of the page size in which a device lists a registration, of those in `shifts`; -1 when none fits. It is the smallest
 * that takes the fewest pages: none larger than needed to cover the range, and at each place where physical memory does
 * not continue, address and frame agree in the bits below it.
 *
 * A frame that the trace does not tell is known to be aligned as its folio is, and no further: the kernel's choice may be
 * larger by luck.
 * @kernel drivers/infiniband/core/umem.c: ib_umem_find_best_pgsz; the iova is the address, as ibv_reg_mr asks
 */
export function bestPageShift(
  umems: UmemTable,
  row: number,
  lists: Scatterlists,
  pages: PageStore,
  shifts: Int32Array,
): number {
  let shiftMax = coveringShift(umems, row, shifts)
  const { sgt } = umems.appendTable(row)
  let sg = sgt.sgl
  let page = Math.floor(umems.addressBytes[row] / PAGE_SIZE) & FRAME_MASK
  let nextFrame = 0
  for (let i = 0; i < sgt.origNents; i++) {
    const first = lists.page[sg]
    if (i === 0 || pages.frameOf(first) !== nextFrame) {
      const bits = i === 0 ? agreeing(pages, first, page) : lower(agreeing(pages, first, page), zeroBits(page))
      if (PAGE_SHIFT + bits < shiftMax) shiftMax = PAGE_SHIFT + bits
    }
    const count = Math.ceil(lists.lengthBytes[sg] / PAGE_SIZE)
    nextFrame = pages.frameOf(first) + count
    page = (page + count) & FRAME_MASK
    sg = lists.next(sg)
  }
  let best = -1
  for (let i = 0; i < shifts.length && shifts[i] <= shiftMax; i++) best = shifts[i]
  return best
}

/** Pages of 2^`shift` bytes that a registration touches. @kernel include/rdma/ib_umem.h: ib_umem_num_dma_blocks */
export function devicePages(umems: UmemTable, row: number, shift: number): number {
  const size = 2 ** shift
  const start = umems.addressBytes[row]
  return Math.ceil((start + umems.lengthBytes[row]) / size) - Math.floor(start / size)
}

/** log2 of the smallest page that can cover the whole range; of a range beyond every size, more than any. */
function coveringShift(umems: UmemTable, row: number, shifts: Int32Array): number {
  const start = umems.addressBytes[row]
  const bytes = umems.lengthBytes[row]
  const last = bytes > 0 ? start + bytes - 1 : start
  for (let i = 0; i < shifts.length; i++) {
    const size = 2 ** shifts[i]
    if (Math.floor(start / size) === Math.floor(last / size)) return shifts[i]
  }
  return PAGE_SHIFT + FRAME_BITS
}

/** Low bits in which a virtual page number and the frame of a page are known to agree. */
function agreeing(pages: PageStore, page: number, virtualPage: number): number {
  const frame = pages.frameOf(page)
  const isKnown = frame >= 0
  const known = isKnown ? FRAME_BITS : pages.orderOf(page)
  const bits = zeroBits(virtualPage ^ (isKnown ? frame : page - pages.headOf(page)))
  return lower(bits, known)
}

/** Zero bits at the end of the low 31. */
function zeroBits(value: number): number {
  const low = value & FRAME_MASK
  return low === 0 ? FRAME_BITS : 31 - Math.clz32(low & -low)
}

function lower(a: number, b: number): number {
  return a < b ? a : b
}
