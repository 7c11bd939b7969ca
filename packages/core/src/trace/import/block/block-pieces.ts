import { SortedPieces } from './sorted-pieces.ts'

/** So many pieces around a place are looked at: more than ever begin at one sector, or reach over it. */
const LOOK_MAX = 16

/** An I/O that was queued, or issued, and is not complete. */
export interface BlockIo {
  /** Its row waits under this key in {@link ImportRows}. */
  readonly key: number
  readonly lengthBytes: number
  readonly isWrite: boolean
  readonly isZoneAppend: boolean
  /** Bytes not complete on the device that it was queued on. */
  remainingBytes: number
  /** Of the first part that failed. */
  errno: number
  /** Its parts, on its device and on those below; those that are complete stay in the list. */
  readonly pieces: BlockPiece[]
}

/** A part of an I/O on one device that completes by itself: all of it, one side of a split, or what it was remapped to. */
export class BlockPiece {
  startBytes: number
  readonly endBytes: number
  readonly io: BlockIo
  readonly device: number
  /** On the device above, the part that this one is remapped from; null on the device that the I/O was queued on. */
  readonly above: BlockPiece | null
  /** Bytes remapped to devices below, and how many of them are not complete. */
  handedBytes = 0
  outstandingBytes = 0
  /** It is queued again, as part of the same I/O: by a device below, behind a split, after a requeue. */
  comesAgain = false
  /** The task that split it: the rest is queued again by the same one. */
  pid = 0
  isOpen = true

  constructor(io: BlockIo, device: number, startBytes: number, endBytes: number, above: BlockPiece | null) {
    this.io = io
    this.device = device
    this.startBytes = startBytes
    this.endBytes = endBytes
    this.above = above
  }

  get lengthBytes(): number {
    return this.endBytes - this.startBytes
  }
}

/** A piece that was complete on the devices below. */
export interface OverBelow {
  readonly piece: BlockPiece
  readonly tsNs: number
  readonly errno: number
}

/** What is under way on one device, by where it begins, and then by age. */
export class BlockPieces {
  /** Completions that the device itself reported. */
  completions = 0
  /** What the devices below have completed while this one has reported no completion yet. */
  overBelow: OverBelow[] = []
  /** It is taken as one that reports none: its I/O is over when the devices below have completed it. */
  isSilent = false
  private readonly pieces = new SortedPieces()

  add(piece: BlockPiece): void {
    this.pieces.add(piece)
  }

  remove(piece: BlockPiece): void {
    piece.isOpen = false
    this.pieces.remove(piece)
  }

  /** Lets the piece begin later, at `startBytes`. */
  shorten(piece: BlockPiece, startBytes: number): void {
    this.pieces.remove(piece)
    piece.startBytes = startBytes
    this.pieces.add(piece)
  }

  /** The oldest piece of that direction that begins there, else one that reaches over it; null when there is none. */
  at(offsetBytes: number, isWrite: boolean): BlockPiece | null {
    const { pieces } = this
    let piece = pieces.seek(offsetBytes)
    for (let looked = 0; looked < LOOK_MAX && piece?.startBytes === offsetBytes; looked++) {
      if (piece.io.isWrite === isWrite) return piece
      piece = pieces.next()
    }
    pieces.seek(offsetBytes)
    for (let looked = 0; looked < LOOK_MAX; looked++) {
      const before = pieces.previous()
      if (before === undefined) return null
      if (before.endBytes > offsetBytes && before.io.isWrite === isWrite) return before
    }
    return null
  }

  /** Start of the first piece behind there; Infinity when there is none. */
  nextStart(offsetBytes: number): number {
    return this.pieces.seek(offsetBytes + 1)?.startBytes ?? Number.POSITIVE_INFINITY
  }

  /** The oldest piece of exactly that range of which `isMeant` holds; null when there is none. */
  find(startBytes: number, endBytes: number, isMeant: (piece: BlockPiece) => boolean): BlockPiece | null {
    let piece = this.pieces.seek(startBytes)
    for (let looked = 0; looked < LOOK_MAX && piece?.startBytes === startBytes; looked++) {
      if (piece.endBytes === endBytes && isMeant(piece)) return piece
      piece = this.pieces.next()
    }
    return null
  }

  /** The zone append of that length that was queued for the zone nearest below: its sector is known only when it is complete. */
  findAppend(offsetBytes: number, lengthBytes: number): BlockPiece | null {
    this.pieces.seek(offsetBytes + 1)
    let found: BlockPiece | null = null
    for (let looked = 0; looked < LOOK_MAX; looked++) {
      const piece = this.pieces.previous()
      if (piece === undefined || (found !== null && piece.startBytes !== found.startBytes)) break
      if (piece.io.isZoneAppend && piece.lengthBytes === lengthBytes) found = piece
    }
    return found
  }
}
