/** The cells of a line without quotes. */
export function cellsOfLine(line: string): string[] {
  return line.split(',')
}

/** Byte column of a cell, from 1. */
export function cellColumn(cells: readonly string[], cell: number): number {
  let column = 1
  for (let i = 0; i < cell; i++) column += cells[i]!.length + 1
  return column
}
