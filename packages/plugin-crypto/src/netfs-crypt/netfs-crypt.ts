import {
  alignment,
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  EIO,
  HOLD_NONE,
  type Hold,
  ITER_DEST,
  type Ledger,
  type Operation,
  PAGE_LIST_MAX,
  POINTER_BYTES,
  SCATTERLIST_BYTES,
  Scatterlists,
} from '@pinscope/core'
import { BlockLists } from './block-lists.ts'
import { ByteCrypt } from './byte-crypt.ts'
import { COPIED, CRYPT_COUNTERS, DECRYPTED, ENCRYPTED, FOLIOS } from './counters.ts'
import { CryptRequests, NO_BUFFER } from './crypt-requests.ts'
import { FolioBuffers } from './folio-buffers.ts'
import { PageArrays, pagesOfNextCall } from './page-arrays.ts'

/**
 * Content encryption in the netfs library, as it was proposed: crypto block by crypto block, each with a list of at most
 * 16 entries for its source and one for its destination.
 *
 * - A write is encrypted out of the iterator into bounce folios, which are sent; the caller's pages are let go as soon as
 *   their block is done. With `in-place` its own pages are encrypted and sent.
 * - A read is decrypted where it arrived, once it has arrived.
 * - Of a range of the file that is no whole blocks, bounce folios hold all the blocks. A write is copied into them and
 *   encrypted there; a read is decrypted there and copied out (counted at submission, where the iterator is at hand).
 *   What belongs into the gaps is read by I/O of its own, and not modelled.
 *
 * Under a policy of get_pages2 it is what ceph does: a page array with a reference each, decrypted in place; a write is
 * copied into pages of its own, and encrypted there.
 *
 * @kernel none has it: a proposal. David Howells, linux-fsdevel, November and December 2023 (v2, v3): "netfs: Perform
 *   content encryption" (netfs_encrypt), "netfs: Decrypt encrypted content", "netfs: Support encryption on Unbuffered/DIO
 *   write"; in 6.12 and 7.3 fs/netfs has comments in their place. ceph, 6.6 and later: fs/ceph/addr.c:
 *   ceph_netfs_issue_read, finish_netfs_read; fs/ceph/file.c: ceph_sync_write
 */
export class NetfsCrypt implements Consumer {
  readonly buffers: FolioBuffers
  readonly requests = new CryptRequests()

  private readonly lists: BlockLists
  private readonly arrays = new PageArrays()
  private readonly ledger: Ledger
  private readonly blockBytes: number
  private readonly encryptsInPlace: boolean
  private readonly copiesMisaligned: boolean
  private readonly bounceOrder: number
  private readonly cipher: number
  private readonly counts = new Float64Array(CRYPT_COUNTERS.length)
  /** Works on what pages hold; null while only counts matter. */
  private bytes: ByteCrypt | null = null

  constructor({ kernel, options, memory, ledger }: ConsumerEnvironment) {
    this.buffers = new FolioBuffers(new Scatterlists(), kernel)
    this.lists = new BlockLists(memory, ledger, this.buffers)
    this.ledger = ledger
    this.blockBytes = options['block-size']
    this.encryptsInPlace = options['in-place'] === 1
    this.copiesMisaligned = options['copy-misaligned'] === 1
    this.bounceOrder = options['bounce-order']
    this.cipher = options.cipher
  }

  submit(io: Operation): number {
    const { blockBytes } = this
    if (io.iter.countBytes === 0) return 0
    const before = io.offsetBytes > 0 ? io.offsetBytes % blockBytes : 0
    const rest = (before + io.iter.countBytes) % blockBytes
    const after = rest === 0 ? 0 : blockBytes - rest
    io.scratch = this.requests.take()
    const contents = io.memory.bytes
    if (contents !== null) this.bytes = new ByteCrypt(io, contents, this.cipher, blockBytes)
    const done = this.crypt(io, before, after)
    this.bytes = null
    return io.recordedResult >= 0 && io.recordedResult < done ? io.recordedResult : done
  }

  abort(io: Operation): void {
    this.release(io)
  }

  /** @kernel fs/netfs/crypto.c: netfs_decrypt (proposal); fs/ceph/addr.c: finish_netfs_read */
  complete(io: Operation): void {
    const { requests } = this
    const row = io.scratch
    // What did not arrive is not decrypted.
    if (row !== 0 && io.completion === 0) {
      this.counts[DECRYPTED] += requests.blocks[row]
      if (requests.places.size > 0) requests.places.get(row)?.decryptPlaced()
    }
    this.release(io)
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(CRYPT_COUNTERS, this.counts)
  }

  private release(io: Operation): void {
    const { requests } = this
    const row = io.scratch
    io.letGoOfKept()
    if (row === 0) return
    if (requests.buffer[row] !== NO_BUFFER) this.buffers.release(io, requests.buffer[row])
    this.arrays.freeAll(io, requests.arrays[row])
    requests.give(row)
    io.scratch = 0
  }

  private crypt(io: Operation, before: number, after: number): number {
    const isRead = io.iter.direction === ITER_DEST
    if (before > 0 || after > 0 || this.mustCopy(io, isRead)) return this.throughCopy(io, before, after, isRead)
    if (!isRead && !this.encryptsInPlace) return this.intoBounce(io)
    return io.policy.isLegacy ? this.inPageArrays(io, isRead) : this.inPlace(io, isRead)
  }

  /** @kernel fs/netfs/internal.h: netfs_is_crypto_aligned (proposal); fs/ceph/file.c: ceph_sync_write */
  private mustCopy(io: Operation, isRead: boolean): boolean {
    if (io.policy.isLegacy && !isRead && !this.encryptsInPlace) return true
    return this.copiesMisaligned && (alignment(io.iter) & (this.blockBytes - 1)) !== 0
  }

