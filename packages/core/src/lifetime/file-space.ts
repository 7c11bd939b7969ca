import { PAGE_SIZE } from '../units.ts'
import { type BlockChange, cleaned, nothing, punched, written } from './block-changes.ts'
import {
  BLOCK_ALLOCATED,
  BLOCK_HOLE,
  BLOCK_RESERVED,
  BLOCK_UNKNOWN,
  type BlockRun,
  BlockRuns,
  type FileBlock,
  UNKNOWN_BLOCK,
} from './block-runs.ts'
import type { EventBus } from './event-bus.ts'
import { eventCode } from './lifetime-event.ts'
import { WritesOfFiles } from './writes-of-file.ts'

export { BLOCK_ALLOCATED, BLOCK_HOLE, BLOCK_RESERVED, BLOCK_UNKNOWN, type BlockRun, type FileBlock }

/** What is known of a file. */
interface SpaceOfFile {
  readonly blocks: BlockRuns
  sizeBytes: number | undefined
}

/**
 * What file systems know of the space of files: by file and block of 4096 bytes. Of a block that no event was about
 * nothing is said.
 * @kernel include/linux/iomap.h: struct iomap; mm/filemap.c: generic_perform_write; fs/iomap/buffered-io.c
 */
export class FileSpace {
  /** Whose rows these are. */
  readonly writes: WritesOfFiles
  private readonly files = new Map<number, SpaceOfFile>()
  private readonly bus: EventBus
  private readonly isOver = (write: number): boolean => this.writes.isOver(write)

