import {
  EIO,
  ENOMEM,
  FOLIOQ_SLOTS,
  IovIter,
  ITER_BVEC,
  ITER_SOURCE,
  isSince,
  type KernelVersion,
  type Operation,
  PAGE_SIZE,
  POINTER_BYTES,
  SCATTERLIST_BYTES,
  SegmentTable,
} from '@pinscope/core'
import { CRYPT_FOLIOS, SG_ENTRIES } from './counters.ts'

/** Largest order of a folio. @kernel include/linux/pagemap.h: MAX_PAGECACHE_ORDER (x86-64, huge pages on) */
const FOLIO_ORDER_MAX = 9

/** The header kvecs of a message, and its signature. @kernel fs/smb/client/smb2ops.c: smb2_get_aead_req */
const KVECS = 2
const SIGNATURES = 1

/**
 * What comes before the entries in the cipher's request: an initialisation vector and struct aead_request. The cipher's own
 * context follows (crypto_aead_reqsize), whose size the driver knows; it is left out.
 */
const AEAD_REQUEST_BYTES = 16 + 80

/**
 * Encrypted messages: their data is in folios of their own, in a folio queue, and one scatterlist holds headers, data and
 * signature while the cipher is at work. Nothing of it is the caller's memory. What the folios hold is not modelled, only
 * that they are there.
 *
 * Folios are of order 0 in 6.12 and 6.18, and since then the largest that fit, or single pages where those cannot be had.
 * @kernel fs/smb/client/smb2ops.c: smb3_init_transform_rq, receive_encrypted_read, crypt_message; 6.12:
 *   cifs_alloc_folioq_buffer; mainline: fs/netfs/misc.c: netfs_alloc_folioq_buffer
 */
export class Encryption {
  /** The data of the message at work. */
  readonly iter = new IovIter()
  /** The folios of the message at work: an entry each. */
  private readonly folios = new SegmentTable()
  private readonly counts: Float64Array
  private readonly orderMax: number
  /** @kernel include/linux/folio_queue.h: sizeof(struct folio_queue) */
  private readonly queueBytes: number

  constructor(kernel: KernelVersion, counts: Float64Array) {
    this.counts = counts
    this.orderMax = isSince(kernel, 'mainline') ? FOLIO_ORDER_MAX : 0
    // 31 folios, their orders, two links, two marks a folio (up to 6.18 three), two numbers.
    this.queueBytes = isSince(kernel, 'mainline') ? 328 : 336
  }

  /**
   * A write: the operation's iterator is copied, and encrypted in the copy. 0 with {@link iter} over it, or an errno with
   * nothing left.
   */
  encrypt(io: Operation): number {
    const bytes = io.iter.countBytes
    let error = this.allocate(io, bytes)
    if (error === 0 && !this.copy(io)) error = EIO
    if (error === 0) error = this.crypt(io, bytes)
    if (error < 0) {
      this.free(io)
      return error
    }
    this.iter.reset(ITER_BVEC, ITER_SOURCE, this.folios, 0, this.folios.length, bytes)
    this.iter.byRow = true
    return 0
  }

  /** The request of a read, which is headers only: 0, or -ENOMEM. */
  encryptHeaders(io: Operation): number {
    return this.crypt(io, 0)
  }

  /**
   * The answer to a read: it is copied out of packets into folios, decrypted there, and copied to the operation's iterator.
   * Bytes, or an errno; nothing is left.
   * @kernel fs/smb/client/smb2ops.c: receive_encrypted_read, handle_read_data
   */
  decrypt(io: Operation, bytes: number): number {
    let error = this.allocate(io, bytes)
    if (error === 0) {
      io.copied(bytes)
      error = this.crypt(io, bytes)
    }
    if (error === 0 && !this.copy(io)) error = EIO
    this.free(io)
    return error < 0 ? error : bytes
  }

  /** The message is sent. @kernel fs/smb/client/smb2ops.c: smb3_free_compound_rqst; mainline: fs/netfs/misc.c: netfs_free_folioq_buffer */
  free(io: Operation): void {
    const { folios } = this
    for (let i = 0; i < folios.length; i++) {
      io.free(folios.lengthBytes[i])
      if (i % FOLIOQ_SLOTS === 0) io.free(this.queueBytes)
    }
    folios.clear()
  }

  /** Folios for so many bytes: 0, or -ENOMEM; what was had is in {@link folios}. */
  private allocate(io: Operation, bytes: number): number {
    const { folios } = this
    folios.clear()
    let pages = Math.ceil(bytes / PAGE_SIZE)
    while (pages > 0) {
      const needsQueue = folios.length % FOLIOQ_SLOTS === 0
      if (needsQueue && !io.allocate(this.queueBytes)) return ENOMEM
      const order = this.allocateFolio(io, pages)
      if (order < 0) {
        if (needsQueue) io.free(this.queueBytes)
        return ENOMEM
      }
      folios.push(0, 0, PAGE_SIZE << order)
      pages -= 1 << order
    }
    this.counts[CRYPT_FOLIOS] += folios.length
    io.built(folios.length, POINTER_BYTES)
    return 0
  }

  /** Its order, or -1. */
  private allocateFolio(io: Operation, pages: number): number {
    const order = Math.min(31 - Math.clz32(pages), this.orderMax)
    if (io.allocate(PAGE_SIZE << order)) return order
    return order > 0 && io.allocate(PAGE_SIZE) ? 0 : -1
  }

  /** All of the operation's iterator, folio by folio; false when that ends early. @kernel fs/smb/client/smb2ops.c: cifs_copy_iter_to_folioq, cifs_copy_folioq_to_iter */
  private copy(io: Operation): boolean {
    const { lengthBytes, length } = this.folios
    for (let i = 0; i < length && io.iter.countBytes > 0; i++) {
      const part = Math.min(io.iter.countBytes, lengthBytes[i])
      if (io.copy(part) < part) return false
    }
    return true
  }

  /** The cipher runs over the message: 0, or -ENOMEM. Its request has room for an entry a page. */
  private crypt(io: Operation, bytes: number): number {
    const room = KVECS + Math.ceil(bytes / PAGE_SIZE) + SIGNATURES
    const requestBytes = AEAD_REQUEST_BYTES + SCATTERLIST_BYTES * room
    if (!io.allocate(requestBytes)) return ENOMEM
    const entries = KVECS + this.folios.length + SIGNATURES
    this.counts[SG_ENTRIES] += entries
    io.built(entries, SCATTERLIST_BYTES)
    io.free(requestBytes)
    return 0
  }
}
