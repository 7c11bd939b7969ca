import { hasQuote, openTrace, type PartialReport, rangesOf, replayPart, type TraceCut } from '@pinscope/core'
import type { ConsumerSpec } from './consumer-source.ts'
import { consumerSource } from './jobs-consumers.ts'
import { RangeSource } from './range-source.ts'
import { type LaneFlags, readingOptions, replayOptions } from './replay-traces.ts'

/** The part of a trace that a worker replays, and how. */
export interface PartJob {
  readonly name: string
  readonly cut: TraceCut
  /** Index into the parts of the cut. */
  readonly part: number
  readonly flags: LaneFlags
  readonly consumers: ConsumerSpec
  /** Names of the consumers that the flags name. */
  readonly named: readonly string[]
}

/** How far a worker is. */
export interface PartProgress {
  readonly rows: number
  readonly bytes: number
}

/** The part cannot be replayed by itself. */
export class PartRefused extends Error {}

const PROGRESS_MS = 200

/** Replays a part in this thread. Throws where that cannot be done, for whatever reason. */
export async function replayPartJob(
  { name, cut, part, flags, consumers, named }: PartJob,
  tell: (progress: PartProgress) => void,
): Promise<PartialReport> {
  const refuse = () => {
    throw new PartRefused()
  }
  const source = await consumerSource(consumers)
  const registry = await source.load(named)
  const bytes = new RangeSource(name, rangesOf(cut, part), async () => [], quoteWatch(cut, refuse))
  const opened = await openTrace(bytes, name, readingOptions(flags, registry))
  let nextMs = performance.now() + PROGRESS_MS
  const onProgress = ({ rows }: { readonly rows: number }) => {
    const nowMs = performance.now()
    if (nowMs < nextMs) return
    nextMs = nowMs + PROGRESS_MS
    tell({ rows, bytes: bytes.readBytes })
  }
  const options = { ...replayOptions(flags, registry), onProgress }
  const trace = options.consumers === null ? source.watch(opened) : opened
  return replayPart(trace, cut, false, options, refuse)
}

/** Calls `found` at a quote in text: records with quotes may span the lines between which it was cut. */
export function quoteWatch({ isText }: TraceCut, found: () => void): (bytes: Uint8Array) => void {
  return (bytes) => {
    if (isText && hasQuote(bytes)) found()
  }
}
