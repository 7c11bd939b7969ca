import { ExtractedIter } from '../../src/build/iter-to-iter.ts'
import { IterToSg, type PageTaker } from '../../src/build/iter-to-sg.ts'
import { Scatterlists } from '../../src/build/scatterlist.ts'
import type { SgReport } from '../../src/build/sg-report.ts'
import { SgTable } from '../../src/build/sg-table.ts'
import { extractPages } from '../../src/extract/extract-pages.ts'
import { findPolicy } from '../../src/extract/policy.ts'
import type { IovIter } from '../../src/iter/iov-iter.ts'
import { HOLD_NONE, type Hold } from '../../src/ledger/hold.ts'
import type { IovCase } from './iov-case.ts'
import { IovHost } from './iov-host.ts'
import type { IovOp } from './iov-ops.ts'
import { IovPair } from './iov-pair.ts'
import { IovRun } from './iov-run.ts'

/** Entries of the scatterlist of a case. */
export const SG_ENTRIES = 32
/** Cases in one memory; then a new one is taken, so that it stays small. */
const CASES_PER_HOST = 200

/** Everything that many sequences have in common, made once. */
export class IovBench implements PageTaker, SgReport {
  host = new IovHost()
  pair: IovPair
  other: IovPair
  readonly lists = new Scatterlists()
  readonly table = new SgTable()
  readonly extracted = new ExtractedIter()
  toSg: IterToSg
  /** What building a list ran into. */
  readonly sgRules: string[] = []
  hold: Hold = HOLD_NONE
  private readonly makeIter: () => IovIter | undefined
  private readonly sgl: number

  /** `makeIter`: an iterator with a mistake, for controls. */
  constructor(makeIter: () => IovIter | undefined = () => undefined) {
    this.makeIter = makeIter
    this.pair = new IovPair(this.host, makeIter())
    this.other = new IovPair(this.host)
    this.toSg = new IterToSg(this.host.memory, this.host.ledger, this.lists, this)
    this.sgl = this.lists.take(SG_ENTRIES)
  }

  get iter(): IovIter {
    return this.pair.fast
  }

  get list() {
    return this.pair.list
  }

  extract(pagesMax: number, bytesMax: number, flags: number): number {
    const { host, pair } = this
    this.hold = HOLD_NONE
    const bytes = extractPages(pair.fast, findPolicy('extract')!, host.memory, pair.list, pagesMax, bytesMax, flags)
    if (bytes > 0) this.hold = host.ledger.acquire(pair.list) as Hold
    return bytes
  }

  sgViolation(rule: string): void {
    this.sgRules.push(rule)
  }

  /** Runs a sequence from the start; throws where the two differ. Returns the operations done. */
  run(one: IovCase, ops: readonly IovOp[]): number {
    if (this.host.cases === CASES_PER_HOST) this.renew()
    const { lists, table, pair } = this
    pair.start(one)
    lists.initTable(this.sgl, SG_ENTRIES)
    table.clear()
    table.sgl = this.sgl
    this.sgRules.length = 0
    const run = new IovRun(this, one)
    let done = 0
    try {
      for (const op of ops) {
        done++
        if (!run.step(op)) break
      }
      run.finish()
    } catch (error) {
      // What it holds must not spoil the next one.
      this.renew()
      throw error
    }
    return done
  }

  private renew(): void {
    this.extracted.hold = HOLD_NONE
    this.host = new IovHost()
    this.pair = new IovPair(this.host, this.makeIter())
    this.other = new IovPair(this.host)
    this.toSg = new IterToSg(this.host.memory, this.host.ledger, this.lists, this)
  }
}
