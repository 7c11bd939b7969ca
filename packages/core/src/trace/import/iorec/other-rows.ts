import { ITER_DEST, ITER_DISCARD, ITER_SOURCE } from '../../../iter/iter-type.ts'
import {
  FLAG_DIRECT,
  FLAG_EOR,
  FLAG_FIXED,
  FLAG_GIFT,
  FLAG_MORE,
  FLAG_NOWAIT,
  FLAG_SPLICE,
  FLAG_ZEROCOPY,
} from '../../../iter/row-flags.ts'
import { NONE } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { type Call, decimalArgument, hexArgument } from './call.ts'
import { isRead, isSend, isTransfer } from './io-ops.ts'
import type { IoRows } from './io-rows.ts'
import type { RecordedFile } from './recorded-file.ts'
import type { Registrations } from './registrations.ts'
import type { Staged } from './staged.ts'

/** @kernel include/linux/splice.h */
const SPLICE_F_NONBLOCK = 0x2
const SPLICE_F_MORE = 0x4
const SPLICE_F_GIFT = 0x8
/** @kernel include/linux/socket.h */
const MSG_DONTWAIT = 0x40
const MSG_EOR = 0x80
const MSG_MORE = 0x8000
const MSG_ZEROCOPY = 0x4000000
/** @kernel include/uapi/asm-generic/socket.h */
const SOL_SOCKET = 1
const SO_ZEROCOPY = 60
/** @kernel include/uapi/linux/io_uring.h */
const IORING_RECVSEND_FIXED_BUF = 0x4
/** Sockets that send zero-copy. */
const SOCKETS_MAX = 1 << 16

const TCP =
  'sockets with SO_ZEROCOPY are taken as TCP over a network device, and what is sent as acknowledged when the call returns; -O msg-zerocopy.socket and -O msg-zerocopy.loopback say otherwise'
const PIPE_TO_FILE =
  'splice out of a pipe went to a file; the consumer splice takes it as to a socket without -O splice.out=file'

/** What a row of the recording does when its turn comes. */
export type Action = (staged: Staged) => void

/** Where the files are that a call names by number. */
export type FileOfNumber = (number: string) => RecordedFile | null

/**
 * Rows of calls that move data, and are no file I/O: process_vm_readv and process_vm_writev, pipes with vmsplice and splice,
 * and sockets that send zero-copy. Each for the consumer that models it.
 */
export class OtherRows {
  private readonly rows: ImportRows
  private readonly io: IoRows
  private readonly registrations: Registrations
  private readonly fileOf: FileOfNumber
  private readonly zerocopySockets = new Set<string>()

  constructor(rows: ImportRows, io: IoRows, registrations: Registrations, fileOf: FileOfNumber) {
    this.rows = rows
    this.io = io
    this.registrations = registrations
    this.fileOf = fileOf
  }

  /** What makes the call's row; null: no consumer models it, or the recording does not tell enough of it. */
  actionOf(call: Call): Action | null {
    const { op } = call
    if (op === 'process_vm_readv' || op === 'process_vm_writev') return this.processVm(call)
    if (op === 'vmsplice' && call.file.kind === 'pipe') return (staged) => this.putVmsplice(staged)
    if (isTransfer(op) && call.file.kind === 'pipe') return (staged) => this.putPipe(staged)
    if (op === 'splice' || op === 'sendfile') return this.splice(call)
    if (op === 'setsockopt') this.noteOption(call)
    return isSend(op) ? this.send(call) : null
  }

  private processVm(call: Call): Action | null {
    const told = decimalArgument(call, 'rmm')
    const mm = Number.isNaN(told) ? call.fd : told
    if (mm < 0) return null
    const isDestination = call.op === 'process_vm_writev'
    return (staged) => {
      const row = this.io.draft(staged, mm, call.remote, isDestination)
      // What the caller reads is a destination of its own memory, which is not in the trace.
      row.direction = isDestination ? ITER_SOURCE : ITER_DEST
      this.put(row, 'process-vm')
    }
  }

  /** @kernel fs/splice.c: vmsplice_type */
  private putVmsplice(staged: Staged): void {
    const { call } = staged
    const row = this.io.draft(staged, call.mm, call.segments, call.access === 'R')
    row.flags |= FLAG_SPLICE | spliceFlags(call)
    if ((hexArgument(call, 'spl') & SPLICE_F_GIFT) !== 0) row.flags |= FLAG_GIFT
    this.put(row, 'splice', call.file)
  }

  /** read(2) and write(2) of a pipe. */
  private putPipe(staged: Staged): void {
    const { call } = staged
    this.put(this.io.draft(staged, call.mm, call.segments, isRead(call.op)), 'splice', call.file)
  }

