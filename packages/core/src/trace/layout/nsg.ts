import { PAGE_SIZE, pagesSpanned } from '../../units.ts'
import type { ImportRow } from '../import/import-row.ts'
import { SEGMENTS_VECTOR_MAX } from '../limits.ts'
import { NONE } from '../op-batch.ts'
import { BUFFERS_BASE, BUFFERS_BYTES, Buffers, placeEach } from './buffers.ts'
import { ContiguousRuns } from './contiguous-runs.ts'
import type { Layout, LayoutPolicy, MapMemory } from './layout-policy.ts'

/** What data is moved in blocks of. */
const SECTOR_BYTES = 512

/** A buffer that has as many runs of physically contiguous memory as the scatter-gather list that was recorded had elements. */
export const nsgLayout: LayoutPolicy = {
  usage: 'nsg',
  summary: 'so that the scatter-gather list has as many elements as were recorded (CloudPhysics)',
  make: (text) => (text === 'nsg' ? new NsgLayout() : null),
}

/**
 * As many elements as pages: the buffer begins at a page. One more: it begins inside one. Fewer: its pages come in
 * runs that are physically contiguous. More: it is a vector of so many buffers. Where no buffer of that length can have the count,
 * and where none was recorded, it begins at a page.
 */
class NsgLayout implements Layout {
  readonly name = 'nsg'
  private readonly buffers = new Buffers()
  private readonly runs = new ContiguousRuns()
  /** Bytes of the ring that are mapped as small pages, by address space. */
  private readonly mapped = new Map<number, number>()

  place(row: ImportRow, map: MapMemory): number {
    if (row.segmentCount > 0 || row.sgElements === NONE) return this.onSmallPages(row, 0, map)
    const { lengthBytes, sgElements } = row
    const pages = pagesSpanned(0, lengthBytes)
    if (sgElements > 0 && sgElements < pages) {
      const start = this.runs.take(row.mm, pages, sgElements, map)
      if (start === null) return this.onSmallPages(row, 0, map)
      row.addLength(lengthBytes)
      row.segmentAddress[0] = start
      return sgElements
    }
    if (sgElements === pages + 1 && pagesSpanned(PAGE_SIZE - 1, lengthBytes) > pages) {
      return this.onSmallPages(row, offsetThatCrosses(lengthBytes), map)
    }
    if (sgElements > pages && sgElements <= Math.min(lengthBytes, SEGMENTS_VECTOR_MAX)) cut(row, sgElements)
    return this.onSmallPages(row, 0, map)
  }

  private onSmallPages(row: ImportRow, offsetBytes: number, map: MapMemory): number {
    const pages = placeEach(row, this.buffers, () => offsetBytes)
    for (let i = 0; i < row.segmentCount; i++) {
      this.mapTo(row.mm, row.segmentAddress[i]! + row.segmentLength[i]! - BUFFERS_BASE, map)
    }
    return pages
  }

  /** Declares the ring when it is first used: where some memory is declared, all of it should be. */
  private mapTo(mm: number, endBytes: number, map: MapMemory): void {
    const mapped = this.mapped.get(mm) ?? 0
    if (endBytes <= mapped) return
    const end = Math.max(BUFFERS_BYTES, pagesSpanned(0, endBytes) * PAGE_SIZE)
    map(BUFFERS_BASE + mapped, end - mapped, 0)
    this.mapped.set(mm, end)
  }
}

/** The first offset into a page from which that many bytes touch one page more than from its start; of a sector, if there is one. */
function offsetThatCrosses(lengthBytes: number): number {
  const offset = pagesSpanned(0, lengthBytes) * PAGE_SIZE - lengthBytes + 1
  const sector = Math.ceil(offset / SECTOR_BYTES) * SECTOR_BYTES
  return sector < PAGE_SIZE ? sector : offset
}

/** Segments of about the same length, none longer than a page: whole sectors where there are enough. */
function cut(row: ImportRow, segments: number): void {
  const { lengthBytes } = row
  const isWhole = lengthBytes % SECTOR_BYTES === 0 && lengthBytes / SECTOR_BYTES >= segments
  const unit = isWhole ? SECTOR_BYTES : 1
  const units = lengthBytes / unit
  const least = Math.floor(units / segments)
  for (let i = 0; i < segments; i++) row.addLength((least + (i < units % segments ? 1 : 0)) * unit)
}
