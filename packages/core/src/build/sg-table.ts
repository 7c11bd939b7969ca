import { EINVAL, ENOMEM } from '../errno.ts'
import { invariant } from '../invariant.ts'
import { HOLD_NONE, type Hold } from '../ledger/hold.ts'
import { SG_CHUNK_SIZE, SG_MAX_SINGLE_ALLOC, SG_NONE } from './scatterlist.ts'
import type { SgAllocator } from './sg-allocator.ts'

/** A list and its entries. @kernel include/linux/scatterlist.h: struct sg_table */
export class SgTable {
  /** First entry, or {@link SG_NONE}. */
  sgl = SG_NONE
  /** Entries in use. */
  nents = 0
  /** Entries allocated. */
  origNents = 0
  /** Pins of the entries that are marked SG_PINNED, in their order; pinscope's own, the kernel finds them by page. */
  hold: Hold = HOLD_NONE

  /** As the kernel's memset does. What is held must have been let go. */
  clear(): void {
    this.sgl = SG_NONE
    this.nents = 0
    this.origNents = 0
    this.hold = HOLD_NONE
  }
}

/**
 * Sets a table of `nents` entries up, in chunks of {@link SG_MAX_SINGLE_ALLOC}: every chunk but the last gives its final
 * entry to the link. The last entry is marked as the end.
 *
 * Returns 0, -EINVAL for no entries (or more than one chunk where lists cannot be chained), or -ENOMEM with everything
 * given back.
 * @kernel lib/scatterlist.c: sg_alloc_table, __sg_alloc_table; the same in all four versions
 */
export function sgAllocTable(allocator: SgAllocator, table: SgTable, nents: number): number {
  const error = allocate(allocator, table, nents, SG_MAX_SINGLE_ALLOC, SG_NONE, 0)
  if (error !== 0) sgFreeTable(allocator, table)
  return error
}

/** Gives the chunks of a table back, found by its `origNents`. @kernel lib/scatterlist.c: sg_free_table */
export function sgFreeTable(allocator: SgAllocator, table: SgTable): void {
  sgFreeEntries(allocator, table, SG_MAX_SINGLE_ALLOC, 0, table.origNents)
}

/**
 * Sets a table of `nents` entries up behind a first chunk of the caller's: `firstChunk` has `nentsFirstChunk` entries.
 * Nothing is allocated when they suffice. A first chunk of one entry, or none, is not used (unless one entry is wanted):
 * all chunks come from the pools then.
 *
 * Returns 0, or -ENOMEM with the chunks given back. No entries at all are a BUG.
 * @kernel lib/sg_pool.c: sg_alloc_table_chained; the same in all four versions
 */
export function sgAllocTableChained(
  allocator: SgAllocator,
  table: SgTable,
  nents: number,
  firstChunk: number,
  nentsFirstChunk: number,
): number {
  invariant(nents > 0, 'sg_alloc_table_chained: a table has entries')
  if (firstChunk !== SG_NONE && nents <= nentsFirstChunk) {
    // The kernel's callers let the table begin at the chunk before they call.
    table.sgl = firstChunk
    table.nents = nents
    table.origNents = nents
    allocator.lists.initTable(firstChunk, nents)
    allocator.tables++
    return 0
  }
  const isUsed = firstChunk !== SG_NONE && nentsFirstChunk > 1
  const first = isUsed ? nentsFirstChunk : 0
  const error = allocate(allocator, table, nents, SG_CHUNK_SIZE, isUsed ? firstChunk : SG_NONE, first)
  if (error !== 0) sgFreeTableChained(allocator, table, first)
  return error
}

/** Gives back all chunks but the caller's first one, whose size must be the same as when allocating. @kernel lib/sg_pool.c: sg_free_table_chained */
export function sgFreeTableChained(allocator: SgAllocator, table: SgTable, nentsFirstChunk: number): void {
  if (table.origNents <= nentsFirstChunk) return
  const first = nentsFirstChunk === 1 ? 0 : nentsFirstChunk
  sgFreeEntries(allocator, table, SG_CHUNK_SIZE, first, table.origNents)
}

/** Leaves what it got in the table when it fails: the caller gives it back. @kernel lib/scatterlist.c: __sg_alloc_table */
function allocate(
  allocator: SgAllocator,
  table: SgTable,
  nents: number,
  entriesMax: number,
  firstChunk: number,
  nentsFirstChunk: number,
): number {
  const { lists } = allocator
  table.clear()
  if (nents === 0 || (!allocator.chains && nents > entriesMax)) return EINVAL
  let left = nents
  let before = SG_NONE
  let beforeMax = 0
  let max = nentsFirstChunk > 0 ? nentsFirstChunk : entriesMax
  while (left > 0) {
    const size = left < max ? left : max
    const usable = left > max ? size - 1 : size
    const sg = before === SG_NONE && firstChunk !== SG_NONE ? firstChunk : allocator.take(size)
    if (sg === SG_NONE) {
      // The last entry before is no link after all: giving back counts whole chunks.
      if (before !== SG_NONE) table.nents = ++table.origNents
      return ENOMEM
    }
    lists.initTable(sg, size)
    table.origNents += usable
    table.nents = table.origNents
    if (before === SG_NONE) table.sgl = sg
    else lists.chain(before, beforeMax, sg)
    left -= usable
    before = sg
    beforeMax = max
    max = entriesMax
  }
  allocator.tables++
  return 0
}

/**
 * Gives back the chunks of the first `entries` entries, the first of `nentsFirstChunk` entries excepted (0 for none).
 * What the table holds of pages is not its business.
 * @kernel lib/scatterlist.c: __sg_free_table
 */
export function sgFreeEntries(
  allocator: SgAllocator,
  table: SgTable,
  entriesMax: number,
  nentsFirstChunk: number,
  entries: number,
): void {
  const { lists } = allocator
  let sg = table.sgl
  if (sg === SG_NONE) return
  let left = entries
  let isCallers = nentsFirstChunk > 0
  let max = isCallers ? nentsFirstChunk : entriesMax
  while (left > 0) {
    const isLinked = left > max
    const size = isLinked ? max : left
    const next = isLinked ? lists.page[sg + max - 1] : SG_NONE
    if (!isCallers) allocator.give(sg, size)
    left -= isLinked ? size - 1 : size
    isCallers = false
    sg = next
    max = entriesMax
  }
  table.sgl = SG_NONE
}
