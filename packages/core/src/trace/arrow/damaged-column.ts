/** Values of a column are not where its metadata says. */
export class DamagedColumn extends Error {
  /** Name of the column, where it is known. */
  readonly column: string | null

  constructor(problem: string, column: string | null = null) {
    super(problem)
    this.column = column
  }
}
