import { ExtractedIter, extractIterToIter } from '../../src/build/iter-to-iter.ts'
import { IterToSg, type PageTaker } from '../../src/build/iter-to-sg.ts'
import { Scatterlists, SG_NO_PAGE } from '../../src/build/scatterlist.ts'
import type { SgReport } from '../../src/build/sg-report.ts'
import { SgTable } from '../../src/build/sg-table.ts'
import { extractPages } from '../../src/extract/extract-pages.ts'
import { findPolicy, type PolicyName } from '../../src/extract/policy.ts'
import type { IovIter } from '../../src/iter/iov-iter.ts'
import { HOLD_NONE, type Hold } from '../../src/ledger/hold.ts'
import {
  PINS_ACQUIRED,
  PINS_OPEN,
  PINS_RELEASED,
  REFS_ACQUIRED,
  REFS_OPEN,
  REFS_RELEASED,
} from '../../src/ledger/totals.ts'
import * as twin from '../model/iov/index.ts'
import { CASE_PAGES, type IovCase } from './iov-case.ts'
import { copyAcross } from './iov-copies.ts'
import { IovHost } from './iov-host.ts'
import type { IovOp, OpBack, OpBytes } from './iov-ops.ts'
import { IovPair, type SavedPair, UNDEFINED } from './iov-pair.ts'

/** Entries of the scatterlist of a case. */
const SG_ENTRIES = 32
/** Cases in one memory; then a new one is taken, so that it stays small. */
const CASES_PER_HOST = 200
const HUGE = Number.MAX_SAFE_INTEGER

/** References that are out on a folio: what the twin says was taken. */
interface Out {
  refs: number
  pins: number
}

/** A hold of the fast ledger, and what the twin says it has. */
interface HeldPair {
  readonly hold: Hold
  readonly names: readonly string[]
  readonly kind: 'ref' | 'pin'
}

/** Everything that many sequences have in common, made once. */
export class IovBench implements PageTaker, SgReport {
  host = new IovHost()
  pair: IovPair
  other: IovPair
  readonly lists = new Scatterlists()
  readonly table = new SgTable()
  readonly extracted = new ExtractedIter()
  toSg: IterToSg
  /** What building a list ran into. */
  readonly sgRules: string[] = []
  hold: Hold = HOLD_NONE
  private readonly makeIter: () => IovIter | undefined
  private readonly sgl: number

  /** `makeIter`: an iterator with a mistake, for controls. */
  constructor(makeIter: () => IovIter | undefined = () => undefined) {
    this.makeIter = makeIter
    this.pair = new IovPair(this.host, makeIter())
    this.other = new IovPair(this.host)
    this.toSg = new IterToSg(this.host.memory, this.host.ledger, this.lists, this)
    this.sgl = this.lists.take(SG_ENTRIES)
  }

  get iter(): IovIter {
    return this.pair.fast
  }

  get list() {
    return this.pair.list
  }

  extract(pagesMax: number, bytesMax: number, flags: number): number {
    const { host, pair } = this
    this.hold = HOLD_NONE
    const bytes = extractPages(pair.fast, findPolicy('extract')!, host.memory, pair.list, pagesMax, bytesMax, flags)
    if (bytes > 0) this.hold = host.ledger.acquire(pair.list) as Hold
    return bytes
  }

  sgViolation(rule: string): void {
    this.sgRules.push(rule)
  }

  /** Runs a sequence from the start; throws where the two differ. Returns the operations done. */
  run(one: IovCase, ops: readonly IovOp[]): number {
    if (this.host.cases === CASES_PER_HOST) this.renew()
    const { lists, table, pair } = this
    pair.start(one)
    lists.initTable(this.sgl, SG_ENTRIES)
    table.clear()
    table.sgl = this.sgl
    this.sgRules.length = 0
    const run = new IovRun(this, one)
    let done = 0
    try {
      for (const op of ops) {
        done++
        if (!run.step(op)) break
      }
      run.finish()
    } catch (error) {
      // What it holds must not spoil the next one.
      this.renew()
      throw error
    }
    return done
  }

  private renew(): void {
    this.extracted.hold = HOLD_NONE
    this.host = new IovHost()
    this.pair = new IovPair(this.host, this.makeIter())
    this.other = new IovPair(this.host)
    this.toSg = new IterToSg(this.host.memory, this.host.ledger, this.lists, this)
  }
}

