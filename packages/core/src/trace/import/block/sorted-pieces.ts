import type { BlockPiece } from './block-pieces.ts'

/** A chunk with more is cut in two: what an insertion moves is bounded. */
const CHUNK_MAX = 128

/**
 * Pieces by where they begin, and then by age, in chunks of a sorted list. One place is current: {@link seek} finds it,
 * {@link next} and {@link previous} move from it; a change leaves it undefined.
 */
export class SortedPieces {
  private readonly chunks: BlockPiece[][] = []
  private chunk = 0
  private at = 0

  add(piece: BlockPiece): void {
    const { chunks } = this
    const number = Math.max(0, this.chunksBelow(piece.startBytes + 1) - 1)
    const chunk = chunks[number]
    if (chunk === undefined) {
      chunks.push([piece])
      return
    }
    chunk.splice(firstAt(chunk, piece.startBytes + 1), 0, piece)
    if (chunk.length > CHUNK_MAX) chunks.splice(number + 1, 0, chunk.splice(CHUNK_MAX / 2))
  }

  remove(piece: BlockPiece): void {
    let found = this.seek(piece.startBytes)
    while (found !== undefined && found !== piece) found = this.next()
    if (found === undefined) return
    const chunk = this.chunks[this.chunk]!
    chunk.splice(this.at, 1)
    if (chunk.length === 0) this.chunks.splice(this.chunk, 1)
  }

  /** The first piece that begins there or behind. */
  seek(offsetBytes: number): BlockPiece | undefined {
    this.chunk = Math.max(0, this.chunksBelow(offsetBytes) - 1)
    const chunk = this.chunks[this.chunk]
    this.at = chunk === undefined ? 0 : firstAt(chunk, offsetBytes)
    if (chunk === undefined || this.at < chunk.length) return chunk?.[this.at]
    this.chunk++
    this.at = 0
    return this.chunks[this.chunk]?.[0]
  }

  next(): BlockPiece | undefined {
    this.at++
    if (this.at >= (this.chunks[this.chunk]?.length ?? 0)) {
      this.chunk++
      this.at = 0
    }
    return this.chunks[this.chunk]?.[this.at]
  }

  previous(): BlockPiece | undefined {
    this.at--
    if (this.at < 0) {
      this.chunk--
      this.at = (this.chunks[this.chunk]?.length ?? 0) - 1
    }
    return this.chunks[this.chunk]?.[this.at]
  }

  /** How many chunks begin before there. */
  private chunksBelow(offsetBytes: number): number {
    let low = 0
    let high = this.chunks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.chunks[middle]![0]!.startBytes < offsetBytes) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Index of the first piece of the chunk that begins there or behind; its length when there is none. */
function firstAt(chunk: readonly BlockPiece[], offsetBytes: number): number {
  let low = 0
  let high = chunk.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (chunk[middle]!.startBytes < offsetBytes) low = middle + 1
    else high = middle
  }
  return low
}
