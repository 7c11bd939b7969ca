import { UsageError } from '@pinscope/core'
import { type NamedReport, readReport } from './compare-read.ts'
import { openInputs, type TraceInput } from './input.ts'

/** What the command line names: reports, or traces. */
export type Compared =
  | { readonly reports: readonly NamedReport[]; readonly traces: null }
  | { readonly reports: null; readonly traces: readonly TraceInput[] }

/** Reports that one comparison takes; of more files none is looked into. */
const REPORTS_MAX = 2

/**
 * Tells reports from traces, by name (.json) or by the first byte, so that a pipe may bring either. Among several traces
 * reports are passed over, as `replay` does. Throws a UsageError for a mixture and for more than two reports.
 */
export async function openCompared(names: readonly string[]): Promise<Compared> {
  if (names.length > REPORTS_MAX && names.every(isReportName)) {
    throw new UsageError(
      `${names.length} reports are named, two are compared`,
      'Of several traces make one report each time: pinscope replay TRACE... --json -o before.json',
    )
  }
  const inputs = await Promise.all(
    openInputs(names).map((input) => (names.length > REPORTS_MAX ? byName(input) : peeked(input))),
  )
  const reports = inputs.filter(({ isReport }) => isReport)
  const trace = inputs.find(({ isReport }) => !isReport)
  if (trace === undefined)
    return { reports: await Promise.all(reports.map(({ input }) => readReport(input))), traces: null }
  if (reports.length > 0) throw mixture(trace.input.name, reports[0].input.name)
  return { reports: null, traces: inputs.map(({ input }) => input) }
}

interface Told {
  readonly input: TraceInput
  readonly isReport: boolean
}

const isReportName = (name: string): boolean => /\.json$/i.test(name)

const byName = (input: TraceInput): Told => ({ input, isReport: isReportName(input.name) })

/** An input, looked into: JSON begins with a brace, and no trace does. */
async function peeked(input: TraceInput): Promise<Told> {
  if (isReportName(input.name)) return byName(input)
  const chunks = input.bytes[Symbol.asyncIterator]()
  const first = await chunks.next()
  if (first.done === true) return { input: { ...input, bytes: empty() }, isReport: false }
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield first.value
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value
  }
  return { input: { ...input, bytes: bytes() }, isReport: /^\s*\{/.test(textStart(first.value)) }
}

async function* empty(): AsyncGenerator<Uint8Array> {}

const textStart = (chunk: Uint8Array): string => Buffer.from(chunk.subarray(0, 64)).toString('latin1')

function mixture(trace: string, report: string): UsageError {
  return new UsageError(
    `${trace} is a trace and ${report} a report: they cannot be compared`,
    `Replay the trace first: pinscope replay ${trace} --json -o other.json`,
  )
}
