import type { ColumnName } from '../trace/columns.ts'

/** A row of a trace by the names of its columns; what is left out is an empty cell, and `ts` is the row's number. */
export type TestRow = Readonly<Partial<Record<ColumnName, string | number>>>

/** The text of a trace with these rows. `header`: lines such as `kernel 6.12.95`. */
export function traceText(rows: readonly TestRow[], header: readonly string[] = []): string {
  const columns = ['ts', ...new Set(rows.flatMap((row) => Object.keys(row)).filter((name) => name !== 'ts'))]
  const lines = rows.map((row, index) => {
    const cells: Readonly<Record<string, string | number>> = { ts: index, ...row }
    return columns.map((column) => cells[column] ?? '').join(',')
  })
  return `${['# pinscope-trace 1', ...header.map((line) => `# ${line}`), columns.join(','), ...lines].join('\n')}\n`
}
