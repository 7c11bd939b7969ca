import type { ConsumerCounter } from '@pinscope/core'

/** Slots of the consumer's counters, and their names in the report. */
export const USER_PAGES = 0
export const GIFTED_PAGES = 1
export const DROPPED_PAGES = 2
export const FILE_PAGES = 3
export const FRESH_PAGES = 4
export const ZERO_PAGES = 5
export const WRITTEN_PAGES = 6
export const MERGED_WRITES = 7
export const HANDED_ON = 8
export const STOLEN_PAGES = 9
export const NOT_STOLEN_PAGES = 10
export const WAITS = 11
export const UNSEEN_READ_BYTES = 12
export const UNSEEN_WRITTEN_BYTES = 13
export const OVERWRITTEN_PAGES = 14
export const BUFFERS_MAX = 15

export const PIPE_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'userPages', summary: 'pages of programs that vmsplice(2) put into a pipe' },
  { name: 'giftedPages', summary: 'of these, those given away (SPLICE_F_GIFT)' },
  { name: 'droppedPages', summary: 'pages of programs taken and dropped again, because the pipe was full' },
  { name: 'filePages', summary: 'buffers over pages of a page cache that splice(2) put into a pipe' },
  {
    name: 'freshPages',
    summary: 'pages allocated for splice(2) to read a file into: direct I/O, and holes on tmpfs of 6.1',
  },
  { name: 'zeroPages', summary: 'buffers over the zero page: holes on tmpfs, since 6.12' },
  { name: 'writtenPages', summary: 'pages of pipes that write(2) copied into' },
  {
    name: 'mergedWrites',
    summary: 'writes whose bytes, or the first of them, went behind those of the write before, into its page',
  },
  { name: 'handedOn', summary: 'buffers, or parts of one, that splice(2) passed on out of a pipe' },
  { name: 'stolenPages', summary: 'of these, pages that the receiver took over (SPLICE_F_MOVE)' },
  { name: 'notStolenPages', summary: 'of these, pages that it tried to take over, and copied' },
  { name: 'waits', summary: 'times that a pipe was full or empty and the caller would wait' },
  { name: 'unseenReadBytes', summary: 'bytes that somebody had read before his row, if he has one' },
  { name: 'unseenWrittenBytes', summary: 'bytes that somebody had written before his row, if he has one' },
  {
    name: 'overwrittenPages',
    summary: 'page cache pages that a write(2) of a pipe went into (quirk pipe-stale-flags)',
  },
  { name: 'buffersMax', summary: 'most buffers in use in one pipe' },
]
