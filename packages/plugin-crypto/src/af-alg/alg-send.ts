import {
  EFAULT,
  EINVAL,
  EIO,
  ENOMEM,
  FLAG_MORE,
  FLAG_SPLICE,
  ITER_BVEC,
  IterToSg,
  type Ledger,
  type Memory,
  type Operation,
  PAGE_SIZE,
  SCATTERLIST_BYTES,
  SG_NONE,
  SgTable,
  SgViolations,
  tellScatterlist,
} from '@pinscope/core'
import type { AlgSockets } from './alg-sockets.ts'
import { SEND_WAITS, TX_MERGED_BYTES, TX_SPLICED_BYTES, UNSEEN_RECEIVED_BYTES, UNSEEN_SENT_BYTES } from './counters.ts'
import type { TxLists } from './tx-lists.ts'
import { GOES_ON, waitEnds, wentWell } from './unseen.ts'

/** How a send puts its bytes into the transmit list. */
const COPY = 0
/** Each bvec where it is. @kernel crypto/af_alg.c: af_alg_sendpage (before 6.5) */
const SENDPAGE = 1
/** All bvecs where they are. @kernel MSG_SPLICE_PAGES (6.5 to May 2026) */
const SPLICE = 2

/**
 * Sends on a cipher socket: the data is queued in the transmit list, and nothing is encrypted.
 *
 * In 6.1.176, 6.12.117 and mainline every byte is copied into a page of the socket's own, spliced ones too. The quirks
 * `alg-tx-sendpage` and `alg-tx-splice` list spliced bvecs where they are, with one reference for each entry: of an entry
 * of many pages that are no folio, all pages but the first are then held by nobody.
 *
 * @kernel crypto/af_alg.c: af_alg_sendmsg, af_alg_sendpage (6.1: calls af_alg_sendmsg for each page)
 */
export class AlgSend {
  private readonly sockets: AlgSockets
  private readonly tx: TxLists
  private readonly counts: Float64Array
  /** ALG_SET_OP of every message: no row tells its control data. */
  private readonly isEncrypting: number
  private readonly iterToSg: IterToSg
  private readonly table = new SgTable()
  /** Why the send at work ends before its data does: an errno, or 0 when it just ends. */
  private error = 0
  private isStopped = false
  private entries = 0

  constructor(
    memory: Memory,
    ledger: Ledger,
    sockets: AlgSockets,
    tx: TxLists,
    counts: Float64Array,
    isEncrypting: boolean,
  ) {
    this.sockets = sockets
    this.tx = tx
    this.counts = counts
    this.isEncrypting = isEncrypting ? 1 : 0
    this.iterToSg = new IterToSg(memory, ledger, tx.lists, new SgViolations(ledger))
  }

  /**
   * Queues the operation's bytes. Returns how many were queued: fewer than there are when a page could not be had or a wait
   * ended; an errno when it was none. @kernel crypto/af_alg.c: af_alg_sendmsg
   */
  sendmsg(io: Operation, socket: number): number {
    const { sockets } = this
    const way = wayOf(io)
    if (way === SPLICE && io.iter.type !== ITER_BVEC) return EINVAL
    if (this.isPending(socket, way)) {
      if (!wentWell(io)) return EINVAL
      this.counts[UNSEEN_RECEIVED_BYTES] += sockets.used[socket]
      this.tx.pull(io, socket, sockets.used[socket], SG_NONE)
    }
    if (way !== SENDPAGE) sockets.init[socket] = 1
    sockets.isEncrypting[socket] = this.isEncrypting
    this.error = 0
    this.isStopped = false
    this.entries = 0
    let queued = 0
    while (io.iter.countBytes > 0 && !this.isStopped) queued += this.step(io, socket, way, queued)
    if (!this.isStopped) sockets.more[socket] = (io.flags & FLAG_MORE) !== 0 ? 1 : 0
    io.built(this.entries, SCATTERLIST_BYTES)
    if (io.observer !== null) io.observer.note(describe(this.tx, socket))
    return queued > 0 ? queued : this.error
  }

  /**
   * Queues bytes that a send put there which the trace does not show, and ends that message. Returns how many: fewer when
   * pages cannot be had. They count as allocated here, and as copied nowhere.
   */
  queueUnseen(io: Operation, socket: number, bytes: number): number {
    const { sockets, tx } = this
    let left = bytes
    if (left > 0 && sockets.merge[socket] !== 0) left -= this.extendLast(socket, left)
    while (left > 0 && tx.allocTsgl(io, socket) === 0) {
      const page = io.owned.alloc()
      if (page < 0) break
      const part = left < PAGE_SIZE ? left : PAGE_SIZE
      tx.addPage(socket, page, part)
      left -= part
      sockets.merge[socket] = part < PAGE_SIZE ? 1 : 0
    }
    sockets.init[socket] = 1
    sockets.more[socket] = 0
    this.counts[UNSEEN_SENT_BYTES] += bytes - left
    return bytes - left
  }

  /** A message is complete and not yet received. */
  private isPending(socket: number, way: number): boolean {
    const { sockets } = this
    if (sockets.more[socket] !== 0 || sockets.used[socket] === 0) return false
    return way === SENDPAGE || sockets.init[socket] !== 0
  }

