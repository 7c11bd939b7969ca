import {
  EINVAL,
  EIO,
  EMSGSIZE,
  ENOMEM,
  type IovIter,
  isSince,
  type Kernel,
  type Ledger,
  type Operation,
  PAGE_SIZE,
  RETAIN_NONE,
} from '@pinscope/core'
import { CREDIT_STALLS, HEADER_PACKETS, MAP_FAILURES, PACKETS, REFUSED, SGES, WIRE_BYTES } from '../cifs/counters.ts'
import type { Mount } from '../cifs/mount.ts'
import { PACKET_HEADER_BYTES, PACKET_SGES_MAX } from '../cifs/sizes.ts'
import { IB_SGE_BYTES } from '../device/device.ts'
import { Pieces } from '../payload/pieces.ts'
import { contiguousBytes, contiguousOffset, contiguousPage, isMappable } from './contiguous.ts'
import { SendRequests } from './send-requests.ts'

/**
 * Sends messages as packets: each has a header, and the next part of the iterator in at most five entries. Entries come
 * straight from the iterator and are mapped one by one; nothing is taken on a page. Who sends waits until every packet is
 * out, so that the pages need be held only that long.
 *
 * A message is {@link begin}, its SMB headers and its data in packets of their own, and {@link end}, whatever came before.
 *
 * Packets wait for credits, which the server gives back: that is counted, and the packet goes on. (Mainline posts them
 * sixteen at a time; that changes nothing here. It refuses a data destination, too, which a write never is.)
 *
 * @kernel fs/smb/client/smbdirect.c: smbd_send, smbd_post_send_iter (6.12, 6.18); smbdirect.c: smbd_send,
 *   fs/smb/smbdirect/connection.c: smbdirect_connection_send_single_iter (mainline). 6.18: the client's own as in 6.12, but
 *   for the header, which is mapped first since then.
 */
export class Packets {
  private readonly mount: Mount
  private readonly ledger: Ledger
  private readonly counts: Float64Array
  private readonly requests = new SendRequests()
  private readonly told = new Pieces()
  /** The packet's own header is mapped before its data. */
  private readonly mapsHeaderFirst: boolean
  /** @kernel quirk smbdirect-rollback */
  private readonly rollsBackWrong: boolean
  /** A header that cannot be mapped is -ENOMEM: what dma_mapping_error() says. Before, -EIO. */
  private readonly headerError: number
  /** A message that is too long, where there is no cifs above. */
  private readonly sizeError: number
  /** Entries of the packet at work, without that of its header. */
  private sges = 0

  constructor(mount: Mount, { version, quirks }: Kernel, ledger: Ledger, counts: Float64Array) {
    this.mount = mount
    this.ledger = ledger
    this.counts = counts
    this.mapsHeaderFirst = isSince(version, '6.18')
    this.rollsBackWrong = quirks['smbdirect-rollback']
    this.headerError = isSince(version, 'mainline') ? ENOMEM : EIO
    // The client's smbd_send() says -EINVAL; the transport by itself, since it is a module of its own, -EMSGSIZE.
    this.sizeError = mount.isTransportOnly && isSince(version, 'mainline') ? EMSGSIZE : EINVAL
  }

  /** A message of `messageBytes` bytes, SMB headers included: 0, or an errno when it is too long. @kernel max_fragmented_send_size */
  begin(io: Operation, messageBytes: number): number {
    if (io.fits(messageBytes, this.mount.maxFragmentedBytes)) return 0
    this.counts[REFUSED]++
    return this.sizeError
  }

  /** A header of `headerBytes` bytes of kernel memory: 0, or an errno. */
  sendHeader(io: Operation, headerBytes: number): number {
    for (let sent = 0; sent < headerBytes; ) {
      const bytes = this.sendPacket(io, null, sent, headerBytes - sent)
      if (bytes < 0) return bytes
      this.counts[HEADER_PACKETS]++
      sent += bytes
    }
    return 0
  }

  /**
   * All that is left of an iterator: its bytes, or an errno. `isOwn`: over pages of the consumer's own, of which nobody is
   * told.
   */
  send(io: Operation, iter: IovIter, isOwn = false): number {
    const { countBytes } = iter
    if (!isOwn && !iter.byRow && isMappable(iter)) this.ledger.bare(iter.npagesOf(countBytes))
    this.told.clear()
    let sent = 0
    while (sent < countBytes) {
      const bytes = this.sendPacket(io, iter, 0, countBytes - sent)
      if (bytes < 0) return bytes
      this.counts[PACKETS]++
      sent += bytes
    }
    if (!isOwn) this.tell(io, countBytes)
    return countBytes
  }

  /** Every packet of the message is out. @kernel wait_event(wait_send_pending) */
  end(io: Operation): void {
    while (this.requests.posted > 0) this.requests.completeFirst(io)
  }