  /** splice(2) and sendfile(2): only from a file to a pipe or a socket, and from a pipe on. */
  private splice(call: Call): Action | null {
    const out = this.fileOf(call.args.get('outfile') ?? '')
    const length = decimalArgument(call, 'len')
    if (out === null || !(length >= 0)) return null
    if (call.file.kind === 'file' && call.positionBytes !== NONE && (out.kind === 'pipe' || out.kind === 'socket')) {
      return (staged) => this.putFileRange(staged, out, length)
    }
    if (call.file.kind !== 'pipe' || (out.kind !== 'socket' && out.kind !== 'file')) return null
    if (out.kind === 'file') this.rows.doubt(PIPE_TO_FILE)
    return (staged) => this.putDiscard(staged, length)
  }

  /** Pages of a file go into a pipe or a socket. */
  private putFileRange(staged: Staged, out: RecordedFile, lengthBytes: number): void {
    const { call } = staged
    const row = this.io.draft(staged, call.mm, [], false)
    row.addFileRange(this.io.fileName(call.file), call.positionBytes, lengthBytes)
    row.lengthBytes = lengthBytes
    row.flags |= FLAG_SPLICE | spliceFlags(call)
    if (call.direct) row.flags |= FLAG_DIRECT
    if (out.kind === 'socket') this.rows.assume(TCP)
    this.put(row, out.kind === 'pipe' ? 'splice' : 'msg-zerocopy', out)
  }

  /** What is in a pipe goes somewhere else. */
  private putDiscard(staged: Staged, lengthBytes: number): void {
    const { call } = staged
    const row = this.io.draft(staged, call.mm, [], true)
    row.iterType = ITER_DISCARD
    row.lengthBytes = lengthBytes
    row.flags |= FLAG_SPLICE | spliceFlags(call)
    this.put(row, 'splice', call.file)
  }

  private noteOption(call: Call): void {
    if (decimalArgument(call, 'level') !== SOL_SOCKET || decimalArgument(call, 'opt') !== SO_ZEROCOPY) return
    if (call.result === 0 && call.args.get('val') !== '0') this.noteZerocopy(call)
  }

  private noteZerocopy({ file }: Call): void {
    if (this.zerocopySockets.size < SOCKETS_MAX) this.zerocopySockets.add(file.target)
  }

  /** Sends of a socket that sends zero-copy at times: those that copy go into the same buffers. */
  private send(call: Call): Action | null {
    const isZerocopy = call.op.endsWith('_ZC') || (messageFlags(call) & MSG_ZEROCOPY) !== 0
    if (isZerocopy) this.noteZerocopy(call)
    if (!this.zerocopySockets.has(call.file.target) || call.file.kind !== 'socket' || call.lacksSegments) return null
    if (call.op === 'sendmmsg' && (!call.args.has('i') || Number.isNaN(call.result))) return null
    return (staged) => this.putSend(staged, isZerocopy)
  }

  private putSend(staged: Staged, isZerocopy: boolean): void {
    const { call } = staged
    const isFixed = (hexArgument(call, 'prio') & IORING_RECVSEND_FIXED_BUF) !== 0
    const holder = isFixed ? this.registrations.holderOf(call) : null
    const row = this.io.draft(staged, call.mm, call.segments, false)
    const flags = messageFlags(call)
    if (isZerocopy) row.flags |= FLAG_ZEROCOPY
    if ((flags & MSG_MORE) !== 0) row.flags |= FLAG_MORE
    if ((flags & MSG_EOR) !== 0) row.flags |= FLAG_EOR
    if ((flags & MSG_DONTWAIT) !== 0) row.flags |= FLAG_NOWAIT
    if (holder !== null) {
      row.flags |= FLAG_FIXED
      row.id = this.rows.idName(holder)
    }
    this.rows.assume(TCP)
    this.put(row, 'msg-zerocopy', call.file)
  }

  private put(row: ImportRow, consumer: string, file: RecordedFile | null = null): void {
    if (file !== null) row.file = this.io.fileName(file)
    row.consumer = this.rows.consumerName(consumer)
    this.rows.put(row)
  }
}

function messageFlags(call: Call): number {
  return hexArgument(call, call.args.has('msg') ? 'msg' : 'rw') || 0
}

function spliceFlags(call: Call): number {
  const flags = hexArgument(call, 'spl') || 0
  return ((flags & SPLICE_F_NONBLOCK) !== 0 ? FLAG_NOWAIT : 0) | ((flags & SPLICE_F_MORE) !== 0 ? FLAG_MORE : 0)
}
