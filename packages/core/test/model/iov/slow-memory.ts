import {
  FOLIOQ_SLOTS,
  PAGE,
  type SlowBvec,
  type SlowFolio,
  type SlowIov,
  type SlowQueueSlot,
  type SlowRange,
  SlowViolation,
  type SlowWorld,
} from './slow-types.ts'

/** What a page holds. */
export function pageBytes(world: SlowWorld, page: string): Uint8Array {
  const held = world.bytes.get(page) ?? new Uint8Array(PAGE)
  world.bytes.set(page, held)
  return held
}

export function offsetInPage(address: number): number {
  return address % PAGE
}

export function pageNumber(address: number): number {
  return Math.floor(address / PAGE)
}

/** @kernel DIV_ROUND_UP(bytes, PAGE_SIZE) */
export function pagesFor(bytes: number): number {
  return Math.ceil(bytes / PAGE)
}

/** @kernel access_ok() */
export function accessOk(world: SlowWorld, address: number, bytes: number): boolean {
  return world.userEnd === undefined || address + bytes <= world.userEnd
}

/** Segment `at` of the array, counted from its start. */
export function rangeAt(iter: SlowIov, at: number): SlowRange {
  const seg = iter.segs[at]
  if (seg === undefined || !('base' in seg)) throw new SlowViolation('out-of-bounds')
  return seg
}

export function bvecAt(iter: SlowIov, at: number): SlowBvec {
  const seg = iter.segs[at]
  if (seg === undefined || !('pfn' in seg)) throw new SlowViolation('out-of-bounds')
  return seg
}

export function segLenAt(iter: SlowIov, at: number): number {
  const seg = iter.segs[at]
  if (seg === undefined) throw new SlowViolation('out-of-bounds')
  return seg.len
}

function queueSlot(iter: SlowIov, queueSegment: number, slot: number): SlowQueueSlot | null {
  const segment = iter.queue[queueSegment]
  if (segment === undefined) throw new SlowViolation('null-queue')
  if (slot >= FOLIOQ_SLOTS) throw new SlowViolation('out-of-bounds')
  return segment.slots[slot] ?? null
}

/** @kernel include/linux/folio_queue.h: folioq_folio(): its pages, or null. */
export function queueFolio(iter: SlowIov, queueSegment: number, slot: number): readonly string[] | null {
  const held = queueSlot(iter, queueSegment, slot)
  return held === null || held.isCleared === true ? null : held.pages
}

/** @kernel include/linux/folio_queue.h: folioq_folio_size(): folioq_clear() leaves the order. */
export function queueFolioSize(iter: SlowIov, queueSegment: number, slot: number): number {
  return PAGE * (queueSlot(iter, queueSegment, slot)?.pages.length ?? 1)
}

export function hasNext(iter: SlowIov, queueSegment: number): boolean {
  return queueSegment + 1 < iter.queue.length
}

/** @kernel xas_for_each() from an index: each entry once, in the order of the indices. Holes are not seen. */
export function foliosFrom(iter: SlowIov, index: number): SlowFolio[] {
  const indices = [...iter.folios.keys()].filter((at) => at >= index).sort((a, b) => a - b)
  return [...new Set(indices.map((at) => iter.folios.get(at)!))]
}

export function folioSize(folio: SlowFolio): number {
  return folio.pages.length * PAGE
}

/** @kernel include/linux/pagemap.h: offset_in_folio() */
export function offsetInFolio(folio: SlowFolio, position: number): number {
  return position % folioSize(folio)
}

/** @kernel find_subpage() (6.1: the head of a hugetlb folio), folio_file_page() (later) */
export function folioFilePage(iter: SlowIov, folio: SlowFolio, index: number): string {
  if (folio.kind === 'value') throw new SlowViolation('xarray-value')
  const wantsHead = folio.kind === 'hugetlb' && iter.kernel === '6.1'
  return folio.pages[wantsHead ? 0 : index % folio.pages.length]!
}