  constructor(bus: EventBus) {
    this.bus = bus
    this.writes = new WritesOfFiles(bus)
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

  /** Some block of a range is allocated, or no event told what it is. */
  mayHaveBlocks(file: number, positionBytes: number, lengthBytes: number): boolean {
    const first = Math.floor(positionBytes / PAGE_SIZE)
    let others = Math.ceil((positionBytes + lengthBytes) / PAGE_SIZE) - first
    this.eachRun(file, positionBytes, lengthBytes, ({ state }, blocks) => {
      if (state === BLOCK_HOLE || state === BLOCK_RESERVED) others -= blocks
    })
    return others > 0
  }

  /** No event was about any file. */
  get isEmpty(): boolean {
    return this.files.size === 0
  }

  /** Size of the file, undefined where no event told it. */
  sizeBytes(file: number): number | undefined {
    return this.files.get(file)?.sizeBytes
  }

  /** Number of the write of a file at work, which begins where none is under way: a block with this number was last changed by it. */
  writeNumber(file: number): number {
    return this.writes.of(file).number
  }

  /** The range is a hole: for who sets a scene. */
  hole(file: number, positionBytes: number, lengthBytes: number): void {
    this.each(file, positionBytes, lengthBytes, (_block, row, write) => nothing(UNKNOWN_BLOCK, row, 'a hole', write))
  }

  /** The range has blocks that read as they should, data or unwritten ones: for who sets a scene. */
  data(file: number, positionBytes: number, lengthBytes: number): void {
    this.each(file, positionBytes, lengthBytes, (_block, row, write) => {
      return { state: BLOCK_ALLOCATED, isWritten: true, isCopied: false, isDirty: false, row, what: 'data', write }
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
      block.state === BLOCK_RESERVED ? nothing(block, row, 'given back', write) : block,
    )
  }

  /** @kernel fs/xfs/libxfs/xfs_bmap.c: xfs_bmapi_write; fs/ext4/inode.c: ext4_map_blocks */
  allocate(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('allocate', file, positionBytes, lengthBytes)
    this.writes.allocated(file, positionBytes, lengthBytes)
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
      return { state, isWritten: true, isCopied: true, isDirty: true, row, what: 'copied into', write }
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
    this.eachWhole(file, positionBytes, lengthBytes, punched)
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

  /** The range is read, of which a reader gets what is inside the file. @kernel mm/filemap.c: filemap_read; fs/iomap/direct-io.c */
  read(file: number, positionBytes: number, lengthBytes: number): void {
    if (this.files.has(file)) this.tell('file_read', file, positionBytes, lengthBytes)
  }

  /** The range was written past the page cache, or by a write of which nothing else is told: its blocks have data. */
  written(file: number, positionBytes: number, lengthBytes: number): void {
    this.changeKnown(file, positionBytes, lengthBytes, written)
  }

  /**
   * Writeback of the range begins, whatever of it is in memory: what is known of its pages is told page by page.
   * @kernel mm/page-writeback.c: do_writepages
   */
  writeback(file: number, positionBytes: number, lengthBytes: number): void {
    this.tell('file_writeback', file, positionBytes, lengthBytes)
    this.changeKnown(file, positionBytes, lengthBytes, cleaned)
  }

  /**
   * Pages of the range of which nothing else is known were made dirty through a mapping; `asked`: the file system was asked
   * first, and has given holes their space. @kernel fs/iomap/buffered-io.c: iomap_page_mkwrite
   */
  dirty(file: number, positionBytes: number, lengthBytes: number, asked: boolean): void {
    this.changeKnown(file, positionBytes, lengthBytes, (block) =>
      asked && block.state === BLOCK_HOLE ? block : { ...block, isWritten: true, isDirty: true },
    )
  }

  /**
   * The file was cut at `sizeBytes`: what is known of blocks behind that is that they are gone, reserved or allocated. Where
   * it is longer than before it has grown, with what lies there.
   * @kernel mm/truncate.c: truncate_setsize; fs/xfs/xfs_iops.c: xfs_setattr_size
   */
  truncate(file: number, sizeBytes: number): void {
    const space = this.of(file)
    if (space.sizeBytes !== undefined && sizeBytes > space.sizeBytes) this.tell('extend', file, sizeBytes, 0)
    space.sizeBytes = sizeBytes
    const { row } = this.bus
    const first = Math.ceil(sizeBytes / PAGE_SIZE) * PAGE_SIZE
    // Of data alone, without a word about its space, no hole is left to know of.
    this.changeKnown(file, first, Number.MAX_SAFE_INTEGER - first, ({ state }) =>
      state === BLOCK_UNKNOWN ? UNKNOWN_BLOCK : nothing(UNKNOWN_BLOCK, row, 'cut off', 0),
    )
  }

  /**
   * The write of [positionBytes, positionBytes + lengthBytes), or of one mapping of it, is over, bytes or -errno: what it
   * did not need was given back before.
   * @kernel include/linux/iomap.h: struct iomap_ops.iomap_end; mm/filemap.c: generic_perform_write
   */
  writeEnd(file: number, positionBytes: number, lengthBytes: number, result: number): void {
    this.tell('write_end', file, positionBytes, lengthBytes, result)
    this.writes.end(file)
  }

  private of(file: number): SpaceOfFile {
    const known = this.files.get(file)
    if (known !== undefined) return known
    const space: SpaceOfFile = { blocks: new BlockRuns(), sizeBytes: undefined }
    this.files.set(file, space)
    return space
  }

  private each(file: number, position: number, length: number, change: BlockChange): void {
    if (length > 0)
      this.change(file, Math.floor(position / PAGE_SIZE), Math.ceil((position + length) / PAGE_SIZE), change)
  }

  /** As {@link each}, but for blocks that the ends of the range cut and of which the rest is in use, or not known. */
  private eachWhole(file: number, position: number, length: number, change: BlockChange): void {
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

  /** Of blocks that no event was about nothing is known afterwards. */
  private changeKnown(file: number, position: number, length: number, change: (block: FileBlock) => FileBlock): void {
    if (length <= 0) return
    const end = Math.ceil((position + length) / PAGE_SIZE)
    this.files.get(file)?.blocks.changeKnown(Math.floor(position / PAGE_SIZE), end, this.isOver, change)
  }

  private change(file: number, first: number, end: number, change: BlockChange): void {
    const { row } = this.bus
    const write = this.writeNumber(file)
    this.of(file).blocks.change(first, end, this.isOver, (block) => change(block, row, write))
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
  | 'file_read'
  | 'file_writeback'
  | 'write_end'
