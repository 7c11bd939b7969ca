import {
  type Consumer,
  type ConsumerCounter,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  EIO,
  ITER_DEST,
  ITER_KVEC,
  IterToSg,
  isSince,
  isUserBacked,
  type Operation,
  type OperationShape,
  PAGE_LIST_MAX,
  PAGE_SIZE,
  Scatterlists,
  SgViolations,
} from '@pinscope/core'
import { FOLIO_ORDER_MAX, FolioBuffers } from '../netfs-crypt/folio-buffers.ts'
import { PageArrays, pagesOfNextCall } from '../netfs-crypt/page-arrays.ts'
import { AeadRequest } from './aead-request.ts'

const ENCRYPTED = 0
const DECRYPTED = 1
const FOLIOS = 2
const ESTIMATED = 3
const REFUSED = 4

/** Names of the counters in the report, by slot. */
export const SMB3_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'encrypted', summary: 'messages whose payload was copied and encrypted in the copy' },
  { name: 'decrypted', summary: 'messages decrypted where they were received' },
  { name: 'bounceFolios', summary: 'folios (6.1: pages) allocated for copies' },
  { name: 'estimatedEntries', summary: 'entries that room was allocated for' },
  { name: 'refusedUserBacked', summary: 'messages refused with -EIO, because their data would have to be pinned' },
]

const PAGES_MAX = 0x7fffffff

/**
 * Encryption of SMB3 messages: headers, data and signature in one scatterlist, nothing of it pinned.
 *
 * - A write is the message that is sent: its payload is copied into folios of its own, which are encrypted, sent and freed
 *   at once. Order 0 in 6.12, since 6.19 the largest that fit. (6.18: taken as 6.12; the change was posted in November
 *   2025.) The iterator is only copied from, so even a user-backed one would do; netfs never passes one.
 * - A read is the buffer that a message was received into: it is decrypted in place. A user-backed iterator is refused
 *   with -EIO, and so is a list shorter than its data, which the kernel does not notice. (The kernel's own buffer is a
 *   folio queue, and what is in it is copied to the reader afterwards: that is not modelled.)
 *
 * Under a policy of get_pages2 it is 6.1: a message is an array of pages, which direct I/O gets with a reference each and
 * keeps until the answer, one message for each call; a write's copy is an array of pages too.
 *
 * @kernel fs/smb/client/smb2ops.c: smb3_init_transform_rq, decrypt_raw_data, crypt_message, smb2_get_aead_req;
 *   6.1: fs/smb/client/file.c: cifs_write_from_iter, cifs_send_async_read
 */
export class Smb3Transform implements Consumer {
  /** Holds because each message has a request and buffers of its own, sized by bytes or by pages, which nobody counts in flight. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 1 }
  private readonly toSg: IterToSg
  private readonly buffers: FolioBuffers
  private readonly arrays = new PageArrays()
  private readonly request: AeadRequest
  private readonly folioOrder: number
  private readonly counts = new Float64Array(SMB3_COUNTERS.length)

  constructor({ kernel, options, memory, ledger }: ConsumerEnvironment) {
    const lists = new Scatterlists()
    this.toSg = new IterToSg(memory, ledger, lists, new SgViolations(ledger))
    this.buffers = new FolioBuffers(lists, kernel)
    this.request = new AeadRequest(lists, options.kvecs, options['first-kvec-bytes'], options['kvec-bytes'])
    this.folioOrder = isSince(kernel, 'mainline') ? FOLIO_ORDER_MAX : 0
  }

  submit(io: Operation): number {
    const bytes = io.iter.countBytes
    if (bytes === 0) return 0
    const isRead = io.iter.direction === ITER_DEST
    const done = io.policy.isLegacy ? this.pageArrays(io, isRead) : isRead ? this.decrypt(io) : this.encrypt(io)
    return io.recordedResult >= 0 && io.recordedResult < done ? io.recordedResult : done
  }

  abort(io: Operation): void {
    this.complete(io)
  }

  /** The answer is there: 6.1 puts its pages. */
  complete(io: Operation): void {
    io.letGoOfKept()
    if (io.scratch < 0) this.buffers.release(io, -io.scratch)
    else this.arrays.freeAll(io, io.scratch)
    io.scratch = 0
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(SMB3_COUNTERS, this.counts)
  }

  /** @kernel fs/smb/client/smb2ops.c: decrypt_raw_data */
  private decrypt(io: Operation): number {
    const { request, counts } = this
    const bytes = io.iter.countBytes
    if (isUserBacked(io.iter.type)) {
      counts[REFUSED]++
      if (io.observer !== null) io.observer.note('a user-backed iterator: a WARN in cifs_get_num_sgs')
      return EIO
    }
    const error = this.begin(io, io.iter.npages(PAGES_MAX))
    if (error < 0) return error
    const listed = this.toSg.extract(io, request.table, bytes, request.entriesLeft)
    if (listed > 0) io.iter.revert(listed)
    request.tellData(io, bytes)
    request.end(io)
    request.free(io)
    if (listed < bytes) return EIO
    counts[DECRYPTED]++
    io.reachedInPlace(bytes)
    return bytes
  }

  /** @kernel fs/smb/client/smb2ops.c: smb3_init_transform_rq, cifs_copy_iter_to_folioq (6.12 and later) */
  private encrypt(io: Operation): number {
    const bytes = io.iter.countBytes
    const buffer = this.buffers.alloc(io, bytes, this.folioOrder, false)
    if (buffer < 0) return buffer
    let error = this.buffers.copy(io, buffer) ? 0 : EIO
    if (error === 0) error = this.begin(io, Math.ceil(bytes / PAGE_SIZE))
    if (error === 0) this.listBuffer(io, buffer, bytes, ENCRYPTED)
    this.buffers.release(io, buffer)
    return error < 0 ? error : bytes
  }

