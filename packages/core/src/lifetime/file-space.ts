import { PAGE_SIZE } from '../units.ts'
import type { EventBus } from './event-bus.ts'
import { eventCode } from './lifetime-event.ts'

/** Nothing is there. @kernel include/linux/iomap.h: IOMAP_HOLE */
export const BLOCK_HOLE = 0
/** Reserved, not allocated. @kernel IOMAP_DELALLOC */
export const BLOCK_RESERVED = 1
/** Allocated; reads as what the disk has, unless it is written first. @kernel IOMAP_MAPPED */
export const BLOCK_ALLOCATED = 2

/** One block of a file: a page's worth. */
export interface FileBlock {
  /** `BLOCK_*`. */
  readonly state: number
  /** The page cache of it has been written, zeroed, or the block was there before. */
  readonly isWritten: boolean
  /** Row that reserved or allocated it; 0: the trace does not tell. */
  readonly row: number
}

const NOTHING: FileBlock = { state: BLOCK_HOLE, isWritten: false, row: 0 }

/**
 * What file systems know of the space of files: by file and block of 4096 bytes. A block that no event was about is
 * taken as written before.
 * @kernel include/linux/iomap.h: struct iomap; mm/filemap.c: generic_perform_write; fs/iomap/buffered-io.c
 */
export class FileSpace {
  private readonly files = new Map<number, Map<number, FileBlock>>()
  private readonly sizes = new Map<number, number>()
  private readonly bus: EventBus

  constructor(bus: EventBus) {
    this.bus = bus
  }

  /** A block that an event was about, else undefined. */
  block(file: number, index: number): FileBlock | undefined {
    return this.files.get(file)?.get(index)
  }

  /** Blocks of a file that events were about, with their indices. */
  blocks(file: number): ReadonlyMap<number, FileBlock> {
    return this.files.get(file) ?? new Map()
  }

  /** Size of the file, undefined where no event told it. */
  sizeBytes(file: number): number | undefined {
    return this.sizes.get(file)
  }

  /** The range is a hole: for who sets a scene. */
  hole(file: number, positionBytes: number, lengthBytes: number): void {
    this.each(file, positionBytes, lengthBytes, () => NOTHING)
  }

  /** @kernel fs/xfs/xfs_iomap.c: xfs_bmapi_reserve_delalloc; fs/ext4/inode.c: ext4_da_reserve_space */
  reserve(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('reserve', file, positionBytes, lengthBytes)
    const { row } = this.bus
    this.each(file, positionBytes, lengthBytes, (block) =>
      block.state === BLOCK_HOLE ? { state: BLOCK_RESERVED, isWritten: false, row } : block,
    )
  }

  /** @kernel fs/ext4/inode.c: ext4_da_release_space */
  unreserve(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('unreserve', file, positionBytes, lengthBytes)
    this.each(file, positionBytes, lengthBytes, (block) => (block.state === BLOCK_RESERVED ? NOTHING : block))
  }

  /** @kernel fs/xfs/libxfs/xfs_bmap.c: xfs_bmapi_write */
  allocate(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('allocate', file, positionBytes, lengthBytes)
    const { row } = this.bus
    this.each(file, positionBytes, lengthBytes, (block) => ({
      state: BLOCK_ALLOCATED,
      isWritten: block.isWritten,
      row: block.row === 0 ? row : block.row,
    }))
  }

  /** Data is in the page cache of the range, and dirty. @kernel mm/filemap.c: copy_folio_from_iter_atomic, write_end */
  copyIn(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('copy_in', file, positionBytes, lengthBytes)
    this.each(file, positionBytes, lengthBytes, (block) => ({ ...block, isWritten: true }))
  }

  /** @kernel include/linux/highmem.h: folio_zero_range */
  zero(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('zero', file, positionBytes, lengthBytes)
    this.each(file, positionBytes, lengthBytes, (block) => ({ ...block, isWritten: true }))
  }

  /** @kernel fs/xfs/xfs_iomap.c: xfs_buffered_write_delalloc_punch */
  punch(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('punch', file, positionBytes, lengthBytes)
    this.each(file, positionBytes, lengthBytes, () => NOTHING)
  }

  /** The file ends at `sizeBytes` now. @kernel include/linux/fs.h: i_size_write */
  extend(file: number, sizeBytes: number): void {
    this.tell('extend', file, sizeBytes, 0)
    this.sizes.set(file, sizeBytes)
  }

  /** The write of [positionBytes, positionBytes + lengthBytes) is over: bytes or -errno. @kernel fs/iomap/buffered-io.c: iomap_end */
  writeEnd(file: number, positionBytes: number, lengthBytes: number, result: number): void {
    this.tell('write_end', file, positionBytes, lengthBytes, result)
  }

  private each(file: number, position: number, length: number, change: (block: FileBlock) => FileBlock): void {
    const blocks = this.files.get(file) ?? new Map<number, FileBlock>()
    this.files.set(file, blocks)
    const end = Math.ceil((position + length) / PAGE_SIZE)
    for (let index = Math.floor(position / PAGE_SIZE); index < end; index++) {
      blocks.set(index, change(blocks.get(index) ?? NOTHING))
    }
  }

  private tell(
    name: 'reserve' | 'unreserve' | 'allocate' | 'copy_in' | 'zero' | 'punch' | 'extend' | 'write_end',
    file: number,
    positionBytes: number,
    lengthBytes: number,
    result = 0,
  ): void {
    const event = this.bus.next()
    event.file = file
    event.positionBytes = positionBytes
    event.lengthBytes = lengthBytes
    event.result = result
    this.bus.tell(eventCode(name))
  }
}
