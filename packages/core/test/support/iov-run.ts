import type { PolicyName } from '../../src/extract/policy.ts'
import type { Hold } from '../../src/ledger/hold.ts'
import type * as twin from '../model/iov/index.ts'
import type { IovBench } from './iov-bench.ts'
import { toIter, toSg } from './iov-builders.ts'
import { CASE_PAGES, type IovCase } from './iov-case.ts'
import { copyAcross } from './iov-copies.ts'
import { OutCounts } from './iov-counts.ts'
import { differ } from './iov-difference.ts'
import type { IovHost } from './iov-host.ts'
import type { IovOp, OpBack, OpBytes } from './iov-ops.ts'
import type { IovPair, SavedPair } from './iov-pair.ts'

const HUGE = Number.MAX_SAFE_INTEGER

/** A hold of the fast ledger, and what the twin says it has. */
interface HeldPair {
  readonly hold: Hold
  readonly names: readonly string[]
  readonly kind: 'ref' | 'pin'
}

type MemoryOp = Extract<IovOp, { op: 'read-pipe' | 'extend-queue' | 'clear-slot' | 'punch' | 'refuse' }>

/** One sequence. */
export class IovRun {
  readonly bench: IovBench
  private readonly one: IovCase
  private readonly pair: IovPair
  private readonly host: IovHost
  private readonly held: HeldPair[] = []
  readonly counts: OutCounts
  readonly slowTable: twin.SlowSgTable = { nents: 0, origNents: 0, entries: [] }
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
    this.counts = new OutCounts(bench.pair)
  }

  /** False: nothing more can be done. */
  step(op: IovOp): boolean {
    const before = this.pair.slow.count
    if (Number.isNaN(this.perform(op))) return false
    const { pair } = this
    if (pair.slow.count < 0) {
      // The kernel's count wraps; the model's is 0, and told.
      if (pair.rules.join() !== 'count-wrapped' || pair.fast.countBytes !== 0) differ(op.op, pair.rules, 'wrapped')
      return false
    }
    pair.compareState(op.op)
    if (op.op !== 'revert') pair.compareRules(op.op)
    if (op.op !== 'truncate' && op.op !== 'reexpand' && op.op !== 'restore') this.consumed += before - pair.slow.count
    this.compareContents(op.op)
    this.counts.compare(op.op)
    return true
  }

  /** Lets everything go: every folio must be as it was. */
  finish(): void {
    const { bench, pair } = this
    for (const held of this.held.splice(0)) this.release(held)
    bench.toSg.letGo(bench.table)
    pair.ring?.discardFrom(pair.ring.tail)
    this.counts.compareEnd()
  }

  /** UNDEFINED where nothing can be compared any more. */
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
        return toSg(this, this.bytesOf(op.bytes), op.entries, op.keep)
      case 'to-iter':
        return toIter(this, op.policy, this.bytesOf(op.bytes), op.segments, op.copied)
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
    this.counts.add(names, kind, 1)
  }

  private releaseOne(number: number): number {
    const [held] = this.held.splice(number % Math.max(this.held.length, 1), 1)
    if (held !== undefined) this.release(held)
    return 0
  }

  private release({ hold, names, kind }: HeldPair): void {
    this.host.ledger.letGo(hold)
    this.counts.add(names, kind, -1)
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

  /** What every page that either side touched holds. */
  private compareContents(what: string): void {
    const { host } = this
    const { touched, world, rowOf, memory } = host
    for (const name of touched) if (!world.bytes.has(name)) world.bytes.get(name)
    for (const [name, expected] of world.bytes) {
      const found = memory.bytes!.bytesOf(rowOf.get(name)!)
      if (Buffer.compare(found, expected) !== 0) {
        const at = found.findIndex((byte, i) => byte !== expected[i])
        differ(`${what}: contents of ${name} from byte ${at} on`, found[at], expected[at])
      }
    }
  }
}
