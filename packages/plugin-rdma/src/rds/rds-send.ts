import {
  EAGAIN,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOMEM,
  EOPNOTSUPP,
  FLAG_EOR,
  FLAG_MORE,
  FLAG_NOWAIT,
  FLAG_SPLICE,
  FLAG_ZEROCOPY,
  isUserBacked,
  type Operation,
  PAGE_SIZE,
  SCATTERLIST_BYTES,
} from '@pinscope/core'
import { IB_SGE_BYTES } from '../device/device.ts'
import { Pieces } from '../payload/pieces.ts'
import type { PageRemainder } from './page-remainder.ts'
import {
  ACCOUNTED_PAGES,
  ACCOUNTED_PEAK,
  DROPPED,
  MAPPING_FAILURES,
  MESSAGES,
  QUEUE_FULL,
  WORK_REQUESTS,
  ZCOPY_MESSAGES,
} from './rds-counters.ts'
import type { RdsMessages } from './rds-messages.ts'
import { accountedPages, RDS_MAX_MSG_SIZE, ZCOPY_INFO_BYTES } from './rds-sizes.ts'
import type { RdsSockets } from './rds-sockets.ts'

/** Transports, as the option `transport` numbers them. @kernel net/rds/rds.h: RDS_TRANS_TCP, RDS_TRANS_IB, RDS_TRANS_LOOP */
export const TRANSPORT_NAMES = ['tcp', 'ib', 'loop'] as const
export const TRANSPORT_TCP = 0
export const TRANSPORT_IB = 1

const INT_MAX = 0x7fffffff

/** What the options of the consumer say of sending. */
export interface SendSettings {
  /** Index into {@link TRANSPORT_NAMES}. */
  readonly transport: number
  /** SO_ZEROCOPY is set on the sockets. */
  readonly hasSockZerocopy: boolean
  /** The control message with the cookie is there. @kernel RDS_CMSG_ZCOPY_COOKIE */
  readonly hasCookie: boolean
  /** Half the socket's buffer. @kernel net/rds/rds.h: rds_sk_sndbuf */
  readonly sndbufBytes: number
  /** Pages that the user may have charged; 0: the task has CAP_IPC_LOCK, and nothing is charged. */
  readonly memlockPages: number
}

/**
 * Sending: a message is a table of entries, made for it alone, of pages that the data was copied into or of the caller's
 * own, a reference on each. It lives until its receiver has it.
 *
 * The transport's own references (TCP has one for each piece in its send queue, until the piece is acknowledged) are not
 * modelled: they end before the message does. Where both ends are on one machine the message itself goes to the receiver's
 * queue, and its pages stay referenced until they were read there.
 *
 * @kernel net/rds/send.c: rds_sendmsg; net/rds/message.c: rds_message_copy_from_user
 */
export class RdsSend {
  private readonly settings: SendSettings
  private readonly sockets: RdsSockets
  private readonly messages: RdsMessages
  private readonly remainder: PageRemainder
  private readonly counts: Float64Array
  /** Entries of the last zero-copy message. @kernel data.op_sg */
  private readonly pieces = new Pieces()
  /** Pages charged to the user. @kernel struct user_struct.locked_vm */
  private lockedPages = 0

  constructor(
    settings: SendSettings,
    sockets: RdsSockets,
    messages: RdsMessages,
    remainder: PageRemainder,
    counts: Float64Array,
  ) {
    this.settings = settings
    this.sockets = sockets
    this.messages = messages
    this.remainder = remainder
    this.counts = counts
  }

  /** Sends all of the iterator as one message: its bytes, or an errno with nothing left of it. */
  send(io: Operation, socket: number): number {
    const refused = this.refusal(io)
    if (refused < 0) return refused
    const { messages, settings } = this
    const bytes = io.iter.countBytes
    const isZcopy = settings.hasSockZerocopy && (io.flags & FLAG_ZEROCOPY) !== 0
    const row = messages.alloc(io, isZcopy ? io.iter.npages(INT_MAX) : Math.ceil(bytes / PAGE_SIZE))
    if (row === 0) return ENOMEM
    messages.lengthBytes[row] = bytes
    messages.socket[row] = socket
    let error = 0
    if (bytes > 0) error = isZcopy ? this.zcopyFromUser(io, row) : this.copyFromUser(io, row)
    if (error === 0) error = this.queue(io, row)
    if (error < 0) {
      this.purge(io, row)
      return error
    }
    if (isZcopy && bytes > 0) io.reachedInPlace(bytes)
    io.scratch = row
    return bytes
  }

