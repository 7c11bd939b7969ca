import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { TRACE_FORMATS } from '../../../src/trace/formats/formats.ts'
import type { ImportReport } from '../../../src/trace/import/import-report.ts'
import type { TraceFormat } from '../../../src/trace/import/trace-format.ts'
import { type OpenOptions, openTrace } from '../../../src/trace/open-trace.ts'
import { TraceError } from '../../../src/trace/trace-error.ts'
import { type TraceInfo, traceInfo } from '../../../src/trace/trace-info.ts'
import type { LayoutLevel } from '../../../src/trace/trace-reader.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'

const SAMPLES = fileURLToPath(new URL('../../../../../traces/formats/', import.meta.url))

/** A sample in traces/formats and what it holds, counted by other means than the importer: say how in a comment. */
export interface Sample {
  readonly file: string
  readonly options?: OpenOptions
  /** Rows of any event, and those that are operations. */
  readonly rows: number
  readonly reads: number
  readonly writes: number
  readonly bytesRead: number
  readonly bytesWritten: number
  readonly level: LayoutLevel
  /** Reason -> lines passed over. */
  readonly skipped: Readonly<Record<string, number>>
  readonly events?: Readonly<Record<string, number>>
  /** From the first to the last time of the trace, ns. */
  readonly spanNs?: number
  readonly errors?: number
  readonly neverCompleted?: number
  /** Some rows, by their number from 1: the cells that are asserted, as {@link columnsOf} has them. */
  readonly someRows?: Readonly<Record<number, object>>
  /** Words that must stand in the assumptions and doubts, each in one of them. */
  readonly assumptions?: readonly string[]
  readonly doubts?: readonly string[]
}

/** A file with one fault, and the exact message: `t:LINE:COLUMN: problem` and the hint in a second line if there is one. */
export interface Malformed {
  readonly title: string
  readonly bytes: string | Uint8Array
  readonly options?: OpenOptions
  readonly message: string
}

export interface ImportSuite {
  readonly format: TraceFormat
  readonly samples: readonly Sample[]
  /** At least eight. They are opened with `--input-format` of this format. */
  readonly malformed: readonly Malformed[]
}

/** Everything that an importer must do, whatever its format. */
export function importSuite({ format, samples, malformed }: ImportSuite): void {
  describe(`${format.name}: samples`, () => {
    it.each(samples)('$file: is told apart, and has what was counted', async (sample) => {
      const read = await readSample(sample)
      expect(read.info.format).toBe(format.name)
      expect(figuresOf(read.info, sample)).toEqual(expectedOf(sample))
      for (const [row, cells] of Object.entries(sample.someRows ?? {})) {
        expect(read.rows[Number(row) - 1], `row ${row}`).toMatchObject(cells)
      }
      const report = read.info.imported!
      for (const words of sample.assumptions ?? []) expect(report.assumptions.join('\n')).toContain(words)
      expect(report.doubts.length).toBe((sample.doubts ?? []).length)
      for (const words of sample.doubts ?? []) expect(report.doubts.join('\n')).toContain(words)
    })

    it.each(samples)('$file: is the same whatever the chunks', async (sample) => {
      const whole = await readSample(sample)
      expect(await readSample(sample, [1])).toEqual(whole)
      expect(await readSample(sample, [7, 64, 3])).toEqual(whole)
    })

    it.each(samples)('$file: cut anywhere it is read, or refused with a word', async (sample) => {
      const bytes = readFileSync(SAMPLES + sample.file)
      const step = Math.max(1, Math.floor(bytes.length / 60))
      for (let end = 0; end < bytes.length; end += step)
        await readOrRefuse(bytes.subarray(0, end), format, sample.options)
    })
  })

  describe(`${format.name}: malformed`, () => {
    it('has at least eight', () => {
      expect(malformed.length).toBeGreaterThanOrEqual(8)
    })

    it.each(malformed)('$title', async ({ bytes, options, message }) => {
      const content = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes
      for (const sizes of [[65536], [1]]) {
        expect(await messageOf(content, { format: format.name, ...options }, sizes)).toBe(message)
      }
    })
  })
}

interface ReadSample {
  readonly info: TraceInfo
  readonly rows: readonly object[]
}

async function readSample(sample: Sample, sizes: readonly number[] = [65536]): Promise<ReadSample> {
  const bytes = readFileSync(SAMPLES + sample.file)
  const info = await traceInfo(await openTrace(chunked(bytes, sizes), sample.file, sample.options))
  const rows: object[] = []
  const reader = await openTrace(chunked(bytes, sizes), sample.file, sample.options)
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row))
  }
  return { info, rows }
}

/** Null, or the message that the file is refused with. Anything but a TraceError is thrown on. */
export async function messageOf(
  bytes: Uint8Array,
  options: OpenOptions,
  sizes?: readonly number[],
): Promise<string | null> {
  try {
    const reader = await openTrace(chunked(bytes, sizes), 't', options)
    for await (const batch of reader.batches()) void batch
    return null
  } catch (error) {
    if (error instanceof TraceError) return error.message
    throw error
  }
}

async function readOrRefuse(bytes: Uint8Array, format: TraceFormat, options?: OpenOptions): Promise<void> {
  const message = await messageOf(bytes, { ...options, format: format.name })
  expect(message).not.toBe('')
}

function figuresOf(info: TraceInfo, sample: Sample): object {
  const report: ImportReport = info.imported!
  return {
    rows: info.rows,
    reads: info.reads,
    writes: info.writes,
    bytesRead: info.bytes.read,
    bytesWritten: info.bytes.written,
    level: info.layout,
    skipped: Object.fromEntries(report.skipped.map(({ reason, count }) => [reason, count])),
    ...(sample.events === undefined ? {} : { events: info.events }),
    ...(sample.spanNs === undefined ? {} : { spanNs: info.spanNs }),
    ...(sample.errors === undefined ? {} : { errors: info.errors }),
    ...(sample.neverCompleted === undefined ? {} : { neverCompleted: info.neverCompleted }),
  }
}

function expectedOf({ file, options, someRows, assumptions, doubts, ...figures }: Sample): object {
  return figures
}

/** Names of the formats that claim the bytes. */
export async function claimsOf(bytes: Uint8Array): Promise<string[]> {
  const { ByteWindow } = await import('../../../src/trace/byte-window.ts')
  const { fillHead, formatsOf, headOf } = await import('../../../src/trace/import/detect.ts')
  const window = new ByteWindow(chunked(bytes))
  await fillHead(window)
  return formatsOf(headOf(window), TRACE_FORMATS).map(({ name }) => name)
}
