import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerDefinition,
  type ConsumerEnvironment,
  type ConsumerOption,
  defineConsumer,
  flagOption,
  numberOption,
  PAGE_LIST_MAX,
} from '@pinscope/core'
import { PIN_COUNTERS } from './counts.ts'
import { LeaseConsumer, type LeaseHolder } from './lease.ts'
import { LEASE_COUNTERS } from './lease-counters.ts'
import { type PinnedReflink, ReflinkConsumer } from './reflink.ts'
import { REFLINK_COUNTERS } from './reflink-counters.ts'
import { type PinnedWriteback, WritebackConsumer } from './writeback.ts'
import { WRITEBACK_COUNTERS } from './writeback-counters.ts'

const SECOND_NS = 1e9
/** @kernel fs/locks.c: lease_break_time, 45 s; /proc/sys/fs/lease-break-time */
const LEASE_BREAK_NS = 45 * SECOND_NS

interface WhatIf {
  readonly name: string
  readonly summary: string
  readonly kernel: string
  readonly options?: readonly ConsumerOption[]
  readonly counters: ConsumerDefinition['counters']
  readonly create: (environment: ConsumerEnvironment) => Consumer
}

/** A what-if model: direct I/O into pages of files, and an answer to what then happens to those pages. */
function defineWhatIf({ counters = [], ...rest }: WhatIf): ConsumerDefinition {
  return defineConsumer({
    apiVersion: CONSUMER_API_VERSION,
    accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'folioq', 'xarray'],
    entriesMax: PAGE_LIST_MAX,
    avoided:
      'copyBytes: payload that the device reaches in place. entries and allocations: none, since nothing is built.',
    dirtiesDest: true,
    ...rest,
    counters: [...counters, ...PIN_COUNTERS],
    kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  })
}

const PAGE_WRITEBACK_C = 'mm/page-writeback.c: folio_clear_dirty_for_io (6.1: clear_page_dirty_for_io)'

function writeback(choice: PinnedWriteback, summary: string, kernel: string, options: readonly ConsumerOption[] = []) {
  return defineWhatIf({
    name: `writeback-${choice}`,
    summary,
    kernel,
    options,
    counters: WRITEBACK_COUNTERS,
    create: (environment) => new WritebackConsumer(environment, choice),
  })
}

/** Writeback of pinned pages: what kernels do, and five things that they could do. */
export const WRITEBACK_CONSUMERS: readonly ConsumerDefinition[] = [
  writeback(
    'as-is',
    'writeback of pinned pages as kernels do it: nobody asks, and the page is cleaned',
    PAGE_WRITEBACK_C,
  ),
  writeback(
    'skip',
    'writeback that passes pinned pages over: they stay dirty',
    `${PAGE_WRITEBACK_C}; a proposal of 2018`,
  ),
  writeback('wait', 'writeback that waits until the pins are gone', `${PAGE_WRITEBACK_C}; a proposal of 2018`),
  writeback(
    'bounce-block',
    'writeback of a copy that the block layer makes, when the page is cleaned and its checksum computed',
    'block/bounce.c: __blk_queue_bounce (6.1, 6.12: high memory only); for pinned pages a proposal of 2018',
  ),
  writeback(
    'bounce-fs',
    'writeback of a copy that clear_page_dirty_for_io hands the file system',
    `${PAGE_WRITEBACK_C}; a proposal of 2018`,
    [
      flagOption(
        'stays-dirty',
        'a page that is pinned stays dirty, and is not write-protected, when its copy is written',
      ),
    ],
  ),
  writeback(
    'stable',
    'stable pages everywhere: CPU stores and new pins wait for writeback on every file system, devices do not',
    'mm/page-writeback.c: folio_wait_stable; include/linux/pagemap.h: AS_STABLE_WRITES',
  ),
]

const REMAP_C = 'fs/remap_range.c: __generic_remap_file_range_prep; fs/xfs/xfs_reflink.c: xfs_reflink_remap_prep'

function reflink(choice: PinnedReflink, summary: string, kernel = `${REMAP_C}; a proposal of 2018`) {
  return defineWhatIf({
    name: `reflink-${choice}`,
    summary,
    kernel,
    counters: REFLINK_COUNTERS,
    create: (environment) => new ReflinkConsumer(environment, choice),
  })
}

/** Reflink of a file with pinned pages: the five options of the mail. */
export const REFLINK_CONSUMERS: readonly ConsumerDefinition[] = [
  reflink('fail', 'a reflink of pinned pages fails'),
  reflink('wait', 'a reflink of pinned pages waits until the pins are gone'),
  reflink('ignore', 'a reflink of pinned pages as kernels do it: nobody asks, and their blocks are shared', REMAP_C),
  reflink('copy', 'a reflink gives the other file blocks of its own where pages are pinned'),
  reflink('lease', 'a reflink breaks a lease: its holder lets go of its pins, and pins again afterwards'),
]

function lease(holder: LeaseHolder, summary: string, answerNs: number | null) {
  const answer = numberOption(
    'answer-ns',
    'the holder of a lease gives it back so long after it was asked, when its own I/O is over',
    'ns',
    answerNs ?? 0,
    0,
    Number.MAX_SAFE_INTEGER,
  )
  const timeout = numberOption(
    'break-timeout-ns',
    'a lease is taken away so long after its holder was asked (lease-break-time); 0: never, as those of nfsd up to 6.12',
    'ns',
    LEASE_BREAK_NS,
    0,
    Number.MAX_SAFE_INTEGER,
  )
  return defineWhatIf({
    name: `lease-${holder}`,
    summary,
    kernel: 'fs/locks.c: __break_lease, time_out_leases; include/linux/filelock.h: break_layout',
    options: answerNs === null ? [timeout] : [answer, timeout],
    counters: LEASE_COUNTERS,
    create: (environment) => new LeaseConsumer(environment, holder),
  })
}

/** Layout leases, by how their holder behaves when it is asked to give one back. */
export const LEASE_CONSUMERS: readonly ConsumerDefinition[] = [
  lease('prompt', 'layout leases with a holder that drops its pins as soon as it is asked', SECOND_NS / 1000),
  lease('late', 'layout leases with a holder that takes its time to drop its pins', 60 * SECOND_NS),
  lease('never', 'layout leases with a holder that does not answer', null),
]

/** Every what-if model. */
export const WHAT_IF_CONSUMERS: readonly ConsumerDefinition[] = [
  ...WRITEBACK_CONSUMERS,
  ...REFLINK_CONSUMERS,
  ...LEASE_CONSUMERS,
]