  /** The receiver has the message: its pages are the caller's again. @kernel net/rds/send.c: rds_send_path_drop_acked; net/rds/message.c: rds_message_purge */
  acknowledged(io: Operation, row: number): void {
    const { messages, sockets } = this
    const socket = messages.socket[row]
    if (messages.mappedEntries[row] > 0) io.unmapDma(messages.mappedEntries[row])
    sockets.sndBytes[socket] -= messages.lengthBytes[row]
    if (messages.isZcopy[row] === 1) {
      this.unaccount(row)
      sockets.notify(io, socket)
      // The notifier is the queue's now, or freed.
      messages.isZcopy[row] = 0
      io.letGoOfKept()
    }
    this.purge(io, row)
  }

  /** 0, or why nothing is sent, before anything is made. @kernel net/rds/send.c: rds_sendmsg, rds_rm_size */
  private refusal(io: Operation): number {
    const { settings } = this
    const { flags, iter } = io
    const isZerocopy = (flags & FLAG_ZEROCOPY) !== 0
    if ((flags & (FLAG_MORE | FLAG_EOR)) !== 0 || isRefusedSplice(io)) return EOPNOTSUPP
    if (!io.fits(iter.countBytes, RDS_MAX_MSG_SIZE) || !io.fits(iter.countBytes, settings.sndbufBytes)) return EMSGSIZE
    if (isZerocopy && settings.hasSockZerocopy && settings.transport !== TRANSPORT_TCP) return EOPNOTSUPP
    return isZerocopy && !settings.hasCookie ? EINVAL : 0
  }

  /** An entry for each page, a reference on each, one call for each. @kernel net/rds/message.c: rds_message_zcopy_from_user */
  private zcopyFromUser(io: Operation, row: number): number {
    const { messages, pieces } = this
    if (!io.allocate(ZCOPY_INFO_BYTES)) return ENOMEM
    if (!this.account(io, row)) {
      io.free(ZCOPY_INFO_BYTES)
      return ENOMEM
    }
    pieces.clear()
    while (io.iter.countBytes > 0) {
      if (io.extract(1, PAGE_SIZE) <= 0) {
        io.letGoOfKept()
        this.unaccount(row)
        io.free(ZCOPY_INFO_BYTES)
        return EFAULT
      }
      io.keep(io.hold)
      pieces.add(io.list.page[0], io.list.offsetBytes[0], io.list.lengthBytes[0])
    }
    messages.isZcopy[row] = 1
    messages.nents[row] = pieces.length
    io.built(pieces.length, SCATTERLIST_BYTES)
    if (io.observer !== null) tellPieces(io.observer, pieces)
    return 0
  }

  /** An entry for each page that was allocated, the last one perhaps a part of one. @kernel net/rds/message.c: rds_message_copy_from_user */
  private copyFromUser(io: Operation, row: number): number {
    const { messages, remainder } = this
    io.isBounced = true
    while (io.iter.countBytes > 0) {
      const page = remainder.alloc(io, io.iter.countBytes)
      if (page < 0) return ENOMEM
      messages.addPage(row, page)
      const bytes = remainder.partLengthBytes
      if (io.copyPage(page, remainder.partOffsetBytes, bytes) !== bytes) return EFAULT
    }
    io.built(messages.nents[row], SCATTERLIST_BYTES)
    return 0
  }