type MemoryOp = Extract<IovOp, { op: 'read-pipe' | 'extend-queue' | 'clear-slot' | 'punch' | 'refuse' }>

/** One sequence. */
class IovRun {
  private readonly bench: IovBench
  private readonly one: IovCase
  private readonly pair: IovPair
  private readonly host: IovHost
  private readonly held: HeldPair[] = []
  /** By head page. */
  private readonly out = new Map<number, Out>()
  private readonly slowTable: twin.SlowSgTable = { nents: 0, origNents: 0, entries: [] }
  private saved: { readonly state: SavedPair; readonly cut: number; readonly consumed: number } | null = null
  /** Bytes that truncate took off. */
  private cut = 0
  /** Bytes from the start to here. */
  private consumed = 0
  constructor(bench: IovBench, one: IovCase) {
    this.bench = bench
    this.one = one
    this.pair = bench.pair
    this.host = bench.host
  }

  /** False: nothing more can be done. */
  step(op: IovOp): boolean {
    const before = this.pair.slow.count
    if (Number.isNaN(this.perform(op))) return false
    const { pair } = this
    if (pair.slow.count < 0) {
      // The kernel's count wraps; the model's is 0, and told.
      if (pair.rules.join() !== 'count-wrapped' || pair.fast.countBytes !== 0) pair.differ(op.op, pair.rules, 'wrapped')
      return false
    }
    pair.compareState(op.op)
    if (op.op !== 'revert') pair.compareRules(op.op)
    if (op.op !== 'truncate' && op.op !== 'reexpand' && op.op !== 'restore') this.consumed += before - pair.slow.count
    this.compareContents(op.op)
    this.compareCounts(op.op)
    return true
  }

  /** Lets everything go: every folio must be as it was. */
  finish(): void {
    const { bench, host, pair } = this
    for (const held of this.held.splice(0)) this.release(held)
    bench.toSg.letGo(bench.table)
    pair.ring?.discardFrom(pair.ring.tail)
    const { refcount, pincount } = host.memory.pages
    for (const [head, base] of host.baseOf) {
      const isFreed = pair.one.type === 'pipe' && host.nameOf[head]!.startsWith('p')
      const left = refcount[head]! - (isFreed ? 0 : base)
      if (left !== 0 || pincount[head] !== 0) {
        pair.differ(`at the end: ${host.nameOf[head]}`, [refcount[head], pincount[head]], [base, 0])
      }
    }
    this.compareTotals('at the end', 0, 0)
    if (host.ledger.violationCount > 0) pair.differ('at the end: violations', host.ledger.violations, [])
  }

  /** {@link UNDEFINED} where nothing can be compared any more. */
  private perform(op: IovOp): number {
    const { pair } = this
    switch (op.op) {
      case 'extract':
        return this.extract(op.policy, this.bytesOf(op.bytes), op.pages)
      case 'release':
        return this.releaseOne(op.hold)
      case 'advance':
        return pair.advance(this.one.type === 'pipe' ? 0 : this.bytesOf(op.bytes))
      case 'revert':
        return this.revert(op.bytes)
      case 'truncate':
        return this.truncate(this.bytesOf(op.bytes))
      case 'reexpand':
        return this.reexpand()
      case 'save':
        this.saved = { state: pair.save(), cut: this.cut, consumed: this.consumed }
        return 0
      case 'restore':
        return this.restore()
      case 'dup':
        return this.dup()
      case 'queries':
        pair.queries()
        return 0
      case 'to-sg':
        return this.toSg(this.bytesOf(op.bytes), op.entries, op.keep)
      case 'to-iter':
        return this.toIter(op.policy, this.bytesOf(op.bytes), op.segments, op.copied)
      case 'read-pipe':
      case 'extend-queue':
      case 'clear-slot':
      case 'punch':
      case 'refuse':
        this.change(op)
        return 0
      default:
        return copyAcross(pair, op, this.bytesOf(op.bytes))
    }
  }

  /** What is done to the memory, not to the iterators. */
  private change(op: MemoryOp): void {
    const { pair, host, one } = this
    if (op.op === 'read-pipe') {
      if (one.type === 'pipe') this.readPipe()
    } else if (op.op === 'punch') {
      if (one.type === 'xarray') host.punch(pair.file, pair.slowFile, op.index)
    } else if (op.op === 'refuse') {
      if (one.type === 'ubuf' || one.type === 'iovec') host.refuse(op.page % CASE_PAGES)
    } else if (one.type === 'folioq') {
      if (op.op === 'extend-queue') host.append(pair.queue, pair.slowQueue, op.order)
      else host.clearSlot(pair.queue, pair.slowQueue, op.slot % pair.queue.count)
    }
  }

