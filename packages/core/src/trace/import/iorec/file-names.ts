import type { RecordedFile } from './recorded-file.ts'

/** Names that are told apart; what comes beyond has its path. A trace has no more. */
const NAMES_MAX = 1 << 20

/**
 * Names of files as the trace has them: the last component of a path, and where two files share it, as many components more
 * as tell the later one apart. A name that is no path stays as it is.
 */
export class FileNames {
  private readonly isShort: boolean
  private readonly known = new Map<string, string>()
  private readonly taken = new Set<string>()

  /** `isShort` false: every file has its path. */
  constructor(isShort: boolean) {
    this.isShort = isShort
  }

  of({ target }: RecordedFile): string {
    if (!this.isShort || !target.startsWith('/')) return target
    const known = this.known.get(target)
    if (known !== undefined) return known
    const name = this.shortName(target)
    if (this.known.size >= NAMES_MAX) return target
    this.known.set(target, name)
    this.taken.add(name)
    return name
  }

  private shortName(path: string): string {
    const parts = path.split('/').filter((part) => part !== '')
    let name = parts.pop() ?? path
    while (this.taken.has(name) && parts.length > 0) name = `${parts.pop()}/${name}`
    return name
  }
}
