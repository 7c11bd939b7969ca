import { EFAULT, EINVAL } from '../../src/errno.ts'
import {
  OPEN_REASONS,
  REASON_ABANDONED,
  REASON_IN_FLIGHT,
  REASON_LONG_TERM,
  REASON_NO_COMPLETION,
  REASON_NOBODY_TOLD,
  REASON_NOT_RELEASED,
  REASON_WRONG_KIND,
} from '../../src/ledger/hold-table.ts'
import { VIOLATIONS_LISTED_MAX } from '../../src/ledger/violation.ts'
import { GROUND_TRUTH_LISTED_MAX } from '../../src/replay/ground-truth.ts'
import { LEAKS_LISTED_MAX } from '../../src/replay/lane-report.ts'
import type { LaneReport } from '../../src/report/report.ts'
import { BIO_VEC_BYTES, MAX_RW_COUNT } from '../../src/units.ts'
import { SlowBio } from './slow-bio.ts'
import { SlowEvents } from './slow-events.ts'
import { SlowIter } from './slow-iter.ts'
import { type Reference, SlowLedger } from './slow-ledger.ts'
import { SlowMemory } from './slow-memory.ts'
import { slowMixed } from './slow-mixed.ts'
import { extract, type Figures, release, type SlowOperation, type SlowSetup } from './slow-operation.ts'
import type { SlowRow } from './slow-row.ts'

const REASONS: Readonly<Record<Reference['why'], string>> = {
  'not released': OPEN_REASONS[REASON_NOT_RELEASED],
  'no completion': OPEN_REASONS[REASON_NO_COMPLETION],
  lost: OPEN_REASONS[REASON_ABANDONED],
  'wrong kind': OPEN_REASONS[REASON_WRONG_KIND],
  'long-term': OPEN_REASONS[REASON_LONG_TERM],
  'in flight': OPEN_REASONS[REASON_IN_FLIGHT],
  'nobody told': OPEN_REASONS[REASON_NOBODY_TOLD],
}

/** Only addresses can lie in a registered buffer. */
const ADDRESSED: readonly SlowRow['iter'][] = ['ubuf', 'iovec', 'kvec']
/** What direct I/O cannot meet; the other consumers take everything. */
const REFUSED_BY_BIO: readonly SlowRow['iter'][] = ['pipe', 'discard']

/** The whole replay of one lane, plainly: rows in, report out. */
export function slowLane(rows: readonly SlowRow[], setup: SlowSetup): LaneReport {
  const lane = new SlowLane(setup)
  for (const row of rows) lane.replay(row)
  lane.finish()
  return lane.report()
}

export class SlowLane {
  readonly memory: SlowMemory
  readonly ledger: SlowLedger
  private readonly setup: SlowSetup
  private readonly figures: Figures = {
    zeroCopyBytes: 0,
    copiedBytes: 0,
    barePages: 0,
    avoidedEntries: 0,
    avoidedAllocations: 0,
    built: 0,
    perOperationMax: 0,
    limitHits: 0,
    allocations: { made: 0, freed: 0, bytes: 0, openBytes: 0, peakBytes: 0 },
  }
  private readonly bio: SlowBio
  private readonly events: SlowEvents
  private readonly sums = { operations: 0, errors: 0, bytes: 0, cutOff: 0 }
  private readonly truth = { rows: 0, matched: 0, mismatchedTotal: 0, undeterminedTotal: 0 }
  private readonly mismatched: LaneReport['groundTruth']['mismatched'] = []
  private readonly undetermined: LaneReport['groundTruth']['undetermined'] = []
  private readonly mixed: SlowRow[] = []
  private inFlight: SlowOperation[] = []
  private lastNs = 0

  constructor(setup: SlowSetup) {
    this.setup = setup
    this.memory = new SlowMemory(setup.kernel, setup.folioOrder ?? 0)
    this.ledger = new SlowLedger(this.memory)
    this.bio = new SlowBio(setup, this.memory, this.ledger, this.figures)
    this.events = new SlowEvents(setup, this.memory, this.ledger)
  }

  replay(row: SlowRow): void {
    this.completeUntil(row.ts)
    this.lastNs = row.ts
    if (row.event === 'map' || row.event === 'unmap' || row.event === 'fork') {
      this.memory.apply(row)
      return
    }
    if (row.event === 'truncate' && row.file !== null) this.memory.truncate(row.file, Math.max(row.offset, 0))
    const isIo = row.event === 'io'
    if (isIo) this.sums.operations++
    this.ledger.now = { row: row.row, line: row.line, op: isIo ? this.sums.operations : 0, since: row.ts }
    const { acquired, released } = this.ledger.pins
    if (isIo) this.operate(row)
    else if (this.events.apply(row)) {
      this.compare(row, this.ledger.pins.acquired - acquired, this.ledger.pins.released - released, false)
    }
  }

