import type { RegisteredConsumer } from '../consumer/registry.ts'
import { type ExtractionPolicy, findPolicy, POLICY_NAMES } from '../extract/policy.ts'
import { type Kernel, kernelOf } from '../kernel/kernel.ts'
import { isModelledSeries, KERNEL_VERSIONS, type KernelVersion, kernelVersionOf } from '../kernel/version.ts'
import { PINS_OPEN } from '../ledger/totals.ts'
import { AddressSpaces } from '../memory/address-spaces.ts'
import { PageStore } from '../memory/page-store.ts'
import { COLUMN_CONSUMER, COLUMN_EVENT } from '../trace/columns.ts'
import {
  EVENT_FORK,
  EVENT_IO,
  EVENT_MAP,
  EVENT_NAMES,
  EVENT_UNMAP,
  type EventName,
  NONE,
  type OpBatch,
} from '../trace/op-batch.ts'
import { TraceError } from '../trace/trace-error.ts'
import type { TraceHeader, TraceReader } from '../trace/trace-reader.ts'
import { blaming } from './blame-plugin.ts'
import { consumerOptions } from './consumer-options.ts'
import { Lane } from './lane.ts'
import { applyMemoryEvent } from './memory-events.ts'
import { PlainRows } from './plain-rows.ts'
import type { ReplayOptions } from './replay-options.ts'
import { UsageError } from './usage-error.ts'

/** What happens to pages, files and kernel objects concerns whoever uses them. */
const OWN_EVENT_NAMES: readonly EventName[] = [
  'io',
  'map',
  'unmap',
  'fork',
  'register',
  'unregister',
  'pin',
  'get',
  'unpin',
  'put',
]
const SHARED_EVENTS = EVENT_NAMES.filter((name) => !OWN_EVENT_NAMES.includes(name)).map((name) =>
  EVENT_NAMES.indexOf(name),
)

/** Consumer of rows that name none. */
const DEFAULT_CONSUMER = 'bio'

/**
 * The lanes of a replay: each policy with each consumer. Consumers that only the rows name get their lanes when the
 * first such row comes, with every mapping made so far.
 */
export class LaneSet {
  readonly lanes: Lane[] = []
  readonly kernel: KernelVersion
  /** The version with the quirks that the caller switched. */
  readonly traits: Kernel
  readonly warnings: string[] = []
  /** A `map` row came: addresses outside of every such row are worth a warning. */
  sawMapping = false

  /** Operations of the rows before the one at work: a lane that comes later numbers its own from there. */
  private operationsBefore = 0
  /** The caller named the kernel version. */
  readonly isKernelChosen: boolean

  private readonly trace: TraceReader
  private readonly options: ReplayOptions
  private readonly policies: readonly ExtractionPolicy[] | null
  /** Of the batch at work. */
  readonly plain = new PlainRows()
  /** Mappings so far, for lanes that come later; it never faults a page in. */
  private readonly mappings = new AddressSpaces(new PageStore())
  /** By consumer name id of the trace (+ 1): the lanes of its rows. Null: not asked for yet. */
  private readonly byConsumer: (readonly Lane[] | undefined)[] = []

  constructor(trace: TraceReader, options: ReplayOptions) {
    this.trace = trace
    this.options = options
    this.isKernelChosen = options.kernel !== null
    this.policies = options.policies === null ? null : options.policies.map(policyNamed)
    this.kernel = this.chooseKernel()
    this.traits = kernelOf(this.kernel, options.quirks ?? [])
    for (const name of options.consumers ?? []) this.add(this.consumerNamed(name))
  }

  /** The lanes that the row's operation belongs to; called once for each row, in order. Mapping rows belong to all, those to come included. */
  lanesOf(batch: OpBatch, row: number): readonly Lane[] {
    const event = batch.event[row]
    if (event === EVENT_MAP || event === EVENT_UNMAP || event === EVENT_FORK) {
      if (event !== EVENT_FORK) this.sawMapping = true
      applyMemoryEvent(this.mappings, batch, row)
      return this.lanes
    }
    // What happens to pages concerns whoever uses them.
    if (event !== EVENT_IO && SHARED_EVENTS.includes(event)) {
      const isAlone = this.lanes.length === 0 && this.options.audit !== undefined
      return isAlone ? this.open(batch, row) : this.lanes
    }
    const lanes =
      this.options.consumers !== null ? this.lanes : (this.byConsumer[batch.consumer[row] + 1] ?? this.open(batch, row))
    if (event === EVENT_IO) this.operationsBefore++
    return lanes
  }

