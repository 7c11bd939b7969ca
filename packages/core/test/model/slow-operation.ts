import { EFAULT, ENOMEM } from '../../src/errno.ts'
import { PAGE_LIST_MAX } from '../../src/extract/page-list.ts'
import type { PolicyName } from '../../src/extract/policy.ts'
import type { KernelVersion } from '../../src/kernel/version.ts'
import { MAX_RW_COUNT } from '../../src/units.ts'
import type { Piece, SlowIter } from './slow-iter.ts'
import { counted, type Kind, type Reference, type SlowLedger } from './slow-ledger.ts'
import type { Access, Page, SlowMemory } from './slow-memory.ts'
import type { SlowRow } from './slow-row.ts'

const PAGE = 4096
/** PIPE_DEF_BUFFERS */
const PIPE_BUFFERS = 16

/** What a lane is made of. */
export interface SlowSetup {
  readonly file: string
  readonly policy: PolicyName
  readonly kernel: KernelVersion
  /** The counts on the rows are those of this kernel. */
  readonly isRecordedKernel: boolean
  readonly consumer: 'bio' | 'null' | 'buffered'
  readonly filesystem: string | null
  /** Of the page cache; 0 where it is left out. */
  readonly folioOrder?: number
  readonly inFlight: boolean
  readonly blockSize: number
  readonly dmaAlignment: number
  readonly bvecLimit: number
  /** An extent of the file ends at each multiple; 0 where it is left out: never. */
  readonly extentBytes?: number
  /** Files have no checksums. */
  readonly hasNoChecksums?: boolean
  /** Folios taken as physically adjacent although the trace does not tell. */
  readonly adjacent?: (before: Page, after: Page) => boolean
}

/** One element of what an extraction listed. Under the folio policy it may have several pages. */
export interface Entry {
  readonly pages: readonly Page[]
  readonly offset: number
  readonly length: number
}

export interface Extracted {
  readonly entries: Entry[]
  readonly references: Reference[]
  readonly bytes: number
}

export interface Figures {
  zeroCopyBytes: number
  copiedBytes: number
  barePages: number
  avoidedEntries: number
  avoidedAllocations: number
  built: number
  perOperationMax: number
  limitHits: number
  allocations: { made: number; freed: number; bytes: number; openBytes: number; peakBytes: number }
}

/** One operation between its submission and its completion. */
export interface SlowOperation {
  readonly row: SlowRow
  readonly number: number
  readonly iter: SlowIter
  readonly isBvec: boolean
  readonly isUserBacked: boolean
  /** What outlives submission: a group for each list that took it. */
  kept: Reference[][]
  undetermined: boolean
  /** Page faults are disabled. */
  noFault: boolean
  /** Folios that the data was copied into, bytes. */
  folios: number[]
  acquired: number
  released: number
  /** Row of an event that let everything go before the completion. */
  releasedBy: number | null
  /** What that was. */
  early: { readonly kind: Kind; readonly pages: number } | null
}

/** reference 0.5: 6.1 alone has pipes, and it alone has no folio queues. */
export function exists(type: SlowRow['iter'], kernel: KernelVersion): boolean {
  if (type === 'pipe') return kernel === '6.1'
  return type !== 'folioq' || kernel !== '6.1'
}

/** reference 4.1. */
export function retentionOf(policy: PolicyName, row: SlowRow, isBvec: boolean): Kind | 'none' | 'refused' {
  if (row.iter === 'discard' && !isBvec) return 'refused'
  const isUser = !isBvec && (row.iter === 'ubuf' || row.iter === 'iovec')
  switch (policy) {
    case 'get-pages':
      return row.iter === 'kvec' && !isBvec ? 'refused' : 'ref'
    case 'viro-2022':
      return !isUser ? 'none' : row.isRead ? 'pin' : 'ref'
    case 'extract':
    case 'folio':
      return isUser ? 'pin' : 'none'
  }
}

/**
 * The pages of the next bytes of one segment (of a file: of all), taken as the policy says. A fault shortens what is
 * listed; at the first page it is -EFAULT. reference 3.1 to 3.3.
 */