  /** What has a completion gets it; what has none stays held. */
  finish(): void {
    this.completeUntil(Number.POSITIVE_INFINITY)
    for (const io of this.inFlight) {
      if (this.setup.inFlight) this.sums.cutOff++
      for (const reference of io.kept.flat()) {
        if (reference.why === 'not released') reference.why = this.setup.inFlight ? 'in flight' : 'no completion'
      }
      this.compare({ ...io.row, pinsReleased: null }, io.acquired, io.released, io.undetermined)
    }
    this.ledger.check()
  }

  private operate(row: SlowRow): void {
    if (row.iter === 'mixed') this.mixed.push(row)
    const io = this.start(row)
    const { pins } = this.ledger
    const before = { ...pins }
    const result = this.submit(io)
    if (result < 0) {
      this.sums.errors++
      this.bio.complete(io)
      release(io, this.ledger)
    } else this.sums.bytes += result
    io.acquired = pins.acquired - before.acquired
    this.events.name(io)
    if (result >= 0 && row.end !== null) {
      io.released = pins.released - before.released
      this.inFlight.push(io)
      return
    }
    this.bio.complete(io)
    release(io, this.ledger)
    this.compare(row, io.acquired, pins.released - before.released, io.undetermined)
  }

  private start(row: SlowRow): SlowOperation {
    const isFixed = row.flags.has('fixed') && ADDRESSED.includes(row.iter)
    const isBvec = isFixed || row.iter === 'bvec'
    const length = Math.min(row.length, MAX_RW_COUNT)
    return {
      row,
      number: this.sums.operations,
      iter: new SlowIter(row, length, isFixed),
      isBvec,
      isUserBacked: !isBvec && (row.iter === 'ubuf' || row.iter === 'iovec'),
      kept: [],
      undetermined: false,
      noFault: false,
      folios: [],
      acquired: 0,
      released: 0,
      releasedBy: null,
      early: null,
    }
  }

  private submit(io: SlowOperation): number {
    if (io.row.iter === 'mixed') return EINVAL
    if (this.setup.consumer === 'bio' && REFUSED_BY_BIO.includes(io.iter.type)) return EINVAL
    if (io.isBvec && io.row.iter !== 'bvec' && !this.events.isRegistered(io.row)) return EFAULT
    switch (this.setup.consumer) {
      case 'bio':
        return this.bio.submit(io)
      case 'null':
        return this.takeAll(io)
      case 'buffered':
        return this.copy(io)
    }
  }

  /** `null`: every page, listed and held; a fault ends it early. */
  private takeAll(io: SlowOperation): number {
    let bytes = 0
    let error = 0
    while (io.iter.left > 0 && error === 0) {
      const got = extract(
        io,
        this.setup,
        this.memory,
        this.ledger,
        this.figures,
        Number.POSITIVE_INFINITY,
        MAX_RW_COUNT,
      )
      if (typeof got === 'number') error = got === 0 ? EFAULT : got
      else {
        bytes += got.bytes
        if (got.references.length > 0) io.kept.push(got.references)
      }
    }
    this.figures.zeroCopyBytes += bytes
    return bytes === 0 ? error : bytes
  }

  /** `buffered`: copied through the page cache. */
  private copy({ row, iter }: SlowOperation): number {
    const bytes = Math.min(row.result ?? iter.left, iter.left)
    if (bytes > 0) this.figures.copiedBytes += bytes
    return bytes
  }

  private completeUntil(time: number): void {
    for (;;) {
      const due = this.inFlight.filter(({ row }) => typeof row.end === 'number' && row.end <= time)
      const [next] = due.sort((a, b) => Number(a.row.end) - Number(b.row.end) || a.number - b.number)
      if (next === undefined) return
      this.inFlight = this.inFlight.filter((io) => io !== next)
      this.complete(next)
    }
  }

  private complete(io: SlowOperation): void {
    const { row, line } = io.row
    this.lastNs = Math.max(this.lastNs, Number(io.row.end))
    this.ledger.now = { row, line, op: io.number, since: Number(io.row.end) }
    const { released } = this.ledger.pins
    this.events.completes(io)
    this.bio.complete(io)
    release(io, this.ledger)
    this.compare(io.row, io.acquired, io.released + this.ledger.pins.released - released, io.undetermined)
  }