  private bytesOf(bytes: OpBytes): number {
    const { count } = this.pair.slow
    if (typeof bytes === 'number') return bytes
    if (bytes === 'huge') return HUGE
    return Math.max(bytes === 'count' ? count : bytes === 'count-1' ? count - 1 : count + 1, 0)
  }

  private truncate(bytes: number): number {
    const before = this.pair.slow.count
    this.pair.truncate(bytes)
    this.cut += before - this.pair.slow.count
    return 0
  }

  private reexpand(): number {
    this.pair.reexpand(this.pair.slow.count + this.cut)
    this.cut = 0
    return 0
  }

  private dup(): number {
    if (this.one.type === 'pipe') return 0
    this.pair.dup()
    // What was saved is of the other array.
    this.saved = null
    return 0
  }

  private extract(policy: PolicyName, bytesMax: number, pagesMax: number): number {
    const { pair, host } = this
    const bytes = pair.extract(policy, bytesMax, pagesMax)
    // With no bytes there may be pages all the same: their references are lost.
    if (bytes >= 0 && pair.list.length > 0) this.keep(host.ledger.acquire(pair.list) as Hold, pair.taken, pair.kind)
    return bytes
  }

  private keep(hold: Hold, names: readonly string[], kind: 'ref' | 'pin' | 'none'): void {
    if (kind === 'none') return
    this.held.push({ hold, names, kind })
    for (const name of names) this.count(name, kind, 1)
  }

  private count(name: string, kind: 'ref' | 'pin', by: number): void {
    const head = this.host.memory.pages.head[this.host.rowOf.get(name)!]!
    const out = this.out.get(head) ?? { refs: 0, pins: 0 }
    if (kind === 'pin') out.pins += by
    else out.refs += by
    this.out.set(head, out)
  }

  private releaseOne(number: number): number {
    const [held] = this.held.splice(number % Math.max(this.held.length, 1), 1)
    if (held !== undefined) this.release(held)
    return 0
  }

  private release({ hold, names, kind }: HeldPair): void {
    this.host.ledger.letGo(hold)
    for (const name of names) this.count(name, kind, -1)
  }

  private revert(back: OpBack): number {
    const { pair } = this
    const consumed = Math.max(this.consumed, 0)
    let bytes = back === 'all' ? consumed : back === 'past-start' ? consumed + 1 : back
    if (pair.ring !== null && this.one.type === 'pipe') bytes = Math.min(bytes, this.pipeBytesLeft())
    pair.revert(bytes)
    return 0
  }

  /** Of a pipe that was read from, only what is still there can be taken back, and the reader's buffers are gone. */
  private pipeBytesLeft(): number {
    const { ring, fast } = this.pair
    if (ring!.tail <= fast.pipeStartHead) return HUGE
    let bytes = 0
    for (let buffer = ring!.tail; buffer < ring!.head; buffer++) bytes += ring!.lengthBytes[ring!.at(buffer)]!
    return Math.max(bytes - 1, 0)
  }

  private restore(): number {
    const { pair, saved } = this
    if (saved === null) return 0
    pair.restore(saved.state)
    this.cut = saved.cut
    this.consumed = saved.consumed
    return 0
  }

  private readPipe(): void {
    const { ring, slow, fast } = this.pair
    if (ring!.isEmpty) return
    // The kernel's iterator does not survive it when the buffer that it is in goes.
    if (fast.lastOffset !== 0 && ring!.head - ring!.tail === 1) return
    ring!.consume()
    const expected = slow.ring!
    const at = expected.tail & (expected.ringSize - 1)
    expected.put.push(expected.bufs[at]!.page)
    expected.bufs[at] = null
    expected.tail++
  }