  /**
   * The lanes of every row of the batch, where all of its rows are operations that name no consumer; null where they are to
   * be asked for row by row. To be called instead of {@link lanesOf}.
   */
  lanesOfAll(batch: OpBatch): readonly Lane[] | null {
    const { length, columns, event, consumer } = batch
    const has = (column: number) => (columns & (1 << column)) !== 0
    if (has(COLUMN_EVENT)) for (let row = 0; row < length; row++) if (event[row] !== EVENT_IO) return null
    if (this.options.consumers === null && has(COLUMN_CONSUMER)) {
      for (let row = 0; row < length; row++) if (consumer[row] !== NONE) return null
    }
    const lanes = this.options.consumers !== null ? this.lanes : (this.byConsumer[0] ?? this.open(batch, 0))
    this.operationsBefore += length
    return lanes
  }

  /** With no operation at all there is still a lane to report on. */
  ensureOne(): void {
    if (this.lanes.length === 0) this.add(this.consumerNamed(DEFAULT_CONSUMER))
  }

  /** Pins held right now, over all lanes. */
  pinsOpen(): number {
    return this.lanes.reduce((sum, lane) => sum + lane.ledger.totals[PINS_OPEN], 0)
  }

  private open(batch: OpBatch, row: number): readonly Lane[] {
    const id = batch.consumer[row]
    const name = id === NONE ? DEFAULT_CONSUMER : this.trace.consumers.text(id)
    const known = this.lanes.filter((lane) => lane.setup.consumer.definition.name === name)
    const lanes = known.length > 0 ? known : this.add(this.consumerOfRow(name, batch.line[row]))
    this.byConsumer[id + 1] = lanes
    return lanes
  }

  private add(consumer: RegisteredConsumer): readonly Lane[] {
    const { definition } = consumer
    const policies = this.policies ?? [policyNamed(definition.kernelPolicy(this.kernel))]
    const { header } = this.trace
    const added = policies.map((policy) => {
      const setup = {
        file: header.name,
        consumer,
        consumers: this.trace.consumers,
        policy,
        kernel: this.traits,
        isRecordedKernel: header.kernel === null || kernelVersionOf(header.kernel) === this.kernel,
        filesystem: header.filesystem,
        folioOrder: header.folioOrder ?? 0,
        options: consumerOptions(definition, header, this.options.consumerOptions),
        inFlight: this.options.inFlight,
        verifyData: this.options.verifyData ?? false,
        everyOperation: this.options.everyOperation ?? false,
        faults: this.options.faults ?? null,
        audit: this.options.audit ?? null,
        calls: this.trace.calls,
        files: this.trace.files,
        stableWrites: stableWrites(header),
        isImported: this.trace.imported !== null,
      }
      return blaming({ setup }, () => new Lane(setup, this.mappings, this.operationsBefore))
    })
    this.lanes.push(...added)
    return added
  }

  private consumerNamed(name: string): RegisteredConsumer {
    const consumer = this.options.registry.find(name)
    if (consumer === undefined) throw new UsageError(`there is no consumer "${name}"`, this.consumersHint())
    return consumer
  }

  private consumerOfRow(name: string, line: number): RegisteredConsumer {
    const consumer = this.options.registry.find(name)
    if (consumer !== undefined) return consumer
    throw new TraceError({
      file: this.trace.header.name,
      line,
      column: 0,
      problem: `the row names the consumer "${name}", which no plugin here brings`,
      hint: `${this.consumersHint()}; choose one for all rows with --consumer`,
    })
  }

  private consumersHint(): string {
    return `consumers: ${this.options.registry
      .consumers()
      .map(({ definition }) => definition.name)
      .join(', ')}`
  }

  private chooseKernel(): KernelVersion {
    const text = this.options.kernel ?? this.trace.header.kernel
    if (text === null) return 'mainline'
    const version = kernelVersionOf(text)
    if (version === null) {
      throw new UsageError(`"${text}" is not a kernel version`, `modelled: ${KERNEL_VERSIONS.join(', ')}`)
    }
    if (!isModelledSeries(text)) {
      this.warnings.push(
        `kernel ${text} is not modelled itself: taken as ${version} (modelled: ${KERNEL_VERSIONS.join(', ')})`,
      )
    }
    return version
  }
}

const STABLE_FILESYSTEMS: readonly string[] = ['btrfs', 'nfs', 'nfs4']

/**
 * Stores wait for writeback: as the header has it, else where the file system always asks for it. What asks for it in some
 * settings only (SMB when it signs, a device with checksums or parity below the file system) a trace has to tell.
 * @kernel include/linux/pagemap.h: AS_STABLE_WRITES (btrfs with data checksums; 6.1.176 too); fs/nfs/super.c: nfs_set_super
 *   (SB_I_STABLE_WRITES)
 */
function stableWrites({ attributes, filesystem }: TraceHeader): boolean {
  const told = attributes.get('stable-writes')
  return told === undefined ? STABLE_FILESYSTEMS.includes(filesystem ?? '') : told === 'yes'
}

function policyNamed(name: string): ExtractionPolicy {
  const policy = findPolicy(name)
  if (policy === undefined) throw new UsageError(`there is no policy "${name}"`, `policies: ${POLICY_NAMES.join(', ')}`)
  return policy
}
