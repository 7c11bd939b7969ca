import { type Consumer, type ConsumerEnvironment, HOLD_NONE, type Operation } from '@pinscope/core'

const SLOTS = 31
/** The header of a packet, which has the first entry. @kernel struct smbdirect_data_transfer */
const HEADER_BYTES = 24

/**
 * A payload out of a queue of folios is sent in packets, each with an array of a few entries: one for its header where it
 * has one, one for each folio. @kernel fs/smb/client/smbdirect.c: smbd_post_send_iter, smb_extract_folioq_to_rdma
 */
export class SendFolios implements Consumer {
  private readonly isFixed: boolean
  /** @kernel struct smb_extract_to_rdma: max_sge */
  private readonly sgesMax: number
  private readonly hasHeader: boolean

  constructor({ options }: ConsumerEnvironment, isFixed: boolean) {
    this.isFixed = isFixed
    this.sgesMax = options['max-sge']
    this.hasHeader = options.header === 1
  }

  submit(io: Operation): number {
    const bytes = io.lengthBytes
    const iterator = io.audit?.iterators.init(true, false, io.iter.mm, bytes, bytes, io.iter.type) ?? 0
    let left = bytes
    while (left > 0) left -= this.sendPacket(io, iterator, left)
    io.audit?.iterators.return(iterator, bytes)
    return bytes
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private sendPacket(io: Operation, iterator: number, payloadBytes: number): number {
    const { audit } = io
    const request = audit?.objects.alloc('smbd_request', this.sgesMax) ?? 0
    if (this.hasHeader) audit?.objects.attach(request, HOLD_NONE, -1, 0, HEADER_BYTES)
    const bytes = this.extract(io, request, payloadBytes)
    io.iter.advance(bytes)
    audit?.iterators.advance(iterator, bytes)
    audit?.iterators.consume(iterator, bytes)
    audit?.objects.submit(request, bytes)
    audit?.objects.complete(request, bytes)
    audit?.objects.free(request)
    return bytes
  }

  private extract(io: Operation, request: number, bytesMax: number): number {
    const { queue } = io.iter
    let at = io.iter.queueSegment * SLOTS + io.iter.slot
    let offset = io.iter.iovOffsetBytes
    let sges = this.hasHeader ? 1 : 0
    let done = 0
    do {
      const size = queue.sizeBytes(Math.floor(at / SLOTS), at % SLOTS)
      if (offset < size) {
        const part = Math.min(bytesMax - done, size - offset)
        io.audit?.objects.attach(request, HOLD_NONE, queue.folioAt(Math.floor(at / SLOTS), at % SLOTS), offset, part)
        sges++
        offset += part
        done += part
      }
      if (offset >= size) {
        offset = 0
        at++
      }
    } while (at < queue.count && this.goesOn(sges, bytesMax - done))
    return done
  }

  /**
   * Before the fix the walk ended with the queue, wherever the data did: behind the data it makes empty entries, for ever
   * where the last folio has more bytes. Of those the model makes one too many.
   */
  private goesOn(sges: number, left: number): boolean {
    const { isFixed, sgesMax } = this
    if (isFixed) return sges < sgesMax && left > 0
    return sges <= sgesMax || left > 0
  }
}
