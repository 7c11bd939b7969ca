import { RETAIN_PIN } from '../extract/retention.ts'
import type { Audit } from './audit.ts'

/** Pages that were taken while fewer were accounted and free. */
interface Short {
  readonly token: number
  readonly row: number
  readonly line: number
  readonly page: number
  /** Pages taken, and how many of them no account has yet. */
  readonly pages: number
  missing: number
}

/** What an address space has accounted: by rows of the trace, or by operations, which account for their own. */
interface Account {
  pages: number
  /** Of these, pages that are taken. */
  used: number
  /** Row that accounted last. */
  row: number
  readonly shorts: Short[]
}

/** What is told of pages that no account came to have. */
export type TellShort = (short: Readonly<Short>) => void

/**
 * Which account each reference counts against: it is made before the pages are taken, or after it. Whoever takes pages where
 * nothing is accounted that is not used may take what he likes, or accounts later; who takes more than there is has
 * accounted too few, if no account follows. A row that accounts and takes is judged by itself, and not here.
 */
export class AccountCover {
  private readonly audit: Audit
  private readonly tell: TellShort
  private readonly accounts = new Map<number, Account>()
  /** By token: how many of its pages count against which account. */
  private readonly covered = new Map<number, { account: Account; pages: number }>()
  /** Tokens that a row took when nothing was free: what it accounts after that is for them. */
  private readonly uncovered = { row: 0, tokens: [] as number[] }

  constructor(audit: Audit, tell: TellShort) {
    this.audit = audit
    this.tell = tell
  }

  took(token: number): void {
    // The row of the hold table was another's: what was split off that one counts no more.
    this.uncover(token, Number.POSITIVE_INFINITY)
    const account = this.accountOf(token)
    const free = account === undefined ? 0 : account.pages - account.used
    if (account === undefined || free <= 0) {
      this.remember(token)
      return
    }
    const pages = this.pagesToAccount(token)
    this.cover(account, token, Math.min(free, pages))
    const { row, line } = this.audit.bus
    if (pages <= free || account.row === row) return
    const page = this.audit.lane.ledger.firstPage(token)
    account.shorts.push({ token, row, line, page, pages, missing: pages - free })
  }

  /**
   * Pages of a token are let go: what it lacks now nobody accounts any more. A registration that takes pages and lets go of
   * them again has failed, and comes to no account.
   */
  letGo(token: number, pages: number): void {
    const ofRow = this.uncovered.tokens.indexOf(token)
    if (ofRow >= 0 && pages >= this.audit.tokens.pagesOf(token)) this.uncovered.tokens.splice(ofRow, 1)
    const account = this.accountOf(token)
    if (account === undefined) return
    const at = account.shorts.findIndex((one) => one.token === token)
    const isUndone = at >= 0 && account.shorts[at].row === this.audit.bus.row && !this.isOfOperation(token)
    if (at >= 0) for (const short of account.shorts.splice(at, 1)) if (!isUndone) this.tell(short)
    this.uncover(this.covered.has(token) ? token : this.audit.tokens.splitFrom[token], pages)
  }

  /** `pages` more: for what was taken before, where that lacks any. */
  account(mm: number, pages: number): void {
    const key = keyOf(mm, this.audit.bus.operation !== 0)
    const account = this.accounts.get(key) ?? { pages: 0, used: 0, row: 0, shorts: [] }
    this.accounts.set(key, account)
    account.pages += pages
    account.row = this.audit.bus.row
    for (const short of account.shorts) {
      const paid = Math.min(short.missing, Math.max(account.pages - account.used, 0))
      short.missing -= paid
      this.cover(account, short.token, paid)
    }
    while (account.shorts[0]?.missing === 0) account.shorts.shift()
    if (this.uncovered.row !== account.row) return
    for (const token of this.uncovered.tokens) {
      if (this.covered.has(token) || this.accountOf(token) !== account) continue
      this.cover(account, token, Math.min(Math.max(account.pages - account.used, 0), this.pagesToAccount(token)))
    }
  }

  unaccount(mm: number, pages: number): void {
    const isOfOperation = this.audit.bus.operation !== 0
    const [own, other] = [isOfOperation, !isOfOperation].map((kind) => this.accounts.get(keyOf(mm, kind)))
    const account = own !== undefined && (own.pages >= pages || other === undefined) ? own : other
    if (account !== undefined) account.pages -= pages
  }

  /** The trace is over. */
  over(): void {
    for (const { shorts } of this.accounts.values()) for (const short of shorts) this.tell(short)
  }

  private accountOf(token: number): Account | undefined {
    const { tokens } = this.audit
    const isOfOperation = this.isOfOperation(token)
    const isLong = tokens.isLongTerm[token] === 1 && tokens.retention(token) === RETAIN_PIN
    if (isOfOperation ? tokens.isUser[token] === 0 : !isLong) return undefined
    return this.accounts.get(keyOf(tokens.mm[token], isOfOperation))
  }

  private remember(token: number): void {
    const { uncovered } = this
    if (uncovered.row !== this.audit.bus.row) uncovered.tokens.length = 0
    uncovered.row = this.audit.bus.row
    uncovered.tokens.push(token)
  }

  private isOfOperation(token: number): boolean {
    return this.audit.lane.ledger.holds.operation[token] !== 0
  }

  /** A large folio is accounted once: not for who has it besides another. */
  private pagesToAccount(token: number): number {
    const { lane, tokens } = this.audit
    const store = lane.memory.pages
    let pages = 0
    lane.ledger.eachRun(token, (first, count) => {
      for (let page = first, next = 0; page < first + count; page = next) {
        const order = store.orderOf(page)
        next = Math.min(store.headOf(page) + 2 ** order, first + count)
        if (order === 0 || !isHeldBesides(page)) pages += next - page
      }
    })
    return pages

    function isHeldBesides(page: number): boolean {
      let isBesides = false
      tokens.eachOn(store.headOf(page), 2 ** store.orderOf(page), (other) => {
        if (other !== token && tokens.mm[other] === tokens.mm[token]) isBesides = true
      })
      return isBesides
    }
  }

  private cover(account: Account, token: number, pages: number): void {
    if (pages === 0) return
    account.used += pages
    const covered = this.covered.get(token)
    if (covered === undefined) this.covered.set(token, { account, pages })
    else covered.pages += pages
  }

  private uncover(token: number, pagesMax: number): void {
    const covered = this.covered.get(token)
    if (covered === undefined) return
    const pages = Math.min(covered.pages, pagesMax)
    covered.account.used -= pages
    covered.pages -= pages
    if (covered.pages === 0) this.covered.delete(token)
  }
}

function keyOf(mm: number, isOfOperation: boolean): number {
  return mm * 2 + (isOfOperation ? 1 : 0)
}
