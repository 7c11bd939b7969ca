import { EINVAL, EIO, type Kernel, type Operation, PAGE_SIZE, RETAIN_NONE, SCATTERLIST_BYTES } from '@pinscope/core'
import {
  CREDIT_STALLS,
  HEADER_PACKETS,
  MAP_FAILURES,
  PACKETS,
  REFUSED,
  SG_ENTRIES,
  SGES,
  WIRE_BYTES,
} from '../cifs/counters.ts'
import type { Mount } from '../cifs/mount.ts'
import { PACKET_HEADER_BYTES, PACKET_SGES_MAX } from '../cifs/sizes.ts'
import { IB_SGE_BYTES } from '../device/device.ts'
import { Pieces } from '../payload/pieces.ts'
import { SendRequests } from '../smbdirect/send-requests.ts'
import { BEYOND_PAGE, EMPTY_PACKETS } from './counters.ts'

/** kvecs of a packet at most. @kernel fs/smb/client/smbdirect.c: smbd_post_send_data (SMBDIRECT_MAX_SEND_SGE - 1) */
const PACKET_KVECS_MAX = PACKET_SGES_MAX - 1

/** Packet header without padding: what is sent where there is no payload. @kernel fs/smb/client/smbdirect.h: struct smbd_data_transfer */
const EMPTY_HEADER_BYTES = 20

/**
 * Messages in packets: first the kvecs of a request, then its pages, a packet never of both and never of two pages. Each
 * packet has a scatterlist on the stack, and from it an ib_sge for its header and one for each entry, each mapped by itself.
 * A message is over when every packet was sent: what was mapped is unmapped then, or earlier, when packets wait for credits.
 *
 * Quirk `smbdirect-page-size`: a packet of a page is as long as what is left of the whole message allows, so the last one
 * reaches beyond the page, and at the end there are packets of nothing. Their number is the same.
 * Quirk `smbdirect-vec-split`: a kvec that does not fit is cut as if the packet were empty but for it. Where that is not
 * where the packet ends, the counts of what is left wrap around: the model ends the message there.
 *
 * @kernel fs/smb/client/smbdirect.c: smbd_send, smbd_post_send_data, smbd_post_send_page, smbd_post_send_sgl, send_done (6.1)
 */
export class SmbdSend {
  private readonly counts: Float64Array
  private readonly payloadMax: number
  private readonly messageMax: number
  private readonly credits: number
  private readonly sizesByMessage: boolean
  private readonly cutsWrong: boolean
  /** What is left of the message. @kernel remaining_data_length */
  private left = 0
  /** Packets on their way. */
  private readonly requests = new SendRequests()
  /** Entries of the message's packets, headers included, and of their scatterlists. */
  private sges = 0
  private sgEntries = 0
  /** Entries of the operation that reach beyond their page. */
  private beyond = 0
  /** What the packets of pages name, where somebody watches. */
  private readonly told = new Pieces()
  private readonly oneKvec = new Int32Array(1)

  constructor(counts: Float64Array, mount: Mount, { quirks }: Kernel) {
    this.counts = counts
    this.payloadMax = mount.payloadBytes
    this.messageMax = mount.maxFragmentedBytes
    this.credits = mount.credits
    this.sizesByMessage = quirks['smbdirect-page-size']
    this.cutsWrong = quirks['smbdirect-vec-split']
  }

  /** Begins a message of `bytes` bytes, headers included: 0, or -errno for one that the server does not take. */
  begin(io: Operation, bytes: number): number {
    this.left = bytes
    this.sges = 0
    this.sgEntries = 0
    this.told.clear()
    if (io.fits(bytes, this.messageMax)) return 0
    this.counts[REFUSED]++
    return EINVAL
  }

  /** One kvec, in packets of its own: a header. 0 or -errno. */
  sendHeader(io: Operation, bytes: number): number {
    this.oneKvec[0] = bytes
    return this.sendKvecs(io, this.oneKvec, 1, HEADER_PACKETS)
  }