  /**
   * What is left to do once the message has its data. A call that failed, as the trace has it, failed here: waiting is not
   * simulated, and neither is the peer. @kernel net/rds/send.c: rds_cmsg_zcopy, rds_send_queue_rm
   */
  private queue(io: Operation, row: number): number {
    const { messages, sockets, settings, counts } = this
    const socket = messages.socket[row]
    let error = 0
    // A cookie, and no notifier that could have it.
    if ((io.flags & FLAG_ZEROCOPY) !== 0 && messages.isZcopy[row] === 0) error = EINVAL
    else if (io.recordedResult < 0) error = io.recordedResult | 0
    else if (!io.fits(sockets.sndBytes[socket] + 1, settings.sndbufBytes)) {
      counts[QUEUE_FULL]++
      if ((io.flags & FLAG_NOWAIT) !== 0) error = EAGAIN
    }
    if (error < 0) {
      counts[DROPPED]++
      return error
    }
    sockets.sndBytes[socket] += messages.lengthBytes[row]
    counts[MESSAGES]++
    if (messages.isZcopy[row] === 1) counts[ZCOPY_MESSAGES]++
    if (settings.transport === TRANSPORT_IB) this.ibXmit(io, row)
    return 0
  }

  /** A work request for each entry, with a header in each. What cannot be mapped is tried again by a worker. @kernel net/rds/ib_send.c: rds_ib_xmit */
  private ibXmit(io: Operation, row: number): void {
    const { messages, counts } = this
    const nents = messages.nents[row]
    let isMapped = nents > 0 && io.mapDma(nents)
    if (nents > 0 && !isMapped) {
      counts[MAPPING_FAILURES]++
      isMapped = io.mapDma(nents)
    }
    if (isMapped) messages.mappedEntries[row] = nents
    const requests = Math.max(nents, 1)
    counts[WORK_REQUESTS] += requests
    io.built(requests + nents, IB_SGE_BYTES)
  }

  /** Frees a message. A notifier that it still has was never queued: nobody is told. @kernel net/rds/message.c: rds_message_purge */
  private purge(io: Operation, row: number): void {
    const { messages } = this
    if (messages.isZcopy[row] === 1) {
      this.unaccount(row)
      io.free(ZCOPY_INFO_BYTES)
      io.letGoOfKept()
    }
    messages.freePages(io, row)
    messages.free(io, row)
  }

  /** Charges the pages of a message; false when the user may not have so many. @kernel net/core/skbuff.c: mm_account_pinned_pages (-ENOBUFS, which becomes -ENOMEM) */
  private account(io: Operation, row: number): boolean {
    const { memlockPages } = this.settings
    if (memlockPages === 0) return true
    const pages = accountedPages(this.messages.lengthBytes[row])
    if (!io.fits(this.lockedPages + pages, memlockPages)) return false
    const { counts } = this
    this.lockedPages += pages
    this.messages.accountedPages[row] = pages
    counts[ACCOUNTED_PAGES] += pages
    if (this.lockedPages > counts[ACCOUNTED_PEAK]) counts[ACCOUNTED_PEAK] = this.lockedPages
    return true
  }

  /** @kernel net/core/skbuff.c: mm_unaccount_pinned_pages */
  private unaccount(row: number): void {
    this.lockedPages -= this.messages.accountedPages[row]
    this.messages.accountedPages[row] = 0
  }
}

function tellPieces(observer: NonNullable<Operation['observer']>, pieces: Pieces): void {
  const { length, bytes } = pieces
  const page = pieces.page.slice(0, length)
  const offset = pieces.offsetBytes.slice(0, length)
  observer.listBuilt('scatterlist', bytes, length, page, offset, pieces.lengthBytes.slice(0, length), '')
}

/**
 * Pages handed over by splice(2) are no message: since 6.5 the flag is unknown here. Before, each page is a call with its
 * memory as a kvec, and all but the last of them have a flag that is unknown here; a single one is copied.
 * @kernel fs/splice.c: splice_to_socket (MSG_SPLICE_PAGES); 6.1: pipe_to_sendpage (MSG_SENDPAGE_NOTLAST), net/core/sock.c: sock_no_sendpage
 */
function isRefusedSplice({ flags, iter }: Operation): boolean {
  if ((flags & FLAG_SPLICE) === 0 || isUserBacked(iter.type)) return false
  return iter.kernel.version !== '6.1' || iter.npages(2) > 1
}
