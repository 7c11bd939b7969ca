import { extractPages } from '../../src/extract/extract-pages.ts'
import { PageList } from '../../src/extract/page-list.ts'
import { type ExtractionPolicy, findPolicy, type PolicyName } from '../../src/extract/policy.ts'
import { copyPageToIter } from '../../src/iter/copy.ts'
import { FolioQueue } from '../../src/iter/folio-queue.ts'
import { IovIter } from '../../src/iter/iov-iter.ts'
import type { IterRule } from '../../src/iter/iter-report.ts'
import type { IovIterState } from '../../src/iter/iter-state.ts'
import { ITER_DEST, ITER_SOURCE, ITER_TYPE_NAMES, ITER_XARRAY, type IterType } from '../../src/iter/iter-type.ts'
import type { PipeRing } from '../../src/iter/pipe-ring.ts'
import { SegmentTable } from '../../src/iter/segment-table.ts'
import type { PageReferences } from '../../src/memory/page-references.ts'
import * as twin from '../model/iov/index.ts'
import { type IovCase, traitsOf } from './iov-case.ts'
import { differ, undefinedBy } from './iov-difference.ts'
import type { IovHost, MutableFile, MutableQueue } from './iov-host.ts'
import { comparePages } from './iov-pages.ts'
import { comparePipe, NamedRing } from './iov-pipe.ts'
import { QUERIES } from './iov-queries.ts'

export interface SavedPair {
  readonly fast: IovIterState
  readonly slow: twin.SlowState
}

const POLICIES = new Map<PolicyName, ExtractionPolicy>(
  (['get-pages', 'viro-2022', 'extract', 'folio'] as const).map((name) => [name, findPolicy(name)!]),
)

/**
 * One iterator, in the fast library and in the slow twin. Each method does the same to both, compares what comes back
 * and the state behind it, and throws an IovDifference where they are not the same.
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

  /** One call of either family; returns the bytes, or UNDEFINED. */
  extract(policy: PolicyName, bytesMax: number, pagesMax: number): number {
    const { fast, host, list, slow } = this
    let expected: twin.SlowPages
    try {
      expected =
        policy === 'get-pages'
          ? twin.getPages(host.world, slow, bytesMax, pagesMax)
          : twin.extractPages(host.world, slow, bytesMax, pagesMax)
    } catch (error) {
      return undefinedBy(error, () => {
        extractPages(fast, POLICIES.get(policy)!, host.memory, list, pagesMax, bytesMax)
      })
    }
    const bytes = extractPages(fast, POLICIES.get(policy)!, host.memory, list, pagesMax, bytesMax)
    if (bytes !== expected.bytes) differ(`${policy}: bytes`, bytes, expected.bytes)
    comparePages(this, policy, expected)
    this.compareState(policy)
    return bytes
  }

  advance(bytes: number): number {
    try {
      twin.advance(this.slow, bytes)
    } catch (error) {
      return undefinedBy(error, () => {
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
    if (found !== expected) differ('copy_page_to_iter', found, expected)
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
      if (found !== expected) differ(name, found, expected)
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
    if (found !== expected) differ('restore', found, expected)
    this.compareState('restore')
  }

  /** Both go on with a copy of themselves. */
  dup(): void {
    const copy = new IovIter()
    const first = this.copies.length
    const found = copy.dup(this.fast, this.copies)
    const { iter, copied } = twin.dup(this.slow)
    if (found !== copied) differ('dup_iter', found, copied)
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
    if (fast.countBytes !== slow.count) differ(`${what}: count`, fast.countBytes, slow.count)
    if (fast.iovOffsetBytes !== slow.iovOffset) differ(`${what}: iov_offset`, fast.iovOffsetBytes, slow.iovOffset)
    switch (slow.type) {
      case 'iovec':
      case 'kvec':
      case 'bvec':
        if (fast.segment !== slow.index + this.segmentFirst) differ(`${what}: segment`, fast.segment, slow.index)
        if (fast.segmentsLeft !== slow.nrSegs) differ(`${what}: nr_segs`, fast.segmentsLeft, slow.nrSegs)
        return
      case 'folioq':
        if (fast.queueSegment !== slow.queueSegment || fast.slot !== slow.slot) {
          differ(`${what}: slot`, [fast.queueSegment, fast.slot], [slow.queueSegment, slow.slot])
        }
        return
      case 'pipe':
        comparePipe(this, what)
    }
  }

  /** The rules broken since the last look: the twin's, and one that it threw. */
  compareRules(what: string, thrown: IterRule | null = null): void {
    const { rules, slow } = this
    if (rules.length === 0 && slow.violations.length === 0 && thrown === null) return
    const expected = thrown === null ? [...slow.violations] : [...slow.violations, thrown]
    if (rules.join() !== expected.join()) differ(`${what}: violations`, rules, expected)
    rules.length = 0
    slow.violations.length = 0
  }
}
