import { RETAIN_PIN } from '../../extract/retention.ts'
import { AccountCover } from '../account-cover.ts'
import type { Audit } from '../audit.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h50 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-50',
  name: 'unaccounted pin',
  precondition: 'pages that are pinned for long count against RLIMIT_MEMLOCK (locked_vm, pinned_vm)',
  event:
    'fewer are accounted than are taken; or the account goes down and they are still pinned, or stays when they are not',
  verdict: 'ACCT',
  severity: severityOf('ACCT'),
  advice:
    'Account before the pins and take off after them, by the same number and on the same mm or user: remember both with the pins. In an error path the labels go in that order.',
  kernel:
    'io_uring/rsrc.c: io_account_mem, io_unaccount_mem, io_buffer_unmap; net/xdp/xdp_umem.c: xdp_umem_reg, fb89c39455e4; net/core/skbuff.c: mm_account_pinned_pages; net/vmw_vsock/virtio_transport_common.c: virtio_transport_init_zcopy_skb, 1cb36e252211; arch/s390/kvm/pci.c: 36f6999ecde3',
  diagram: `
  account 64 pages     locked_vm = 64
  pin 64 pages
       |
  table: -ENOMEM       goto out_account
       |
  unaccount 64         locked_vm = 0, and 64 pages are pinned:
                       the process can do it again, without limit`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,flags,len
