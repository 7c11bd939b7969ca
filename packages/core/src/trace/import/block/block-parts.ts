import type { ImportRows } from '../import-rows.ts'
import type { BlockEvent } from './block-event.ts'
import { type BlockIo, BlockPiece, BlockPieces } from './block-pieces.ts'

/** Devices of one file. */
const DEVICES_MAX = 4096
/** Parts of all I/O under way. */
const PARTS_MAX = 1 << 16
const CHOOSE_DEVICE = 'Choose one: --input-option device=MAJOR,MINOR'

/** The parts of all I/O under way, on every device, and how they come about: splits and remaps. */
export class BlockParts {
  private readonly rows: ImportRows
  private readonly byDevice = new Map<number, BlockPieces>()
  private count = 0

  constructor(rows: ImportRows) {
    this.rows = rows
  }

  /** The bio is cut in two: the front goes on, the rest follows by itself (old kernels queue it again). */
  split(event: BlockEvent): void {
    const pieces = this.of(event.device)
    const piece = pieces.at(event.offsetBytes, event.isWrite)
    if (piece === null) return
    const rest = event.restOffsetBytes
    if (rest <= piece.startBytes || rest >= piece.endBytes) return
    pieces.remove(piece)
    this.addPart(piece, piece.startBytes, rest)
    const behind = this.addPart(piece, rest, piece.endBytes)
    behind.comesAgain = true
    behind.pid = event.pid
  }

  /** Part of an I/O goes on on a device below. */
  remap(event: BlockEvent): void {
    const { fromDevice, device, offsetBytes, lengthBytes } = event
    if (fromDevice === device || event.withoutData !== '' || lengthBytes === 0) return
    const above = this.remappedPiece(event)
    if (above === null) {
      this.remapPartition(event)
      return
    }
    above.handedBytes += lengthBytes
    above.outstandingBytes += lengthBytes
    this.addBelow(new BlockPiece(above.io, device, offsetBytes, offsetBytes + lengthBytes, above))
  }

  /** What is under way on the device above, and is remapped now: of equal ones the one that was not yet. */
  private remappedPiece(event: BlockEvent): BlockPiece | null {
    const { fromOffsetBytes, isWrite } = event
    const end = fromOffsetBytes + event.lengthBytes
    const pieces = this.byDevice.get(event.fromDevice)
    if (pieces === undefined) return null
    const whole = pieces.find(fromOffsetBytes, end, (piece) => piece.handedBytes === 0 && piece.io.isWrite === isWrite)
    const piece = whole ?? pieces.at(fromOffsetBytes, isWrite)
    return piece === null || piece.endBytes < end ? null : piece
  }

  /**
   * From a partition to its disk. Nothing is queued on partitions, but what a device above was remapped to may be one: the first
   * remap then has the disk, and the sector of the partition.
   * @kernel include/linux/bio.h: bio_dev; block/blk-core.c: blk_partition_remap
   */
  private remapPartition(event: BlockEvent): void {
    const { device, fromOffsetBytes, offsetBytes, lengthBytes } = event
    const pieces = this.byDevice.get(device)
    const isMeant = (piece: BlockPiece) => piece.above !== null && isSameIo(piece, event)
    const piece = pieces?.find(fromOffsetBytes, fromOffsetBytes + lengthBytes, isMeant)
    if (pieces === undefined || piece === undefined || piece === null) return
    pieces.remove(piece)
    this.addBelow(new BlockPiece(piece.io, device, offsetBytes, offsetBytes + lengthBytes, piece.above))
  }

  /** Most devices queue what they pass on to the one below; some hand on the bio as it is. */
  private addBelow(piece: BlockPiece): void {
    piece.comesAgain = true
    this.add(piece)
  }

  /** A part of the piece, in its place: the caller has removed it. */
  addPart(piece: BlockPiece, startBytes: number, endBytes: number): BlockPiece {
    const part = new BlockPiece(piece.io, piece.device, startBytes, endBytes, piece.above)
    this.add(part)
    return part
  }

  add(piece: BlockPiece): void {
    this.of(piece.device).add(piece)
    piece.io.pieces.push(piece)
    if (++this.count > PARTS_MAX) {
      throw this.rows.fail(0, `more than ${PARTS_MAX} parts of requests are under way at once`, CHOOSE_DEVICE)
    }
  }

  /** Forgets what is left of the I/O. */
  remove(io: BlockIo): void {
    this.count -= io.pieces.length
    for (const piece of io.pieces) if (piece.isOpen) this.of(piece.device).remove(piece)
  }

  /** What is under way on each device. */
  devices(): Iterable<BlockPieces> {
    return this.byDevice.values()
  }

  /** Something was under way on the device. */
  has(device: number): boolean {
    return this.byDevice.has(device)
  }

  /** What is under way on the device. */
  of(device: number): BlockPieces {
    const known = this.byDevice.get(device)
    if (known !== undefined) return known
    if (this.byDevice.size === DEVICES_MAX) {
      throw this.rows.fail(0, `it is of more than ${DEVICES_MAX} devices`, CHOOSE_DEVICE)
    }
    const pieces = new BlockPieces()
    this.byDevice.set(device, pieces)
    return pieces
  }
}

/** The event queues what the piece is part of once more. */
export function isSameIo(piece: BlockPiece, event: BlockEvent): boolean {
  return piece.comesAgain && piece.io.isWrite === event.isWrite && (piece.pid === 0 || piece.pid === event.pid)
}
