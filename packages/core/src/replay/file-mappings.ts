import type { AddressSpaces } from '../memory/address-spaces.ts'
import { EVENT_MAP, FLAG_STABLE, FLAG_UNSTABLE, NONE, type OpBatch } from '../trace/op-batch.ts'
import { PAGE_SIZE, pageNumberOf } from '../units.ts'

/** A range of an address space that maps a file. */
interface FileMapping {
  readonly file: number
  readonly mm: number
  readonly firstPage: number
  readonly endPage: number
  /** Index in the file of its first page. */
  readonly index: number
}

/** Which mappings show which file: `map` rows with a `file`. Rows about the file's pages reach the pages of these too. */
export class FileMappings {
  /** By file, where a `map` row said so: stores to its pages wait for writeback, or do not. @kernel AS_STABLE_WRITES */
  readonly stable = new Map<number, boolean>()
  private readonly mappings: FileMapping[] = []

  /** A `map` or `unmap` row: a mapping that begins in its range is replaced, or goes. */
  apply(batch: OpBatch, row: number): void {
    const { addressBytes, lengthBytes } = batch.segments
    const at = batch.segmentFirst[row]
    const firstPage = pageNumberOf(addressBytes[at])
    const endPage = Math.ceil((addressBytes[at] + lengthBytes[at]) / PAGE_SIZE)
    const mm = batch.mm[row]
    const covered = this.mappings.findIndex(
      (one) => one.mm === mm && one.firstPage >= firstPage && one.firstPage < endPage,
    )
    if (covered >= 0) this.mappings.splice(covered, 1)
    if (batch.event[row] !== EVENT_MAP || batch.file[row] === NONE) return
    const flags = batch.flags[row]
    if ((flags & (FLAG_STABLE | FLAG_UNSTABLE)) !== 0) this.stable.set(batch.file[row], (flags & FLAG_STABLE) !== 0)
    const index = Math.floor(Math.max(batch.offsetBytes[row], 0) / PAGE_SIZE)
    this.mappings.push({ file: batch.file[row], mm, firstPage, endPage, index })
  }

  /** Takes over what another one knows. */
  copy(from: FileMappings): void {
    this.mappings.push(...from.mappings)
    for (const [file, isStable] of from.stable) this.stable.set(file, isStable)
  }

  /** Tells of each page of [index, end) of a file that a mapping of it has faulted in. */
  visit(
    spaces: AddressSpaces,
    file: number,
    index: number,
    end: number,
    tell: (page: number, index: number) => void,
  ): void {
    for (const mapping of this.mappings) {
      if (mapping.file !== file) continue
      const skip = mapping.firstPage - mapping.index
      const first = Math.max(mapping.firstPage, index + skip)
      const stop = Math.min(mapping.endPage, end + skip)
      for (let page = first; page < stop; page++) {
        const row = spaces.pageAt(mapping.mm, page)
        if (row >= 0) tell(row, page - skip)
      }
    }
  }
}