  private toSg(bytesMax: number, entries: number, keep: boolean): number {
    const { bench, pair, host, slowTable, one } = this
    const { table, lists } = bench
    const room = SG_ENTRIES - table.nents
    const entriesMax = Math.min(entries, room)
    if (one.kernel === '6.1') return 0
    if (keep) {
      table.origNents = table.nents
      slowTable.origNents = slowTable.nents
    }
    bench.sgRules.length = 0
    pair.slow.warnings.length = 0
    let expected: twin.SlowSgResult
    try {
      expected = twin.extractToSg(host.world, pair.slow, bytesMax, slowTable, entriesMax)
    } catch (error) {
      return pair.undefinedBy(error, () => {
        bench.toSg.extract(bench, table, bytesMax, entriesMax)
      })
    }
    const found = bench.toSg.extract(bench, table, bytesMax, entriesMax)
    for (const name of expected.taken) this.count(name, 'pin', 1)
    for (const name of expected.released) this.count(name, 'pin', -1)
    if (bench.sgRules.includes('past-table')) return UNDEFINED
    if (found !== expected.result) pair.differ('to-sg: bytes', found, expected.result)
    const warned = bench.sgRules.map((rule) => SG_WARNINGS[rule] ?? '').join('')
    const expectedWarnings = pair.slow.warnings
      .filter((warning) => warning !== 'sg-type')
      .map((warning) => warning.replace(/^xarray-.*/, 'xarray'))
      .join('')
    if (warned !== expectedWarnings) pair.differ('to-sg: warnings', bench.sgRules, pair.slow.warnings)
    if (table.nents !== slowTable.nents) pair.differ('to-sg: nents', table.nents, slowTable.nents)
    for (let i = 0; i < table.nents; i++) {
      const sg = table.sgl + i
      const { page, offset, length } = slowTable.entries[i]!
      const name = lists.page[sg] === SG_NO_PAGE ? null : host.nameOf[lists.page[sg]!]
      const has = [name, lists.offsetBytes[sg], lists.lengthBytes[sg]]
      const should = [page === 'wild' ? null : page, offset, length]
      if (has.join() !== should.join()) pair.differ(`to-sg: entry ${i}`, has, should)
    }
    return found
  }

  private toIter(policy: PolicyName, bytesMax: number, segments: number, wanted: number): number {
    const { bench, pair, host, one } = this
    const { extracted, other } = bench
    if (one.type === 'pipe') return 0
    let slow: SlowIterToIter
    try {
      slow = slowIterToIter(host, pair.slow, policy, bytesMax, segments)
    } catch (error) {
      const done = pair.undefinedBy(error, () => {
        extractIterToIter(pair.fast, host.memory, host.ledger, findPolicy(policy)!, bytesMax, segments, extracted)
      })
      extracted.letGo(host.ledger)
      return done
    }
    const bytes = extractIterToIter(
      pair.fast,
      host.memory,
      host.ledger,
      findPolicy(policy)!,
      bytesMax,
      segments,
      extracted,
    )
    if (bytes !== slow.bytes) pair.differ('to-iter: bytes', bytes, slow.bytes)
    for (const name of slow.taken) this.count(name, slow.kind, 1)
    this.compareCounts('to-iter')
    let copied = 0
    if (slow.iter !== null) {
      other.adopt({ ...one, type: slow.iter.type }, extracted.iter, slow.iter)
      extracted.iter.report = other
      other.slow.violations.length = 0
      const op = one.isSource ? 'copy-from' : 'copy-to'
      other.rules.length = 0
      copied = copyAcross(other, { op, bytes: wanted }, wanted)
      other.compareRules('to-iter')
      if (!Number.isNaN(copied) && one.kernel !== '6.1') copied = other.extract('extract', 4097, 2)
    }
    extracted.letGo(host.ledger)
    for (const name of slow.taken) this.count(name, slow.kind, -1)
    return copied
  }

  /** What every page that either side touched holds. */
  private compareContents(what: string): void {
    const { host, pair } = this
    const { touched, world, rowOf, memory } = host
    for (const name of touched) if (!world.bytes.has(name)) world.bytes.get(name)
    for (const [name, expected] of world.bytes) {
      const found = memory.bytes!.bytesOf(rowOf.get(name)!)
      if (Buffer.compare(found, expected) !== 0) {
        const at = found.findIndex((byte, i) => byte !== expected[i])
        pair.differ(`${what}: contents of ${name} from byte ${at} on`, found[at], expected[at])
      }
    }
  }

