import {
  BATCH_ROWS_MAX,
  type BenchWork,
  openTrace,
  pageOffsetOf,
  pagesSpanned,
  type Registry,
  replay,
} from '@pinscope/core'
import { type BenchOperations, benchOperations, POOL_ADDRESS, POOL_BYTES, workOf } from './bench-operations.ts'
import { BenchTrace, bytesOf, inChunks } from './bench-trace.ts'
import type { BenchInput, Workload } from './bench-workloads.ts'

/** The kernel that is modelled: one for all, so that the work stays the same. */
const KERNEL = '6.18'
const PAGE_BYTES = 4096

/** How much is measured. */
export interface BenchSettings {
  readonly seed: number
  /** Of each workload in each round. */
  readonly operations: number
}

/** One workload, once. */
export interface BenchSample {
  readonly work: BenchWork
  /** Null where rows are only read. */
  readonly policy: string | null
  readonly nsPerOperation: number
  /** ns that a count going up and down again took right before, in a bare loop. */
  readonly bareNs: number
}

/** What a replay counts. */
type Counted = Pick<BenchWork, 'errors' | 'pins' | 'references' | 'entries'> & Pick<BenchSample, 'policy'>

/** Runs workloads: what they read is made once, and before it is measured. */
export class BenchRunner {
  private readonly settings: BenchSettings
  private readonly registry: Registry
  private readonly plain: BenchOperations
  private readonly bare: BareLoop
  private held: BenchOperations | null = null
  private readonly texts = new Map<BenchInput, Uint8Array>()

  constructor(settings: BenchSettings, registry: Registry) {
    this.settings = settings
    this.registry = registry
    this.plain = benchOperations(settings.seed, false)
    this.bare = new BareLoop(this.plain)
  }

  /** Makes what a workload reads, and runs it once, so that V8 knows it. */
  async prepare(workload: Workload): Promise<void> {
    if (workload.held) this.held ??= benchOperations(this.settings.seed, true)
    if (workload.input !== 'memory' && !this.texts.has(workload.input)) {
      this.texts.set(workload.input, await bytesOf(this.trace(workload), workload.input))
    }
    await this.sample(workload)
  }

  /** Runs the bare loop, then the workload. */
  async sample(workload: Workload): Promise<BenchSample> {
    const { operations } = this.settings
    const bareNs = this.bare.nsPerPage()
    const start = process.hrtime.bigint()
    const { policy, ...counted } = await this.run(workload)
    const nsPerOperation = Number(process.hrtime.bigint() - start) / operations
    const inputBytes = this.texts.get(workload.input)?.length ?? 0
    const work = { operations, ...workOf(this.operationsOf(workload), operations), inputBytes, ...counted }
    return { work, policy, nsPerOperation, bareNs }
  }

  private async run(workload: Workload): Promise<Counted> {
    const text = this.texts.get(workload.input)
    const trace = text === undefined ? this.trace(workload) : await openTrace(inChunks(text), workload.name)
    if (workload.consumer === null) {
      let rows = 0
      for await (const batch of trace.batches()) rows += batch.length
      if (rows !== this.settings.operations) throw new Error(`${rows} of ${this.settings.operations} rows were read`)
      return { policy: null, errors: 0, pins: 0, references: 0, entries: 0 }
    }
    const { lanes } = await replay(trace, {
      registry: this.registry,
      consumers: [workload.consumer],
      policies: workload.policy === null ? null : [workload.policy],
      kernel: KERNEL,
      consumerOptions: {},
      inFlight: false,
    })
    const [{ policy, errors, pins, refs, entries }] = lanes as [(typeof lanes)[number]]
    return { policy, errors, pins: pins.acquired, references: refs.acquired, entries: entries.built }
  }

  private trace(workload: Workload): BenchTrace {
    return new BenchTrace(this.operationsOf(workload), this.settings.operations, workload.huge)
  }

  private operationsOf({ held }: Workload): BenchOperations {
    return held ? this.held! : this.plain
  }
}

/** What the least conceivable loop takes for a page: its count goes up, and down again. */
class BareLoop {
  private static readonly repeats = 100
  private readonly counts = new Int32Array(POOL_BYTES / PAGE_BYTES + 1)
  private readonly first = new Int32Array(BATCH_ROWS_MAX)
  private readonly end = new Int32Array(BATCH_ROWS_MAX)
  private readonly pages: number

  constructor({ batches }: BenchOperations) {
    const { addressBytes, lengthBytes } = batches[0]!.segments
    let pages = 0
    for (let row = 0; row < BATCH_ROWS_MAX; row++) {
      this.first[row] = Math.floor((addressBytes[row]! - POOL_ADDRESS) / PAGE_BYTES)
      this.end[row] = this.first[row]! + pagesSpanned(pageOffsetOf(addressBytes[row]!), lengthBytes[row]!)
      pages += this.end[row]! - this.first[row]!
    }
    this.pages = pages
  }

  nsPerPage(): number {
    this.pass()
    const start = process.hrtime.bigint()
    for (let i = 0; i < BareLoop.repeats; i++) this.pass()
    return Number(process.hrtime.bigint() - start) / (BareLoop.repeats * this.pages)
  }

  private pass(): void {
    const { counts, first, end } = this
    for (let row = 0; row < first.length; row++) {
      const from = first[row]!
      const to = end[row]!
      for (let page = from; page < to; page++) counts[page]!++
      for (let page = from; page < to; page++) counts[page]!--
    }
  }
}
