import { extractPages } from '../../src/extract/extract-pages.ts'
import { PageList } from '../../src/extract/page-list.ts'
import { type ExtractionPolicy, findPolicy, type PolicyName } from '../../src/extract/policy.ts'
import { RETENTION_NAMES } from '../../src/extract/retention.ts'
import { InvariantError } from '../../src/invariant.ts'
import { copyPageToIter } from '../../src/iter/copy.ts'
import { FolioQueue } from '../../src/iter/folio-queue.ts'
import { IovIter } from '../../src/iter/iov-iter.ts'
import { alignment, gapAlignment, isAligned } from '../../src/iter/iter-alignment.ts'
import { iovLength, npages, singleSegCount } from '../../src/iter/iter-pages.ts'
import type { IterRule } from '../../src/iter/iter-report.ts'
import type { IovIterState } from '../../src/iter/iter-state.ts'
import { ITER_DEST, ITER_SOURCE, ITER_TYPE_NAMES, ITER_XARRAY, type IterType } from '../../src/iter/iter-type.ts'
import { PipeRing } from '../../src/iter/pipe-ring.ts'
import { SegmentTable } from '../../src/iter/segment-table.ts'
import type { PageReferences } from '../../src/memory/page-references.ts'
import type { PageStore } from '../../src/memory/page-store.ts'
import { PAGE_SIZE } from '../../src/units.ts'
import * as twin from '../model/iov/index.ts'
import { type IovCase, traitsOf } from './iov-case.ts'
import type { IovHost, MutableFile, MutableQueue } from './iov-host.ts'

/** The fast library and its twin disagree. */
export class IovDifference extends Error {
  override readonly name = 'IovDifference'
}

/** What a call gives where the kernel's behaviour is undefined: only that the fast side survives it is looked at. */
export const UNDEFINED = Number.NaN

/** Undefined behaviour of the twin for which the fast side has an InvariantError: a BUG() in the kernel. */
const FATAL: ReadonlySet<string> = new Set(['bug', 'stale-pipe-buffer'])

export interface SavedPair {
  readonly fast: IovIterState
  readonly slow: twin.SlowState
}

const POLICIES = new Map<PolicyName, ExtractionPolicy>(
  (['get-pages', 'viro-2022', 'extract', 'folio'] as const).map((name) => [name, findPolicy(name)!]),
)

/** What can be asked of an iterator; `of` types, or all. */
interface Query {
  readonly name: string
  readonly of: readonly twin.SlowType[] | null
  readonly ask: (fast: IovIter) => number
  readonly expect: (slow: twin.SlowIov) => number
}

const U32 = 2 ** 32
const PAGES_MAX = 1 << 20

/** Alignments are the low 32 bits of the kernel's. */
const QUERIES: readonly Query[] = [
  { name: 'npages', of: null, ask: (i) => npages(i, PAGES_MAX), expect: (i) => twin.npages(i, PAGES_MAX) },
  { name: 'npages, at most 2', of: null, ask: (i) => npages(i, 2), expect: (i) => twin.npages(i, 2) },
  { name: 'alignment', of: null, ask: alignment, expect: (i) => twin.alignment(i) % U32 },
  { name: 'gap_alignment', of: null, ask: gapAlignment, expect: (i) => twin.gapAlignment(i) % U32 },
  { name: 'single_seg_count', of: null, ask: singleSegCount, expect: twin.singleSegCount },
  { name: 'iov_len', of: ['ubuf', 'iovec', 'kvec'], ask: iovLength, expect: twin.iovLen },
  ...[
    [511, 511],
    [3, 3],
    [511, 3],
  ].map(([address = 0, length = 0]) => ({
    name: `is_aligned, masks ${address} and ${length}`,
    of: null,
    ask: (i: IovIter) => Number(isAligned(i, address, length)),
    expect: (i: twin.SlowIov) => Number(twin.isAligned(i, address, length)),
  })),
]

/** A ring that names the pages it allocates, and counts what it takes and drops. */
class NamedRing extends PipeRing {
  private readonly pair: IovPair

