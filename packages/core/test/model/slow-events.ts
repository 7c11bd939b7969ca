import type { LaneReport } from '../../src/report/report.ts'
import { MAX_RW_COUNT } from '../../src/units.ts'
import { SlowIter } from './slow-iter.ts'
import { counted, type Kind, type Reference, type SlowLedger } from './slow-ledger.ts'
import { type Access, KERNEL, type Page, type SlowMemory } from './slow-memory.ts'
import { exists, list, pagesKept, type SlowOperation, type SlowSetup } from './slow-operation.ts'
import type { SlowRow, SlowSegment } from './slow-row.ts'

const PAGE = 4096

/** What a name in the `id` column stands for: what was taken, by which row. */
interface Taken {
  readonly row: number
  readonly kind: Kind | 'none'
  readonly pages: number
  references: Reference[]
  readonly io: SlowOperation | null
  readonly isRegistration: boolean
  /** What was let go of in part, and the segments by which it was taken: null where nobody told. */
  readonly gone?: Page[]
  readonly by?: SlowRow
}

/** What a row without id took: named by its pages. */
interface Unnamed {
  readonly kind: Kind
  readonly row: number
  readonly references: Reference[]
  /** The address space by whose addresses; null: not by address. */
  readonly mm: number | null
}

type Violation = LaneReport['violations'][number]

/** Registrations and recorded reference events. */
export class SlowEvents {
  readonly violations: Violation[] = []
  private readonly setup: SlowSetup
  private readonly memory: SlowMemory
  private readonly ledger: SlowLedger
  private readonly byId = new Map<string, Taken>()
  private readonly buffers = new Map<string, readonly SlowSegment[]>()
  private readonly refused = new Set<string>()
  private refusedTakes: SlowRow[] = []
  private readonly open: Unnamed[] = []
  /** Who let a page go last. */
  private readonly closed = new Map<Page, Unnamed>()

  constructor(setup: SlowSetup, memory: SlowMemory, ledger: SlowLedger) {
    this.setup = setup
    this.memory = memory
    this.ledger = ledger
  }

  /** Returns whether the row's counts can be compared with a kernel's. */
  apply(row: SlowRow): boolean {
    switch (row.event) {
      case 'register':
        this.register(row)
        return true
      case 'unregister':
        return this.unregister(row)
      case 'pin':
      case 'get':
        this.take(row, row.event === 'pin' ? 'pin' : 'ref')
        return false
      case 'unpin':
      case 'put':
        this.letGo(row, row.event === 'unpin' ? 'pin' : 'ref')
        return false
      default:
        return false
    }
  }

  /** An operation with an id can be named by later rows; one with fixed buffers names its registration. */
  name(io: SlowOperation): void {
    const { id, row, iter } = io.row
    if (id === null || (io.isBvec && iter !== 'bvec')) return
    const kind = io.kept[0]?.[0]?.kind ?? 'none'
    this.byId.set(id, { row, kind, pages: pagesKept(io), references: [], io, isRegistration: false })
  }

  /** Its completion lets go what an event let go before it. */
  completes(io: SlowOperation): void {
    if (io.releasedBy === null) return
    const taken = { ...io.early!, row: io.row.row }
    this.violate('double-release', taken, taken.kind)
  }

  isRegistered(row: SlowRow): boolean {
    const buffers = (row.id === null ? undefined : this.buffers.get(row.id)) ?? []
    const isIn = (at: SlowSegment, b: SlowSegment) => at.base >= b.base && at.base + at.length <= b.base + b.length
    return row.segments.every((segment) => buffers.some((buffer) => isIn(segment, buffer)))
  }

  /** Pins for as long as it is registered; from 6.12 on a buffer in large folios of one order keeps one pin a folio. */
  private register(row: SlowRow): void {
    const kept: Reference[] = []
    for (const { base, length } of row.segments) {
      const taken = this.pinForLong(row.mm, Math.floor(base / PAGE), Math.ceil((base + length) / PAGE))
      if (taken === null) {
        this.ledger.drop(kept)
        this.refused.add(row.id!)
        return
      }
      kept.push(...this.coalesced(taken))
    }
    this.refused.delete(row.id!)
    for (const reference of kept) reference.why = 'long-term'
    const { row: number, id } = row
    this.byId.set(id!, {
      row: number,
      kind: 'pin',
      pages: counted(kept),
      references: kept,
      io: null,
      isRegistration: true,
    })
    this.buffers.set(id!, row.segments)
  }

