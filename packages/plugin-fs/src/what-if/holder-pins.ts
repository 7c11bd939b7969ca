import {
  HOLD_NONE,
  type Hold,
  isHold,
  isPinned,
  type Operation,
  PAGE_SIZE,
  type PageEvent,
  PageList,
  RETAIN_PIN,
} from '@pinscope/core'

/** A registration of memory that a holder of leases has: a `pin` row. */
export interface HolderPin {
  readonly id: number
  /** Who holds it. */
  readonly mm: number
  readonly isDest: boolean
  readonly pages: readonly number[]
  /** HOLD_NONE while its holder has let go of it. */
  hold: Hold
}

/**
 * Pins of `pin` rows with an id, which a model takes itself: their holder drops them when a lease is broken, and takes them
 * again afterwards.
 */
export class HolderPins {
  private readonly byId = new Map<number, HolderPin>()

  /** A `pin` row. False: it has no id, and is none of these. */
  take(io: Operation, event: PageEvent): boolean {
    if (event.id < 0 || event.length === 0) return false
    const pages = [...event.page.subarray(0, event.length)]
    const pin: HolderPin = { id: event.id, mm: event.mm, isDest: event.isStore, pages, hold: HOLD_NONE }
    this.byId.set(event.id, pin)
    this.acquire(io, pin)
    return true
  }

  /** An `unpin` row: drops what is still there. False: it names no pin of these. */
  drop(io: Operation, event: PageEvent, makesDirty: boolean): boolean {
    const pin = this.byId.get(event.id)
    if (pin === undefined) return false
    this.letGo(io, pin, makesDirty)
    this.byId.delete(event.id)
    return true
  }

  /** Pins of a holder that are held, and have one of these pages: those of the file that its lease is on. */
  on(pages: ReadonlySet<number>, mm: number): readonly HolderPin[] {
    return [...this.byId.values()].filter(
      (pin) => pin.mm === mm && pin.hold !== HOLD_NONE && pin.pages.some((page) => pages.has(page)),
    )
  }

  /** It is still registered, held or not. */
  has(pin: HolderPin): boolean {
    return this.byId.get(pin.id) === pin
  }

  /** The holder has let go of the page and stopped its device, and has no other pin on it. */
  isStopped(mm: number, page: number): boolean {
    const its = [...this.byId.values()].filter((pin) => pin.mm === mm && pin.pages.includes(page))
    return its.length > 0 && its.every(({ hold }) => hold === HOLD_NONE)
  }

  /** What was written through it is marked dirty where `makesDirty` says so. @kernel mm/gup.c: unpin_user_pages_dirty_lock */
  letGo(io: Operation, pin: HolderPin, makesDirty: boolean): void {
    const { hold } = pin
    pin.hold = HOLD_NONE
    if (!isPinned(hold)) return
    if (makesDirty && pin.isDest) io.ledger.unpinDirty(hold)
    else io.ledger.unpin(hold)
  }

  /** Takes the pages of a pin, or takes them again. @kernel mm/gup.c: pin_user_pages */
  acquire(io: Operation, pin: HolderPin): void {
    const list = new PageList(pin.pages.length)
    list.describe(pin.pages.length, 0, pin.pages.length * PAGE_SIZE)
    list.page.set(pin.pages)
    list.retention = RETAIN_PIN
    if (io.audit !== null) Object.assign(io.audit.tokens.purpose, { isDest: pin.isDest, isUser: true, mm: pin.mm })
    const hold = io.ledger.acquire(list)
    pin.hold = isHold(hold) ? hold : HOLD_NONE
  }
}