  /** One pass of the loop: bytes queued. */
  private step(io: Operation, socket: number, way: number, doneBytes: number): number {
    const { sockets, tx } = this
    if (way === COPY && sockets.merge[socket] !== 0) return this.merge(io, socket)
    sockets.merge[socket] = 0
    if (!io.fits(sockets.queued(socket) + PAGE_SIZE, sockets.sndbufBytes)) {
      if (!this.waitForWmem(io, socket, doneBytes)) return 0
    }
    const error = tx.allocTsgl(io, socket)
    if (error !== 0) return this.stop(error)
    const left = io.iter.countBytes
    if (way === SENDPAGE) return this.sendpage(io, socket, left)
    const room = sockets.room(socket)
    const bytes = left < room ? left : room
    return way === SPLICE ? this.splice(io, socket, bytes, tx.entriesLeft(socket)) : this.copyPages(io, socket, bytes)
  }

  /** One page: a call of its own, which tells that others follow (MSG_SENDPAGE_NOTLAST). @kernel crypto/af_alg.c: af_alg_sendpage (before 6.5) */
  private sendpage(io: Operation, socket: number, left: number): number {
    const listed = this.splice(io, socket, left, 1)
    const isMore = (io.flags & FLAG_MORE) !== 0 || io.iter.countBytes > 0
    if (listed > 0) this.sockets.more[socket] = isMore ? 1 : 0
    return listed
  }

  /** The send goes on with an empty budget used. @kernel crypto/af_alg.c: af_alg_wait_for_wmem */
  private waitForWmem(io: Operation, socket: number, doneBytes: number): boolean {
    const end = waitEnds(io, doneBytes)
    if (end !== GOES_ON) {
      this.stop(end)
      return false
    }
    this.counts[SEND_WAITS]++
    this.sockets.overtake(socket)
    return true
  }

  /** Appends to the last page, up to its end. */
  private merge(io: Operation, socket: number): number {
    const { tx } = this
    const sg = tx.lastEntry(socket)
    const at = tx.lists.offsetBytes[sg] + tx.lists.lengthBytes[sg]
    const left = io.iter.countBytes
    const bytes = left < PAGE_SIZE - at ? left : PAGE_SIZE - at
    if (!copyIn(io, tx.lists.page[sg], at, bytes)) return this.stop(EFAULT)
    this.counts[TX_MERGED_BYTES] += bytes
    return this.extendLast(socket, bytes)
  }

  /** Makes the last entry longer, up to the end of its page: bytes. */
  private extendLast(socket: number, bytesMax: number): number {
    const { sockets, tx } = this
    const { offsetBytes, lengthBytes } = tx.lists
    const sg = tx.lastEntry(socket)
    const rest = PAGE_SIZE - offsetBytes[sg] - lengthBytes[sg]
    const bytes = bytesMax < rest ? bytesMax : rest
    lengthBytes[sg] += bytes
    sockets.used[socket] += bytes
    sockets.merge[socket] = bytes < rest ? 1 : 0
    return bytes
  }

  /** Copies into fresh pages, as far as the last block takes them: bytes. */
  private copyPages(io: Operation, socket: number, bytes: number): number {
    const { sockets, tx } = this
    let done = 0
    while (done < bytes && tx.entriesLeft(socket) > 0) {
      const part = bytes - done < PAGE_SIZE ? bytes - done : PAGE_SIZE
      const page = io.owned.alloc()
      if (page < 0) return done + this.stop(ENOMEM)
      if (!copyIn(io, page, 0, part)) {
        io.owned.put(page)
        return done + this.stop(EFAULT)
      }
      tx.addPage(socket, page, part)
      this.entries++
      sockets.merge[socket] = part < PAGE_SIZE ? 1 : 0
      done += part
    }
    return done
  }

  /** Lists up to `bytes` bytes where they are, in at most `entriesMax` entries: bytes. */
  private splice(io: Operation, socket: number, bytes: number, entriesMax: number): number {
    const { table, tx } = this
    const cur = tx.lastCur(socket)
    table.sgl = tx.lastSgl(socket)
    table.nents = cur
    table.origNents = cur
    const listed = this.iterToSg.extract(io, table, bytes, entriesMax)
    // Nothing listed, and no error: the kernel would ask again without end.
    if (listed <= 0) return this.stop(listed === 0 ? EIO : listed)
    tx.addSpliced(io, socket, table.nents, listed)
    this.entries += table.nents - cur
    this.counts[TX_SPLICED_BYTES] += listed
    io.reachedInPlace(listed)
    tellScatterlist(io, tx.lists, table.sgl + cur, table.nents - cur, 'TX list', listed)
    return listed
  }

  /** Ends the send: no bytes. */
  private stop(error: number): 0 {
    this.error = error
    this.isStopped = true
    return 0
  }
}

/** Pages are listed where they are only in kernels before June 2026, and only when they are spliced. */
function wayOf({ flags, iter }: Operation): typeof COPY | typeof SENDPAGE | typeof SPLICE {
  if ((flags & FLAG_SPLICE) === 0) return COPY
  const { quirks } = iter.kernel
  if (quirks['alg-tx-splice']) return SPLICE
  return quirks['alg-tx-sendpage'] && iter.type === ITER_BVEC ? SENDPAGE : COPY
}

/** Copies all of it or, as far as the iterator is concerned, nothing. @kernel include/linux/skbuff.h: memcpy_from_msg */
function copyIn(io: Operation, page: number, at: number, bytes: number): boolean {
  const copied = io.copyPage(page, at, bytes)
  if (copied === bytes) return true
  io.iter.revert(copied)
  return false
}

/** For `explain`. */
function describe(tx: TxLists, socket: number): string {
  const entries = tx.entriesOf(socket)
  const shown = entries.slice(0, 8).map(({ offsetBytes, lengthBytes }) => `${offsetBytes}+${lengthBytes}`)
  const more = entries.length > shown.length ? ` and ${entries.length - shown.length} more` : ''
  return `transmit list: ${entries.length} entries, ${shown.join(' ')}${more}`
}
