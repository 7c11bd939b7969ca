import type { ImportReport } from '../../../src/trace/import/import-report.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'

/** A row of {@link rowsOfText}: what tests ask of it. */
export interface TextRow {
  readonly line: number
  readonly ts: number
  readonly end: number | string
  readonly event: string
  readonly mm: number
  readonly op: string
  readonly call: string | null
  readonly segments: readonly { readonly address: number; readonly length: number }[]
  readonly backing: string
  readonly file: string | null
  readonly offset: number
  readonly len: number
  readonly result: number | null
  readonly flags: readonly string[]
  readonly consumer: string | null
}

/** Rows of a short file of that format, and what the importer says of it. */
export async function rowsOfText(
  text: string,
  format: string,
  formatOptions: Readonly<Record<string, string>> = {},
): Promise<{ rows: TextRow[]; report: ImportReport; skipped: Readonly<Record<string, number>> }> {
  const reader = await openTrace(chunked(Buffer.from(text, 'latin1')), 't', { format, formatOptions })
  const rows: TextRow[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row) as TextRow)
  }
  const report = reader.imported!
  return { rows, report, skipped: Object.fromEntries(report.skipped.map(({ reason, count }) => [reason, count])) }
}
