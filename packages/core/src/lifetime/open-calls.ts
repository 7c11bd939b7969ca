import type { TokenPurpose } from './token-columns.ts'

/** Calls that have not returned, by the iterators that they were given: the last one last. */
export class OpenCalls {
  private readonly calls: { readonly iterator: number; readonly mm: number }[] = []

  /** No call ever had an iterator. */
  isNone = true

  /** A call of the task of `mm` was given an iterator. */
  began(iterator: number, mm: number): void {
    this.isNone = false
    this.calls.push({ iterator, mm })
  }

  /** It returns. */
  returned(iterator: number): void {
    const at = this.calls.findIndex((call) => call.iterator === iterator)
    if (at >= 0) this.calls.splice(at, 1)
  }

  /**
   * The iterator of the call that takes, 0: none. The last call of the address space, else the last one of all, which then
   * reaches into the memory of another; but what is held for long may be anybody's.
   * @kernel mm/gup.c: pin_user_pages_remote, get_user_pages_remote
   */
  taking({ mm, isLongTerm }: TokenPurpose): number {
    const own = this.calls.findLast((call) => call.mm === mm)
    return (own ?? (isLongTerm ? undefined : this.calls.at(-1)))?.iterator ?? 0
  }
}