  constructor(pages: PageStore, pair: IovPair) {
    const { ledger } = pair.host
    super(pages, pair.noting(ledger.pageReferences), pair.noting(ledger.mappingReferences), pair.one.ringSize)
    this.pair = pair
  }

  override pushOwn(size: number): number {
    const row = super.pushOwn(size)
    this.pair.namePipePage(row)
    return row
  }
}

/**
 * One iterator, in the fast library and in the slow twin. Each method does the same to both, compares what comes back
 * and the state behind it, and throws {@link IovDifference} where they are not the same.
 */
export class IovPair {
  readonly host: IovHost
  fast: IovIter
  slow!: twin.SlowIov
  one!: IovCase
  readonly list = new PageList()
  /** Rules that the fast side broke since they were last compared. */
  readonly rules: IterRule[] = []
  readonly queue = new FolioQueue()
  slowQueue: MutableQueue = []
  file = 0
  slowFile: MutableFile = new Map()
  ring: PipeRing | null = null
  /** Rows that the ring of the fast side took a reference on, and let go. */
  readonly got: number[] = []
  readonly put: number[] = []
  /** Index of the first segment in the fast table. */
  segmentFirst = 0
  /** What the last extraction took, as the twin says: for each entry one page. */
  taken: readonly string[] = []
  kind: 'none' | 'ref' | 'pin' = 'none'
  private firsts: string[] = []
  private readonly table = new SegmentTable()
  /** Segments of iterators that were duplicated. */
  private readonly copies = new SegmentTable()
  private readonly first: IovIter
  private ranges: twin.SlowRange[] = []
  private bvecs: twin.SlowBvec[] = []
  private pipePages = 0
  private slowPipePages = 0

  /** `fast` may be an iterator with a mistake, to see that it is found. */
  constructor(host: IovHost, fast = new IovIter()) {
    this.host = host
    this.fast = fast
    this.first = fast
  }

  /** Opens memory for a case, and makes everything of it. */
  start(one: IovCase): void {
    this.host.open(one)
    this.lay(one)
    this.begin(one)
  }

  /** Lays out what the iterators point to, in memory that was opened. */
  lay(one: IovCase): void {
    const { host, table } = this
    table.clear()
    switch (one.type) {
      case 'folioq':
        this.queue.clearAll()
        this.slowQueue = host.queueOf(one, this.queue)
        return
      case 'xarray': {
        const { file, slow } = host.fileOf(one)
        this.file = file
        this.slowFile = slow
        return
      }
      case 'bvec':
        for (const [page, offset, length] of one.segments) table.push(host.frame(page), offset, length)
        this.bvecs = one.segments.map(([page, offset, len]) => ({ pfn: host.frame(page), offset, len }))
        return
      default:
        this.ranges = one.segments.map(([page, offset, len]) => ({
          base: one.type === 'kvec' ? host.kernelAddress(page, offset) : host.userAddress(page, offset),
          len,
        }))
        for (const { base, len } of this.ranges) table.push(base, 0, len)
    }
  }

  /** Makes both iterators, over what was laid out. Versions, direction, start and count may be new ones. */
  begin(one: IovCase): void {
    const { first: fast, table } = this
    this.one = one
    this.fast = fast
    this.segmentFirst = 0
    this.rules.length = 0
    this.copies.clear()
    const { type, countBytes, startBytes, segments } = one
    const { fast: kernel, slow: quirks } = traitsOf(one)
    const setup: twin.SlowSetup = { kernel: one.kernel, direction: one.isSource ? 'source' : 'dest', quirks }
    const direction = one.isSource ? ITER_SOURCE : ITER_DEST
    fast.kernel = kernel
    fast.report = this
    switch (type) {
      case 'folioq':
        fast.resetFolioq(direction, this.queue, one.slot, startBytes, countBytes)
        this.slow = twin.createFolioq(setup, this.slowQueue, one.slot, startBytes, countBytes)
        return
      case 'xarray':
        table.clear()
        table.push(startBytes, this.file, countBytes)
        fast.reset(ITER_XARRAY, direction, table, 0, 1, countBytes)
        this.slow = twin.createXarray(setup, this.slowFile, startBytes, countBytes)
        return
      case 'pipe':
        this.beginPipe(setup)
        return
      case 'discard':
        fast.resetDiscard(countBytes)
        this.slow = twin.createDiscard(setup, countBytes)
        return
      default:
        fast.reset(ITER_TYPE_NAMES.indexOf(type) as IterType, direction, table, 0, segments.length, countBytes)
        this.slow = this.slowVector(setup)
    }
  }

