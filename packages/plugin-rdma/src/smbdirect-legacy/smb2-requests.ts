import { type ConsumerEnvironment, EAGAIN, ECONNABORTED, type Operation } from '@pinscope/core'
import { PACKETS, REQUESTS } from '../cifs/counters.ts'
import { type Mount, offloads } from '../cifs/mount.ts'
import { DESCRIPTOR_BYTES, READ_BUFFER_BYTES, TRANSFORM_HEADER_BYTES } from '../cifs/sizes.ts'
import { Pieces } from '../payload/pieces.ts'
import { RegisterMr } from './register-mr.ts'
import { RequestTable } from './request-table.ts'
import { SmbdSend } from './smbd-send.ts'
import { Transform } from './transform.ts'

const NO_PAGES = new Pieces()

/**
 * Sends one request, a read or a write of the pages in one array: a registered array is named in the header, else the data
 * of a write follows the header in packets, in an encrypted copy where the share is encrypted. A read has no data to send.
 *
 * A registration that cannot be had is -EAGAIN: the kernel then tries the request again, without end where the array is
 * longer than a registration may be. That is not modelled: the operation ends there.
 * @kernel fs/smb/client/smb2pdu.c: smb2_async_writev, smb2_async_readv, smb2_new_read_req, smb3_use_rdma_offload (6.1)
 */
export class Smb2Requests {
  readonly table: RequestTable
  readonly transport: SmbdSend
  readonly transform: Transform
  private readonly registrations: RegisterMr
  private readonly counts: Float64Array
  private readonly mount: Mount

  constructor(environment: ConsumerEnvironment, counts: Float64Array, mount: Mount) {
    this.counts = counts
    this.mount = mount
    this.registrations = new RegisterMr(environment, counts, mount)
    this.table = new RequestTable(this.registrations)
    this.transport = new SmbdSend(counts, mount, environment.traits)
    this.transform = new Transform(counts)
  }

  /**
   * Sends the request in a row of {@link table}, whose pages are `array`: 0, and it is one of the operation's; or -errno,
   * and it is released.
   */
  send(io: Operation, row: number, array: Pieces, isRead: boolean): number {
    const { table } = this
    this.counts[REQUESTS]++
    const error = this.trySend(io, row, array, isRead)
    if (error < 0) {
      table.release(io, row)
      return error
    }
    table.append(io, row)
    return 0
  }

  /** A request of `bytes` bytes of the caller's memory was sent: its data is reached where it is, or copied. */
  countInPlace(io: Operation, isRead: boolean, bytes: number): void {
    const { mount } = this
    if (offloads(mount, bytes) || (!isRead && !mount.isEncrypted)) io.reachedInPlace(bytes)
    else io.isBounced = true
  }

  /** Registers an array for the request in a row; false when it cannot be. */
  register(io: Operation, row: number, array: Pieces): boolean {
    const isRegistered = this.registrations.register(io, row, array)
    this.table.hasMr[row] = isRegistered ? 1 : 0
    return isRegistered
  }

  /** The connection ends with the trace. */
  close(io: Operation): void {
    this.registrations.close(io)
  }

  private trySend(io: Operation, row: number, array: Pieces, isRead: boolean): number {
    const { mount } = this
    const isOffloaded = offloads(mount, this.table.bytes[row])
    if (isOffloaded && !this.register(io, row, array)) return EAGAIN
    const data = isRead || isOffloaded ? NO_PAGES : array
    const appendix = isOffloaded ? DESCRIPTOR_BYTES : isRead ? READ_BUFFER_BYTES : 0
    const headerBytes = mount.smbHeaderBytes > 0 ? mount.smbHeaderBytes + appendix : 0
    return mount.isEncrypted ? this.sendEncrypted(io, data, headerBytes) : this.sendMessage(io, data, headerBytes)
  }

  /** Pages without anything before them: no cifs. 0 or -errno. */
  sendPages(io: Operation, array: Pieces): number {
    const { transport } = this
    let error = transport.begin(io, array.bytes)
    if (error === 0) error = transport.sendPages(io, array)
    transport.end(io, array.bytes)
    return error
  }

  /** kvecs without anything else: no cifs. 0 or -errno. */
  sendKvecs(io: Operation, lengthBytes: Int32Array, count: number, bytes: number): number {
    const { transport } = this
    let error = transport.begin(io, bytes)
    if (error === 0) error = transport.sendKvecs(io, lengthBytes, count, PACKETS)
    transport.end(io, bytes)
    return error
  }

  /** Whatever went wrong below, the connection is given up. @kernel fs/smb/client/transport.c: __smb_send_rqst (6.1) */
  private sendMessage(io: Operation, data: Pieces, headerBytes: number): number {
    const { transport } = this
    let error = transport.begin(io, headerBytes + data.bytes)
    if (error === 0 && headerBytes > 0) error = transport.sendHeader(io, headerBytes)
    if (error === 0) error = transport.sendPages(io, data)
    transport.end(io, data.bytes)
    return error < 0 ? ECONNABORTED : 0
  }

  /** @kernel fs/smb/client/transport.c: smb_send_rqst (6.1) */
  private sendEncrypted(io: Operation, data: Pieces, headerBytes: number): number {
    const { transport, transform } = this
    let error = transform.encrypt(io, data)
    if (error < 0) return error
    const transformBytes = headerBytes > 0 ? TRANSFORM_HEADER_BYTES : 0
    error = transport.begin(io, transformBytes + headerBytes + data.bytes)
    if (error === 0 && transformBytes > 0) error = transport.sendHeader(io, transformBytes)
    if (error === 0 && headerBytes > 0) error = transport.sendHeader(io, headerBytes)
    if (error === 0) error = transport.sendPages(io, transform.array)
    transport.end(io, data.bytes)
    transform.release(io)
    return error < 0 ? ECONNABORTED : 0
  }
}
