import { type LaneReport, neverFreedBytes, neverUnmapped } from '@pinscope/core'
import { compared } from './lane-rows.ts'

/** One column of the table with a line for each lane. */
export interface LaneColumn {
  readonly title: string
  /** null where the lane has nothing to tell. */
  readonly value: (lane: LaneReport) => number | null
  /** What the column counts: told below the table. */
  readonly note: string
  /** Where not all fit, the lowest are shown. */
  readonly rank: number
  /** Its name in full, for the line that says what is 0 or not shown. */
  readonly name: string
  /** Shown even when it is 0 in every lane, where there is room: its absence is the news. */
  readonly always?: true
  /** Anything but 0 is bad news. */
  readonly isBad?: true
}

/** Columns under one heading. */
export interface LaneColumnGroup {
  readonly heading: string
  readonly columns: readonly LaneColumn[]
}

/** Columns below this rank are told of in any case: those that need no column because they are 0 everywhere, by name. */
export const RANK_OPTIONAL = 16
/** Of columns that are 0 everywhere, where they are shown at all. Those above are for wide terminals. */
export const RANK_ZERO = 19

/** All there is to show of a lane in one line, from left to right. */
export const LANE_COLUMN_GROUPS: readonly LaneColumnGroup[] = [
  {
    heading: 'operations',
    columns: [
      { title: 'all', name: 'operations', rank: 0, value: (lane) => lane.operations, note: 'replayed' },
      { title: 'errno', name: 'errors', rank: 13, value: (lane) => lane.errors, note: 'of these, ended with an errno' },
      {
        title: 'cut',
        name: 'operations in flight',
        rank: 16,
        value: (lane) => lane.inFlight,
        note: 'without a completion, in flight where the trace was cut (--in-flight)',
      },
    ],
  },
  {
    heading: 'pages',
    columns: [
      { title: 'pin', name: 'pins', rank: 5, value: (lane) => lane.pins.acquired, note: 'pinned (FOLL_PIN)' },
      {
        title: 'ref',
        name: 'references',
        rank: 6,
        value: (lane) => lane.refs.acquired,
        note: 'referenced (FOLL_GET, get_page)',
      },
      { title: 'bare', name: 'bare pages', rank: 7, value: (lane) => lane.bare.pages, note: 'listed, nothing taken' },
      {
        title: 'peak',
        name: 'peak of pins or references',
        rank: 20,
        value: ({ pins, refs }) => Math.max(pins.peak, refs.peak),
        note: 'most pins, or most references where they are more, at one time',
      },
      {
        title: 'count',
        name: 'reference operations',
        rank: 27,
        value: (lane) => lane.refOps,
        note: 'reference operations on the counts of folios',
      },
    ],
  },
  {
    heading: 'bytes',
    columns: [
      {
        title: '0-copy',
        name: 'zero-copy bytes',
        rank: 8,
        value: (lane) => lane.data.zeroCopyBytes,
        note: 'payload that the consumer reached in place',
      },
      {
        title: 'copied',
        name: 'copied bytes',
        rank: 9,
        value: (lane) => lane.data.copiedBytes,
        note: 'payload that the CPU copied',
      },
    ],
  },
  {
    heading: 'built',
    columns: [
      {
        title: 'list',
        name: 'list entries built',
        rank: 10,
        value: (lane) => lane.entries.built,
        note: 'elements of its lists (bio_vec, scatterlist and the like)',
      },
      {
        title: 'max',
        name: 'most entries of one operation',
        rank: 22,
        value: (lane) => lane.entries.perOperationMax,
        note: 'most elements in one operation',
      },
      {
        title: 'alloc',
        name: 'allocations',
        rank: 11,
        value: (lane) => lane.allocations?.made ?? null,
        note: 'tables, requests and pages that it allocated, - where it tells of none',
      },
      {
        title: 'limit',
        name: 'limits hit',
        rank: 12,
        value: (lane) => lane.entries.limitHits,
        note: 'times that a list or a budget was full',
      },
    ],
  },
  {
    heading: 'memory',
    columns: [
      {
        title: 'lists',
        name: 'bytes of lists',
        rank: 29,
        value: (lane) => lane.entries.bytes,
        note: 'bytes of the elements of its lists',
      },
      {
        title: 'bytes',
        name: 'bytes allocated',
        rank: 25,
        value: (lane) => lane.allocations?.bytes ?? null,
        note: 'of these allocations',
      },
      {
        title: 'peak',
        name: 'peak of allocated bytes',
        rank: 26,
        value: (lane) => lane.allocations?.peakBytes ?? null,
        note: 'most at one time',
      },
    ],
  },
  {
    heading: 'dma',
    columns: [
      {
        title: 'maps',
        name: 'DMA mappings',
        rank: 30,
        value: (lane) => lane.dma?.maps ?? null,
        note: 'calls that mapped a list, or an entry of it, for a device',
      },
    ],
  },
  {
    heading: 'avoided',
    columns: [
      {
        title: 'copies',
        name: 'copies avoided',
        rank: 28,
        value: (lane) => lane.avoided.copyBytes,
        note: 'bytes that the bounce path would have copied',
      },
      {
        title: 'list',
        name: 'list entries avoided',
        rank: 23,
        value: (lane) => lane.avoided.entries,
        note: 'elements of intermediate lists',
      },
      {
        title: 'alloc',
        name: 'allocations avoided',
        rank: 24,
        value: (lane) => lane.avoided.allocations,
        note: 'intermediate tables',
      },
    ],
  },
  {
    heading: 'left over',
    columns: [
      {
        title: 'leak',
        name: 'leaks',
        rank: 1,
        value: (lane) => lane.leaksTotal,
        note: 'operations whose pages nobody let go',
        always: true,
        isBad: true,
      },
      {
        title: 'pages',
        name: 'pages still held',
        rank: 14,
        value: ({ pins, refs }) => pins.open - pins.longTerm + refs.open - refs.longTerm,
        note: 'still held at the end, the long-term ones left out',
        isBad: true,
      },
      {
        title: 'bytes',
        name: 'bytes never freed',
        rank: 3,
        value: neverFreedBytes,
        note: 'allocated and never freed',
        isBad: true,
      },
      {
        title: 'map',
        name: 'entries never unmapped',
        rank: 3.5,
        value: neverUnmapped,
        note: 'entries of lists that stayed mapped for a device',
        isBad: true,
      },
      {
        title: 'viol',
        name: 'violations',
        rank: 2,
        value: (lane) => lane.violationsTotal,
        note: 'pages let go twice or the wrong way, memory freed or changed while in use, an iterator misused, wrong data',
        always: true,
        isBad: true,
      },
    ],
  },
  {
    heading: 'checked',
    columns: [
      {
        title: 'data',
        name: 'operations with data compared',
        rank: 17,
        value: (lane) => lane.verified?.operations ?? null,
        note: 'operations whose data was compared (--verify-data)',
      },
    ],
  },
  {
    heading: 'kernel',
    columns: [
      {
        title: 'same',
        name: 'rows as the kernel counted',
        rank: 15,
        value: compared((truth) => truth.matched),
        note: 'rows with the pins that a kernel counted, - in a lane that is not compared',
        always: true,
      },
      {
        title: 'diff',
        name: 'rows that differ from the kernel',
        rank: 4,
        value: compared((truth) => truth.mismatchedTotal),
        note: 'rows with others than it counted',
        always: true,
        isBad: true,
      },
      {
        title: 'open',
        name: 'undetermined rows',
        rank: 18,
        value: compared((truth) => truth.undeterminedTotal),
        note: 'undetermined, the trace does not tell enough',
      },
    ],
  },
]