  private slowVector(setup: twin.SlowSetup): twin.SlowIov {
    const { type, countBytes } = this.one
    if (type === 'bvec') return twin.createBvec(setup, this.bvecs, countBytes)
    if (type === 'ubuf') return twin.createUbuf(setup, this.ranges[0]!.base, countBytes)
    return type === 'iovec'
      ? twin.createIovec(setup, this.ranges, countBytes)
      : twin.createKvec(setup, this.ranges, countBytes)
  }

  private beginPipe(setup: twin.SlowSetup): void {
    const { host, one } = this
    this.got.length = 0
    this.put.length = 0
    this.pipePages = 0
    this.slowPipePages = 0
    this.ring = new NamedRing(host.memory.pages, this)
    this.fast.resetPipe(this.ring, one.countBytes)
    const ring = twin.createRing(one.ringSize, one.ringSize, () => `p${this.slowPipePages++}`)
    this.slow = twin.createPipe(setup, ring, one.countBytes)
  }

  /** Names a page that the ring allocated. */
  namePipePage(row: number): void {
    this.host.name(`p${this.pipePages++}`, row)
  }

  /** References that are noted, too. */
  noting(references: PageReferences): PageReferences {
    return {
      get: (row) => {
        this.got.push(row)
        references.get(row)
      },
      put: (row) => {
        this.put.push(row)
        references.put(row)
      },
    }
  }

  iterViolation(rule: IterRule): void {
    this.rules.push(rule)
  }

  /** One call of either family; returns the bytes, or {@link UNDEFINED}. */
  extract(policy: PolicyName, bytesMax: number, pagesMax: number): number {
    const { fast, host, list, slow } = this
    let expected: twin.SlowPages
    try {
      expected =
        policy === 'get-pages'
          ? twin.getPages(host.world, slow, bytesMax, pagesMax)
          : twin.extractPages(host.world, slow, bytesMax, pagesMax)
    } catch (error) {
      return this.undefinedBy(error, () => {
        extractPages(fast, POLICIES.get(policy)!, host.memory, list, pagesMax, bytesMax)
      })
    }
    const bytes = extractPages(fast, POLICIES.get(policy)!, host.memory, list, pagesMax, bytesMax)
    if (bytes !== expected.bytes) this.differ(`${policy}: bytes`, bytes, expected.bytes)
    this.comparePages(policy, expected)
    this.compareState(policy)
    return bytes
  }

  private comparePages(policy: PolicyName, expected: twin.SlowPages): void {
    const { list, one, host } = this
    const { bytes, offset0, pages, takenPages } = expected
    const isRef = policy === 'viro-2022' && one.isSource
    this.kind = isRef && expected.taken === 'pin' ? 'ref' : expected.taken
    this.taken = takenPages
    if (bytes > 0 && pages.length > 0) {
      if (list.pages !== pages.length) this.differ(`${policy}: pages`, list.pages, pages.length)
      this.compareEntries(policy, pages, offset0, bytes)
    }
    const kind = RETENTION_NAMES[list.length === 0 ? 0 : list.retention]
    if (list.sparesSlab || pages.length !== takenPages.length) {
      // Something is listed and not taken, or taken and not listed.
      const { nameOf, world } = host
      const listed = kind === 'none' ? [] : [...list.page.subarray(0, list.length)].map((row) => nameOf[row]!)
      const taken = list.sparesSlab ? listed.filter((name) => !world.isSlab(name)) : listed
      if (taken.join() !== takenPages.join()) this.differ(`${policy}: pages taken`, taken, takenPages)
    } else if (kind !== this.kind) this.differ(`${policy}: retention`, kind, this.kind)
  }

