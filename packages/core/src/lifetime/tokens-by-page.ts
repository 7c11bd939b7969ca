import type { Ledger } from '../ledger/ledger.ts'

/** Pages that are looked up together. */
const BLOCK = 256

/** Open tokens by the blocks of pages in which they have some: of tens of thousands a page concerns few. */
export class TokensByPage {
  private readonly byBlock = new Map<number, Set<number>>()
  private readonly ledger: Ledger

  constructor(ledger: Ledger) {
    this.ledger = ledger
  }

  /** A token is taken, or has got pages. */
  add(token: number): void {
    this.ledger.eachRun(token, (page, pages) => {
      const last = Math.floor((page + pages - 1) / BLOCK)
      for (let block = Math.floor(page / BLOCK); block <= last; block++) {
        const tokens = this.byBlock.get(block)
        if (tokens === undefined) this.byBlock.set(block, new Set([token]))
        else tokens.add(token)
      }
    })
  }

  /** Tokens with a page of the run, the least first. Those that a block has no more are forgotten on the way. */
  on(page: number, pages: number): readonly number[] {
    const found = new Set<number>()
    const last = Math.floor((page + pages - 1) / BLOCK)
    for (let block = Math.floor(page / BLOCK); block <= last; block++) {
      const tokens = this.byBlock.get(block)
      for (const token of tokens ?? []) {
        if (this.has(token, page, page + pages)) found.add(token)
        else if (!this.has(token, block * BLOCK, (block + 1) * BLOCK)) tokens?.delete(token)
      }
    }
    return found.size < 2 ? [...found] : [...found].sort((a, b) => a - b)
  }

  /** The token is open, and has a page of [first, end). */
  private has(token: number, first: number, end: number): boolean {
    if (this.ledger.holds.open[token] !== 1) return false
    let isOn = false
    this.ledger.eachRun(token, (page, count) => {
      if (page < end && first < page + count) isOn = true
    })
    return isOn
  }
}
