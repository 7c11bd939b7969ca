import type { ConsumerCounter } from '@pinscope/core'

export const SENDS = 0
export const ZEROCOPY_SENDS = 1
export const SKBS = 2
export const PURE_SKBS = 3
export const PURE_DOWNGRADES = 4
export const PAGES_JOINED = 5
export const MERGES_REFUSED = 6
export const MANAGED_FRAGS = 7
export const DOWNGRADES = 8
export const DOWNGRADE_REFS = 9
export const SPLICED_PAGES = 10
export const SLAB_PAGES = 11
export const UBUFS = 12
export const UBUF_JOINED = 13
export const UBUF_MISMATCHES = 14
export const UBUF_ABORTED = 15
export const NOTIFICATIONS = 16
export const NOTIFICATIONS_JOINED = 17
export const NOTIFICATIONS_COPIED = 18
export const ACCOUNTED_PAGES = 19
export const ACCOUNTED_PEAK = 20
export const MEMORY_WAITS = 21
export const RX_DROPS = 22
export const RECEIVED = 23

/** In the order of the numbers above. */
export const SKB_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'sends', summary: 'calls that sent something' },
  { name: 'zeroCopySends', summary: 'of them, those with MSG_ZEROCOPY, or by io_uring SEND_ZC' },
  { name: 'skbs', summary: 'skbs allocated for data' },
  { name: 'pureSkbs', summary: 'of them, those begun with zero-copy data: nothing of it is charged to the socket' },
  { name: 'pureDowngrades', summary: 'of those, the ones that other data came into, and that are charged after all' },
  { name: 'pagesJoined', summary: 'pages that a frag before went on with: the surplus reference was dropped' },
  { name: 'mergesRefused', summary: 'frags begun although the one before ended there: its page is held another way' },
  { name: 'managedFrags', summary: 'frags in registered buffers of io_uring, without a reference' },
  { name: 'downgrades', summary: 'skbs with such frags into which something else came' },
  { name: 'downgradeRefs', summary: 'references that their frags were given then' },
  { name: 'splicedPages', summary: 'pages attached as they are: sendfile(2), splice(2)' },
  { name: 'slabPages', summary: 'pages that could not be attached, since a reference does not keep them' },
  { name: 'ubufs', summary: 'notifications begun (struct ubuf_info)' },
  { name: 'ubufsJoined', summary: 'sends that went on with the notification of the unsent skb' },
  {
    name: 'ubufMismatches',
    summary: 'skbs left although they had room, since they have the notification of another send',
  },
  { name: 'ubufsAborted', summary: 'sends that failed, and are not notified' },
  { name: 'notifications', summary: 'notifications given: the pages of those sends may be written to again' },
  { name: 'notificationsJoined', summary: 'of them, those added to the one that waits in the error queue' },
  { name: 'notificationsCopied', summary: 'of them, those that say that the data was copied after all' },
  { name: 'accountedPages', summary: 'pages charged to RLIMIT_MEMLOCK, (bytes >> 12) + 2 a send' },
  { name: 'accountedPagesPeak', summary: 'most pages charged at a time' },
  { name: 'memoryWaits', summary: 'sends that waited for memory' },
  { name: 'rxDrops', summary: 'packets dropped where their data should have been copied, for lack of memory' },
  { name: 'received', summary: 'reads that brought data' },
]
