import { KERNEL, type Space } from './slow-memory.ts'
import type { SlowRow, SlowSegment } from './slow-row.ts'

const PAGE = 4096

/** The bytes of one segment that lie in one page. */
export interface Piece {
  readonly segment: number
  /** Virtual page number, frame, page of a file, or buffer of a pipe. */
  readonly page: number
  readonly offset: number
  readonly length: number
}

/**
 * An iterator as the flat list of all its pieces and a position in bytes. Advancing and reverting move the position;
 * empty segments have no pieces, so they need no skipping.
 */
export class SlowIter {
  position = 0
  end: number
  /** Of the row, or `bvec` for a fixed buffer. */
  readonly type: SlowRow['iter']
  readonly segments: readonly SlowSegment[]
  readonly isByFrame: boolean
  /** Of a file: the page cache has the pages, and `offset` of a segment is the file. */
  readonly isOfFile: boolean
  readonly space: Space
  private readonly pieces: readonly Piece[]
  /** Position of the first byte of each piece. */
  private readonly starts: readonly number[]
  /** Position behind the last byte of each segment. */
  private readonly ends: readonly number[]

  constructor(row: SlowRow, length: number, isFixed: boolean) {
    this.type = isFixed ? 'bvec' : row.iter
    const hasSegments = this.type !== 'pipe' && this.type !== 'discard'
    this.segments = hasSegments ? row.segments : [{ base: 0, offset: 0, length }]
    this.isByFrame = this.type === 'bvec' && !isFixed
    this.isOfFile = this.type === 'folioq' || this.type === 'xarray'
    this.end = length
    this.space = row.iter === 'kvec' && !isFixed ? KERNEL : row.mm
    this.pieces = this.segments.flatMap((segment, index) => piecesOf(segment, index, this.isByFrame))
    let at = 0
    this.starts = this.pieces.map((piece) => {
      at += piece.length
      return at - piece.length
    })
    this.ends = this.withStarts().map(({ segment, start }) => start + segment.length)
  }

  get left(): number {
    return this.end - this.position
  }

  /** The pieces of the bytes from `from` to `to`, the first and last of them clipped. */
  range(from: number, to: number): Piece[] {
    const clipped: Piece[] = []
    for (let i = this.pieceAt(from); i < this.pieces.length && this.starts[i]! < to; i++) {
      const piece = this.pieces[i]!
      const start = this.starts[i]!
      const head = Math.max(from - start, 0)
      const tail = Math.max(start + piece.length - to, 0)
      const isWhole = head === 0 && tail === 0
      clipped.push(isWhole ? piece : { ...piece, offset: piece.offset + head, length: piece.length - head - tail })
    }
    return clipped
  }

  /** The pieces left of the segment with the next byte; of a file all that are left, segments are nothing to it. */
  restOfSegment(bytesMax: number): Piece[] {
    const segmentEnd = (this.isOfFile ? null : this.ends.find((end) => end > this.position)) ?? this.end
    return this.range(this.position, Math.min(this.end, this.position + bytesMax, segmentEnd))
  }

  /** reference 1.7: a page that two segments share counts twice, and an empty bvec at an odd offset counts one. */
  pageCount(from = this.position, to = this.end): number {
    const odd = this.isByFrame ? this.emptySegments(from, to).filter(({ offset }) => offset % PAGE !== 0).length : 0
    return from >= to ? 0 : this.pieceAt(to - 1) - this.pieceAt(from) + 1 + odd
  }

  /** Empty segments that the iterator has still before it: at its very start, or behind the next byte. */
  emptySegments(from: number, to: number): SlowSegment[] {
    return this.withStarts()
      .filter(({ segment, start }) => segment.length === 0 && start < to && (from === 0 || start > from))
      .map(({ segment }) => segment)
  }

  /** Empty segments that stand where the next byte is. */
  emptyHere(): SlowSegment[] {
    return this.withStarts()
      .filter(({ segment, start }) => segment.length === 0 && start === this.position)
      .map(({ segment }) => segment)
  }

  /**
   * What is left of each segment between here and the end, first and last clipped, empty ones included. Of a file it is
   * all one part, and where that starts in its page is all that is asked (reference 1.9).
   */
  segmentParts(): { start: number; length: number }[] {
    if (this.isOfFile) return [{ start: this.range(this.position, this.end)[0]!.offset, length: this.left }]
    return this.withStarts()
      .filter(({ start }) => start < this.end)
      .map(({ segment, start }) => {
        const skip = Math.max(this.position - start, 0)
        const address = (this.isByFrame ? 0 : segment.base) + segment.offset + skip
        return { start: address, length: Math.min(segment.length, this.end - start) - skip, from: start }
      })
      .filter(({ length, from }) => length > 0 || (length === 0 && from >= this.position))
  }

  /** What is left of the current entry, whatever the count; at the very start it may be an empty one. */
  entryHere(): { start: number; length: number } {
    const { segment, start } = this.withStarts().find(
      (one) => this.position === 0 || one.start + one.segment.length > this.position,
    )!
    const skip = this.position - start
    return { start: segment.base + skip, length: segment.length - skip }
  }

  /** nr_segs: entries from the current one to the end of the array, however much of them is left out of the count. */
  segmentsLeft(): number {
    const all = this.withStarts()
    if (this.position === 0) return all.length
    const current = all.findIndex(({ segment, start }) => start + segment.length > this.position)
    return current < 0 ? 0 : all.length - current
  }

  private withStarts(): { segment: SlowSegment; start: number }[] {
    let at = 0
    return this.segments.map((segment) => {
      at += segment.length
      return { segment, start: at - segment.length }
    })
  }

  /** The last piece that starts at or before a position: halving the list. */
  private pieceAt(position: number): number {
    let low = 0
    let high = this.starts.length
    while (low + 1 < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.starts[middle]! <= position) low = middle
      else high = middle
    }
    return low
  }
}

function piecesOf(segment: SlowSegment, index: number, byFrame: boolean): Piece[] {
  const begin = byFrame ? segment.offset : segment.base
  const pieces: Piece[] = []
  for (let at = 0; at < segment.length; ) {
    const offset = (begin + at) % PAGE
    const length = Math.min(PAGE - offset, segment.length - at)
    const page = Math.floor((begin + at) / PAGE) + (byFrame ? segment.base : 0)
    pieces.push({ segment: index, page, offset, length })
    at += length
  }
  return pieces
}
