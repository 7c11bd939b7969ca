import {
  KERNEL_VERSIONS,
  kernelVersionOf,
  type LaneReport,
  POLICY_NAMES,
  type Registry,
  UsageError,
} from '@pinscope/core'
import { laneNames } from '../render/compare-lane.ts'
import type { NamedReport } from './compare-read.ts'
import { kernelName, unknown } from './select.ts'

/** A lane as the command line names it. */
export interface TypedLane {
  readonly typed: string
  readonly consumer: string
  /** null: the consumer's own. */
  readonly policy: string | null
  /** null: that of --kernel, of the trace, or mainline. */
  readonly kernel: string | null
}

const LANE = /^([^:@]+)(?::([^:@]+))?(?:@([^:@]+))?$/
const SWAPPED = /^([^:@]+)@([^:@]+):([^:@]+)$/

/** Reads `CONSUMER[:POLICY][@KERNEL]`; whether they exist is not looked at. */
export function typedLane(typed: string): TypedLane {
  const [, consumer, policy = null, kernel = null] = LANE.exec(typed) ?? []
  if (consumer !== undefined) return { typed, consumer, policy, kernel }
  throw new UsageError(
    `"${typed}" is no lane: expected CONSUMER[:POLICY][@KERNEL]`,
    SWAPPED.test(typed)
      ? `The kernel comes last: ${typed.replace(SWAPPED, '$1:$3@$2')}`
      : 'For example: smbdirect, bio:get-pages, smbdirect-legacy@6.1',
  )
}

/** Refuses names that nothing has. A kernel version may be one that is taken for the nearest. */
export function checkLane({ consumer, policy, kernel }: TypedLane, registry: Registry): void {
  const consumers = registry.consumers().map(({ definition }) => definition.name)
  if (!consumers.includes(consumer)) throw unknown('consumer', consumer, consumers, 'pinscope consumers')
  const policies: readonly string[] = POLICY_NAMES
  if (policy !== null && !policies.includes(policy)) throw unknown('policy', policy, policies, 'pinscope policies')
  kernelName(kernel ?? undefined)
}

/** The one lane of a report that is meant. Throws a UsageError when there is none, or more than one. */
export function laneOf({ file, report }: NamedReport, { typed, consumer, policy, kernel }: TypedLane): LaneReport {
  const version = kernel === null ? null : kernelVersionOf(kernel)
  if (kernel !== null && version === null) throw unknown('kernel version', kernel, KERNEL_VERSIONS, '')
  const narrowed = (
    [
      ['consumer', consumer],
      ['policy', policy],
      ['kernel', version],
    ] as const
  ).reduce(
    (lanes, [part, name]) => {
      const left = lanes.filter((lane) => name === null || lane[part] === name)
      if (left.length > 0 || name === null) return left
      const known = [...new Set(lanes.map((lane) => lane[part]))]
      throw unknown(part === 'consumer' ? `consumer in ${file}` : `${part} of ${consumer} in ${file}`, name, known, '')
    },
    report.lanes as readonly LaneReport[],
  )
  if (narrowed.length === 1) return narrowed[0]
  throw new UsageError(`"${typed}" stands for ${narrowed.length} lanes of ${file}`, `Say which: ${laneNames(narrowed)}`)
}

/** A lane against itself tells nothing: a typo in one of them. */
export function refuseItself<Lane>(base: Lane | null, others: readonly Lane[], isSame = Object.is): void {
  if (base === null || !others.some((lane) => isSame(base, lane))) return
  throw new UsageError(
    '--base and --with name the same lane',
    'They may differ in consumer, policy or kernel: --base bio:get-pages@6.1 --with bio:extract@6.12',
  )
}
