import type { Retention } from '../extract/retention.ts'
import { grown } from '../grown.ts'
import { HOLD_NONE, type Hold } from '../ledger/hold.ts'

/** What a name in the `id` column refers to, last use first. */
export const ID_UNUSED = 0
export const ID_HOLD = 1
export const ID_OPERATION = 2
export const ID_REGISTRATION = 3

/** Things that later rows refer to, by the name id of the `id` column. Columns that grow with the dictionary. */
export class IdTable {
  kind = new Uint8Array(256)
  /** ID_HOLD, ID_REGISTRATION: the hold. */
  hold = new Int32Array(256)
  /** ID_OPERATION: slot in flight (0 once it is over) and operation number, which tells whether the slot is still its own. */
  slot = new Int32Array(256)
  number = new Float64Array(256)
  /** Row that took the references, how, and how many pages. */
  row = new Float64Array(256)
  retention = new Uint8Array(256)
  pages = new Float64Array(256)
  /** How the segments of that row name pages, 0: not told; and what they reach over. */
  namedBy = new Uint8Array(256)
  fromBytes = new Float64Array(256)
  endBytes = new Float64Array(256)

  holdOf(id: number): Hold {
    return id < this.hold.length ? (this.hold[id] as Hold) : HOLD_NONE
  }

  kindOf(id: number): number {
    return id >= 0 && id < this.kind.length ? this.kind[id] : ID_UNUSED
  }

  set(id: number, kind: number, row: number, retention: Retention, pages: number): void {
    while (id >= this.kind.length) this.grow()
    this.kind[id] = kind
    this.hold[id] = HOLD_NONE
    this.slot[id] = 0
    this.row[id] = row
    this.retention[id] = retention
    this.pages[id] = pages
    this.namedBy[id] = 0
  }

  private grow(): void {
    const capacity = this.kind.length * 2
    this.kind = grown(this.kind, capacity)
    this.hold = grown(this.hold, capacity)
    this.slot = grown(this.slot, capacity)
    this.number = grown(this.number, capacity)
    this.row = grown(this.row, capacity)
    this.retention = grown(this.retention, capacity)
    this.pages = grown(this.pages, capacity)
    this.namedBy = grown(this.namedBy, capacity)
    this.fromBytes = grown(this.fromBytes, capacity)
    this.endBytes = grown(this.endBytes, capacity)
  }
}
