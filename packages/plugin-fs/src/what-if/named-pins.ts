import type { PageEvent } from '@pinscope/core'

/** Pages of `pin` and `get` rows with an id, for the rows that let go of them and name no page. */
export class NamedPins {
  private readonly pages = new Map<number, readonly number[]>()

  /** A `pin` or `get` row. */
  take(event: PageEvent): void {
    if (event.id >= 0) this.pages.set(event.id, [...event.page.subarray(0, event.length)])
  }

  /** An `unpin` row: tells of each page that it is about, which is let go when the row is over. */
  drop(event: PageEvent, tell: (page: number) => void): void {
    const named = event.length > 0 ? event.page.subarray(0, event.length) : (this.pages.get(event.id) ?? [])
    for (const page of named) tell(page)
    this.pages.delete(event.id)
  }
}