0,account,,1,,,,8192
1,pin,umem,1,read,0x10000+8192,longterm,
2,unaccount,,1,,,,8192
3,unpin,umem,1,,,,
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,flags,len
0,account,,1,,,,8192
1,pin,umem,1,read,0x10000+8192,longterm,
2,unpin,umem,1,,,,
3,unaccount,,1,,,,8192
`,
  },
  watch: (audit) => {
    const { tasks, tokens } = audit
    /** By address space: pages pinned for long, and pages unpinned and not yet taken off. */
    const pinned = new Map<number, number>()
    const unpinned = new Map<number, number>()
    const ofRow = new RowAccount(audit)
    const standing = new StandingAccounts(audit)
    const cover = new AccountCover(audit, ({ missing, pages, ...taken }) => {
      audit.find(h50, { ...taken, pages: missing, detail: tooFew(pages, pages - missing) })
    })
    const pinnedPages = (mm: number) => pinned.get(mm) ?? 0
    const move = (token: number, pages: number): void => {
      if (tokens.isLongTerm[token] === 0 || tokens.retention(token) !== RETAIN_PIN) return
      pinned.set(tokens.mm[token], pinnedPages(tokens.mm[token]) + pages)
    }
    return {
      acquire: ({ token, pages }) => {
        ofRow.took(token, pages)
        cover.took(token)
        move(token, pages)
      },
      release: ({ token, pages, as }) => {
        if (as !== tokens.retention(token)) return
        ofRow.letGo(token, pages)
        cover.letGo(token, pages)
        if (tokens.isLongTerm[token] === 0) return
        move(token, -pages)
        unpinned.set(tokens.mm[token], (unpinned.get(tokens.mm[token]) ?? 0) + pages)
      },
      account: ({ object, amount }) => {
        ofRow.account(amount)
        standing.add(object, amount)
        cover.account(object, amount)
      },
      unaccount: ({ object, amount }) => {
        standing.takeOff(object, amount)
        cover.unaccount(object, amount)
        const before = tasks.accountedPages(object)
        const after = before - amount
        const letGo = unpinned.get(object) ?? 0
        unpinned.set(object, Math.max(letGo - amount, 0))
        if (after < 0) {
          const detail = `${grouped(amount)} pages are taken off an account that has ${grouped(before)}: they were added to another, or taken off before`
          audit.find(h50, { detail })
          return
        }
        // Whoever may pin what he likes is not accounted: then fewer were from the start.
        const held = pinnedPages(object)
        if (letGo >= amount || before < held || after >= held) return
        audit.find(h50, {
          pages: held - after,
          detail: `${grouped(held)} pages are still pinned for long, and ${grouped(after)} accounted`,
        })
      },
      over: () => {
        ofRow.judge()
        cover.over()
        for (const mm of tasks.accounts().keys()) {
          if (pinnedPages(mm) > 0) continue
          standing.each(mm, ({ row, line, pages }) => {
            const detail = `${grouped(pages)} pages stay accounted, and none of them is pinned`
            audit.find(h50, { row, line, pages, detail })
          })
        }
      },
    }
  },
})

/** Pages that a row has accounted, and nobody took off yet. */
interface StandingAccount {
  readonly row: number
  readonly line: number
  pages: number
}

/** Which rows accounted what stands on the account of each address space. */
class StandingAccounts {
  private readonly audit: Audit
  private readonly byMm = new Map<number, StandingAccount[]>()

  constructor(audit: Audit) {
    this.audit = audit
  }

  add(mm: number, pages: number): void {
    const { row, line } = this.audit.bus
    const all = this.byMm.get(mm) ?? []
    all.push({ row, line, pages })
    this.byMm.set(mm, all)
  }

  /** What the row at work accounted itself goes first, then what is as large, then what was accounted first. */
  takeOff(mm: number, pages: number): void {
    const all = this.byMm.get(mm) ?? []
    let left = pages
    while (left > 0 && all.length > 0) {
      const at = this.placeOf(all, left)
      const taken = Math.min(all[at].pages, left)
      left -= taken
      all[at].pages -= taken
      if (all[at].pages === 0) all.splice(at, 1)
    }
  }

  each(mm: number, tell: (account: StandingAccount) => void): void {
    for (const account of this.byMm.get(mm) ?? []) tell(account)
  }

  private placeOf(all: readonly StandingAccount[], pages: number): number {
    const { row } = this.audit.bus
    const own = all.findIndex((account) => account.row === row)
    return own >= 0
      ? own
      : Math.max(
          0,
          all.findIndex((account) => account.pages === pages),
        )
  }
}

function tooFew(taken: number, accounted: number): string {
  return `${grouped(taken)} pages of a user are taken, and ${grouped(accounted)} accounted`
}

/** What the row at work takes of user memory, and accounts for it: judged when another row comes. */
class RowAccount {
  private readonly audit: Audit
  private row = 0
  private line = 0
  private held = 0
  private heldMax = 0
  private accounted = 0

  constructor(audit: Audit) {
    this.audit = audit
  }

  took(token: number, pages: number): void {
    if (!this.isSmall(token)) return
    this.begin()
    this.held += pages
    if (this.held > this.heldMax) this.heldMax = this.held
  }

  letGo(token: number, pages: number): void {
    const isOfRow = this.audit.bus.row === this.row && this.audit.tokens.rowOf(token) === this.row
    if (isOfRow && this.isSmall(token)) this.held -= pages
  }

  account(pages: number): void {
    this.begin()
    this.accounted += pages
  }

  /** A row that accounts nothing may take what it likes: its memory is not limited, or not for long. */
  judge(): void {
    const { row, line, heldMax, accounted } = this
    if (accounted === 0 || heldMax <= accounted) return
    this.audit.find(h50, { row, line, pages: heldMax - accounted, detail: tooFew(heldMax, accounted) })
  }

  private begin(): void {
    const { row, line } = this.audit.bus
    if (row === this.row) return
    this.judge()
    this.row = row
    this.line = line
    this.held = 0
    this.heldMax = 0
    this.accounted = 0
  }

  /** A large folio is accounted whole, and once, however many buffers have parts of it. */
  private isSmall(token: number): boolean {
    const { tokens, lane } = this.audit
    if (tokens.isUser[token] === 0) return false
    const page = lane.ledger.firstPage(token)
    return page >= 0 && lane.memory.pages.orderOf(page) === 0
  }
}