  /** The message with the data in a buffer: an entry a folio. @kernel lib/scatterlist.c: extract_folioq_to_sg */
  private listBuffer(io: Operation, buffer: number, bytes: number, counter: number): void {
    const { request, counts } = this
    const { sgl, folios, lists } = this.buffers
    let left = bytes
    for (let i = 0; i < folios[buffer]; i++) {
      const entry = sgl[buffer] + i
      const length = Math.min(left, lists.lengthBytes[entry])
      request.add(lists.page[entry], 0, length)
      left -= length
    }
    request.end(io)
    request.free(io)
    counts[FOLIOS] += folios[buffer]
    counts[counter]++
  }

  /** Messages of one page array each, as far as pages can be had. */
  private pageArrays(io: Operation, isRead: boolean): number {
    if (io.iter.type === ITER_KVEC) return this.throughPages(io, isRead)
    const refused = io.policy.retention(io.iter.type, io.iter.direction)
    if (refused < 0) return refused
    let done = 0
    let error = EFAULT
    while (io.iter.countBytes > 0) {
      const bytes = this.pageArray(io, isRead)
      if (bytes <= 0) {
        if (bytes < 0) error = bytes
        break
      }
      done += bytes
    }
    // A message that fails ends the write where the ones before it did. @kernel fs/smb/client/file.c: __cifs_writev
    return done === 0 ? error : done
  }

  /** One message: bytes, 0, or -errno with nothing of it left. */
  private pageArray(io: Operation, isRead: boolean): number {
    const chain = this.arrays.alloc(io, pagesOfNextCall(io.iter), io.scratch)
    if (chain < 0) return chain
    const bytes = io.extract(PAGE_LIST_MAX, io.iter.countBytes)
    const error = bytes <= 0 ? bytes : isRead ? this.decryptArray(io, bytes) : this.encryptArray(io, bytes)
    if (bytes <= 0 || error < 0) {
      if (bytes > 0) io.ledger.letGo(io.hold)
      io.scratch = this.arrays.freeFirst(io, chain)
      return error
    }
    io.scratch = chain
    io.keep(io.hold)
    return bytes
  }

  private decryptArray(io: Operation, bytes: number): number {
    const { request, counts } = this
    const { list } = io
    const error = this.begin(io, list.length)
    if (error < 0) return error
    for (let i = 0; i < list.length; i++) request.add(list.page[i], list.offsetBytes[i], list.lengthBytes[i])
    request.tellData(io, bytes)
    request.end(io)
    request.free(io)
    counts[DECRYPTED]++
    io.reachedInPlace(bytes)
    return bytes
  }

  /** @kernel fs/smb/client/smb2ops.c: smb3_init_transform_rq (6.1) */
  private encryptArray(io: Operation, bytes: number): number {
    const { request, counts, buffers } = this
    const { list } = io
    const copy = buffers.alloc(io, list.length * PAGE_SIZE, 0, true)
    if (copy < 0) return copy
    const entry = buffers.sgl[copy]
    const contents = io.memory.bytes
    if (contents !== null) {
      // Each byte keeps its offset in the page.
      for (let i = 0; i < list.length; i++) contents.copyPage(list.page[i], buffers.lists.page[entry + i])
    }
    io.copied(bytes)
    const error = this.begin(io, list.length)
    if (error === 0) {
      for (let i = 0; i < list.length; i++) {
        request.add(buffers.lists.page[entry + i], list.offsetBytes[i], list.lengthBytes[i])
      }
      request.end(io)
      request.free(io)
      counts[FOLIOS] += list.length
      counts[ENCRYPTED]++
    }
    buffers.release(io, copy)
    return error < 0 ? error : bytes
  }

  /**
   * 6.1 gets no page array of a KVEC: it leaves direct I/O, and the data goes through pages of its own.
   * @kernel fs/smb/client/file.c: __cifs_writev, cifs_write_allocate_pages; __cifs_readv, cifs_read_allocate_pages (6.1)
   */
  private throughPages(io: Operation, isRead: boolean): number {
    const bytes = io.iter.countBytes
    const pages = this.buffers.alloc(io, bytes, 0, true)
    if (pages < 0) return pages
    let error = EFAULT
    if (this.buffers.copy(io, pages))
      error = isRead ? this.decryptPages(io, pages, bytes) : this.encryptPages(io, bytes)
    // Its pages stay until the answer.
    io.scratch = -pages
    return error < 0 ? error : bytes
  }

  private decryptPages(io: Operation, pages: number, bytes: number): number {
    const error = this.begin(io, this.buffers.folios[pages])
    if (error === 0) this.listBuffer(io, pages, bytes, DECRYPTED)
    return error
  }

  /** The pages are copied once more, as those of any message. @kernel fs/smb/client/smb2ops.c: smb3_init_transform_rq (6.1) */
  private encryptPages(io: Operation, bytes: number): number {
    const copy = this.buffers.alloc(io, bytes, 0, true)
    if (copy < 0) return copy
    io.copied(bytes)
    const error = this.begin(io, this.buffers.folios[copy])
    if (error === 0) this.listBuffer(io, copy, bytes, ENCRYPTED)
    this.buffers.release(io, copy)
    return error
  }

  /** @kernel fs/smb/client/cifsglob.h: cifs_get_num_sgs */
  private begin(io: Operation, dataPages: number): number {
    const error = this.request.begin(io, dataPages)
    if (error === 0) this.counts[ESTIMATED] += this.request.entriesLeft + this.request.table.nents
    return error
  }
}
