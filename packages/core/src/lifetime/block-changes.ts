import { BLOCK_HOLE, BLOCK_RESERVED, type FileBlock } from './block-runs.ts'

/** What becomes of a block; `row` and `write` are those at work. */
export type BlockChange = (block: FileBlock, row: number, write: number) => FileBlock

/** It has data. */
export function written(block: FileBlock): FileBlock {
  return block.isWritten ? block : { ...block, isWritten: true }
}

/** Writeback of it has begun. */
export function cleaned(block: FileBlock): FileBlock {
  return block.isDirty ? { ...block, isDirty: false } : block
}

/** A hole, by what the row at work did; data that the write at work copied in is above it still. */
export function nothing(block: FileBlock, row: number, what: string, write: number): FileBlock {
  const hasData = block.isCopied && block.write === write
  return {
    state: BLOCK_HOLE,
    isWritten: hasData,
    isCopied: hasData,
    isDirty: hasData && block.isDirty,
    row,
    what,
    write,
  }
}

/** What made a hole of a block: with it what the page cache had there went, or became zeroes. @kernel mm/truncate.c: truncate_pagecache_range */
export const PUNCHED = 'punched'

/** A hole; of a reservation only the space goes. @kernel fs/iomap/buffered-io.c: iomap_write_delalloc_release */
export function punched(block: FileBlock, row: number, write: number): FileBlock {
  return nothing(block, row, block.state === BLOCK_RESERVED ? 'its reservation punched' : PUNCHED, write)
}