export function extract(
  io: SlowOperation,
  setup: SlowSetup,
  memory: SlowMemory,
  ledger: SlowLedger,
  figures: Figures,
  pagesMax: number,
  bytesMax: number,
): Extracted | number {
  const { iter } = io
  if (iter.left === 0) return 0
  const kind = retentionOf(setup.policy, io.row, io.isBvec)
  if (kind === 'refused' || !exists(iter.type, setup.kernel)) return EFAULT
  const stuck = stuckAtEmpty(iter, setup, memory, ledger)
  if (stuck !== null) return stuck
  const single = list(iter, memory, pagesMax, bytesMax, accessOf(io, kind))
  if (typeof single === 'number') return single
  const entries = setup.policy === 'folio' ? joined(single) : single
  const bytes = entries.reduce((sum, { length }) => sum + length, 0)
  if (kind === 'none') {
    figures.barePages += single.length
    iter.position += bytes
    return { entries, references: [], bytes }
  }
  const lists = entries.map(({ pages }) => pages)
  const references = ledger.take(lists, kind)
  if (references === null) return ENOMEM
  iter.position += bytes
  return { entries, references, bytes }
}

/**
 * reference 3.2 and 3.4: get_pages2 does not step over an empty bvec, and from 6.16 on extraction steps over one only. What
 * the call returns then; null where nothing of the kind stands here. A reference on the page of the empty bvec is lost.
 */
function stuckAtEmpty(iter: SlowIter, setup: SlowSetup, memory: SlowMemory, ledger: SlowLedger): number | null {
  const empty = iter.isByFrame ? iter.emptyHere() : []
  if (setup.policy !== 'get-pages') {
    return empty.length > 1 && (setup.kernel === '6.18' || setup.kernel === 'mainline') ? 0 : null
  }
  const [first] = empty
  if (first === undefined) return null
  if (first.offset % PAGE === 0) return ENOMEM
  const lost = ledger.take([[memory.pageOfFrame(first.base + Math.floor(first.offset / PAGE))]], 'ref')
  for (const reference of lost ?? []) reference.why = 'nobody told'
  return 0
}

/** What get_user_pages is asked for. The pages of a fixed buffer, and kernel memory, are only looked up. */
function accessOf({ row, isUserBacked, noFault }: SlowOperation, kind: Kind | 'none'): Access {
  if (!isUserBacked || kind === 'none') return {}
  return { write: row.isRead, takes: kind === 'pin' ? 'pin' : 'get', noFault }
}

/** The entries of one call, with nothing taken and the iterator where it was. */
export function list(
  iter: SlowIter,
  memory: SlowMemory,
  pagesMax: number,
  bytesMax: number,
  access: Access,
): Entry[] | number {
  const pieces = iter.restOfSegment(Math.min(bytesMax, MAX_RW_COUNT)).slice(0, Math.min(pagesMax, PAGE_LIST_MAX))
  if (pieces.length === 0) return []
  const pages = pagesOf(pieces, iter, memory, access)
  if (typeof pages === 'number') return pages
  return pages.map((page, i) => ({ pages: [page], offset: pieces[i]!.offset, length: pieces[i]!.length }))
}

/** A page for each piece, or for as many as there are; an errno where there is none for the first. */
function pagesOf(pieces: readonly Piece[], iter: SlowIter, memory: SlowMemory, access: Access): Page[] | number {
  if (iter.isByFrame) return pieces.map(({ page }) => memory.pageOfFrame(page))
  if (iter.isOfFile) return pieces.map(({ segment, page }) => memory.pageOfFile(iter.segments[segment]!.offset, page))
  if (iter.type === 'pipe') {
    const fit = pieces.filter(({ page }) => page < PIPE_BUFFERS)
    return fit.length > 0 ? fit.map(() => memory.freshPage()) : EFAULT
  }
  return memory.walk(iter.space, pieces[0]!.page, pieces.length, access)
}

/** Neighbours in one folio become one entry. */
function joined(entries: readonly Entry[]): Entry[] {
  const runs: Entry[] = []
  for (const entry of entries) {
    const last = runs.at(-1)
    if (last !== undefined && follows(last.pages.at(-1)!, entry.pages[0]!)) {
      runs[runs.length - 1] = { ...last, pages: [...last.pages, ...entry.pages], length: last.length + entry.length }
    } else runs.push(entry)
  }
  return runs
}

/** The next page of the same folio. */
export function follows(before: Page, after: Page): boolean {
  return before.folio === after.folio && after.index === before.index + 1
}

/** Pages of the operation that are held and move a count. */
export function pagesKept(io: SlowOperation): number {
  return io.kept.reduce((sum, group) => sum + counted(group), 0)
}

export function release(io: SlowOperation, ledger: SlowLedger): void {
  for (const group of io.kept) ledger.drop(group)
  io.kept = []
}
