import { PAGE_SIZE } from '../units.ts'
import {
  BLOCK_ALLOCATED,
  BLOCK_HOLE,
  BLOCK_RESERVED,
  BLOCK_UNKNOWN,
  type BlockRun,
  BlockRuns,
  type FileBlock,
} from './block-runs.ts'
import type { EventBus } from './event-bus.ts'
import { eventCode } from './lifetime-event.ts'

export { BLOCK_ALLOCATED, BLOCK_HOLE, BLOCK_RESERVED, BLOCK_UNKNOWN, type BlockRun, type FileBlock }

/** What is known of a file. */
interface SpaceOfFile {
  readonly blocks: BlockRuns
  sizeBytes: number | undefined
  /** Writes that are over. */
  writes: number
}

/**
 * What file systems know of the space of files: by file and block of 4096 bytes. Of a block that no event was about
 * nothing is said.
 * @kernel include/linux/iomap.h: struct iomap; mm/filemap.c: generic_perform_write; fs/iomap/buffered-io.c
 */
export class FileSpace {
  private readonly files = new Map<number, SpaceOfFile>()
  private readonly bus: EventBus

  constructor(bus: EventBus) {
    this.bus = bus
  }

  /** A block that an event was about, else undefined. */
  block(file: number, index: number): FileBlock | undefined {
    return this.files.get(file)?.blocks.at(index)
  }

  /** Tells of the blocks in a range of bytes that events were about, run by run; `blocks`: of the run, in the range. */
  eachRun(
    file: number,
    positionBytes: number,
    lengthBytes: number,
    tell: (run: BlockRun, blocks: number) => void,
  ): void {
    const end = Math.ceil((positionBytes + lengthBytes) / PAGE_SIZE)
    this.files.get(file)?.blocks.each(Math.floor(positionBytes / PAGE_SIZE), end, tell)
  }

  /** Size of the file, undefined where no event told it. */
  sizeBytes(file: number): number | undefined {
    return this.files.get(file)?.sizeBytes
  }

  /** Number of the write of a file that is under way, or comes next: a block with this number was last changed by it. */
  writeNumber(file: number): number {
    return (this.files.get(file)?.writes ?? 0) + 1
  }

  /** The range is a hole: for who sets a scene. */
  hole(file: number, positionBytes: number, lengthBytes: number): void {
    this.each(file, positionBytes, lengthBytes, (_block, row, write) => nothing(row, 'a hole', write, false))
  }

  /** The range has blocks that read as they should, data or unwritten ones: for who sets a scene. */
  data(file: number, positionBytes: number, lengthBytes: number): void {
    this.each(file, positionBytes, lengthBytes, (_block, row, write) => {
      return { state: BLOCK_ALLOCATED, isWritten: true, isCopied: false, row, what: 'data', write }
    })
  }

  /** Data that was copied in before stays: nothing is copied again. @kernel fs/xfs/xfs_iomap.c: xfs_bmapi_reserve_delalloc; fs/ext4/inode.c: ext4_da_reserve_space */
  reserve(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('reserve', file, positionBytes, lengthBytes)
    this.each(file, positionBytes, lengthBytes, (block, row, write) => {
      if (block.state === BLOCK_RESERVED || block.state === BLOCK_ALLOCATED) return block
      return { ...block, state: BLOCK_RESERVED, row, what: 'reserved', write }
    })
  }

  /** Blocks wholly in the range, and those cut by its ends that have no data. @kernel fs/ext4/inode.c: ext4_da_release_space */
  unreserve(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('unreserve', file, positionBytes, lengthBytes)
    this.eachWhole(file, positionBytes, lengthBytes, (block, row, write) =>
      block.state === BLOCK_RESERVED ? nothing(row, 'given back', write, hasDataOf(block, write)) : block,
    )
  }

  /** @kernel fs/xfs/libxfs/xfs_bmap.c: xfs_bmapi_write; fs/ext4/inode.c: ext4_map_blocks */
  allocate(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('allocate', file, positionBytes, lengthBytes)
    this.each(file, positionBytes, lengthBytes, (block, row, write) => {
      if (block.state === BLOCK_ALLOCATED) return block
      if (block.state === BLOCK_RESERVED || block.isWritten) return { ...block, state: BLOCK_ALLOCATED }
      return { ...block, state: BLOCK_ALLOCATED, row, what: 'allocated', write }
    })
  }

  /** Data is in the page cache of the range, and dirty: a copy that write_end rejects is none. @kernel mm/filemap.c: copy_folio_from_iter_atomic, write_end */
  copyIn(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('copy_in', file, positionBytes, lengthBytes)
    this.each(file, positionBytes, lengthBytes, ({ state }, row, write) => {
      return { state, isWritten: true, isCopied: true, row, what: 'copied into', write }
    })
  }

  /** @kernel include/linux/highmem.h: folio_zero_range */
  zero(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('zero', file, positionBytes, lengthBytes)
    this.each(file, positionBytes, lengthBytes, (block, row, write) => {
      return block.isCopied ? block : { ...block, isWritten: true, row, what: 'zeroed', write }
    })
  }