  /** All of the pages, or none: those before a fault are pinned and let go. */
  private pinForLong(mm: number, first: number, end: number): Reference[] | null {
    const pages = this.memory.walk(mm, first, end - first, { write: true, takes: 'pin', isLongTerm: true })
    if (typeof pages === 'number') return null
    const entries = pages.map((page) => [page])
    const taken = this.ledger.take(entries, 'pin')
    if (taken === null) return null
    if (pages.length === end - first && !this.isRefusedFile(mm, first, end)) return taken
    this.ledger.drop(taken)
    return null
  }

  /** 6.1 looks at what it has pinned: files are refused, and so is a buffer of several files, or only part of which has one. */
  private isRefusedFile(mm: number, first: number, end: number): boolean {
    const backings = this.memory.backings(mm, first, end)
    const files = new Set(backings.map((backing) => (backing === 'thp' ? 'anon' : backing)))
    const isRefused = backings.some((backing) => ['file', 'fsdax', 'p2pdma'].includes(backing))
    return this.setup.kernel === '6.1' && (isRefused || files.size > 1)
  }

  private coalesced(taken: Reference[]): Reference[] {
    const orders = new Set(taken.map(({ pages }) => pages[0]!.folio.order))
    if (this.setup.kernel === '6.1' || orders.size !== 1 || orders.has(0)) return taken
    const folioOf = (reference: Reference | undefined) => reference?.pages[0]?.folio
    const isFirst = (reference: Reference, i: number) => folioOf(taken[i - 1]) !== folioOf(reference)
    this.ledger.drop(taken.filter((reference, i) => !isFirst(reference, i)))
    return taken.filter(isFirst)
  }

  private unregister({ id }: SlowRow): boolean {
    // What was refused is not there to be dropped, and the program need not know.
    if (this.refused.delete(id!)) return false
    const taken = this.byId.get(id!)
    if (taken === undefined || !taken.isRegistration) {
      this.violate('unknown-release', NOTHING, 'pin', 'pin')
      return false
    }
    if (taken.references.length > 0) this.ledger.drop(taken.references.splice(0))
    else this.violate('double-release', taken, 'pin')
    this.buffers.delete(id!)
    return true
  }

  private take(row: SlowRow, kind: Kind): void {
    const { pages: listed, isRefused } = this.asked(row, kind, {
      write: row.isRead,
      isLongTerm: row.flags.has('longterm'),
    })
    if (isRefused && listed.length === 0) {
      this.refusedTakes.push(row)
      return
    }
    if (row.id !== null) this.refusedTakes = this.refusedTakes.filter(({ id }) => id !== row.id)
    const references = this.ledger.take(listed, kind) ?? []
    if (row.flags.has('longterm')) for (const reference of references) reference.why = 'long-term'
    const pages = counted(references)
    if (row.id !== null) {
      this.byId.set(row.id, {
        row: row.row,
        kind,
        pages,
        references,
        io: null,
        isRegistration: false,
        gone: [],
        by: row,
      })
    } else {
      const isByAddress = row.iter === 'ubuf' || row.iter === 'iovec'
      this.open.push({ kind, row: row.row, references, mm: isByAddress ? row.mm : null })
    }
  }

  private letGo(row: SlowRow, as: Kind): void {
    if (row.id === null) {
      this.letGoUnnamed(row, as)
      return
    }
    if (this.wasRefused((one) => one.id === row.id, 'all')) return
    const taken = this.byId.get(row.id)
    if (taken === undefined) {
      this.violate('unknown-release', NOTHING, as, as)
    } else if (taken.io !== null) this.letGoOperation(taken, taken.io, row.row, as)
    else if (taken.references.length === 0) this.violate('double-release', taken, as)
    else if (taken.kind === as) this.letGoNamed(row, taken, as)
    else this.wrongKind(taken, as)
  }

