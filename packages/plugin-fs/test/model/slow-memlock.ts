import { PAGE, type Page, type World } from '../../../core/test/consumer-twin/slow-common.ts'
import { HUGE_PAGES } from '../../../core/test/consumer-twin/slow-world.ts'

/** What a registered buffer has: the pages of its bvecs, and how many it was accounted. */
export interface Locked {
  readonly pages: readonly Page[]
  readonly accounted: number
}

/** io_uring/rsrc.c: io_buffer_account_pin(), headpage_already_acct(); 7.3: hpage_acct_ref(), hpage_acct_unref(). */
export class SlowMemlock {
  readonly counts = { memlockPagesPeak: 0, headsSpared: 0 }
  private readonly limit: number
  private readonly isMainline: boolean
  private total = 0
  private registered: Locked[] = []
  private readonly references = new Map<Page, number>()
  /** The large folio that the table at work had last. */
  private last: Page | null = null

  constructor({ setup: { options, version } }: World) {
    this.limit = Math.floor((options.memlock ?? 0) / PAGE)
    this.isMainline = version === 'mainline'
  }

  startTable(): void {
    this.last = null
  }

  /** Null: more than may be locked. */
  account(pages: readonly Page[]): Locked | null {
    const accounted = this.isMainline ? this.takeReferences(pages) : this.lookAround(pages)
    if (this.limit > 0 && this.total + accounted > this.limit) {
      if (this.isMainline) this.dropReferences(pages)
      return null
    }
    this.total += accounted
    this.counts.memlockPagesPeak = Math.max(this.counts.memlockPagesPeak, this.total)
    const locked = { pages, accounted }
    this.registered.push(locked)
    return locked
  }

  release(locked: Locked): void {
    this.registered = this.registered.filter((one) => one !== locked)
    this.total -= this.isMainline ? this.dropReferences(locked.pages) : locked.accounted
  }

  private lookAround(pages: readonly Page[]): number {
    let accounted = 0
    pages.forEach(({ head }, i) => {
      if (head === undefined) accounted++
      else if (head === this.last) {
        // That of the buffer before.
        if (pages[i - 1]?.head !== head) this.counts.headsSpared++
      } else {
        this.last = head
        const all = [...pages.slice(0, i), ...this.registered.flatMap((one) => one.pages)]
        if (all.some((page) => page.head === head)) this.counts.headsSpared++
        else accounted += HUGE_PAGES
      }
    })
    return accounted
  }

  private takeReferences(pages: readonly Page[]): number {
    // ctx->user is there only with a limit.
    if (this.limit === 0) return 0
    let accounted = 0
    for (const { head, isRunStart } of runs(pages)) {
      if (head === undefined) accounted++
      else if (isRunStart) {
        const count = this.references.get(head) ?? 0
        this.references.set(head, count + 1)
        if (count === 0) accounted += HUGE_PAGES
        else this.counts.headsSpared++
      }
    }
    return accounted
  }

  private dropReferences(pages: readonly Page[]): number {
    if (this.limit === 0) return 0
    let accounted = 0
    for (const { head, isRunStart } of runs(pages)) {
      if (head === undefined) accounted++
      else if (isRunStart) {
        const count = this.references.get(head)! - 1
        this.references.set(head, count)
        if (count === 0) accounted += HUGE_PAGES
      }
    }
    return accounted
  }
}

/** A large folio counts where it differs from the large folio before, small pages between or not. */
function runs(pages: readonly Page[]): { head: Page | undefined; isRunStart: boolean }[] {
  let seen: Page | undefined
  return pages.map(({ head }) => {
    const isRunStart = head !== undefined && head !== seen
    if (head !== undefined) seen = head
    return { head, isRunStart }
  })
}