  /**
   * Blocks wholly in the range are holes now, and those cut by its ends that have no data. What the write under way
   * copied into their page cache is still there, dirty: only its end, or a truncation, takes it out.
   * @kernel fs/xfs/xfs_iomap.c: xfs_buffered_write_delalloc_punch; fs/iomap/buffered-io.c: iomap_last_written_block
   */
  punch(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('punch', file, positionBytes, lengthBytes)
    this.eachWhole(file, positionBytes, lengthBytes, (block, row, write) =>
      nothing(row, 'punched', write, hasDataOf(block, write)),
    )
  }

  /** The file ends at `sizeBytes` now. @kernel include/linux/fs.h: i_size_write */
  extend(file: number, sizeBytes: number): void {
    this.tell('extend', file, sizeBytes, 0)
    this.of(file).sizeBytes = sizeBytes
  }

  /**
   * A read of the range, which is inside the file, gets what memory or the disk had: the page cache has it as uptodate, and
   * nobody has written or zeroed these bytes. Of whole blocks that are not in the page cache the rules know by themselves.
   * @kernel fs/iomap/buffered-io.c: __iomap_write_begin (up to 6.18: iomap_set_range_uptodate before the copy)
   */
  expose(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('expose', file, positionBytes, lengthBytes)
  }

  /**
   * Writeback of the range begins, whatever of it is in memory: what is known of its pages is told page by page.
   * @kernel mm/page-writeback.c: do_writepages
   */
  writeback(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('file_writeback', file, positionBytes, lengthBytes)
  }

  /** The file was cut at `sizeBytes`: of what lies behind nothing is said. @kernel mm/truncate.c: truncate_setsize */
  truncate(file: number, sizeBytes: number): void {
    const space = this.of(file)
    space.sizeBytes = sizeBytes
    space.blocks.forget(Math.ceil(sizeBytes / PAGE_SIZE))
  }

  /**
   * The write of [positionBytes, positionBytes + lengthBytes), or of one mapping of it, is over, bytes or -errno: what it
   * did not need was given back before.
   * @kernel include/linux/iomap.h: struct iomap_ops.iomap_end; mm/filemap.c: generic_perform_write
   */
  writeEnd(file: number, positionBytes: number, lengthBytes: number, result: number): void {
    this.tell('write_end', file, positionBytes, lengthBytes, result)
    this.of(file).writes++
  }

  private of(file: number): SpaceOfFile {
    const known = this.files.get(file)
    if (known !== undefined) return known
    const space: SpaceOfFile = { blocks: new BlockRuns(), sizeBytes: undefined, writes: 0 }
    this.files.set(file, space)
    return space
  }

  private each(file: number, position: number, length: number, change: Change): void {
    if (length > 0)
      this.change(file, Math.floor(position / PAGE_SIZE), Math.ceil((position + length) / PAGE_SIZE), change)
  }

  /** As {@link each}, but for blocks that the ends of the range cut and of which the rest is in use, or not known. */
  private eachWhole(file: number, position: number, length: number, change: Change): void {
    if (length <= 0) return
    const end = position + length
    const first = Math.floor(position / PAGE_SIZE)
    const last = Math.ceil(end / PAGE_SIZE) - 1
    const keepsFirst = position % PAGE_SIZE !== 0 && this.isInUse(file, first)
    const keepsLast = end % PAGE_SIZE !== 0 && this.isInUse(file, last)
    this.change(file, keepsFirst ? first + 1 : first, keepsLast ? last : last + 1, change)
  }

  private isInUse(file: number, index: number): boolean {
    const block = this.block(file, index)
    return block === undefined || block.state === BLOCK_UNKNOWN || block.isWritten
  }

  private change(file: number, first: number, end: number, change: Change): void {
    const { row } = this.bus
    const write = this.writeNumber(file)
    this.of(file).blocks.change(first, end, write, (block) => change(block, row, write))
  }

  private tell(name: SpaceEvent, file: number, positionBytes: number, lengthBytes: number, result = 0): void {
    if (!Number.isInteger(file) || !(positionBytes >= 0) || !(lengthBytes >= 0)) {
      throw new RangeError(`audit.space: ${lengthBytes} bytes from ${positionBytes} on of file ${file}`)
    }
    const code = eventCode(name)
    if (!this.bus.hears(code)) return
    const event = this.bus.next()
    event.file = file
    event.positionBytes = positionBytes
    event.lengthBytes = lengthBytes
    event.result = result
    this.bus.tell(code)
  }
}

type SpaceEvent =
  | 'reserve'
  | 'unreserve'
  | 'allocate'
  | 'copy_in'
  | 'zero'
  | 'punch'
  | 'extend'
  | 'expose'
  | 'file_writeback'
  | 'write_end'

/** What becomes of a block; `row` and `write` are those at work. */
type Change = (block: FileBlock, row: number, write: number) => FileBlock

/** The write under way copied data into it. */
function hasDataOf(block: FileBlock, write: number): boolean {
  return block.isCopied && block.write === write
}

/** A hole; `hasData`: with dirty data above it. */
function nothing(row: number, what: string, write: number, hasData: boolean): FileBlock {
  return { state: BLOCK_HOLE, isWritten: hasData, isCopied: hasData, row, what, write }
}