  /** A row with an id lets go of the pages of its segments, or of all. */
  private letGoNamed(row: SlowRow, taken: Taken, as: Kind): void {
    const { references, gone = [] } = taken
    const named = row.segments.length === 0 ? [] : this.pagesOf(row, 'ref').map(([page]) => page!)
    const held = references.length
    if (named.length === 0) {
      this.ledger.drop(references.splice(0))
      return
    }
    const missing: Page[] = []
    const before: Page[] = []
    for (const page of named) {
      const place = placeOf(references, page)
      if (place >= 0) {
        this.ledger.drop([references[place]!])
        gone.push(...references.splice(place, 1).map((one) => one.pages[0]!))
      } else (gone.includes(page) ? before : missing).push(page)
    }
    if (!isSure(row, taken.by)) {
      const last = missing.length === 0 ? [] : references.splice(-missing.length)
      gone.push(...last.map(({ pages }) => pages[0]!))
      missing.splice(0, last.length)
      this.ledger.drop(last)
    }
    const surplus = Math.min(missing.length, Math.max(named.length - before.length - held, 0))
    const unknown = missing.length - surplus
    if (before.length > 0) this.violate('double-release', { ...taken, pages: before.length }, as)
    if (surplus > 0) this.violate('unknown-release', { ...taken, pages: surplus }, as)
    if (unknown > 0) this.violate('unknown-release', { ...NOTHING, pages: unknown }, as, as)
  }

  /** The kernel gave nothing to a row like that: forgets all such rows, or one of them. */
  private wasRefused(isMeant: (row: SlowRow) => boolean, forget: 'all' | 'one'): boolean {
    const at = this.refusedTakes.findIndex(isMeant)
    if (at < 0) return false
    if (forget === 'one') this.refusedTakes.splice(at, 1)
    else this.refusedTakes = this.refusedTakes.filter((row) => !isMeant(row))
    return true
  }

  private letGoOperation(taken: Taken, io: SlowOperation, row: number, as: Kind): void {
    if (io.kept.length === 0) {
      this.violate('double-release', taken, as)
    } else if (taken.kind === as) {
      io.releasedBy = row
      io.early = { kind: as, pages: pagesKept(io) }
      for (const group of io.kept.splice(0)) this.ledger.drop(group)
    } else {
      for (const group of io.kept) this.wrongKind({ ...taken, pages: counted(group), references: group }, as)
    }
  }

  private letGoUnnamed(row: SlowRow, as: Kind): void {
    const pages = this.pagesOf(row, 'ref').map(([page]) => page!)
    const isTaken = pages.some((page) =>
      this.open.some(({ references }) => references.some((one) => one.pages[0] === page)),
    )
    const isSame = (one: SlowRow) => one.id === null && rangesOf(one) === rangesOf(row)
    if (!isTaken && this.wasRefused(isSame, 'one')) return
    const isJust = ({ references }: Unnamed) =>
      references.length === pages.length && references.every((one, i) => one.pages[0] === pages[i])
    const isRight = ({ kind }: Unnamed) => kind === as
    const isRightSomewhere = pages.some((page) => this.holder(page, as)?.kind === as)
    const whole =
      this.open.findLast((one) => isRight(one) && isJust(one)) ??
      (isRightSomewhere ? undefined : this.open.findLast(isJust))
    if (pages.length > 0 && whole !== undefined) {
      this.dropFrom(whole, whole.references.length, as)
      return
    }
    let missing = pages.filter((page) => !this.dropPage(page, as))
    if (row.iter === 'bvec') {
      const byAddress = this.open.filter((one) => isRight(one) && one.mm !== null)
      const mine = byAddress.filter(({ mm }) => mm === row.mm)
      for (const one of [...mine, ...byAddress.filter(({ mm }) => mm !== row.mm)]) {
        const part = Math.min(one.references.length, missing.length)
        if (part > 0) this.dropFrom(one, part, as)
        missing = missing.slice(part)
      }
    }
    const before = missing.filter((page) => this.closed.has(page))
    const last = before.at(-1)
    if (last !== undefined) this.violate('double-release', { ...this.closed.get(last)!, pages: before.length }, as)
    const never = missing.length - before.length
    if (never > 0 || pages.length === 0) this.violate('unknown-release', { ...NOTHING, pages: never }, as, as)
  }

  /** What was taken last on a page and has it still, the right way if there is such. */
  private holder(page: Page, as: Kind): Unnamed | undefined {
    const has = ({ references }: Unnamed) => references.some((one) => one.pages[0] === page)
    return this.open.findLast((one) => one.kind === as && has(one)) ?? this.open.findLast(has)
  }

  /** Lets go of one page out of what has it; false where nothing has. */
  private dropPage(page: Page, as: Kind): boolean {
    const taken = this.holder(page, as)
    if (taken === undefined) return false
    const at = taken.references.findIndex((one) => one.pages[0] === page)
    if (taken.kind !== as && taken.references.length > 1) {
      const part: Unnamed = { ...taken, references: taken.references.splice(at, 1), mm: null }
      this.open.push(part)
      this.dropFrom(part, 1, as)
      return true
    }
    taken.references.push(...taken.references.splice(at, 1))
    this.dropFrom(taken, 1, as)
    return true
  }

