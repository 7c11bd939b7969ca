import {
  EINVAL,
  ENOMEM,
  HOLD_NONE,
  IterToSg,
  isUserBacked,
  type Ledger,
  type Memory,
  type Operation,
  PAGE_OFFSET_MASK,
  PAGE_SIZE,
  pagesSpanned,
  type Scatterlists,
  SgTable,
  SgViolations,
  tellScatterlist,
} from '@pinscope/core'
import { type AlgRequests, REQUEST_NONE } from './alg-requests.ts'
import { bufferBytes } from './alg-sockets.ts'
import { ALG_MAX_PAGES } from './limits.ts'

/**
 * Makes the receive lists of a request out of the operation's memory: lists of up to 16 entries, chained to one.
 *
 * With iov_iter_get_pages2() (6.1, the policy `get-pages`) a list ends with the segment of the iterator: each call of it
 * gives one segment. With extract_iter_to_sg() a list has as many segments as fit.
 *
 * @kernel crypto/af_alg.c: af_alg_get_rsgl, af_alg_make_sg (6.1), af_alg_link_sg
 */
export class RxLists {
  private readonly requests: AlgRequests
  private readonly lists: Scatterlists
  private readonly iterToSg: IterToSg
  private readonly table = new SgTable()
  private readonly rcvbufBytes: number
  /** A list is never longer than the rest of the budget. */
  private readonly isClamped: boolean

  /** `isClamped`: since 6.12 (a fix of 2026; 6.1.176 does not have it). */
  constructor(memory: Memory, ledger: Ledger, requests: AlgRequests, rcvbufBytes: number, isClamped: boolean) {
    this.requests = requests
    this.lists = requests.lists
    this.iterToSg = new IterToSg(memory, ledger, requests.lists, new SgViolations(ledger))
    this.rcvbufBytes = bufferBytes(rcvbufBytes)
    this.isClamped = isClamped
  }

  /** Most bytes that one request is sure to receive. */
  get budgetBytes(): number {
    return this.rcvbufBytes
  }

  /**
   * Lists up to `maxBytes` bytes, and advances the iterator over them. Returns the bytes: fewer when the iterator or the
   * budget ends. -ENOMEM, -EFAULT, -EIO (DISCARD): what is listed is freed with the request, and the iterator not rewound.
   * @kernel crypto/af_alg.c: af_alg_get_rsgl
   */
  get(io: Operation, request: number, maxBytes: number): number {
    const { requests, rcvbufBytes } = this
    let done = 0
    let last = REQUEST_NONE
    while (maxBytes > done && io.iter.countBytes > 0) {
      if (!io.fits(done + PAGE_SIZE, rcvbufBytes)) break
      const left = io.iter.countBytes
      let bytes = maxBytes - done < left ? maxBytes - done : left
      if (this.isClamped && rcvbufBytes - done < bytes) bytes = rcvbufBytes - done
      if (last !== REQUEST_NONE && requests.nents[last] === ALG_MAX_PAGES) io.limitHit()
      const rsgl = requests.addRsgl(io, request)
      if (rsgl < 0) return rsgl
      const listed = io.policy.isLegacy ? this.makeSg(io, rsgl, bytes) : this.extract(io, rsgl, bytes)
      if (listed < 0) return listed
      if (last !== REQUEST_NONE) this.link(last, rsgl)
      requests.entries[request] += requests.nents[rsgl]
      last = rsgl
      done += listed
    }
    return done
  }

  /** Tells whoever watches of the first `bytes` bytes of the request's lists. */
  tell(io: Operation, request: number, bytes: number): void {
    const first = this.requests.firstRsgl[request]
    if (io.observer === null || bytes === 0 || first === REQUEST_NONE) return
    const { lengthBytes } = this.lists
    const sgl = this.requests.sgl[first]
    let nents = 0
    let left = bytes
    let sg = sgl
    for (;;) {
      nents++
      if (lengthBytes[sg] >= left) break
      left -= lengthBytes[sg]
      sg = this.lists.next(sg)
    }
    // The last entry may reach further than the cipher does.
    const whole = lengthBytes[sg]
    lengthBytes[sg] = left
    tellScatterlist(io, this.lists, sgl, nents, 'RX list', bytes)
    lengthBytes[sg] = whole
  }

  /** @kernel crypto/af_alg.c: af_alg_make_sg (6.1) */
  private makeSg(io: Operation, rsgl: number, bytes: number): number {
    const { lists, requests } = this
    const listed = io.extract(ALG_MAX_PAGES, bytes)
    // No page, and no error: the kernel warns.
    if (listed <= 0) return listed === 0 ? EINVAL : listed
    const { list } = io
    const sgl = requests.sgl[rsgl]
    lists.initTable(sgl, list.length + 1)
    for (let i = 0; i < list.length; i++) {
      lists.setPage(sgl + i, list.page[i], list.lengthBytes[i], list.offsetBytes[i])
    }
    lists.markEnd(sgl + list.length - 1)
    requests.nents[rsgl] = list.length
    requests.hold[rsgl] = io.hold
    return listed
  }

  /** @kernel lib/scatterlist.c: extract_iter_to_sg */
  private extract(io: Operation, rsgl: number, bytes: number): number {
    const { lists, requests, table } = this
    table.sgl = requests.sgl[rsgl]
    table.nents = 0
    table.origNents = 0
    table.hold = HOLD_NONE
    lists.initTable(table.sgl, ALG_MAX_PAGES)
    const listed = this.iterToSg.extract(io, table, bytes, ALG_MAX_PAGES)
    // Nothing listed, and no error: the kernel adds empty lists until the socket may have no more memory.
    if (listed <= 0) return listed === 0 ? ENOMEM : listed
    lists.markEnd(table.sgl + table.nents - 1)
    requests.nents[rsgl] = table.nents
    requests.hold[rsgl] = table.hold
    if (!isUserBacked(io.iter.type)) this.countAvoided(io, table)
    return listed
  }

  /** Kernel memory needs no array of pages to begin with: an element for each page of its entries. */
  private countAvoided(io: Operation, table: SgTable): void {
    let pages = 0
    const { lengthBytes, offsetBytes } = this.lists
    for (let sg = table.sgl; sg < table.sgl + table.nents; sg++) {
      pages += pagesSpanned(offsetBytes[sg] & PAGE_OFFSET_MASK, lengthBytes[sg])
    }
    io.avoided(pages, 0)
  }

  /** @kernel crypto/af_alg.c: af_alg_link_sg */
  private link(last: number, rsgl: number): void {
    const { lists, requests } = this
    const sgl = requests.sgl[last]
    const nents = requests.nents[last]
    lists.unmarkEnd(sgl + nents - 1)
    lists.chain(sgl, nents + 1, requests.sgl[rsgl])
  }
}
