import { NAMES_MAX } from '../../limits.ts'
import { fileOfRow, fileOfTarget, type RecordedFile } from './recorded-file.ts'

/** The files of a recording: version 2 numbers them, and tells of each on a row before its first use. */
export class RecordedFiles {
  private readonly byNumber = new Map<string, RecordedFile>()
  /** Those of version 1, by target, so that one file is one object. */
  private readonly byTarget = new Map<string, RecordedFile>()

  /** A `file` row. Its number keeps its first name. */
  add(number: string, target: string, fields: ReadonlyMap<string, string>): void {
    if (this.byNumber.size < NAMES_MAX && !this.byNumber.has(number))
      this.byNumber.set(number, fileOfRow(target, fields))
  }

  /** Null: no row told of it. */
  ofNumber(number: string): RecordedFile | null {
    return this.byNumber.get(number) ?? null
  }

  /** The file of a row: that of the number, else what its name tells. */
  of(number: string, target: string, direct: boolean): RecordedFile {
    const numbered = this.ofNumber(number)
    if (numbered !== null) return numbered
    const key = direct ? `D${target}` : target
    const known = this.byTarget.get(key)
    if (known !== undefined) return known
    const file = fileOfTarget(target, direct)
    if (this.byTarget.size < NAMES_MAX) this.byTarget.set(key, file)
    return file
  }
}
