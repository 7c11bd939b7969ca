import { type PageBytes, type PageStore, type Scatterlists, SgMiter } from '@pinscope/core'

/** A part of one page: its row, and offset and length in bytes. */
export type Piece = readonly [page: number, offsetBytes: number, lengthBytes: number]

/** The first `bytes` bytes of a list, page by page. */
export function piecesOf(lists: Scatterlists, pages: PageStore, sgl: number, nents: number, bytes: number): Piece[] {
  const miter = new SgMiter(lists, pages)
  const pieces: Piece[] = []
  miter.start(sgl, nents)
  for (let left = bytes; left > 0 && miter.next(); left -= miter.consumedBytes) {
    miter.consumedBytes = Math.min(left, miter.lengthBytes)
    pieces.push([miter.page, miter.offsetBytes, miter.consumedBytes])
  }
  miter.stop()
  return pieces
}

/** The bytes of pieces, one behind the other. */
export function gather(contents: PageBytes, pieces: readonly Piece[]): Uint8Array {
  const flat = new Uint8Array(pieces.reduce((sum, [, , length]) => sum + length, 0))
  let at = 0
  for (const [page, offset, length] of pieces) {
    flat.set(contents.bytesOf(page).subarray(offset, offset + length), at)
    at += length
  }
  return flat
}

/** Writes bytes to pieces, one behind the other. */
export function scatter(contents: PageBytes, pieces: readonly Piece[], flat: Uint8Array): void {
  let at = 0
  for (const [page, offset, length] of pieces) {
    contents.bytesOf(page).set(flat.subarray(at, at + length), offset)
    at += length
  }
}

/** Pieces cut into blocks of `blockBytes` bytes each. */
export function inBlocks(pieces: readonly Piece[], blockBytes: number): Piece[][] {
  const blocks: Piece[][] = []
  let room = 0
  for (const [page, offset, length] of pieces) {
    for (let done = 0; done < length; ) {
      if (room === 0) {
        blocks.push([])
        room = blockBytes
      }
      const part = Math.min(room, length - done)
      blocks.at(-1)!.push([page, offset + done, part])
      done += part
      room -= part
    }
  }
  return blocks
}