  /** Lets go of the last references of what was taken, the right way or not. */
  private dropFrom(taken: Unnamed, count: number, as: Kind): void {
    if (taken.kind !== as) {
      this.wrongKind({ ...taken, pages: counted(taken.references) }, as)
      return
    }
    const dropped = taken.references.splice(-count)
    for (const { pages } of dropped) this.closed.set(pages[0]!, taken)
    this.ledger.drop(dropped)
  }

  /**
   * The pages of an event's segments, as a source unless it takes for writing: whatever the policy, as far as they can be had; of a file those of at
   * most 2 GiB.
   */
  private pagesOf(row: SlowRow, kind: Kind): Page[][] {
    return this.asked(row, kind, {}).pages
  }

  /** As {@link pagesOf}; `isRefused`: it ended at a page that the kernel does not give. */
  private asked(row: SlowRow, kind: Kind, how: Access): { readonly pages: Page[][]; readonly isRefused: boolean } {
    const isOfFile = row.iter === 'folioq' || row.iter === 'xarray'
    if (!exists(row.iter, this.setup.kernel)) return { pages: [], isRefused: true }
    const total = row.segments.reduce((sum, { length }) => sum + length, 0)
    const iter = new SlowIter(row, isOfFile ? Math.min(total, MAX_RW_COUNT) : total, false)
    const takes = kind === 'pin' ? 'pin' : 'get'
    const access: Access = iter.space === KERNEL ? {} : { takes, ...how }
    const listed: Page[][] = []
    while (iter.left > 0) {
      const entries = list(iter, this.memory, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, access)
      if (typeof entries === 'number') return { pages: listed, isRefused: true }
      if (entries.length === 0) break
      listed.push(...entries.map(({ pages }) => [...pages]))
      iter.position += entries.reduce((sum, { length }) => sum + length, 0)
    }
    return { pages: listed, isRefused: false }
  }

  private wrongKind(taken: Pick<Taken, 'row' | 'kind' | 'pages' | 'references'>, as: Kind): void {
    this.violate('wrong-kind-release', taken, as)
    for (const reference of taken.references) reference.why = 'wrong kind'
  }

  private violate(
    rule: Violation['rule'],
    taken: { row: number; kind: Kind | 'none'; pages: number },
    as: Kind,
    retention: Kind | 'none' = taken.kind,
  ): void {
    const { row, line } = this.ledger.now
    const { file, consumer } = this.setup
    const { row: takenRow, pages } = taken
    this.violations.push({ rule, file, line, row, takenRow, retention, releasedAs: as, pages, consumer, detail: '' })
  }
}

const NOTHING = { row: 0, kind: 'none', pages: 0 } as const

/** The page among references, or another of its large folio: those are counted on the folio. */
function placeOf(references: readonly Reference[], page: Page): number {
  const place = references.findIndex(({ pages }) => pages[0] === page)
  if (place >= 0 || page.folio.order === 0) return place
  return references.findIndex(({ pages }) => pages[0]!.folio === page.folio)
}

/** The row names pages as the one that took did, and some that are not in what that one names. */
function isSure(row: SlowRow, by: SlowRow | undefined): boolean {
  if (by === undefined || wayOf(row) !== wayOf(by)) return false
  const firstOf = ({ base, offset }: SlowSegment) => (row.iter === 'bvec' ? base * PAGE + offset : base)
  const first = (of: SlowRow) => Math.min(...of.segments.map((one) => Math.floor(firstOf(one) / PAGE)))
  const end = (of: SlowRow) => Math.max(...of.segments.map((one) => Math.ceil((firstOf(one) + one.length) / PAGE)))
  return first(row) < first(by) || end(row) > end(by)
}

function wayOf({ iter }: SlowRow): string {
  return iter === 'bvec' || iter === 'kvec' ? iter : iter === 'folioq' || iter === 'xarray' ? 'file' : 'user'
}

/** Address space, type and segments of a row, as one text. */
function rangesOf({ mm, iter, segments }: SlowRow): string {
  return [mm, iter, ...segments.map(({ base, length }) => `${base}+${length}`)].join(' ')
}