  /** The first `count` kvecs of a request, at most five in a packet. `counter`: of these packets. 0 or -errno. */
  sendKvecs(io: Operation, lengthBytes: Int32Array, count: number, counter: number): number {
    const { payloadMax } = this
    let kvec = 0
    let offset = 0
    let left = 0
    for (let i = 0; i < count; i++) left += lengthBytes[i]
    do {
      let used = 0
      let entries = 0
      while (kvec < count && entries < PACKET_KVECS_MAX && used < payloadMax) {
        const length = lengthBytes[kvec]
        const rest = length - offset
        if (this.isCut(used, length, rest)) {
          // max - length bytes from the start of the kvec on are right only by chance.
          if (this.cutsWrong && (used !== length || offset !== 0)) return this.cutWrong(io)
          offset += payloadMax - used
          used = payloadMax
        } else {
          used += rest
          offset = 0
          kvec++
        }
        entries++
      }
      left -= used
      const error = this.post(io, entries, used, counter)
      if (error < 0) return error
    } while (left > 0)
    return 0
  }

  /** The pages of a request, one after the other. 0 or -errno. */
  sendPages(io: Operation, array: Pieces): number {
    const { payloadMax, counts } = this
    for (let page = 0; page < array.length; page++) {
      const length = array.lengthBytes[page]
      for (let sent = 0; sent < length; sent += payloadMax) {
        const size = Math.min(payloadMax, this.sizesByMessage ? this.left : length - sent)
        const offset = array.offsetBytes[page] + sent
        if (offset + size > PAGE_SIZE) this.reachesBeyond()
        if (size === 0) counts[EMPTY_PACKETS]++
        const error = this.post(io, 1, size, PACKETS)
        if (error < 0) return error
        if (io.observer !== null) this.told.add(array.page[page], offset, size)
      }
    }
    return 0
  }

  /** The message is over, however it ended: waits until every packet was sent. */
  end(io: Operation, bytes: number): void {
    while (this.requests.posted > 0) this.requests.completeFirst(io)
    io.built(this.sgEntries, SCATTERLIST_BYTES)
    io.built(this.sges, IB_SGE_BYTES)
    this.counts[SG_ENTRIES] += this.sgEntries
    this.counts[SGES] += this.sges
    const { told } = this
    if (io.observer === null || told.length === 0) return
    io.observer.listBuilt(
      'ib_sge',
      bytes,
      told.length,
      told.page,
      told.offsetBytes,
      told.lengthBytes,
      'packet by packet',
    )
  }

  /** The operation is over: tells once of entries that reach beyond their page. */
  finish(io: Operation): void {
    if (this.beyond === 0) return
    const detail = 'packets of a page were sized by what was left of the message: they send what lies behind the page'
    io.ledger.violate('beyond-page', 0, RETAIN_NONE, RETAIN_NONE, this.beyond, detail)
    this.beyond = 0
  }

  /** The kvec does not fit any more; with the quirk its whole length is asked, whatever was sent of it. */
  private isCut(used: number, length: number, rest: number): boolean {
    return used + (this.cutsWrong ? length : rest) > this.payloadMax
  }

  private cutWrong(io: Operation): number {
    const detail =
      'smbd_send cut a kvec as if the packet had nothing but it: lengths and what is left to send wrap around'
    io.ledger.violate('wrong-data', 0, RETAIN_NONE, RETAIN_NONE, 0, detail)
    return EIO
  }

  private reachesBeyond(): void {
    this.beyond++
    this.counts[BEYOND_PAGE]++
  }

  /** One packet with `entries` entries besides its header. @kernel fs/smb/client/smbdirect.c: smbd_post_send_sgl */
  private post(io: Operation, entries: number, bytes: number, counter: number): number {
    const { counts, requests } = this
    this.waitForCredit(io)
    this.sgEntries += entries
    if (!io.mapDma(1)) return this.mapFails(io, 0)
    for (let i = 0; i < entries; i++) if (!io.mapDma(1)) return this.mapFails(io, i + 1)
    const row = requests.take()
    requests.sges[row] = 1 + entries
    requests.post(row)
    this.sges += 1 + entries
    this.left -= bytes
    counts[counter]++
    counts[WIRE_BYTES] += bytes + (bytes === 0 ? EMPTY_HEADER_BYTES : PACKET_HEADER_BYTES)
    return 0
  }

  private waitForCredit(io: Operation): void {
    const { requests } = this
    if (io.fits(requests.posted + 1, this.credits)) return
    this.counts[CREDIT_STALLS]++
    if (requests.posted > 0) requests.completeFirst(io)
  }

  /** Everything that was mapped of the packet is unmapped. @kernel err_dma */
  private mapFails(io: Operation, mapped: number): number {
    if (mapped > 0) io.unmapDma(mapped)
    this.counts[MAP_FAILURES]++
    return EIO
  }
}
