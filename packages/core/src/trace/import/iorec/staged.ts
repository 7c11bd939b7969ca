import type { Call } from './call.ts'

/** A row of a recording on its way: what it does to the trace, in the order of time, once all is known of it. */
export class Staged {
  readonly call: Call
  /** An operation of libaio or io_uring: it completes by itself. */
  readonly isAsync: boolean
  /** Pins of its own may be among those that were counted meanwhile. */
  readonly isPinning: boolean
  /** End of the time in which the counters were read: the return of the call, or of the one that submitted it. */
  bracketEndNs: number
  /** Completion, ns; NaN: not seen so far. */
  endNs: number
  result: number
  /** False while its completion may still come. */
  isComplete: boolean
  /** Its place among those that came. */
  order = 0
  /** The clock came to its time. */
  hasBegun = false
  /** What the kernel counted for it alone; NONE: not known. */
  acquired: number
  released: number
  /** Bytes of its line: what it takes to keep it. */
  readonly bytes: number
  private readonly action: (staged: Staged) => void

  constructor(call: Call, bytes: number, options: StagedOptions) {
    this.call = call
    this.bytes = bytes
    this.isAsync = options.isAsync
    this.isPinning = options.isPinning
    this.action = options.action
    this.bracketEndNs = Number.isNaN(call.returnNs) ? call.tsNs : call.returnNs
    this.endNs = call.returnNs
    this.result = call.result
    this.isComplete = true
    this.acquired = call.acquired
    this.released = call.released
  }

  /** Makes its rows. */
  run(): void {
    this.action(this)
  }
}

/** What it is, and does. */
export interface StagedOptions {
  readonly isAsync: boolean
  readonly isPinning: boolean
  readonly action: (staged: Staged) => void
}
