import { type Consumer, HOLD_NONE, type Operation } from '@pinscope/core'
import { defineBug } from '../bug.ts'

const SLOTS = 31
/** @kernel fs/smb/client/smbdirect.h: SMBDIRECT_MAX_SEND_SGE */
const SGES_MAX = 6
/** The header of a packet, which has the first entry. @kernel struct smbdirect_data_transfer */
const HEADER_BYTES = 24

/**
 * A payload out of a queue of folios is sent in packets, each with an array of six entries: one for its header, one for
 * each folio. @kernel fs/smb/client/smbdirect.c: smbd_post_send_iter, smb_extract_folioq_to_rdma
 */
class SendFolios implements Consumer {
  private readonly isFixed: boolean

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    let left = io.lengthBytes
    while (left > 0) left -= this.sendPacket(io, left)
    return io.lengthBytes
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private sendPacket(io: Operation, payloadBytes: number): number {
    const { audit } = io
    const request = audit?.objects.alloc('smbd_request', SGES_MAX) ?? 0
    audit?.objects.attach(request, HOLD_NONE, -1, 0, HEADER_BYTES)
    const bytes = this.extract(io, request, payloadBytes)
    io.iter.advance(bytes)
    audit?.objects.submit(request, bytes)
    audit?.objects.complete(request, bytes)
    audit?.objects.free(request)
    return bytes
  }

  private extract(io: Operation, request: number, bytesMax: number): number {
    const { queue } = io.iter
    let at = io.iter.queueSegment * SLOTS + io.iter.slot
    let offset = io.iter.iovOffsetBytes
    let sges = 1
    let done = 0
    do {
      const size = queue.sizeBytes(Math.floor(at / SLOTS), at % SLOTS)
      if (offset < size) {
        // Before the fix `maxsize` never fell: what is left of it was asked of each folio.
        const part = Math.min(this.isFixed ? bytesMax - done : bytesMax, size - offset)
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

  /** Before the fix `maxsize > 0` was enough: the walk ended with the queue, wherever the data did. */
  private goesOn(sges: number, left: number): boolean {
    return !this.isFixed || (sges < SGES_MAX && left > 0)
  }
}

export const bug34 = defineBug({
  number: 34,
  title: 'more scatter-gather entries than the request has room for',
  summary:
    'The walk of a folio queue went on while there was room or something to send, instead of room and something left: it ended with the queue, and entries were written behind the array.',
  cases: [
    {
      name: 'smbdirect-folioq',
      kernel: 'fs/smb/client/smbdirect.c: smb_extract_folioq_to_rdma',
      commit: 'a379a8a2a003',
      cve: 'CVE-2025-38179',
      trace: 'trace.csv',
      rules: ['H-27'],
      row: 2,
      accepts: ['folioq'],
      entriesMax: SGES_MAX,
      policy: () => 'extract',
      create: (_environment, isFixed) => new SendFolios(isFixed),
    },
  ],
})