  /** Encrypts out of the iterator into bounce folios. Nothing of the caller's is held afterwards. */
  private intoBounce(io: Operation): number {
    const { lists, ledger, blockBytes } = this
    const bytes = io.iter.countBytes
    const buffer = this.allocate(io, bytes)
    if (buffer < 0) return buffer
    let entries = 0
    lists.startDest()
    while (io.iter.countBytes > 0) {
      let error = lists.listDest(io, buffer, blockBytes)
      if (error === 0) error = lists.listSource(io, blockBytes)
      if (error < 0) return error
      entries += lists.source.nents + lists.dest.nents
      if (this.bytes !== null) this.bytes.encrypt(lists.lists, lists.source, lists.dest)
      ledger.letGo(lists.takeHold())
    }
    io.built(entries, SCATTERLIST_BYTES)
    io.reachedInPlace(bytes)
    this.counts[ENCRYPTED] += bytes / blockBytes
    return bytes
  }

  /** Lists the iterator's own pages, which are kept. A write is encrypted at once. */
  private inPlace(io: Operation, isRead: boolean): number {
    const { lists, ledger, blockBytes } = this
    const bytes = io.iter.countBytes
    let hold: Hold = HOLD_NONE
    let entries = 0
    while (io.iter.countBytes > 0) {
      const error = lists.listSource(io, blockBytes)
      if (error < 0) {
        ledger.letGo(hold)
        return error
      }
      hold = ledger.join(hold, lists.takeHold())
      entries += lists.source.nents
      if (this.bytes !== null) this.bytes.placeList(lists.lists, lists.source)
    }
    io.keep(hold)
    io.built(entries, SCATTERLIST_BYTES)
    return this.placed(io, bytes, isRead)
  }

  /** Page arrays with references, which are kept: one for each call, of one segment each. @kernel fs/ceph/addr.c: ceph_netfs_issue_read */
  private inPageArrays(io: Operation, isRead: boolean): number {
    const refused = io.policy.retention(io.iter.type, io.iter.direction)
    if (refused < 0) return refused
    let done = 0
    let error = EFAULT
    let entries = 0
    while (io.iter.countBytes > 0) {
      const bytes = this.pageArray(io)
      if (bytes <= 0) {
        if (bytes < 0) error = bytes
        break
      }
      done += bytes
      entries += io.list.length
      if (this.bytes !== null) this.bytes.placePages(io.list)
    }
    // What comes before a page that cannot be had is a short request.
    done -= done % this.blockBytes
    if (done === 0) return error
    io.built(entries, POINTER_BYTES)
    return this.placed(io, done, isRead)
  }

  /** The next page array: its bytes, 0, or -errno with nothing of it left. */
  private pageArray(io: Operation): number {
    const { requests, arrays } = this
    const row = io.scratch
    const chain = arrays.alloc(io, pagesOfNextCall(io.iter), requests.arrays[row])
    if (chain < 0) return chain
    requests.arrays[row] = chain
    const bytes = io.extract(PAGE_LIST_MAX, io.iter.countBytes)
    if (bytes <= 0) {
      requests.arrays[row] = arrays.freeFirst(io, chain)
      return bytes
    }
    io.keep(io.hold)
    const { list, observer } = io
    if (observer !== null) {
      observer.listBuilt('page array', bytes, list.length, list.page, list.offsetBytes, list.lengthBytes, '')
    }
    return bytes
  }

  /** Bounce folios for all blocks that the range touches: copied and encrypted there, or decrypted there and copied. */
  private throughCopy(io: Operation, before: number, after: number, isRead: boolean): number {
    const { lists, blockBytes, requests } = this
    const bytes = io.iter.countBytes
    const blocks = (before + bytes + after) / blockBytes
    const buffer = this.allocate(io, blocks * blockBytes)
    if (buffer < 0) return buffer
    // Of a read that is short, what arrives is copied.
    if (isRead && io.recordedResult < bytes) io.iter.truncate(Math.max(io.recordedResult, 0))
    if (!this.buffers.copy(io, buffer, before)) return isRead || io.policy.isLegacy ? EFAULT : EIO
    let entries = 0
    lists.startDest()
    for (let block = 0; block < blocks; block++) {
      const error = lists.listDest(io, buffer, blockBytes)
      if (error < 0) return error
      entries += lists.dest.nents
      if (this.bytes !== null && !isRead) this.bytes.encrypt(lists.lists, lists.dest, lists.dest)
    }
    io.built(entries, SCATTERLIST_BYTES)
    this.counts[COPIED]++
    if (isRead) requests.blocks[io.scratch] = blocks
    else this.counts[ENCRYPTED] += blocks
    if (io.observer !== null) io.observer.note(`copied through ${blocks} blocks in bounce folios`)
    return bytes
  }

  /** A buffer for the request at work, or -ENOMEM. */
  private allocate(io: Operation, bytes: number): number {
    const { isLegacy } = io.policy
    const buffer = this.buffers.alloc(io, bytes, isLegacy ? 0 : this.bounceOrder, isLegacy)
    if (buffer < 0) return buffer
    this.requests.buffer[io.scratch] = buffer
    this.counts[FOLIOS] += this.buffers.folios[buffer]
    return buffer
  }

  /** The data is, or will be, in the iterator's own pages. */
  private placed(io: Operation, bytes: number, isRead: boolean): number {
    const blocks = bytes / this.blockBytes
    if (isRead) this.requests.blocks[io.scratch] = blocks
    else this.counts[ENCRYPTED] += blocks
    io.reachedInPlace(bytes)
    if (this.bytes !== null && isRead) this.requests.places.set(io.scratch, this.bytes)
    else if (this.bytes !== null) this.bytes.encryptPlaced()
    return bytes
  }
}
