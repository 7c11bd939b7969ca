import type { ConsumerCounter } from '@pinscope/core'

export const MESSAGES = 0
export const ZCOPY_MESSAGES = 1
export const ACCOUNTED_PAGES = 2
export const ACCOUNTED_PEAK = 3
export const COOKIES = 4
export const COOKIE_ENTRIES = 5
export const COOKIES_REAPED = 6
export const REMAINDER_HITS = 7
export const REMAINDER_MISSES = 8
export const QUEUE_FULL = 9
export const DROPPED = 10
export const RECEIVED = 11
export const WORK_REQUESTS = 12
export const MAPPING_FAILURES = 13
export const MRS = 14
export const MRS_REFUSED = 15

/** In the order of the numbers above. */
export const RDS_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'messages', summary: 'messages queued' },
  { name: 'zeroCopyMessages', summary: 'of them, those sent out of the pages of the iterator' },
  { name: 'accountedPages', summary: 'pages charged to RLIMIT_MEMLOCK for them, a message at a time' },
  { name: 'accountedPagesPeak', summary: 'most pages charged at a time' },
  { name: 'cookies', summary: 'notifications queued: the pages of that message may be written to again' },
  { name: 'cookieEntries', summary: 'elements of the queues that hold them, of eight at most' },
  { name: 'cookiesReaped', summary: 'notifications that a recvmsg() on the socket brought back' },
  {
    name: 'remainderHits',
    summary: 'last parts of messages that went into a page begun before (s_page_remainder_hit)',
  },
  { name: 'remainderMisses', summary: 'begun pages given up: too little room (s_page_remainder_miss)' },
  { name: 'queueFull', summary: 'messages that found the send buffer full (s_send_queue_full)' },
  { name: 'dropped', summary: 'messages given up after their data was taken, before they were queued' },
  { name: 'received', summary: 'messages copied to a reader' },
  { name: 'workRequests', summary: 'IB: work requests, of a header and at most a page each' },
  { name: 'mappingFailures', summary: 'IB: messages not mapped, and left to a worker (s_ib_tx_sg_mapping_failure)' },
  { name: 'memoryRegions', summary: 'IB: registrations of memory for the peer' },
  { name: 'memoryRegionsRefused', summary: 'registrations that failed, whatever they had pinned' },
]
