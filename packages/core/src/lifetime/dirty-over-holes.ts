import type { FilePlace } from '../memory/page-cache.ts'
import type { Audit } from './audit.ts'
import { PUNCHED } from './block-changes.ts'
import { BlockCount } from './block-count.ts'
import { BLOCK_HOLE, type FileBlock } from './block-runs.ts'
import { countPages, isCopiedInto, wasDirty } from './dirty-pages.ts'
import type { Since } from './finding.ts'
import { FOLIO_NOTIFIED } from './folio-flags.ts'
import type { WritesUnderWay } from './writes-under-way.ts'

/** Nobody asked the file system before the folio was made dirty. */
const UNASKED = -1
/** Somebody did, in a row that nobody knows: a fault for a pin. */
const ASKED_SOME_TIME = 0

/**
 * Dirty data that writeback meets over holes, whoever made it dirty. Who asked the file system when there was a hole already got
 * space for it (page_mkwrite), whether or not the trace tells of that.
 * @kernel fs/iomap/buffered-io.c: iomap_page_mkwrite; fs/xfs/xfs_aops.c: xfs_map_blocks
 */
export class DirtyOverHoles {
  /** Of the last range: what made the first of its holes. */
  since: Since | null = null
  /** Of the last row about a range of a file: its pages, told one by one, were counted with the range. */
  private rangeRow = 0
  /** By head page: the row that last faulted a page of it in for writing, which asks the file system too. */
  private readonly faultedRows = new Map<number, number>()
  /** By head page of a folio that was dirty when it was cleaned: row in which the file system was asked. */
  private readonly askedRows = new Map<number, number>()
  /** Pages over holes whose data was told of: the row that copied it, or made the hole. */
  private readonly told = new Map<number, number>()
  private readonly audit: Audit
  private readonly writes: WritesUnderWay
  private readonly pending: BlockCount
  private readonly lost: BlockCount

  constructor(audit: Audit, writes: WritesUnderWay) {
    this.audit = audit
    this.writes = writes
    const { space } = audit
    this.pending = new BlockCount(space, (run, blocks) => (this.isPending(run) ? blocks : 0))
    this.lost = new BlockCount(space, (run, blocks, file, position, length) => {
      if (run.state !== BLOCK_HOLE) return 0
      if (run.isDirty) return writes.isUnallocated(run) ? 0 : blocks
      return countPages(audit, file, position, length, run, (page) => this.isDirtyOver(page, run))
    })
  }

  /** Blocks of a range that a write under way copied in, and has not allocated. */
  pendingIn(file: number, positionBytes: number, lengthBytes: number): number {
    this.rangeRow = this.audit.bus.row
    return this.count(this.pending, file, positionBytes, lengthBytes)
  }

  /** Other blocks of it that are holes under dirty data. */
  lostIn(file: number, positionBytes: number, lengthBytes: number): number {
    return this.count(this.lost, file, positionBytes, lengthBytes)
  }

  /** User memory is taken for writing: get_user_pages faults it in. */
  acquired(token: number): void {
    const { bus, folios, space, tokens } = this.audit
    if (space.isEmpty || tokens.isDest[token] === 0 || tokens.isUser[token] === 0) return
    tokens.eachFilePage(token, (page) => this.faultedRows.set(folios.headOf(page), bus.row))
  }

  /** The folio is cleaned for its writeback: a dirty one is remembered. */
  clean(page: number): void {
    const { folios, space } = this.audit
    if (space.isEmpty || !folios.isDirty(page)) return
    this.askedRows.set(folios.headOf(page), this.askedRowOf(page))
  }

  /** Its writeback is over. */
  cleaned(page: number): void {
    if (this.askedRows.size > 0) this.askedRows.delete(this.audit.folios.headOf(page))
  }

  /** The block under a page whose writeback begins, where that is a hole under dirty data, or not allocated yet; told once. */
  under(page: number): FileBlock | undefined {
    const { bus, space, lane } = this.audit
    if (space.isEmpty || bus.row === this.rangeRow) return undefined
    const place = lane.memory.cache.placeOf(page)
    const block = place === null ? undefined : space.block(place.file, place.index)
    if (place === null || block === undefined) return undefined
    if (this.writes.isOfOne(block)) this.writes.writeback(place.file)
    if (!this.isPending(block) && !this.isHoleUnder(block, place, page)) return undefined
    if (this.told.get(page) === block.row && !this.isRemembered(page)) return undefined
    this.told.set(page, block.row)
    return block
  }

  private isPending(block: FileBlock): boolean {
    return block.isDirty && this.writes.isUnallocated(block)
  }

  private isHoleUnder(block: FileBlock, { file, index }: FilePlace, page: number): boolean {
    if (block.state !== BLOCK_HOLE) return false
    if (block.isDirty) return true
    return this.isRemembered(page) && this.isDirtyOver(page, block) && !isCopiedInto(this.audit, file, page, index)
  }

  /** The page is dirty, or was when it was cleaned, over a hole; where blocks were punched, since then. */
  private isDirtyOver(page: number, { row, what }: FileBlock): boolean {
    const { folios } = this.audit
    const asked = this.askedRows.get(folios.headOf(page))
    if (asked === undefined && !folios.isDirty(page)) return false
    if (what === PUNCHED && !wasDirty(this.audit, page, row)) return false
    return isLost(asked ?? this.askedRowOf(page), row)
  }

  private isRemembered(page: number): boolean {
    return this.askedRows.has(this.audit.folios.headOf(page))
  }

  private count(count: BlockCount, file: number, positionBytes: number, lengthBytes: number): number {
    const blocks = count.in(file, positionBytes, lengthBytes)
    this.since = count.since
    return blocks
  }

  /** Row in which the file system was asked before the folio of a page became dirty. */
  private askedRowOf(page: number): number {
    const { folios } = this.audit
    if (!folios.has(page, FOLIO_NOTIFIED)) return UNASKED
    const head = folios.headOf(page)
    const { history } = folios
    const row = Math.max(history.rowOf('mkwrite', head), history.rowOf('store', head), this.faultedRows.get(head) ?? 0)
    return row === 0 ? ASKED_SOME_TIME : row
  }
}

/** Dirty data over a hole that was made in a row: the file system was not asked, or before that. */
function isLost(askedRow: number, holeRow: number): boolean {
  return askedRow === UNASKED || (askedRow !== ASKED_SOME_TIME && askedRow < holeRow)
}
