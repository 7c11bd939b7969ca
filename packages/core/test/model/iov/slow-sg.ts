import { extractPages } from './slow-extract.ts'
import {
  bvecAt,
  folioSize,
  foliosFrom,
  hasNext,
  offsetInFolio,
  offsetInPage,
  pageNumber,
  queueFolio,
  queueFolioSize,
  rangeAt,
} from './slow-memory.ts'
import { advance } from './slow-move.ts'
import { has } from './slow-quirks.ts'
import { extractUserToSg } from './slow-sg-user.ts'
import { EIO, FOLIOQ_SLOTS, PAGE, type SlowIov, SlowViolation, type SlowWorld } from './slow-types.ts'

/** One entry of a scatterlist. `page` is null for NULL, and `wild` for something that is no page. */
export interface SlowSgEntry {
  page: string | null
  offset: number
  length: number
}

/** @kernel struct sg_table. `entries` are those in use, `nents` of them. */
export interface SlowSgTable {
  nents: number
  origNents: number
  readonly entries: SlowSgEntry[]
}

export interface SlowSgResult {
  /** Bytes, or a negative errno. */
  readonly result: number
  /** Pages pinned, in order. */
  readonly taken: readonly string[]
  /** Pages unpinned because it failed, in order. */
  readonly released: readonly string[]
}

/** Where entries are added, and how many more may be: a u32 that wraps as the kernel's does. */
interface Adder {
  readonly table: SlowSgTable
  sgMax: number
}

/**
 * The patch that made the lengths of a kvec right (`sg-kvec-length`) also made `sgMax` 0 give 0 at once.
 *
 * @kernel lib/scatterlist.c: extract_iter_to_sg (not in 6.1)
 */
export function extractToSg(
  world: SlowWorld,
  iter: SlowIov,
  maxsize: number,
  table: SlowSgTable,
  sgMax: number,
): SlowSgResult {
  if (iter.kernel === '6.1') throw new SlowViolation('not-in-this-kernel')
  if (maxsize === 0) return bare(0)
  if (sgMax === 0 && !has(iter, 'sg-kvec-length')) return bare(0)
  const to = { table, sgMax }
  switch (iter.type) {
    case 'ubuf':
    case 'iovec':
      return extractUserToSg(iter, maxsize, table, sgMax, (size, pages) => extractPages(world, iter, size, pages))
    case 'bvec':
      return bare(extractBvecToSg(world, iter, maxsize, to))
    case 'kvec':
      return bare(extractKvecToSg(world, iter, maxsize, to))
    case 'folioq':
      return bare(extractFolioqToSg(iter, maxsize, to))
    case 'xarray':
      return bare(extractXarrayToSg(iter, maxsize, to))
    default:
      iter.warnings.push('sg-type')
      return bare(EIO)
  }
}

function bare(result: number): SlowSgResult {
  return { result, taken: [], released: [] }
}

function add(to: Adder, page: string | null, length: number, offset: number): void {
  to.table.entries[to.table.nents] = { page, offset, length }
  to.table.nents++
  to.sgMax = (to.sgMax - 1) >>> 0
}

/** @kernel lib/scatterlist.c: extract_bvec_to_sg */
function extractBvecToSg(world: SlowWorld, iter: SlowIov, maxsize: number, to: Adder): number {
  let start = iter.iovOffset
  let ret = 0
  for (let i = 0; i < iter.nrSegs; i++) {
    const bvec = bvecAt(iter, iter.index + i)
    if (start >= bvec.len) {
      start -= bvec.len
      continue
    }
    const len = Math.min(maxsize - ret, bvec.len - start)
    add(to, world.framePage(bvec.pfn), len, bvec.offset + start)
    ret += len
    if (ret >= maxsize || to.sgMax === 0) break
    start = 0
  }
  if (ret > 0) advance(iter, ret)
  return ret
}

/** @kernel lib/scatterlist.c: extract_kvec_to_sg */
function extractKvecToSg(world: SlowWorld, iter: SlowIov, maxsize: number, to: Adder): number {
  const isWrong = has(iter, 'sg-kvec-length')
  let start = iter.iovOffset
  let left = maxsize
  let ret = 0
  for (let i = 0; i < iter.nrSegs; i++) {
    const kvec = rangeAt(iter, iter.index + i)
    if (start >= kvec.len) {
      start -= kvec.len
      continue
    }
    let page = pageNumber(kvec.base + start)
    let off = offsetInPage(kvec.base + start)
    let len = Math.min(left, kvec.len - start)
    left -= len
    ret += len
    do {
      const seg = Math.min(len, PAGE - off)
      add(to, world.kernelPage(page), isWrong ? len : seg, off)
      len -= seg
      page++
      off = 0
    } while (len > 0 && to.sgMax > 0)
    if (!isWrong) ret -= len
    if (left <= 0 || to.sgMax === 0) break
    start = 0
  }
  if (ret > 0) advance(iter, ret)
  return ret
}

/** @kernel lib/scatterlist.c: extract_folioq_to_sg */
function extractFolioqToSg(iter: SlowIov, maxsize: number, to: Adder): number {
  let { queueSegment, slot, iovOffset: offset } = iter
  let ret = 0
  if (slot >= FOLIOQ_SLOTS) {
    if (!hasNext(iter, queueSegment)) {
      iter.warnings.push('sg-folioq-end')
      return 0
    }
    queueSegment++
    slot = 0
  }
  do {
    const folio = queueFolio(iter, queueSegment, slot)
    const fsize = queueFolioSize(iter, queueSegment, slot)
    if (offset < fsize) {
      const part = Math.min(maxsize - ret, fsize - offset)
      add(to, folio?.[0] ?? null, part, offset)
      offset += part
      ret += part
    }
    if (offset >= fsize) {
      offset = 0
      slot++
      if (slot >= FOLIOQ_SLOTS) {
        if (!hasNext(iter, queueSegment)) {
          if (ret < iter.count) iter.warnings.push('sg-folioq-end')
          break
        }
        queueSegment++
        slot = 0
      }
    }
  } while (to.sgMax > 0 && ret < maxsize)
  Object.assign(iter, { queueSegment, slot, iovOffset: offset, count: iter.count - ret })
  return ret
}

/** @kernel lib/scatterlist.c: extract_xarray_to_sg */
function extractXarrayToSg(iter: SlowIov, maxsize: number, to: Adder): number {
  let start = iter.xarrayStart + iter.iovOffset
  let ret = 0
  for (const folio of foliosFrom(iter, pageNumber(start))) {
    if (folio.kind !== 'folio') {
      iter.warnings.push(`xarray-${folio.kind}`)
      break
    }
    const offset = offsetInFolio(folio, start)
    const len = Math.min(maxsize - ret, folioSize(folio) - offset)
    add(to, folio.pages[0]!, len, offset)
    if (!has(iter, 'sg-xarray-start')) start += len
    ret += len
    if (ret >= maxsize || to.sgMax === 0) break
  }
  if (ret > 0) advance(iter, ret)
  return ret
}
