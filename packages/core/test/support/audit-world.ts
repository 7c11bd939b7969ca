import { kernelOf } from '../../src/kernel/kernel.ts'
import type { KernelVersion } from '../../src/kernel/version.ts'
import { type Hold, isHold, isPinned } from '../../src/ledger/hold.ts'
import { Audit } from '../../src/lifetime/audit.ts'
import { Borrows } from '../../src/lifetime/borrows.ts'
import { type FolioState, folioState } from '../../src/lifetime/folio-flags.ts'
import type { HazardRule } from '../../src/lifetime/rule.ts'
import { Memory } from '../../src/memory/memory.ts'
import { PAGE_KINDS, type PageKindName } from '../../src/memory/page-store.ts'
import { GupWorld } from './gup-worlds.ts'

/** Folios and a ledger with an audit that listens: what happens to pages is told by hand. */
export class AuditWorld {
  readonly gup: GupWorld
  readonly audit: Audit
  readonly folios: Audit['folios']

  constructor(kernel: KernelVersion, stableWrites = false, rules: readonly HazardRule[] = [], filesystem = 'ext4') {
    this.gup = new GupWorld(kernel)
    const { ledger, pages } = this.gup
    const memory = Object.assign(new Memory(), { pages, spaces: this.gup.spaces })
    this.audit = new Audit(
      {
        memory,
        ledger,
        borrows: new Borrows(),
        visitFile: (file, first, end, tell) => memory.cache.visit(file, first, end, tell),
        nameOf: () => null,
        kernel: kernelOf(kernel),
        filesystem,
        stableWrites,
        isCutOff: false,
        stableOf: () => undefined,
        isImported: false,
      },
      rules,
    )
    ledger.tap = this.audit.tokens
    this.folios = this.audit.folios
  }

  /** First page of a new folio with 2^order pages, which its mapping or the page cache has one reference on. */
  page(kind: PageKindName = 'file', order = 0): number {
    return this.gup.pages.allocateFolio(order, PAGE_KINDS.indexOf(kind))
  }

  /** Takes pages for writing, or as a source; of a user, or of the kernel. */
  take(rows: readonly number[], isPin = true, isDest = true, isUser = true): Hold {
    Object.assign(this.audit.tokens.purpose, { isDest, isUser, isLongTerm: false, mm: 1 })
    const hold = this.gup.hold(rows, isPin)
    if (!isHold(hold)) throw new Error(`not taken: ${hold}`)
    return hold
  }

  /** Lets go; `dirty`: unpin_user_pages_dirty_lock. */
  letGo(hold: Hold, dirty = false): void {
    if (dirty && isPinned(hold)) this.gup.ledger.unpinDirty(hold)
    else this.gup.ledger.letGo(hold)
  }

  isDirty(page: number): boolean {
    return this.folios.isDirty(page)
  }

  state(page: number, isMapped = true): FolioState {
    return folioState(this.folios.flagsOf(page), this.folios.isDirty(page), isMapped)
  }
}
