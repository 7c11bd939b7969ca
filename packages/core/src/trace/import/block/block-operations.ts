import { ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'
import { FLAG_DIRECT } from '../../../iter/row-flags.ts'
import { END_NEVER } from '../../op-batch.ts'
import type { ImportRow } from '../import-row.ts'
import type { ImportRows } from '../import-rows.ts'
import { type BlockEvent, deviceName, EMPTY_REQUESTS, PASSED_OVER, PASSTHROUGH, TRACEPOINTS } from './block-event.ts'
import { BlockParts, isSameIo } from './block-parts.ts'
import { type BlockIo, BlockPiece, type BlockPieces } from './block-pieces.ts'
import { assumeBlockRequests } from './block-requests.ts'

/** I/Os under way; beyond it the oldest is given up. */
const OPEN_MAX = 1 << 14
/** A device on top of others that reported none of so many completions reports none at all. */
const SILENT_AFTER = 64
const FURTHER = 'further events of the same I/O'
const AGAIN = 'repetitions of an I/O: on a device below, behind a split, or after a requeue'
const STACKED =
  'devices lie on top of each other, and with event=C an I/O is counted on each that completes it: choose one with --input-option device=MAJOR,MINOR'
const UNMATCHED = 'completions of I/O whose beginning is not in the file'
const OTHER_DEVICES = 'events of other devices'
export interface BlockChoice {
  /** Letter of the event that an operation begins with: Q D C. */
  readonly begin: string
  /** The only device to look at; null: all. */
  readonly device: number | null
}

/**
 * Makes one operation of the many events that the block layer reports of one I/O: from where it is queued (or issued) to where
 * the last of it is complete. Completions are matched by device and sectors, so that merges, splits and partial completions
 * come out right whatever events were left out of the recording. What is remapped to a device below, and queued there again,
 * is the same I/O still.
 */
export class BlockOperations {
  /** Completions, and those of them that belong to no I/O of the file. */
  completions = 0
  unmatched = 0
  private readonly rows: ImportRows
  private readonly choice: BlockChoice
  private readonly parts: BlockParts
  private readonly open = new Map<number, BlockIo>()
  private nextKey = 1
  private oldestKey = 1

  constructor(rows: ImportRows, choice: BlockChoice) {
    this.rows = rows
    this.choice = choice
    this.parts = new BlockParts(rows)
    assumeBlockRequests(rows, true)
    rows.assume('read-ahead and write-back of the page cache are requests like any other: which they are is not told')
  }

  /** The next event. It is the caller's again afterwards. */
  add(event: BlockEvent): void {
    const reason = this.take(event)
    if (reason !== '') this.rows.skip(reason)
  }

  /** No more events will come. */
  end(): void {
    // Devices below come later than those above them, and credit those.
    for (const pieces of [...this.parts.devices()].reverse()) this.creditBelow(pieces)
    if (this.completions > 0) return
    for (const io of [...this.open.values()]) this.giveUp(io)
  }

  /** Why the event makes no row and completes none; empty where it does. */
  private take(event: BlockEvent): string {
    const { begin, device } = this.choice
    if (device !== null && event.device !== device) return OTHER_DEVICES
    if (event.action === begin) return this.begin(event)
    if (event.action === 'C') return this.complete(event)
    if (event.action === 'A') this.remap(event)
    else if (event.action === 'X') this.parts.split(event)
    else if (event.action === 'R') this.requeue(event)
    // They are never queued: what they are is told where they are issued.
    else if (event.action === 'D' && event.withoutData === PASSTHROUGH) return PASSTHROUGH
    return PASSED_OVER.get(event.action) ?? FURTHER
  }

  private begin(event: BlockEvent): string {
    const { rows } = this
    if (event.withoutData !== '') return event.withoutData
    if (event.lengthBytes === 0) return EMPTY_REQUESTS
    if (event.action === 'C') {
      this.parts.of(event.device)
      rows.put(this.rowOf(event))
      return ''
    }
    const end = event.offsetBytes + event.lengthBytes
    const again = this.parts.of(event.device).find(event.offsetBytes, end, (piece) => isSameIo(piece, event))
    if (again !== null) {
      again.comesAgain = false
      return AGAIN
    }
    const io = this.ioOf(event)
    rows.open(io.key, this.rowOf(event))
    this.open.set(io.key, io)
    this.parts.add(new BlockPiece(io, event.device, event.offsetBytes, end, null))
    if (this.open.size > OPEN_MAX) this.giveUp(this.oldest())
    return ''
  }

  /** Keys rise; a Map would look for its first entry past all that were deleted. */
  private oldest(): BlockIo {
    while (!this.open.has(this.oldestKey)) this.oldestKey++
    return this.open.get(this.oldestKey)!
  }

  private ioOf(event: BlockEvent): BlockIo {
    return {
      key: this.nextKey++,
      lengthBytes: event.lengthBytes,
      isWrite: event.isWrite,
      isZoneAppend: event.isZoneAppend,
      remainingBytes: event.lengthBytes,
      errno: 0,
      pieces: [],
    }
  }

  private rowOf(event: BlockEvent): ImportRow {
    const { rows } = this
    const row = rows.draft()
    row.tsNs = event.tsNs
    row.direction = event.isWrite ? ITER_SOURCE : ITER_DEST
    row.offsetBytes = event.offsetBytes
    row.lengthBytes = event.lengthBytes
    row.flags = FLAG_DIRECT
    row.file = rows.fileName(deviceName(event.device))
    row.call = rows.callName(TRACEPOINTS.get(event.action)!)
    row.consumer = rows.consumerName('bio')
    if (event.action === 'C') row.resultBytes = event.errno === 0 ? event.lengthBytes : -event.errno
    else row.mm = event.pid
    return row
  }

  /** What was under way in these sectors is complete: each byte of one I/O, the oldest first. */
  private complete(event: BlockEvent): string {
    if (event.withoutData !== '' || event.lengthBytes === 0) return FURTHER
    const pieces = this.parts.of(event.device)
    this.completions++
    pieces.completions++
    pieces.overBelow = []
    if (this.completeRange(pieces, event)) return ''
    const append = event.isZoneAppend ? pieces.findAppend(event.offsetBytes, event.lengthBytes) : null
    if (append !== null) {
      this.cut(pieces, append, append.startBytes, append.endBytes, event)
      return ''
    }
    this.unmatched++
    return UNMATCHED
  }

  private completeRange(pieces: BlockPieces, event: BlockEvent): boolean {
    const { offsetBytes, isWrite } = event
    const end = offsetBytes + event.lengthBytes
    const whole = pieces.find(offsetBytes, end, (piece) => piece.io.isWrite === isWrite)
    if (whole !== null) {
      this.cut(pieces, whole, offsetBytes, end, event)
      return true
    }
    let found = false
    for (let at = offsetBytes; at < end; ) {
      const piece = pieces.at(at, isWrite)
      if (piece === null) at = pieces.nextStart(at)
      else {
        const stop = Math.min(piece.endBytes, end)
        this.cut(pieces, piece, at, stop, event)
        at = stop
        found = true
      }
    }
    return found
  }

  /** `from` to `to` of the piece are complete. */
  private cut(pieces: BlockPieces, piece: BlockPiece, from: number, to: number, event: BlockEvent): void {
    if (from === piece.startBytes && to < piece.endBytes) pieces.shorten(piece, to)
    else {
      pieces.remove(piece)
      if (from > piece.startBytes) this.parts.addPart(piece, piece.startBytes, from)
      if (to < piece.endBytes) this.parts.addPart(piece, to, piece.endBytes)
    }
    this.credit(piece, to - from, event.tsNs, event.errno)
  }

  /** Bytes of the piece are complete: those of its I/O are, or of what it was remapped from. */
  private credit(piece: BlockPiece, bytes: number, tsNs: number, errno: number): void {
    const { io, above } = piece
    if (above === null) {
      if (io.errno === 0) io.errno = errno
      io.remainingBytes -= bytes
      if (io.remainingBytes <= 0) this.finish(io, tsNs)
      return
    }
    above.outstandingBytes -= bytes
    if (!above.isOpen || above.outstandingBytes > 0 || above.handedBytes < above.lengthBytes) return
    const pieces = this.parts.of(above.device)
    // It reports completions, and this one will come too.
    if (pieces.completions > 0) return
    pieces.overBelow.push({ piece: above, tsNs, errno })
    if (pieces.overBelow.length >= SILENT_AFTER) pieces.isSilent = true
    if (pieces.isSilent) this.creditBelow(pieces)
  }

  /** The device reports no completions: what the devices below have completed is complete. */
  private creditBelow(pieces: BlockPieces): void {
    const over = pieces.overBelow
    pieces.overBelow = []
    for (const { piece, tsNs, errno } of over) {
      if (!piece.isOpen) continue
      pieces.remove(piece)
      this.credit(piece, piece.lengthBytes, tsNs, errno)
    }
  }

  private finish(io: BlockIo, tsNs: number): void {
    const row = this.forget(io)
    if (row === undefined) return
    row.endAt(tsNs)
    row.resultBytes = io.errno === 0 ? io.lengthBytes : -io.errno
    this.rows.put(row)
  }

  private giveUp(io: BlockIo): void {
    const row = this.forget(io)
    if (row === undefined) return
    if (this.completions > 0) row.endNs = END_NEVER
    else this.rows.assume('the file has no completions: each operation ends where it begins')
    this.rows.put(row)
  }

  /** The row of the I/O, which may have been given up before. */
  private forget(io: BlockIo): ImportRow | undefined {
    this.open.delete(io.key)
    this.parts.remove(io)
    return this.rows.close(io.key)
  }

  /** The driver gave the request back: it will be issued again. */
  private requeue(event: BlockEvent): void {
    if (this.choice.begin !== 'D') return
    const piece = this.parts.of(event.device).at(event.offsetBytes, event.isWrite)
    if (piece === null || piece.startBytes !== event.offsetBytes) return
    piece.comesAgain = true
    piece.pid = 0
  }

  private remap(event: BlockEvent): void {
    if (this.choice.begin !== 'C') this.parts.remap(event)
    else if (event.fromDevice !== event.device && this.parts.has(event.fromDevice)) this.rows.doubt(STACKED)
  }
}