  /** Ground truth: only where the lane is the one that the kernel itself would be, and the row was recorded there. */
  private compare(row: SlowRow, acquired: number, released: number, isUndetermined: boolean): void {
    const { policy, kernel, consumer, file, isRecordedKernel } = this.setup
    if (!isRecordedKernel || policy !== (kernel === '6.1' ? 'get-pages' : 'extract')) return
    if (row.consumer !== null && row.consumer !== consumer) return
    if (row.pinsAcquired === null && row.pinsReleased === null) return
    const at = { file, line: row.line, row: row.row }
    this.truth.rows++
    if (isUndetermined) {
      this.truth.undeterminedTotal++
      this.undetermined.push({ ...at, expected: row.pinsAcquired ?? 0, assumed: acquired, why: '' })
      return
    }
    const isWrong = (expected: number | null, got: number) => expected !== null && expected !== got
    if (!isWrong(row.pinsAcquired, acquired) && !isWrong(row.pinsReleased, released)) {
      this.truth.matched++
      return
    }
    this.truth.mismatchedTotal++
    const counts = { expectedReleased: row.pinsReleased, gotReleased: released }
    this.mismatched.push({ ...at, expected: row.pinsAcquired, got: acquired, ...counts })
  }

  report(): LaneReport {
    const { setup, ledger, figures, sums, events } = this
    const leaks = this.leaks()
    return {
      policy: setup.policy,
      kernel: setup.kernel,
      consumer: setup.consumer,
      operations: sums.operations,
      errors: sums.errors,
      bytes: sums.bytes,
      pins: { ...ledger.pins, longTerm: this.longTerm('pin') },
      refs: { ...ledger.refs, longTerm: this.longTerm('ref') },
      bare: { pages: figures.barePages },
      refOps: ledger.refOps,
      data: { zeroCopyBytes: figures.zeroCopyBytes, copiedBytes: figures.copiedBytes },
      avoided: {
        copyBytes: figures.zeroCopyBytes,
        entries: figures.avoidedEntries,
        allocations: figures.avoidedAllocations,
      },
      entries: {
        built: figures.built,
        bytes: figures.built * BIO_VEC_BYTES,
        perOperationMax: figures.perOperationMax,
        limitHits: figures.limitHits,
      },
      ...(figures.allocations.made === 0 ? {} : { allocations: { ...figures.allocations } }),
      ...slowMixed(this.mixed),
      counters: setup.consumer === 'bio' ? this.bio.report() : {},
      leaksTotal: leaks.length,
      leaks: leaks.slice(0, LEAKS_LISTED_MAX),
      ...this.longTermHolds(),
      violationsTotal: events.violations.length,
      violations: events.violations.slice(0, VIOLATIONS_LISTED_MAX),
      inFlight: sums.cutOff,
      groundTruth: {
        ...this.truth,
        mismatched: this.mismatched.slice(0, GROUND_TRUTH_LISTED_MAX),
        undetermined: this.undetermined.slice(0, GROUND_TRUTH_LISTED_MAX),
      },
    }
  }

  private longTerm(kind: Reference['kind']): number {
    return [...this.ledger.held].filter((one) => one.why === 'long-term' && one.kind === kind && one.counts).length
  }

  /** Age is from the row that took it to the last row or completion. */
  private longTermHolds(): Pick<LaneReport, 'longTerm' | 'longTermTotal'> {
    const { file, consumer } = this.setup
    const all: NonNullable<LaneReport['longTerm']> = []
    for (const { row, line, since, kind, why, counts } of this.ledger.held) {
      if (why !== 'long-term' || !counts) continue
      const known = all.find((one) => one.row === row && one.retention === kind)
      if (known !== undefined) known.pages++
      else
        all.push({ file, line, row, retention: kind, pages: 1, sinceNs: since, ageNs: this.lastNs - since, consumer })
    }
    return all.length === 0 ? {} : { longTermTotal: all.length, longTerm: all.sort((a, b) => a.row - b.row) }
  }

  private leaks(): LaneReport['leaks'] {
    const found = new Map<string, LaneReport['leaks'][number]>()
    for (const { row, line, op, since, kind, why, counts } of this.ledger.held) {
      if (why === 'long-term' || why === 'in flight' || !counts) continue
      const key = `${row} ${kind} ${why}`
      const known = found.get(key)
      const { file, consumer } = this.setup
      if (known !== undefined) known.pages++
      else
        found.set(key, {
          file,
          line,
          row,
          op,
          retention: kind,
          pages: 1,
          sinceNs: since,
          consumer,
          reason: REASONS[why],
        })
    }
    return [...found.values()].sort((a, b) => a.row - b.row)
  }
}
