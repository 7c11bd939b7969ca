import { PAGE_SIZE } from '../../../units.ts'
import { EVENT_MAP, NONE } from '../../op-batch.ts'
import type { ImportRows } from '../import-rows.ts'
import type { FileNames } from './file-names.ts'
import type { Mapping } from './mapping.ts'
import {
  backingOf,
  flagsOf,
  folioOrder,
  isCopiedOnWrite,
  isOfFile,
  PAGE_ANON,
  PAGE_HUGETLB,
  PAGE_THP,
  PAGE_UNKNOWN,
  type PageKind,
  pageKindOf,
} from './page-kind.ts'
import { type MemoryUse, SPACE_PAGES, type UsedPages, usedPages } from './page-use.ts'
import type { Space, Spaces } from './spaces.ts'

/** Contiguous memory of one kind: a `map` row. */
interface Area {
  readonly mapping: Mapping | null
  readonly kind: PageKind
  readonly order: number
  readonly firstPage: number
  endPage: number
}

/**
 * Makes the `map` rows that an operation needs before it: what backed its pages when it was called, where that is not what
 * the rows so far have told.
 *
 * A page that the program stored to in between is told anew where it matters: a source that was not there and is, memory
 * that was given back, a huge page made or split. A mapping of the page cache is told as a whole with its first page, a
 * large folio with all of its pages, as far as the mapping reaches.
 */
export class MapRows {
  private readonly rows: ImportRows
  private readonly spaces: Spaces
  private readonly names: FileNames

  constructor(rows: ImportRows, spaces: Spaces, names: FileNames) {
    this.rows = rows
    this.spaces = spaces
    this.names = names
  }

  /** Puts the rows that stand before the operation. */
  before(mm: number, use: MemoryUse): void {
    const space = this.spaces.of(mm)
    const areas: Area[] = []
    for (const pages of usedPages(use)) {
      if (pages.isBeyond) areas.push(...areaBeyond(space, pages))
      else for (let page = pages.firstPage; page < pages.endPage; page++) addArea(areas, space, page, pages, use)
    }
    if (use.isDestination && use.result > 0) fill(space, use)
    this.spaces.weigh(space)
    for (const area of merged(areas)) this.put(mm, area, use)
  }

  private put(mm: number, area: Area, use: MemoryUse): void {
    const { rows } = this
    const { kind, mapping } = area
    const row = rows.draft()
    row.tsNs = use.tsNs
    row.event = EVENT_MAP
    row.mm = mm
    row.backing = backingOf(kind)
    row.hasBacking = true
    row.flags = flagsOf(kind, mapping, use.isDestination && use.result > 0)
    const usual = kind === PAGE_THP || kind === PAGE_HUGETLB ? folioOrder(kind, NONE) : 0
    if (area.order !== usual) row.order = area.order
    row.addSegment(area.firstPage * PAGE_SIZE, (area.endPage - area.firstPage) * PAGE_SIZE)
    if (mapping !== null && mapping.file !== null && isOfFile(kind)) {
      row.file = rows.fileName(this.names.of(mapping.file))
      row.offsetBytes = (mapping.filePage + area.firstPage - mapping.firstPage) * PAGE_SIZE
    }
    rows.put(row)
  }
}

/** Adds the page, or the memory around it, where what was told of it does not hold. */
function addArea(areas: Area[], space: Space, page: number, { letter, order }: UsedPages, use: MemoryUse): void {
  const { known, mappings } = space
  const mapping = mappings.find(page)
  const told = toldOf(space, page, mapping)
  const seen = pageKindOf(letter, mapping)
  // Where an address space was unmapped, memory that no row tells faults.
  const kind = seen === PAGE_UNKNOWN && space.wasUnmapped && told === PAGE_UNKNOWN ? PAGE_ANON : seen
  if (kind === PAGE_UNKNOWN) return
  const isNew = !known.isUsed(page)
  known.use(page, kind)
  if (isNew ? told === kind : !mustTell(told, kind, use)) return
  if (isNew && told === PAGE_UNKNOWN && mapping !== null && isOfFile(kind) && order === NONE) {
    mappings.setWhole(mapping, kind)
    join(areas, { mapping, kind, order: 0, firstPage: mapping.firstPage, endPage: mapping.endPage })
    return
  }
  const area = folioAround(page, kind, folioOrder(kind, order), mapping)
  if (area.endPage - area.firstPage > 1) {
    known.tell(area.firstPage, area.endPage, kind)
    known.use(page, kind)
  }
  join(areas, area)
}

/** More pages than are looked at: nothing is told of them, unless they would fault. */
function areaBeyond({ wasUnmapped }: Space, { firstPage, endPage }: UsedPages): Area[] {
  return wasUnmapped ? [{ mapping: null, kind: PAGE_ANON, order: 0, firstPage, endPage }] : []
}

/** What the rows so far say of a page. */
function toldOf({ known }: Space, page: number, mapping: Mapping | null): PageKind {
  const told = known.kindOf(page)
  return told === PAGE_UNKNOWN && mapping !== null ? mapping.whole : told
}

/** An operation saw the page before: what it found then does not hold, in a way that a replay would not find by itself. */
function mustTell(told: PageKind, kind: PageKind, { isDestination }: MemoryUse): boolean {
  if (told === kind) return false
  // The operation, or a store before it, makes a page here: a destination gets one in any case.
  if (isCopiedOnWrite(told)) return !isDestination || kind === PAGE_THP
  return true
}

/** Data that came gives memory pages of its own. */
function fill({ known }: Space, use: MemoryUse): void {
  for (const { firstPage, endPage, startBytes, isBeyond } of usedPages(use)) {
    if (isBeyond) return
    const end = Math.min(endPage, firstPage + Math.ceil((use.result - startBytes) / PAGE_SIZE))
    for (let page = firstPage; page < end; page++) {
      if (isCopiedOnWrite(known.kindOf(page))) known.use(page, PAGE_ANON)
    }
  }
}

/** The folio of a page, as far as the mapping reaches; folios of files lie by their place in the file. */
function folioAround(page: number, kind: PageKind, order: number, mapping: Mapping | null): Area {
  const size = 2 ** order
  const skew = isOfFile(kind) && mapping !== null ? (mapping.filePage - mapping.firstPage) % size : 0
  const first = Math.floor((page + skew) / size) * size - skew
  return {
    mapping,
    kind,
    order,
    firstPage: Math.max(first, mapping?.firstPage ?? 0),
    endPage: Math.min(first + size, mapping?.endPage ?? SPACE_PAGES),
  }
}

/** Areas that meet and are alike, together, by address. */
function merged(areas: Area[]): Area[] {
  const all: Area[] = []
  for (const area of areas.sort((a, b) => a.firstPage - b.firstPage)) join(all, area)
  return all
}

/** Adds an area, to the last one where it goes on with that. */
function join(areas: Area[], area: Area): void {
  const last = areas.at(-1)
  const isAlike = last !== undefined && last.kind === area.kind && last.order === area.order
  if (isAlike && last.mapping === area.mapping && last.firstPage <= area.firstPage && area.firstPage <= last.endPage) {
    last.endPage = Math.max(last.endPage, area.endPage)
  } else areas.push(area)
}
