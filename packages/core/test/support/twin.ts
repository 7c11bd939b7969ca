import { Registry } from '../../src/consumer/registry.ts'
import type { PolicyName } from '../../src/extract/policy.ts'
import { kernelVersionOf } from '../../src/kernel/version.ts'
import { replay } from '../../src/replay/replay.ts'
import type { LaneReport } from '../../src/report/report.ts'
import type { TraceHeader, TraceReader } from '../../src/trace/trace-reader.ts'
import { type SlowRow, type SlowSetup, slowLane } from '../model/index.ts'

/** One lane to replay both ways. */
export interface TwinLane {
  readonly policy: PolicyName
  readonly kernel: string
  readonly consumer: 'bio' | 'null' | 'buffered'
  readonly inFlight?: boolean
  readonly bvecLimit?: number
  readonly hasNoChecksums?: boolean
}

const registry = new Registry()

/** The fast replay of one lane. */
export async function fastLane(trace: TraceReader, lane: TwinLane): Promise<LaneReport> {
  const report = await replay(trace, {
    registry,
    policies: [lane.policy],
    consumers: [lane.consumer],
    kernel: lane.kernel,
    consumerOptions: { bio: optionsOf(lane) },
    inFlight: lane.inFlight ?? false,
  })
  return inOrder(report.lanes[0]!)
}

function optionsOf({ bvecLimit, hasNoChecksums }: TwinLane): Record<string, number> {
  return {
    ...(bvecLimit === undefined ? {} : { 'bvec-limit': bvecLimit }),
    ...(hasNoChecksums === true ? { nodatasum: 1 } : {}),
  }
}

/** The slow twin's report of the same lane. */
export function slowReport(
  rows: readonly SlowRow[],
  header: TraceHeader,
  lane: TwinLane,
  more: Partial<SlowSetup> = {},
) {
  return inOrder(slowLane(rows, { ...slowSetup(header, lane), ...more }))
}

function slowSetup(header: TraceHeader, lane: TwinLane): SlowSetup {
  const kernel = kernelVersionOf(lane.kernel)
  if (kernel === null) throw new Error(`no kernel version: ${lane.kernel}`)
  return {
    file: header.name,
    policy: lane.policy,
    kernel,
    isRecordedKernel: header.kernel === null || kernelVersionOf(header.kernel) === kernel,
    consumer: lane.consumer,
    filesystem: header.filesystem,
    inFlight: lane.inFlight ?? false,
    blockSize: Number(header.attributes.get('logical-block-size') ?? 512),
    folioOrder: Number(header.attributes.get('folio-order') ?? 0),
    dmaAlignment: Number(header.attributes.get('dma-alignment') ?? 512),
    bvecLimit: lane.bvecLimit ?? 256,
    extentBytes: Number(header.attributes.get('extent-bytes') ?? 0),
    hasNoChecksums: lane.hasNoChecksums ?? false,
  }
}

/** Lists whose order says nothing, in one order, and without prose. */
function inOrder(lane: LaneReport): LaneReport {
  const { groundTruth } = lane
  return {
    ...lane,
    leaks: sorted(lane.leaks),
    violations: lane.violations.map((violation) => ({ ...violation, detail: '' })),
    groundTruth: {
      ...groundTruth,
      mismatched: sorted(groundTruth.mismatched),
      undetermined: sorted(groundTruth.undetermined).map((row) => ({ ...row, why: '' })),
    },
  }
}

function sorted<T extends { row: number }>(list: readonly T[]): T[] {
  const key = (one: T) => JSON.stringify(one)
  return [...list].sort((a, b) => a.row - b.row || (key(a) < key(b) ? -1 : 1))
}
