import { type ConsumerEnvironment, EAGAIN, ECONNABORTED, EFAULT, ITER_DEST, type Operation } from '@pinscope/core'
import { Packets } from '../smbdirect/packets.ts'
import { Encryption } from './encryption.ts'
import { LegacyCost } from './legacy-cost.ts'
import type { Mount } from './mount.ts'
import { DESCRIPTOR_BYTES, READ_BUFFER_BYTES, TRANSFORM_HEADER_BYTES } from './sizes.ts'

/**
 * Requests of SMB as messages in packets: headers, and for a write the data behind them. The answer to a read arrives in
 * buffers of the transport's own, and is copied to whoever reads: at once, since the row tells what came.
 *
 * @kernel fs/smb/client/transport.c: __smb_send_rqst, smb_send_rqst, cifs_readv_receive; smbdirect.c: smbd_recv
 */
export class SmbMessages {
  private readonly mount: Mount
  private readonly packets: Packets
  private readonly encryption: Encryption
  private readonly legacy: LegacyCost

  constructor(mount: Mount, { kernel, traits, ledger }: ConsumerEnvironment, counts: Float64Array) {
    this.mount = mount
    this.packets = new Packets(mount, traits, ledger, counts)
    this.encryption = new Encryption(kernel, counts)
    this.legacy = new LegacyCost(mount.payloadBytes)
  }

  /** A write, whose data is all of the iterator: its bytes, or an errno. */
  write(io: Operation): number {
    const { mount, encryption } = this
    const bytes = io.iter.countBytes
    this.legacy.of(io.iter)
    const isKernelMemory = !io.iter.byRow
    if (!mount.isEncrypted) {
      const sent = this.message(io, mount.smbHeaderBytes, bytes)
      if (sent > 0) this.reached(io, bytes, isKernelMemory)
      return sent
    }
    io.isBounced = true
    const error = encryption.encrypt(io)
    if (error < 0) return error
    const sent = this.message(io, mount.smbHeaderBytes, bytes)
    encryption.free(io)
    if (sent > 0) this.avoid(io, isKernelMemory)
    return sent
  }

  /** A read into all of the iterator: the bytes that came, or an errno. `before`: bytes of the operation before them. */
  read(io: Operation, before: number): number {
    const { mount, encryption } = this
    if (mount.isEncrypted) {
      const error = encryption.encryptHeaders(io)
      if (error < 0) return error
    }
    const headerBytes = mount.smbHeaderBytes > 0 ? mount.smbHeaderBytes + READ_BUFFER_BYTES : 0
    const error = this.message(io, headerBytes, 0)
    return error < 0 ? error : this.receive(io, answered(io, before))
  }

  /** The request of an operation whose memory is registered: 0, or an errno. */
  name(io: Operation): number {
    const { smbHeaderBytes } = this.mount
    return this.message(io, smbHeaderBytes > 0 ? smbHeaderBytes + DESCRIPTOR_BYTES : 0, 0)
  }

  /** No SMB at all: a write is a message of its bytes, a read what is there to be received. */
  transferBare(io: Operation): number {
    const { iter } = io
    const { countBytes } = iter
    if (iter.direction === ITER_DEST) return this.receive(io, answered(io, 0))
    this.legacy.of(iter)
    const sent = this.message(io, 0, countBytes)
    if (sent > 0) this.reached(io, countBytes, !iter.byRow)
    return sent
  }

  /** A message of a header and `dataBytes` bytes of the iterator, or of its encrypted copy: `dataBytes`, or an errno. */
  private message(io: Operation, headerBytes: number, dataBytes: number): number {
    const { mount, packets, encryption } = this
    const { isEncrypted } = mount
    const transformBytes = isEncrypted && headerBytes > 0 ? TRANSFORM_HEADER_BYTES : 0
    // Only where the option leaves headers out.
    if (headerBytes + dataBytes === 0) return 0
    // Headers alone are far below what any server takes.
    let sent = dataBytes > 0 ? packets.begin(io, transformBytes + headerBytes + dataBytes) : 0
    if (sent === 0) sent = packets.sendHeader(io, transformBytes)
    if (sent === 0) sent = packets.sendHeader(io, headerBytes)
    if (sent === 0 && dataBytes > 0) sent = packets.send(io, isEncrypted ? encryption.iter : io.iter, isEncrypted)
    packets.end(io)
    return sent < 0 ? this.aborted(sent) : sent
  }

  /**
   * What cifs makes of an error of the transport: the connection is given up.
   * @kernel fs/smb/client/transport.c: __smb_send_rqst; connect.c: cifs_readv_from_socket
   */
  private aborted(error: number): number {
    return this.mount.isTransportOnly || error === EAGAIN ? error : ECONNABORTED
  }

  /** The answer to a read: bytes, or an errno. @kernel fs/smb/client/smbdirect.c: smbd_recv; smb2ops.c: receive_encrypted_read */
  private receive(io: Operation, bytes: number): number {
    if (bytes <= 0) return 0
    if (!this.mount.isEncrypted) return io.copy(bytes) < bytes ? this.aborted(EFAULT) : bytes
    io.isBounced = true
    io.iter.truncate(bytes)
    return this.encryption.decrypt(io, bytes)
  }

  private reached(io: Operation, bytes: number, isKernelMemory: boolean): void {
    io.reachedInPlace(bytes)
    this.avoid(io, isKernelMemory)
  }

  /** Against 6.1; of user memory an array of bvecs takes the place of the array of pages. */
  private avoid(io: Operation, isKernelMemory: boolean): void {
    io.avoided(this.legacy.pages + this.legacy.packets, isKernelMemory ? 1 : 0)
  }
}

/** Bytes that the server answers with, of those that the iterator has room for. `before`: bytes of the answers before. */
function answered(io: Operation, before: number): number {
  const { countBytes } = io.iter
  const left = io.recordedResult - before
  return left < countBytes ? Math.max(left, 0) : countBytes
}
