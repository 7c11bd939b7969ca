import { isSince, type KernelVersion, PAGE_SIZE } from '@pinscope/core'
import { type Device, deviceOf } from '../device/device.ts'
import {
  MAX_FRMR_DEPTH,
  PACKET_HEADER_BYTES,
  PACKET_SGES_MAX,
  READWRITE_HEADER_BYTES,
  SERVER_READ_WRITE_BYTES,
  SMB3_DEFAULT_IOSIZE,
  TRANSFORM_HEADER_BYTES,
} from './sizes.ts'

/** What client and server agreed on when the share was mounted. */
export interface Mount {
  readonly device: Device
  /** Bytes of a write request at most, and of a read request. */
  readonly wsize: number
  readonly rsize: number
  /** Pages of a memory registration, and segments of a request. @kernel max_frmr_depth, sreq_max_segs */
  readonly segsMax: number
  /** Requests of so many bytes are registered, where that is allowed at all. @kernel rdma_readwrite_threshold */
  readonly thresholdBytes: number
  /** Payload of a packet at most. */
  readonly payloadBytes: number
  /** Bytes of a message that is sent in packets at most, SMB headers included. @kernel max_fragmented_send_size */
  readonly maxFragmentedBytes: number
  /** Packets that may be on their way. */
  readonly credits: number
  readonly isSigned: boolean
  readonly isEncrypted: boolean
  /** SMB header of a request; 0: none is sent. */
  readonly smbHeaderBytes: number
  /** The device has the entries for a packet: without them there is no connection. */
  readonly isConnected: boolean
  /** There is no cifs: see the option. */
  readonly isTransportOnly: boolean
}

/**
 * What the options come to.
 *
 * A signed connection sends everything in packets, and its sizes are cut so that a message fits into what the peer takes.
 * The sizes are whole pages since 6.15; in 6.12 the write size is, in 6.1 none.
 *
 * @kernel fs/smb/client/smb2ops.c: smb3_negotiate_wsize, smb3_negotiate_rsize; smbdirect.c: process_negotiation_response;
 *   6.12: connect.c: cifs_mount_get_tcon; mainline: fs_context.h: cifs_negotiate_wsize. 6.18: taken as mainline.
 */
export function mountOf(options: Readonly<Record<string, number>>, kernel: KernelVersion): Mount {
  const device = deviceOf(options)
  const readWriteBytes = Math.min(SERVER_READ_WRITE_BYTES, Math.min(MAX_FRMR_DEPTH, device.maxFastRegPages) * PAGE_SIZE)
  const isSigned = options['rdma-offload'] === 0
  const sizeOf = (asked: number, fragmentedBytes: number, wholePages: boolean): number => {
    const messageBytes = fragmentedBytes - READWRITE_HEADER_BYTES - TRANSFORM_HEADER_BYTES
    const bytes = Math.min(asked || SMB3_DEFAULT_IOSIZE, isSigned ? messageBytes : readWriteBytes)
    return wholePages ? Math.max(Math.floor(bytes / PAGE_SIZE), 1) * PAGE_SIZE : bytes
  }
  const maxFragmentedBytes = options['max-fragmented-size']
  return {
    device,
    wsize: sizeOf(options.wsize, maxFragmentedBytes, isSince(kernel, '6.12')),
    rsize: sizeOf(options.rsize, options['max-fragmented-recv-size'], isSince(kernel, '6.18')),
    segsMax: Math.floor(readWriteBytes / PAGE_SIZE),
    thresholdBytes: Math.min(options.threshold, maxFragmentedBytes),
    payloadBytes: options['max-send-size'] - PACKET_HEADER_BYTES,
    maxFragmentedBytes,
    credits: options.credits,
    isSigned,
    // It is cifs that encrypts.
    isEncrypted: options.encrypted !== 0 && options['transport-only'] === 0,
    smbHeaderBytes: options['smb-header'],
    isConnected: device.maxSendSge >= PACKET_SGES_MAX,
    isTransportOnly: options['transport-only'] !== 0,
  }
}

/** A request of so many bytes is registered. @kernel fs/smb/client/smb2pdu.c: smb3_use_rdma_offload */
export function offloads(mount: Mount, bytes: number): boolean {
  return !mount.isSigned && !mount.isEncrypted && bytes >= mount.thresholdBytes
}