  /** Pages with their offsets and lengths; under the folio policy, runs of folios. */
  private compareEntries(policy: PolicyName, pages: readonly string[], offset0: number, bytes: number): void {
    const { list, host } = this
    const { nameOf } = host
    const isFolio = policy === 'folio'
    if (isFolio) this.firsts = []
    let entry = 0
    let at = 0
    for (let i = 0; i < pages.length; entry++) {
      const from = i++
      while (isFolio && i < pages.length && this.continues(pages[i - 1]!, pages[i]!)) i++
      const end = Math.min(i * PAGE_SIZE - offset0, bytes)
      if (
        nameOf[list.page[entry]!] !== pages[from] ||
        list.offsetBytes[entry] !== (from === 0 ? offset0 : 0) ||
        list.lengthBytes[entry] !== end - at
      ) {
        const row = list.page[entry]!
        this.differ(
          `${policy}: entry ${entry}`,
          [nameOf[row], list.offsetBytes[entry], list.lengthBytes[entry]],
          [pages[from], from === 0 ? offset0 : 0, end - at],
        )
      }
      at = end
      if (isFolio) this.firsts.push(pages[from]!)
    }
    if (isFolio && this.kind !== 'none') this.taken = this.firsts
    if (list.length !== entry) this.differ(`${policy}: entries`, list.length, entry)
  }

  /** The second page follows the first in one folio. */
  private continues(name: string, next: string): boolean {
    const { rowOf, memory } = this.host
    const row = rowOf.get(name)!
    return rowOf.get(next) === row + 1 && memory.pages.head[row] === memory.pages.head[row + 1]
  }

  advance(bytes: number): number {
    try {
      twin.advance(this.slow, bytes)
    } catch (error) {
      return this.undefinedBy(error, () => {
        this.fast.advance(bytes)
      })
    }
    this.fast.advance(bytes)
    this.compareState('advance')
    return 0
  }

  /** Past the start both tell, and stay where they are. */
  revert(bytes: number): void {
    let rule: IterRule | null = null
    try {
      twin.revert(this.slow, bytes)
    } catch (error) {
      if (!(error instanceof twin.SlowViolation) || error.kind !== 'revert-past-start') throw error
      rule = 'revert-past-start'
    }
    this.fast.revert(bytes)
    this.compareRules('revert', rule)
    this.compareState('revert')
  }

  /** PIPE: links the first bytes of a page. */
  link(bytes: number): void {
    const { host, fast, slow } = this
    if (!host.rowOf.has('c0')) host.folio(['c0'])
    const found = copyPageToIter(fast, host.memory, host.rowOf.get('c0')!, 0, bytes)
    const expected = twin.copyPageTo(host.world, slow, ['c0'], 0, bytes)
    if (found !== expected) this.differ('copy_page_to_iter', found, expected)
    this.compareState('copy_page_to_iter')
  }

  /** Everything that can be asked without a change. */
  queries(): void {
    const { fast, slow } = this
    const { type } = slow
    for (const { name, of, ask, expect } of QUERIES) {
      if (of !== null && !of.includes(type)) continue
      let expected: number
      try {
        expected = expect(slow)
      } catch (error) {
        if (error instanceof twin.SlowViolation) continue
        throw error
      }
      const found = ask(fast)
      if (found !== expected) this.differ(name, found, expected)
    }
  }

  truncate(bytes: number): void {
    twin.truncate(this.slow, bytes)
    this.fast.truncate(bytes)
    this.compareState('truncate')
  }

  reexpand(bytes: number): void {
    twin.reexpand(this.slow, bytes)
    this.fast.reexpand(bytes)
    this.compareState('reexpand')
  }

  save(): SavedPair {
    const fast = { iovOffsetBytes: 0, countBytes: 0, segmentsLeft: 0 }
    this.fast.saveState(fast)
    return { fast, slow: twin.saveState(this.slow) }
  }

  restore({ fast, slow }: SavedPair): void {
    const found = this.fast.restore(fast)
    const expected = twin.restore(this.slow, slow)
    if (found !== expected) this.differ('restore', found, expected)
    this.compareState('restore')
  }