  /** The counts of every folio are what the owner has, and what is out. */
  private compareCounts(what: string): void {
    const { host, pair, out } = this
    const { order, refcount, pincount } = host.memory.pages
    const { slow } = pair
    let pinsOut = 0
    let refsOut = slow.ring === null ? 0 : slow.ring.got.length
    for (const [head, base] of host.baseOf) {
      const { refs, pins } = out.get(head) ?? NOTHING_OUT
      const isSmall = order[head] === 0
      const name = host.nameOf[head]!
      const inPipe = slow.ring === null ? 0 : timesIn(slow.ring.got, name) - timesIn(slow.ring.put, name)
      // A page of the pipe's own goes with the reference that it was allocated with.
      if (!name.startsWith('p')) refsOut -= slow.ring === null ? 0 : timesIn(slow.ring.put, name)
      pinsOut += pins
      refsOut += refs
      const expected = base + inPipe + refs + (isSmall ? 1024 * pins : pins)
      if (refcount[head] !== expected) pair.differ(`${what}: refcount of ${name}`, refcount[head], expected)
      if (pincount[head] !== (isSmall ? 0 : pins)) pair.differ(`${what}: pincount of ${name}`, pincount[head], pins)
    }
    this.compareTotals(what, pinsOut, refsOut)
  }

  /** What was acquired and not released is what is out. */
  private compareTotals(what: string, pinsOut: number, refsOut: number): void {
    const { totals } = this.host.ledger
    const pins = totals[PINS_ACQUIRED]! - totals[PINS_RELEASED]!
    const refs = totals[REFS_ACQUIRED]! - totals[REFS_RELEASED]!
    const found = [pins, totals[PINS_OPEN], refs, totals[REFS_OPEN]]
    if (found.join() !== [pinsOut, pinsOut, refsOut, refsOut].join()) {
      this.pair.differ(`${what}: pins and references acquired less released, and open`, found, [pinsOut, refsOut])
    }
  }
}

/** The warnings of the twin, by rule of the fast side; the other rules are no warnings of the kernel. */
const SG_WARNINGS: Readonly<Record<string, string>> = { 'queue-end': 'sg-folioq-end', 'foreign-entry': 'xarray' }

const NOTHING_OUT: Out = { refs: 0, pins: 0 }

function timesIn(names: readonly string[], name: string): number {
  let times = 0
  for (const one of names) if (one === name) times++
  return times
}

interface SlowIterToIter {
  readonly bytes: number
  readonly iter: twin.SlowIov | null
  readonly taken: readonly string[]
  readonly kind: 'ref' | 'pin'
}

/**
 * Another iterator out of a part of one: of user memory a bvec iterator over its pages, else a copy.
 * @kernel fs/netfs/iterator.c: netfs_extract_user_iter; fs/netfs/direct_read.c
 */
function slowIterToIter(
  host: IovHost,
  slow: twin.SlowIov,
  policy: PolicyName,
  bytesMax: number,
  segmentsMax: number,
): SlowIterToIter {
  // With nothing left iov_iter_npages() gives no room for pages.
  if (slow.count === 0) return { bytes: 0, iter: null, taken: [], kind: 'ref' }
  if (slow.type !== 'ubuf' && slow.type !== 'iovec') {
    const { iter } = twin.dup(slow)
    const bytes = Math.min(bytesMax, slow.count)
    twin.truncate(iter, bytes)
    twin.advance(slow, bytes)
    return { bytes, iter, taken: [], kind: 'ref' }
  }
  const bvecs: twin.SlowBvec[] = []
  const taken: string[] = []
  let kind: 'ref' | 'pin' = 'pin'
  let bytes = 0
  let error = 0
  while (bytes < bytesMax && bvecs.length < segmentsMax) {
    const take = policy === 'get-pages' ? twin.getPages : twin.extractPages
    const got = take(host.world, slow, bytesMax - bytes, segmentsMax - bvecs.length)
    if (got.bytes <= 0) {
      error = got.bytes === 0 ? twin.EIO : got.bytes
      break
    }
    kind = got.taken === 'ref' || (policy === 'viro-2022' && slow.direction === 'source') ? 'ref' : 'pin'
    taken.push(...got.takenPages)
    let left = got.bytes
    let offset = got.offset0
    for (const page of got.pages) {
      const len = Math.min(twin.PAGE - offset, left)
      bvecs.push({ pfn: host.frameOfName(page), offset, len })
      left -= len
      offset = 0
    }
    bytes += got.bytes
  }
  if (bytes === 0) return { bytes: error, iter: null, taken, kind }
  const { kernel, direction, quirks } = slow
  return { bytes, iter: twin.createBvec({ kernel, direction, quirks }, bvecs, bytes), taken, kind }
}
