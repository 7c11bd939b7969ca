import type { ConsumerCounter } from '@pinscope/core'

export const REFLINK_COUNTERS = [
  { name: 'reflinks', summary: 'reflinks that were done' },
  { name: 'refused', summary: 'reflinks that failed since a page looked pinned' },
  { name: 'waits', summary: 'reflinks that waited until the pins were gone' },
  { name: 'waitNs', summary: 'how long those waited, ns: reflink-wait with both inodes locked' },
  { name: 'waitsNeverOver', summary: 'reflinks that still waited when the trace ended' },
  { name: 'pagesFlushed', summary: 'pages written back, and cleaned, before their blocks were shared' },
  { name: 'pagesShared', summary: 'pages whose blocks two files share from then on' },
  { name: 'sharedWhilePinned', summary: 'of those, pages that were pinned' },
  { name: 'blocksCopied', summary: 'blocks that the other file got of its own, since the page looked pinned' },
  { name: 'bytesCopied', summary: 'bytes of those' },
  { name: 'tornCopies', summary: 'of those blocks, such that a device stored into meanwhile' },
  { name: 'leasesBroken', summary: 'layout leases that were broken' },
  { name: 'pinsDropped', summary: 'pages that holders of leases let go of for that' },
  { name: 'mkwriteCalls', summary: 'page_mkwrite after that: a page is stored to by a CPU, or pinned again' },
  { name: 'storesHeldBack', summary: 'pages that a device did not store into, since its holder had let go of them' },
  { name: 'storesIntoShared', summary: 'pages that a device stored into while their blocks were shared' },
  { name: 'sharedOverwritten', summary: 'pages written back over blocks that the other file reads, too' },
] as const satisfies readonly ConsumerCounter[]