  /** Both go on with a copy of themselves. */
  dup(): void {
    const copy = new IovIter()
    const first = this.copies.length
    const found = copy.dup(this.fast, this.copies)
    const { iter, copied } = twin.dup(this.slow)
    if (found !== copied) this.differ('dup_iter', found, copied)
    this.fast = copy
    this.slow = iter
    if (found) this.segmentFirst = first
    this.compareState('dup_iter')
  }

  /** Goes on with two iterators that were made otherwise. */
  adopt(one: IovCase, fast: IovIter, slow: twin.SlowIov): void {
    this.one = one
    this.fast = fast
    this.slow = slow
    this.segmentFirst = 0
    this.compareState('new iterator')
  }

  compareState(what: string): void {
    const { fast, slow } = this
    if (fast.countBytes !== slow.count) this.differ(`${what}: count`, fast.countBytes, slow.count)
    if (fast.iovOffsetBytes !== slow.iovOffset) this.differ(`${what}: iov_offset`, fast.iovOffsetBytes, slow.iovOffset)
    switch (slow.type) {
      case 'iovec':
      case 'kvec':
      case 'bvec':
        if (fast.segment !== slow.index + this.segmentFirst) this.differ(`${what}: segment`, fast.segment, slow.index)
        if (fast.segmentsLeft !== slow.nrSegs) this.differ(`${what}: nr_segs`, fast.segmentsLeft, slow.nrSegs)
        return
      case 'folioq':
        if (fast.queueSegment !== slow.queueSegment || fast.slot !== slow.slot) {
          this.differ(`${what}: slot`, [fast.queueSegment, fast.slot], [slow.queueSegment, slow.slot])
        }
        return
      case 'pipe':
        this.comparePipe(what)
    }
  }

  private comparePipe(what: string): void {
    const { fast, slow, host, ring } = this
    const expected = slow.ring!
    const found = [fast.pipeHead, fast.lastOffset, ring!.head, ring!.tail]
    const wanted = [slow.head, slow.lastOffset, expected.head, expected.tail]
    if (found.join() !== wanted.join()) this.differ(`${what}: head, last_offset, ring`, found, wanted)
    for (let buffer = expected.tail; buffer < expected.head; buffer++) {
      const at = ring!.at(buffer)
      const buf = expected.bufs[buffer & (expected.ringSize - 1)]!
      const own = ring!.isOwn[at] === 1 ? 'anon' : 'page-cache'
      const has = [host.nameOf[ring!.page[at]!], ring!.offsetBytes[at], ring!.lengthBytes[at], own].join()
      const should = [buf.page, buf.offset, buf.len, buf.ops].join()
      if (has !== should) this.differ(`${what}: buffer ${buffer}`, has, should)
    }
    const names = (rows: readonly number[]) => rows.map((row) => host.nameOf[row]).join()
    if (names(this.got) !== expected.got.join()) this.differ(`${what}: referenced`, names(this.got), expected.got)
    if (names(this.put) !== expected.put.join()) this.differ(`${what}: let go`, names(this.put), expected.put)
  }

  /** The rules broken since the last look: the twin's, and one that it threw. */
  compareRules(what: string, thrown: IterRule | null = null): void {
    const { rules, slow } = this
    if (rules.length === 0 && slow.violations.length === 0 && thrown === null) return
    const expected = thrown === null ? [...slow.violations] : [...slow.violations, thrown]
    if (rules.join() !== expected.join()) this.differ(`${what}: violations`, rules, expected)
    rules.length = 0
    slow.violations.length = 0
  }

  /** The twin met undefined behaviour: the fast side must survive it, or have an InvariantError for a BUG. */
  undefinedBy(error: unknown, run: () => void): number {
    if (!(error instanceof twin.SlowViolation)) throw error
    let isFatal = false
    try {
      run()
    } catch (fastError) {
      if (!(fastError instanceof InvariantError)) throw fastError
      isFatal = true
    }
    if (isFatal !== FATAL.has(error.kind)) {
      this.differ(`undefined behaviour, ${error.kind}`, isFatal ? 'InvariantError' : 'no error', 'the other')
    }
    return UNDEFINED
  }

  differ(what: string, fast: unknown, slow: unknown): never {
    throw new IovDifference(`${what}: fast ${JSON.stringify(fast)}, twin ${JSON.stringify(slow)}`)
  }
}
