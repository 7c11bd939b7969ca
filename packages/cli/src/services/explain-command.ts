import type { Config } from '@oclif/core/interfaces'
import {
  type Explanation,
  explainRow,
  type FaultInjection,
  kernelOf,
  kernelVersionOf,
  type QuirkChange,
  UsageError,
} from '@pinscope/core'
import { openInput } from './input.ts'
import { loadPlugins } from './load-plugins.ts'
import { openInputTrace } from './open-input.ts'
import { print } from './print.ts'
import { type LaneFlags, readingOptions, replayOptions } from './replay-traces.ts'

/** The flags of `pinscope explain`, as oclif parsed them. */
export interface ExplainFlags extends LaneFlags {
  readonly row: number
  readonly plugin?: readonly string[] | undefined
  readonly json: boolean
}

/** What `pinscope explain --json` prints. */
export interface ExplainedOperation extends Explanation {
  /** Quirks switched, as in the report of a lane; absent when none was. */
  readonly quirks?: readonly string[]
  /** The step that was made to fail; absent when none was. */
  readonly faults?: FaultInjection
}

/** `pinscope explain`: one operation, told step by step. */
export async function explainCommand(config: Config, trace: string, flags: ExplainFlags): Promise<void> {
  const registry = await loadPlugins(config, flags.plugin)
  const options = replayOptions(flags, registry)
  refuseSeveral('policy', options.policies)
  refuseSeveral('consumer', options.consumers)
  const explained = await explainRow(
    await openInputTrace(openInput(trace), readingOptions(flags, registry)),
    flags.row,
    options,
  )
  const explanation = { ...withQuirks(explained, options.quirks ?? []), ...withFaults(options.faults ?? null) }
  await print(flags.json, explanation, async (terminal) => {
    const { explanationText } = await import('../render/explanation.ts')
    return explanationText(terminal, explanation)
  })
}

function withQuirks(explanation: Explanation, changes: readonly QuirkChange[]): ExplainedOperation {
  const version = kernelVersionOf(explanation.kernel)
  const quirks = version === null ? [] : kernelOf(version, changes).changes
  return quirks.length === 0 ? explanation : { ...explanation, quirks }
}

function withFaults(faults: FaultInjection | null): Pick<ExplainedOperation, 'faults'> {
  return faults === null ? {} : { faults }
}

/** One drawing is one lane: the first of several would be an arbitrary choice. */
function refuseSeveral(what: string, names: readonly string[] | null): void {
  if (names === null || names.length < 2) return
  throw new UsageError(`explain draws one lane: name one ${what}`, `Run it once for each of ${names.join(', ')}.`)
}
