/**
 * A trace as text out of rows as a diff has them: `- ` stands before what only the code before its fix does, `+ ` before
 * what only the fixed code does, `# ` before a line of the header. Times and empty cells at the end are filled in.
 */
export function traceOf(columns: string, rows: string, isFixed: boolean): string {
  const width = columns.split(',').length
  const header: string[] = []
  const cells: string[] = []
  for (const line of rows.trim().split('\n')) {
    const text = line.trim()
    if (text.startsWith('# ')) header.push(text)
    else if (!text.startsWith(isFixed ? '- ' : '+ ')) cells.push(text.replace(/^[-+] /, ''))
  }
  const filled = cells.map((row, ts) => `${ts},${row}${','.repeat(width - row.split(',').length)}`)
  return `${['# pinscope-trace 1', ...header, `ts,${columns}`, ...filled].join('\n')}\n`
}
