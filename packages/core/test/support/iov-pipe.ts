import { PipeRing } from '../../src/iter/pipe-ring.ts'
import type { PageStore } from '../../src/memory/page-store.ts'
import { differ } from './iov-difference.ts'
import type { IovPair } from './iov-pair.ts'

/** A ring that names the pages it allocates, and counts what it takes and drops. */
export class NamedRing extends PipeRing {
  private readonly pair: IovPair

  constructor(pages: PageStore, pair: IovPair) {
    const { ledger } = pair.host
    super(pages, pair.noting(ledger.pageReferences), pair.noting(ledger.mappingReferences), pair.one.ringSize)
    this.pair = pair
  }

  override pushOwn(size: number): number {
    const row = super.pushOwn(size)
    this.pair.namePipePage(row)
    return row
  }
}

/** Compares two pipes: where they are, each buffer in use, and what was referenced and let go so far. */
export function comparePipe(pair: IovPair, what: string): void {
  const { fast, slow, host, ring } = pair
  const expected = slow.ring!
  const found = [fast.pipeHead, fast.lastOffset, ring!.head, ring!.tail]
  const wanted = [slow.head, slow.lastOffset, expected.head, expected.tail]
  if (found.join() !== wanted.join()) differ(`${what}: head, last_offset, ring`, found, wanted)
  for (let buffer = expected.tail; buffer < expected.head; buffer++) {
    const at = ring!.at(buffer)
    const buf = expected.bufs[buffer & (expected.ringSize - 1)]!
    const own = ring!.isOwn[at] === 1 ? 'anon' : 'page-cache'
    const has = [host.nameOf[ring!.page[at]!], ring!.offsetBytes[at], ring!.lengthBytes[at], own].join()
    const should = [buf.page, buf.offset, buf.len, buf.ops].join()
    if (has !== should) differ(`${what}: buffer ${buffer}`, has, should)
  }
  const names = (rows: readonly number[]) => rows.map((row) => host.nameOf[row]).join()
  if (names(pair.got) !== expected.got.join()) differ(`${what}: referenced`, names(pair.got), expected.got)
  if (names(pair.put) !== expected.put.join()) differ(`${what}: let go`, names(pair.put), expected.put)
}