  /** One packet: the bytes of payload in it, or an errno with nothing of it left (but for the quirk). */
  private sendPacket(io: Operation, iter: IovIter | null, headerAt: number, left: number): number {
    const { requests, counts, mapsHeaderFirst } = this
    this.waitForCredit(io)
    const row = requests.take()
    const staleSges = requests.sges[row]
    if (mapsHeaderFirst && !io.mapDma(1)) return this.failHeader(row)
    const bytesMax = left < this.mount.payloadBytes ? left : this.mount.payloadBytes
    const bytes = iter === null ? this.mapBuffer(io, headerAt, bytesMax) : this.mapIter(io, iter, bytesMax)
    if (bytes <= 0) {
      this.rollBack(io, staleSges)
      return this.fail(row, EIO)
    }
    requests.sges[row] = this.sges + 1
    if (!mapsHeaderFirst && !io.mapDma(1)) {
      this.unmap(io, this.sges)
      return this.failHeader(row)
    }
    requests.post(row)
    io.built(this.sges + 1, IB_SGE_BYTES)
    counts[SGES] += this.sges + 1
    counts[WIRE_BYTES] += PACKET_HEADER_BYTES + bytes
    return bytes
  }

  /** @kernel wait_credit, wait_send_queue (6.12); smbdirect_connection_wait_for_send_credits (mainline) */
  private waitForCredit(io: Operation): void {
    const { requests } = this
    if (io.fits(requests.posted + 1, this.mount.credits)) return
    this.counts[CREDIT_STALLS]++
    if (requests.posted > 0) requests.completeFirst(io)
  }

  /** Maps the next entries of an iterator and advances it over them: bytes, or -EIO. */
  private mapIter(io: Operation, iter: IovIter, bytesMax: number): number {
    this.sges = 0
    if (!isMappable(iter)) {
      this.counts[REFUSED]++
      return EIO
    }
    let bytes = 0
    while (bytes < bytesMax && this.sges < PACKET_SGES_MAX - 1) {
      const part = contiguousBytes(iter, bytesMax - bytes)
      if (part === 0) break
      if (!io.mapDma(1)) {
        this.counts[MAP_FAILURES]++
        return EIO
      }
      this.sges++
      if (io.observer !== null) this.told.add(contiguousPage(iter, io.memory), contiguousOffset(iter), part)
      iter.advance(part)
      bytes += part
    }
    return bytes
  }

  /** {@link mapIter} of a buffer of the kernel's, which begins at a page, from `at` on. */
  private mapBuffer(io: Operation, at: number, bytesMax: number): number {
    this.sges = 0
    let bytes = 0
    while (bytes < bytesMax && this.sges < PACKET_SGES_MAX - 1) {
      const inPage = PAGE_SIZE - ((at + bytes) % PAGE_SIZE)
      if (!io.mapDma(1)) {
        this.counts[MAP_FAILURES]++
        return EIO
      }
      this.sges++
      bytes += inPage < bytesMax - bytes ? inPage : bytesMax - bytes
    }
    return bytes
  }

  /**
   * A packet's data cannot be mapped as a whole: what is mapped of it goes, and so does its header.
   *
   * With the quirk the index is counted down after its use. Of n entries mapped, the one behind them is unmapped, which
   * never was, and the first of them is not. The header is mapped first since 6.18, and the cleanup that follows knows of
   * it alone: the entry stays mapped for good. Before, the cleanup goes by the number of entries that the packet's memory
   * had when it was used last: it finds the entry when that packet had data, as nearly all have.
   * @kernel fs/smb/client/smbdirect.c: smb_extract_iter_to_rdma, err_dma of smbd_post_send_iter (6.12, 6.18); mainline:
   *   smbdirect_map_sges_from_iter, which counts it down before
   */
  private rollBack(io: Operation, staleSges: number): void {
    const mapped = this.sges
    const isLost = this.rollsBackWrong && mapped > 0
    if (isLost)
      this.violate('dma-unmap-unmapped', 'the entry behind those of the packet was unmapped: it was never mapped')
    const isFound = !this.mapsHeaderFirst && staleSges > 1
    if (isLost && !isFound)
      this.violate('dma-map-leak', 'the first entry of a packet that could not be mapped stays so')
    this.unmap(io, isLost && !isFound ? mapped - 1 : mapped)
    if (this.mapsHeaderFirst) io.unmapDma(1)
  }

  private unmap(io: Operation, entries: number): void {
    for (let i = 0; i < entries; i++) io.unmapDma(1)
  }

  private failHeader(row: number): number {
    this.counts[MAP_FAILURES]++
    return this.fail(row, this.headerError)
  }

  private fail(row: number, error: number): number {
    this.requests.give(row)
    return error
  }

  private violate(rule: 'dma-map-leak' | 'dma-unmap-unmapped', detail: string): void {
    this.ledger.violate(rule, 0, RETAIN_NONE, RETAIN_NONE, 1, detail)
  }

  private tell(io: Operation, bytes: number): void {
    const { page, offsetBytes, lengthBytes, length } = this.told
    io.observer?.listBuilt('ib_sge', bytes, length, page, offsetBytes, lengthBytes, 'packet by packet')
  }
}
