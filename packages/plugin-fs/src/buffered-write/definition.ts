import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerDefinition,
  type ConsumerEnvironment,
  type ConsumerLimit,
  type ConsumerOption,
  defineConsumer,
  flagOption,
  numberOption,
  wordOption,
} from '@pinscope/core'
import { BATCH_PAGES_MAX, Recvfile } from './recvfile.ts'
import { WriteClassic } from './write-classic.ts'
import { MAX_PAGECACHE_ORDER, WRITE_COUNTERS } from './write-counters.ts'
import { FOLIO_SIZES, WriteIomap } from './write-iomap.ts'
import { SEGMENT_PAGES_MAX, WriteMultipage } from './write-multipage.ts'

const BLOCKS_MAX = 0x7fffffff
const HOLE_PAGES = 1024

/** Options of all four. */
const SPACE_OPTIONS: readonly ConsumerOption[] = [
  numberOption('free-blocks', 'free blocks of the file system', 'blocks of 4096 bytes', BLOCKS_MAX, 0, BLOCKS_MAX),
  numberOption(
    'extent-blocks',
    'extents end at multiples of so many blocks; 0: only where the kind of the space changes',
    'blocks',
    0,
    0,
    BLOCKS_MAX,
  ),
  numberOption('unwritten-from', 'where the preallocated part of each file begins', 'bytes', 0, 0, 2 ** 42),
  numberOption(
    'unwritten-bytes',
    'length of that part: blocks that are there, and read as zeros until they are written',
    'bytes',
    0,
    0,
    2 ** 42,
  ),
  numberOption('file-bytes', 'size of each file before the trace: all of it a hole', 'bytes', 0, 0, 2 ** 42),
]

interface WriteWay {
  readonly name: string
  readonly summary: string
  readonly kernel: string
  readonly avoided: string
  readonly options?: readonly ConsumerOption[]
  readonly limits?: readonly ConsumerLimit[]
  create(environment: ConsumerEnvironment): Consumer
}

function defineWrite({ options = [], ...way }: WriteWay): ConsumerDefinition {
  return defineConsumer({
    apiVersion: CONSUMER_API_VERSION,
    accepts: ['ubuf', 'iovec', 'kvec', 'bvec', 'folioq', 'xarray'],
    entriesMax: 1,
    copiesIn: true,
    options: [...options, ...SPACE_OPTIONS],
    counters: WRITE_COUNTERS,
    // The source is copied: nothing is extracted.
    kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
    ...way,
  })
}

/** A buffered write page by page. */
export const writeClassic = defineWrite({
  name: 'write-classic',
  summary: 'a buffered write page by page: the file system is asked for the block of each',
  kernel: 'mm/filemap.c: generic_perform_write; fs/ext4/inode.c: ext4_da_write_begin',
  avoided: 'nothing: it is the way that the other three are compared with.',
  create: (environment) => new WriteClassic(environment),
})

/** The multi-page write of 2010. */
export const writeMultipage = defineWrite({
  name: 'write-multipage',
  summary: 'the multi-page write proposed in 2010: map and reserve a segment, copy page by page, allocate, give back',
  kernel: 'none: posted for mm/filemap.c and fs/iomap.c, never merged',
  avoided: 'nothing in figures of lists: calls of the file system and its lock trips are what it saves (fsCalls).',
  options: [flagOption('prototype', 'with the defects of what was posted')],
  limits: [
    { name: '1024 pages', max: SEGMENT_PAGES_MAX, unit: 'pages', summary: 'of a segment', kernel: 'the patch of 2010' },
  ],
  create: (environment) => new WriteMultipage(environment),
})

/** iomap under XFS. */
export const writeIomap = defineWrite({
  name: 'write-iomap',
  summary: 'a buffered write through iomap, as XFS does it: an extent is reserved at once and written folio by folio',
  kernel: 'fs/iomap/buffered-io.c: iomap_file_buffered_write; fs/xfs/xfs_iomap.c: xfs_buffered_write_iomap_begin',
  avoided: 'nothing in figures of lists: calls of the file system and locks of folios are what it saves.',
  options: [
    wordOption(
      'folios',
      'size of folios: by the kernel version (6.1: a page), a page, or as large as fits',
      FOLIO_SIZES,
    ),
    numberOption('hole-pages', 'pages of a hole that are mapped at once, 0: all', 'pages', HOLE_PAGES, 0, BLOCKS_MAX),
  ],
  limits: [
    {
      name: '1024 * PAGE_SIZE',
      max: HOLE_PAGES,
      unit: 'pages',
      summary: 'of a hole that are mapped at once',
      kernel: 'fs/xfs/xfs_iomap.c',
    },
    {
      name: 'MAX_PAGECACHE_ORDER',
      max: MAX_PAGECACHE_ORDER,
      unit: 'order',
      summary: 'of a folio',
      kernel: 'include/linux/pagemap.h',
    },
  ],
  create: (environment) => new WriteIomap(environment),
})

/** recvfile as posted in 2013. */
export const recvfile = defineWrite({
  name: 'recvfile',
  summary: 'recvfile as proposed in 2013: 32 pages locked and allocated, then received into',
  kernel: 'none: posted for fs/splice.c, never merged',
  avoided: 'nothing: a byte is copied once, as in all four.',
  limits: [
    { name: '32 pages', max: BATCH_PAGES_MAX, unit: 'pages', summary: 'locked at once', kernel: 'the patch of 2013' },
  ],
  create: (environment) => new Recvfile(environment),
})
