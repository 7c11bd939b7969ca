import type { ImportRow } from './import-row.ts'

/** Operations whose completion is awaited, by a key of the importer's: a thread, a request. Oldest first. */
export class Pending {
  private readonly rows = new Map<string | number, ImportRow>()

  get size(): number {
    return this.rows.size
  }

  /** The one that was opened first. */
  get oldest(): ImportRow | undefined {
    return this.rows.values().next().value
  }

  open(key: string | number, row: ImportRow): void {
    this.rows.set(key, row)
  }

  peek(key: string | number): ImportRow | undefined {
    return this.rows.get(key)
  }

  take(key: string | number): ImportRow | undefined {
    const row = this.rows.get(key)
    if (row !== undefined) this.rows.delete(key)
    return row
  }

  takeOldest(): ImportRow | undefined {
    const first = this.rows.entries().next()
    if (first.done === true) return undefined
    this.rows.delete(first.value[0])
    return first.value[1]
  }
}
