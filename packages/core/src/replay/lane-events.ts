import { PINS_ACQUIRED, PINS_RELEASED } from '../ledger/totals.ts'
import {
  EVENT_FORK,
  EVENT_FREE,
  EVENT_GET,
  EVENT_MAP,
  EVENT_PIN,
  EVENT_PUT,
  EVENT_REGISTER,
  EVENT_UNMAP,
  EVENT_UNPIN,
  EVENT_UNREGISTER,
  type OpBatch,
} from '../trace/op-batch.ts'
import type { IdTable } from './id-table.ts'
import type { Lane } from './lane.ts'
import { LifetimeEvents } from './lifetime-events.ts'
import { applyMemoryEvent } from './memory-events.ts'
import { PageEvents } from './page-events.ts'
import { ReferenceEvents } from './reference-events.ts'
import type { RowPages } from './row-pages.ts'

/** The rows of a lane that are not operations. */
export class LaneEvents {
  readonly references: ReferenceEvents
  private readonly lane: Lane
  private readonly lifetime: LifetimeEvents
  private readonly pages: PageEvents

  constructor(lane: Lane, ids: IdTable, rowPages: RowPages) {
    const { io, ledger, inFlight } = lane
    this.lane = lane
    this.references = new ReferenceEvents(io, ledger, ids, inFlight)
    this.lifetime = new LifetimeEvents(io, rowPages)
    this.pages = new PageEvents(io, rowPages)
  }

  /** A `map`, `unmap` or `fork` row, which belongs to every lane; false for any other. */
  changesMemory(batch: OpBatch, row: number): boolean {
    const event = batch.event[row]
    if (event !== EVENT_MAP && event !== EVENT_UNMAP && event !== EVENT_FORK) return false
    const { registrations, audit, spaces } = this.lane
    if (event === EVENT_UNMAP) registrations.loseMemory(batch, row)
    if (event === EVENT_FORK) audit?.forked(batch, row)
    applyMemoryEvent(spaces, batch, row)
    return true
  }

  /** A row about references, registrations, pages or files. */
  apply(batch: OpBatch, row: number): void {
    const { audit, consumer, registrations } = this.lane
    const event = batch.event[row]
    audit?.begins(batch, row)
    if (this.pages.isTaken(consumer, batch, row)) return
    audit?.event(batch, row)
    if (event === EVENT_PIN || event === EVENT_GET) this.references.take(batch, row)
    else if (event === EVENT_UNPIN || event === EVENT_PUT) this.references.letGo(batch, row)
    else if (event === EVENT_REGISTER || event === EVENT_UNREGISTER) this.registration(batch, row)
    else {
      if (event === EVENT_FREE) registrations.loseMemory(batch, row)
      this.lifetime.apply(batch, row)
    }
  }

  /** `register` and `unregister` rows. */
  private registration(batch: OpBatch, row: number): void {
    const { lane } = this
    const { io, registrations } = lane
    const { totals } = lane.ledger
    const acquiredBefore = totals[PINS_ACQUIRED]
    const releasedBefore = totals[PINS_RELEASED]
    io.undetermined = false
    io.result = 0
    if (batch.event[row] === EVENT_REGISTER) registrations.register(batch, row)
    else registrations.unregister(batch, row)
    lane.audit?.registered(io)
    lane.compare(batch, row, totals[PINS_ACQUIRED] - acquiredBefore, totals[PINS_RELEASED] - releasedBefore)
  }
}
