import { NAME_TOO_LONG, NameTable } from '../dictionary.ts'

/** Texts that are looked up without their bytes; beyond it every text goes through its bytes. */
const CACHE_MAX = 1 << 16

/** The strings of one column of an imported file, by their latin-1 text. */
export class ImportNames {
  readonly table = new NameTable()
  private readonly known = new Map<string, number>()

  /** Id of the text; NAME_TOO_LONG or NAME_TABLE_FULL. */
  intern(latin1: string): number {
    const known = this.known.get(latin1)
    if (known !== undefined) return known
    const bytes = Buffer.from(storable(latin1), 'latin1')
    const id = this.table.intern(bytes, 0, bytes.length)
    if (id >= 0 && this.known.size < CACHE_MAX) this.known.set(latin1, id)
    return id
  }

  isTooLong(fault: number): boolean {
    return fault === NAME_TOO_LONG
  }
}

/** A trace holds neither NUL nor a carriage return: they are written as \0 and \r. */
function storable(text: string): string {
  return text.includes('\0') || text.includes('\r') ? text.replaceAll('\0', '\\0').replaceAll('\r', '\\r') : text
}
