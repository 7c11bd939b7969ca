import { closeSync, openSync, readSync } from 'node:fs'
import {
  type ByteFile,
  type ByteRange,
  cutTrace,
  mergeParts,
  type OpenOptions,
  openTrace,
  type ReplayOptions,
  type Report,
  replayPart,
  type TraceCut,
  type TraceReader,
} from '@pinscope/core'
import type { ConsumerSpec } from './consumer-source.ts'
import { readError, type TraceInput } from './input.ts'
import { Crew } from './jobs-crew.ts'
import { quoteWatch } from './jobs-part.ts'
import type { Progress } from './progress.ts'
import { RangeSource } from './range-source.ts'
import type { LaneFlags } from './replay-traces.ts'

/** How a replay is shared out. */
export interface Jobs {
  /** Threads, this one included. */
  readonly count: number
  /** Least bytes of a part, and how many more this thread's own has. */
  readonly partBytesMin: number
  readonly headStartBytes: number
  /** What a worker makes its own options and consumers of. */
  readonly flags: LaneFlags
  readonly consumers: ConsumerSpec
  readonly named: readonly string[]
}

/** What a replay in one thread takes too. */
export interface Replaying {
  readonly reading: OpenOptions
  readonly options: ReplayOptions
  readonly progress: Progress | null
  watch(trace: TraceReader): TraceReader
}

/**
 * Replays a trace in parts, one in this thread, the others in workers: the same report, to the byte. Null, with nothing of
 * the input read, where the trace or the options do not allow it.
 *
 * This thread reads the file from its beginning. Where its part ends it stops if all others have reported, and goes on to the
 * end of the file if one of them could not: what one thread would have said, it then says.
 */
export async function replayInJobs(input: TraceInput, jobs: Jobs, replaying: Replaying): Promise<Report | null> {
  const { reading, options, watch } = replaying
  const count = partsOf(input, jobs, replaying)
  if (count < 2) return null
  // They start while this thread looks where to cut.
  const crew = new Crew(count - 1)
  const stop = () => crew.stop()
  try {
    const cut = await cutOf(input, count, jobs.headStartBytes)
    if (cut === null) return null
    const { flags, consumers, named } = jobs
    crew.give(cut.parts.slice(1).map((_, at) => ({ name: input.name, cut, part: at + 1, flags, consumers, named })))
    const [first] = cut.parts
    const rest = { from: first.to, to: input.sizeBytes! }
    const more = async (): Promise<ByteRange[]> => ((await crew.reports) === null ? [rest] : [])
    const bytes = new RangeSource(input.name, [first], more, quoteWatch(cut, stop))
    const trace = watch(await openTrace(bytes, input.name, reading))
    const shown = { ...input, readBytes: () => bytes.readBytes + crew.done.bytes }
    const onProgress: ReplayOptions['onProgress'] = (state) =>
      replaying.progress?.update(shown, { ...state, rows: state.rows + crew.done.rows })
    const own = await replayPart(trace, cut, true, { ...options, onProgress }, stop)
    const others = await crew.reports
    return others === null ? own.report : mergeParts([own, ...others])
  } finally {
    stop()
  }
}

/** The parts to cut the trace into, as far as its length and the options tell. */
function partsOf({ sizeBytes }: TraceInput, jobs: Jobs, { reading, options }: Replaying): number {
  const isPlain = options.faults === null && options.verifyData !== true && reading.format === undefined
  if (sizeBytes === null || !isPlain) return 1
  return Math.min(jobs.count, Math.floor((sizeBytes - jobs.headStartBytes) / jobs.partBytesMin))
}

/** Where the trace is to be cut; null where it is not. */
async function cutOf({ name, sizeBytes }: TraceInput, count: number, headStartBytes: number): Promise<TraceCut | null> {
  const fd = openSync(name, 'r')
  try {
    return await cutTrace(byteFile(fd, sizeBytes ?? 0), name, count, headStartBytes)
  } catch (error) {
    throw readError(name, error)
  } finally {
    closeSync(fd)
  }
}

function byteFile(fd: number, sizeBytes: number): ByteFile {
  return {
    sizeBytes,
    read: (at, length) => {
      const bytes = new Uint8Array(Math.min(length, Math.max(sizeBytes - at, 0)))
      return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, at))
    },
  }
}
