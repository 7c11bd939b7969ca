import { type Consumer, EINVAL, HOLD_NONE, type Operation, PAGE_SIZE } from '@pinscope/core'

/**
 * Pages that were spliced into an AF_ALG socket are pulled into the list of a request, all of them but the last: the next
 * request has that. The list has as many entries as were counted before. Before the fix the walk gave it one more, of no
 * bytes, with a reference that nobody drops.
 * @kernel crypto/af_alg.c: af_alg_sendmsg, af_alg_count_tsgl, af_alg_pull_tsgl, af_alg_free_areq_sgls
 */
export class AlgPull implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const bytes = io.extract(16, 16 * PAGE_SIZE)
    if (bytes <= 0) return bytes < 0 ? bytes : EINVAL
    const pages = [...io.list.page.subarray(0, io.list.length)]
    for (const page of pages) io.ledger.getPage(page)
    const counted = pages.length - 1
    if (counted > 0) this.pull(io, pages, counted)
    // The socket goes, and what is in it.
    for (const page of pages) io.ledger.putPage(page)
    return bytes
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private pull(io: Operation, pages: readonly number[], counted: number): void {
    const objects = io.audit?.objects
    const { offsetBytes, lengthBytes } = io.list
    const list = objects?.alloc('scatterlist', counted) ?? 0
    const moved = this.isFixed ? counted : counted + 1
    for (let i = 0; i < moved; i++) {
      io.ledger.getPage(pages[i])
      objects?.attach(list, HOLD_NONE, pages[i], offsetBytes[i], i < counted ? lengthBytes[i] : 0)
    }
    for (let i = 0; i < counted; i++) io.ledger.putPage(pages[i])
    objects?.free(list)
  }
}
