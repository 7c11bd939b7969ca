import type { Consumer } from '../consumer/consumer.ts'
import { FAULT_COMPLETE } from '../consumer/faults.ts'
import { Operation } from '../consumer/operation.ts'
import { EFAULT, EINVAL, EIO } from '../errno.ts'
import { ITER_MIXED, ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import { FLAG_FIXED } from '../iter/row-flags.ts'
import { REASON_IN_FLIGHT, REASON_NO_COMPLETION } from '../ledger/hold-table.ts'
import { Ledger } from '../ledger/ledger.ts'
import { PINS_ACQUIRED, PINS_RELEASED } from '../ledger/totals.ts'
import type { AddressSpaces } from '../memory/address-spaces.ts'
import { gupRules } from '../memory/gup-rules.ts'
import { Memory } from '../memory/memory.ts'
import { KIND_SHMEM } from '../memory/page-store.ts'
import { END_NEVER, END_SYNCHRONOUS, EVENT_IO, NONE, type OpBatch } from '../trace/op-batch.ts'
import { DataCheck } from './data-check.ts'
import { GroundTruth } from './ground-truth.ts'
import { ID_OPERATION, IdTable } from './id-table.ts'
import { InFlight } from './in-flight.ts'
import type { LaneAudit } from './lane-audit.ts'
import { LaneEvents } from './lane-events.ts'
import { isComparable, isComparableLane, isRepeatableLane, type LaneSetup } from './lane-setup.ts'
import { BYTES, ERRORS, newLaneSums, OPERATIONS, REFUSED } from './lane-sums.ts'
import { loadOperation } from './load-operation.ts'
import { MixedBuffers } from './mixed-buffers.ts'
import type { PlainRows } from './plain-rows.ts'
import { RegisteredBuffers } from './registered-buffers.ts'
import { Registrations } from './registrations.ts'
import { RowPages } from './row-pages.ts'
import { ShapeMemo } from './shape-memo.ts'
import { faultSteps, tellFault } from './tell-fault.ts'
import type { Watcher } from './watcher.ts'

/** One policy with one consumer over one trace: its own pages, address spaces and ledger. */
export class Lane {
  readonly setup: LaneSetup
  readonly memory = new Memory()
  readonly pages = this.memory.pages
  readonly spaces = this.memory.spaces
  readonly ledger: Ledger
  readonly io: Operation
  readonly consumer: Consumer
  readonly sums = newLaneSums()
  readonly groundTruth: GroundTruth
  /** Operations without completion that were taken as cut off, not leaked. */
  cutOff = 0
  /** Moves the data too, where asked for. */
  readonly check: DataCheck | null
  private watched: Watcher | null = null
  readonly inFlight = new InFlight()
  /** Counts operations that were seen to do the same work before; null where each is done. */
  private readonly shapes: ShapeMemo | null
  private readonly ids = new IdTable()
  /** What rows about pages name. */
  readonly rowPages: RowPages
  private readonly events: LaneEvents
  /** The hazard rules that listen; null while none does. */
  readonly audit: LaneAudit | null
  readonly mixed = new MixedBuffers()
  readonly registrations: Registrations
  /** Time of the last row or completion, ns; one element, since a field that is a double is allocated anew. */
  readonly lastNs = new Float64Array(1)
  private readonly accepts: Uint8Array<ArrayBuffer>
  /** The pins of this lane are those that the kernel itself would take: they can be compared with what it counted. */
  private readonly comparable: boolean
  /** Of the last operation of the file, whichever lane's. */
  private operationNumber: number

  /** `mappings`, `operations`: what the rows before the lane's first one had made and counted. */
  constructor(setup: LaneSetup, mappings: AddressSpaces, operations: number) {
    this.setup = setup
    this.operationNumber = operations
    this.spaces.copyMappings(mappings)
    this.memory.cache.order = setup.folioOrder
    if (setup.filesystem === 'tmpfs') this.memory.cache.kind = KIND_SHMEM
    this.ledger = new Ledger(this.pages)
    this.spaces.references = this.ledger.mappingReferences
    this.spaces.rules = gupRules(setup.kernel.version)
    this.io = new Operation(this.memory, this.ledger, setup.policy, setup.kernel)
    if (setup.faults !== null) this.io.faults.inject(setup.faults.fault, setup.faults.at)
    this.groundTruth = new GroundTruth(setup.file)
    this.rowPages = new RowPages(this.memory)
    this.events = new LaneEvents(this, this.ids, this.rowPages)
    this.audit = setup.audit === null ? null : setup.audit(setup, this.io, this.rowPages)
    this.check = setup.verifyData ? new DataCheck(this.memory) : null
    const { definition } = setup.consumer
    this.accepts = Uint8Array.from(ITER_TYPE_NAMES, (name) => (definition.accepts.includes(name) ? 1 : 0))
    this.comparable = isComparableLane(setup)
    this.consumer = definition.create({
      kernel: setup.kernel.version,
      traits: setup.kernel,
      options: setup.options,
      filesystem: setup.filesystem,
      stableWrites: setup.stableWrites,
      ledger: this.ledger,
      memory: this.memory,
      pages: this.pages,
    })
    const buffers = new RegisteredBuffers(this.spaces, this.pages, this.ledger, this.io.list, setup.kernel.version)
    this.registrations = new Registrations(this.io, this.ledger, this.ids, buffers, this.consumer)
    const { operationShape } = this.consumer
    this.shapes = operationShape === undefined || !isRepeatableLane(setup) ? null : new ShapeMemo(this, operationShape)
  }

  /** Replays rows of [from, end), all of them this lane's. Allocates nothing per row. */
  replayRows(batch: OpBatch, rows: PlainRows, from: number, end: number): void {
    const { shapes } = this
    for (let row = from; row < end; row++) {
      if (shapes !== null) {
        const first = row
        row = shapes.run(batch, rows, first, end, this.operationNumber)
        this.operationNumber += row - first
        if (row === end) return
        shapes.begin(batch)
      }
      this.replayRow(batch, row, true)
      shapes?.end(batch, row)
    }
  }

  /** Replays one row: first what is due by its time, then the row itself. `mine`: its operation belongs to this lane. */
  replayRow(batch: OpBatch, row: number, mine: boolean): void {
    this.completeDue(batch.tsNs, row)
    const event = batch.event[row]
    this.lastNs[0] = batch.tsNs[row]
    if (event !== EVENT_IO && this.events.changesMemory(batch, row)) return
    if (event === EVENT_IO) this.operationNumber++
    if (!mine) return
    const operation = event === EVENT_IO ? this.operationNumber : 0
    this.ledger.at(batch.firstRow + row, batch.line[row], operation, batch.tsNs, row)
    if (event === EVENT_IO) this.operate(batch, row)
    else this.events.apply(batch, row)
  }

  /** As {@link replayRow}, with a watcher told of everything that happens to the row's operation. */
  replayWatched(batch: OpBatch, row: number, watcher: Watcher): void {
    watcher.number = this.operationNumber + 1
    this.watched = watcher
    this.ledger.observer = watcher
    this.io.observer = watcher
    const stepsBefore = faultSteps(this.io.faults)
    this.replayRow(batch, row, true)
    tellFault(this.io.faults, watcher, stepsBefore)
    this.io.observer = null
  }

  /** Completes what is due by `times[index]` ns, in the order of completion. */
  completeDue(times: Float64Array, index: number): void {
    const { order } = this.inFlight
    for (let slot = order.due(times, index); slot !== 0; slot = order.due(times, index)) this.completeSlot(slot)
    this.shapes?.counter.completeHeld(times, index)
  }

  /** The trace is over: what has a completion gets it; what has none is a leak, or cut off. */
  finish(): void {
    this.completeDue(Float64Array.of(Number.POSITIVE_INFINITY), 0)
    this.shapes?.addUp()
    const reason = this.setup.inFlight ? REASON_IN_FLIGHT : REASON_NO_COMPLETION
    const { inFlight, ledger } = this
    for (let slot = inFlight.firstInUse(0); slot !== 0; slot = inFlight.firstInUse(slot)) {
      if (this.setup.inFlight) this.cutOff++
      for (let hold = inFlight.keptFirst[slot]; hold !== 0; hold = ledger.holds.nextOfOperation[hold]) {
        // A wrong-kind release has its own reason, which stays.
        if (ledger.holds.reason[hold] === 0) ledger.holds.reason[hold] = reason
      }
      this.groundTruth.compareInFlight(inFlight, slot, -1)
    }
    this.audit?.phase('close')
    this.consumer.close?.(this.io)
    this.audit?.finish()
  }

  private operate(batch: OpBatch, row: number): void {
    const { io, ledger, sums } = this
    const { totals } = ledger
    const acquiredBefore = totals[PINS_ACQUIRED]
    const releasedBefore = totals[PINS_RELEASED]
    loadOperation(io, batch, row, this.operationNumber)
    this.audit?.begin(io, batch.line[row])
    const result = this.submit(batch, row)
    io.result = result
    this.audit?.returned(io, result, batch, row)
    sums[OPERATIONS]++
    if (result < 0) sums[ERRORS]++
    else sums[BYTES] += result
    if (result === EINVAL && batch.resultBytes[row] > 0) sums[REFUSED]++
    const end = batch.endNs[row]
    if (result < 0 || end === END_SYNCHRONOUS) {
      const pages = batch.id[row] === NONE ? 0 : io.pagesKept()
      const retention = io.retentionKept()
      if (result >= 0) this.complete(batch.line[row])
      this.compare(batch, row, totals[PINS_ACQUIRED] - acquiredBefore, totals[PINS_RELEASED] - releasedBefore)
      if (batch.id[row] !== NONE && !io.iter.fixed)
        this.ids.set(batch.id[row], ID_OPERATION, batch.firstRow + row, retention, pages)
      return
    }
    this.park(batch, row, totals[PINS_ACQUIRED] - acquiredBefore, totals[PINS_RELEASED] - releasedBefore)
  }

  private submit(batch: OpBatch, row: number): number {
    const { io, consumer } = this
    const isTaken = this.accepts[io.iter.type] === 1
    if (io.iter.type === ITER_MIXED) this.mixed.count(batch, row, isTaken)
    if (!isTaken) return EINVAL
    if (io.iter.fixed && !this.registrations.cover(batch, row)) return EFAULT
    const result = this.check === null ? consumer.submit(io) : this.check.submit(io, consumer)
    if (result < 0) {
      this.audit?.aborting()
      consumer.abort(io)
      io.giveBackBorrowed()
    }
    return result
  }

  /** Sets the operation aside until its completion. */
  private park(batch: OpBatch, row: number, acquired: number, released: number): void {
    const { io, inFlight } = this
    const slot = inFlight.take()
    inFlight.save(slot, io, batch.line[row])
    inFlight.acquired[slot] = acquired
    inFlight.released[slot] = released
    const expected = this.isComparable(batch, row)
    inFlight.expectedAcquired[slot] = expected ? batch.pinsAcquired[row] : NONE
    inFlight.expectedReleased[slot] = expected ? batch.pinsReleased[row] : NONE
    if (batch.endNs[row] !== END_NEVER) inFlight.order.schedule(slot, inFlight.number, batch.endNs, row)
    const id = batch.id[row]
    if ((io.flags & FLAG_FIXED) !== 0) inFlight.serial[slot] = this.registrations.use(id)
    if (id === NONE || io.iter.fixed) return
    this.ids.set(id, ID_OPERATION, io.row, io.retentionKept(), io.pagesKept())
    this.ids.slot[id] = slot
    this.ids.number[id] = io.number
  }

  private completeSlot(slot: number): void {
    const { io, inFlight, ledger, shapes } = this
    const { totals } = ledger
    const { completionNs } = inFlight.order
    const shape = inFlight.shape[slot]
    shapes?.counter.completeHeldBefore(slot)
    if (completionNs[slot] > this.lastNs[0]) this.lastNs[0] = completionNs[slot]
    if (shape > 0) {
      shapes?.counter.complete(shape - 1)
      inFlight.give(slot)
      return
    }
    const releasedBefore = totals[PINS_RELEASED]
    ledger.at(inFlight.row[slot], inFlight.line[slot], inFlight.number[slot], completionNs, slot)
    inFlight.restore(slot, io)
    if (inFlight.releasedEarly[slot] !== 0) this.events.references.reportEarlyRelease(slot)
    if (shape < 0) shapes?.beginEnd()
    this.complete(inFlight.line[slot])
    if (shape < 0) shapes?.endEnd(-shape - 1)
    if (inFlight.serial[slot] !== 0) this.registrations.letGoOfUse(inFlight.serial[slot])
    inFlight.released[slot] += totals[PINS_RELEASED] - releasedBefore
    this.groundTruth.compareInFlight(inFlight, slot, inFlight.expectedReleased[slot])
    inFlight.give(slot)
  }

  /** Lets the consumer complete the operation at work. */
  private complete(line: number): void {
    const { watched, io } = this
    this.audit?.completing(io, line)
    if (watched !== null) watched.completing = watched.number === io.number
    const stepsBefore = faultSteps(io.faults)
    const { recordedResult } = io
    io.completion = io.faults.fails(FAULT_COMPLETE) ? EIO : recordedResult < 0 ? recordedResult : 0
    this.consumer.complete(io)
    io.giveBackBorrowed()
    // What completes within its submission is told there.
    if (watched?.completing === true && io.observer === null) tellFault(io.faults, watched, stepsBefore)
  }

  /** The consumer's own counters, by name. */
  counters(): Readonly<Record<string, number>> {
    const counters = this.consumer.counters()
    return this.shapes === null ? counters : this.shapes.withCounted(counters)
  }

  /** {@link isComparable} in this lane. */
  isComparable(batch: OpBatch, row: number): boolean {
    return this.comparable && isComparable(batch, row, this.setup)
  }

  /** Compares what the row took and let go of with what the kernel counted for it, where it is told. */
  compare(batch: OpBatch, row: number, acquired: number, released: number): void {
    if (!this.isComparable(batch, row)) return
    this.groundTruth.compareRow(batch, row, acquired, released, !this.io.undetermined)
  }
}
