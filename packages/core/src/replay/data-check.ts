import { nthPage } from '../build/scatterlist.ts'
import type { Consumer } from '../consumer/consumer.ts'
import { COPIED_BYTES } from '../consumer/figures.ts'
import type { Operation, OperationObserver } from '../consumer/operation.ts'
import { RETAIN_NONE } from '../extract/retention.ts'
import { IovIter } from '../iter/iov-iter.ts'
import { ITER_DEST, ITER_DISCARD, ITER_MIXED, ITER_PIPE } from '../iter/iter-type.ts'
import { FLAG_HOLE } from '../iter/row-flags.ts'
import { scanIter } from '../iter/scan.ts'
import type { Memory } from '../memory/memory.ts'
import type { PageBytes } from '../memory/page-bytes.ts'
import { PAGE_SIZE } from '../units.ts'

/**
 * Moves the data of each operation for real: what the consumer's lists reach must be what the iterator names, byte for
 * byte and in its order. A data destination is filled through the lists, as a device does, and read back through the
 * iterator; a data source is read both ways.
 *
 * Consumers that build no list are judged by the pages that they extracted. An operation that failed, was copied instead,
 * reads around a hole, or reaches no page at all is not judged.
 */
export class DataCheck implements OperationObserver {
  /** Operations judged, and their bytes. */
  operations = 0
  bytes = 0

  private readonly memory: Memory
  private readonly contents: PageBytes
  private readonly before = new IovIter()
  private readonly listed: Piece[] = []
  private readonly extractedPieces: Piece[] = []

  constructor(memory: Memory) {
    this.memory = memory
    this.contents = memory.holdBytes(fillPage)
  }

  /** `consumer.submit(io)`, and then the check. */
  submit(io: Operation, consumer: Consumer): number {
    this.listed.length = 0
    this.extractedPieces.length = 0
    this.before.copyFrom(io.iter)
    const copied = io.figures[COPIED_BYTES]
    io.observer = this
    const result = consumer.submit(io)
    io.observer = null
    const isInPlace = io.figures[COPIED_BYTES] === copied
    if (result > 0 && isInPlace && canJudge(io, this.before.type)) this.judge(io, result)
    this.contents.forget()
    return result
  }

  extracted(io: Operation): void {
    const { page, offsetBytes, lengthBytes, length } = io.list
    for (let i = 0; i < length; i++) this.extractedPieces.push([page[i], offsetBytes[i], lengthBytes[i]])
  }

  listBuilt(
    _list: string,
    _bytes: number,
    count: number,
    page: Int32Array,
    offset: Int32Array,
    length: Int32Array,
  ): void {
    for (let i = 0; i < count; i++) this.listed.push([page[i], offset[i], length[i]])
  }

  note(): void {}

  private judge(io: Operation, result: number): void {
    const pieces = this.listed.length > 0 ? this.listed : this.extractedPieces
    if (pieces.length === 0) return
    this.operations++
    this.bytes += result
    const reached = bytesOf(pieces)
    if (reached < result) {
      this.violate(io, `the lists reach ${reached} of the ${result} bytes`)
      return
    }
    if (io.iter.direction === ITER_DEST) this.write(pieces, result)
    const wrong = this.firstDifference(pieces, result)
    if (wrong >= 0)
      this.violate(io, `from byte ${wrong} of the operation on the lists do not reach what the iterator names`)
  }

  /** The device writes: the pattern, from the operation's first byte on. */
  private write(pieces: readonly Piece[], bytes: number): void {
    let at = 0
    for (const view of this.viewsOf(pieces, bytes)) {
      fillPattern(at, view)
      at += view.length
    }
  }

  /** Where the stream of the lists first differs from that of the iterator, to the piece; -1 where nowhere. */
  private firstDifference(pieces: readonly Piece[], bytes: number): number {
    const views = this.viewsOf(pieces, bytes)
    let view: Uint8Array = EMPTY
    let done = 0
    let wrong = -1
    const scanned = scanIter(this.before, this.memory, bytes, (piece) => {
      for (let at = 0; at < piece.length && wrong < 0; ) {
        if (view.length === 0) view = views.next().value ?? EMPTY
        const length = Math.min(view.length, piece.length - at)
        if (length === 0 || !isSame(view.subarray(0, length), piece.subarray(at, at + length))) wrong = done
        view = view.subarray(length)
        at += length
        done += length
      }
      return wrong < 0 ? 0 : piece.length
    })
    return wrong >= 0 ? wrong : scanned < bytes ? scanned : -1
  }

  /** The memory of the pieces, a page at a time, `bytes` bytes of it. */
  private *viewsOf(pieces: readonly Piece[], bytes: number): Generator<Uint8Array, void> {
    let left = bytes
    for (const [page, offset, length] of pieces) {
      for (let done = 0; done < length && left > 0; ) {
        const at = offset + done
        const row = nthPage(this.memory.pages, page, Math.floor(at / PAGE_SIZE))
        const view = this.contents.piece(row, at % PAGE_SIZE, Math.min(length - done, left))
        yield view
        done += view.length
        left -= view.length
      }
    }
  }

  private violate(io: Operation, detail: string): void {
    io.ledger.violate('wrong-data', 0, RETAIN_NONE, RETAIN_NONE, 0, detail)
  }
}

type Piece = readonly [page: number, offsetBytes: number, lengthBytes: number]

/** Iterators without memory of their own, and those that are walked part by part. */
const UNREAD: readonly number[] = [ITER_DISCARD, ITER_PIPE, ITER_MIXED]

function canJudge({ flags, isBounced }: Operation, type: number): boolean {
  return !isBounced && (flags & FLAG_HOLE) === 0 && !UNREAD.includes(type)
}

function bytesOf(pieces: readonly Piece[]): number {
  return pieces.reduce((sum, [, , length]) => sum + length, 0)
}

/** Length of the pattern: prime, so that data moved by a power of two shows. */
const PATTERN_BYTES = 65521
const EMPTY: Uint8Array = new Uint8Array(0)

/** Fills `bytes` with the endless pattern from its byte `at` on: bytes of no order. */
function fillPattern(at: number, bytes: Uint8Array): void {
  let from = at % PATTERN_BYTES
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Math.imul(++from, 0x9e3779b1) >>> 24
    if (from === PATTERN_BYTES) from = 0
  }
}

/** No two pages hold the same, unless 65,521 rows lie between them. */
function fillPage(page: number, bytes: Uint8Array): void {
  fillPattern(page * 4099, bytes.subarray(0, PAGE_SIZE))
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
