import type { ConsumerCounter } from '@pinscope/core'

/** Slots of {@link CIFS_COUNTERS}. */
export const REQUESTS = 0
export const PACKETS = 1
export const HEADER_PACKETS = 2
export const SGES = 3
export const PAGE_POINTERS = 4
export const SG_ENTRIES = 5
export const BVECS = 6
export const MRS = 7
export const MR_PAGES = 8
export const WIRE_BYTES = 9
export const CREDIT_STALLS = 10
export const CRYPT_FOLIOS = 11
export const REFUSED = 12
export const MAP_FAILURES = 13
export const DIRTIED_PAGES = 14

/** Counters that `smbdirect`, `smbdirect-legacy`, `smbd-mr` and `iter-to-mr` have in common, by slot: lanes compare by name. */
export const CIFS_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'requests', summary: 'SMB requests: reads or writes of at most rsize or wsize bytes' },
  { name: 'packets', summary: 'packets sent that carry payload' },
  { name: 'headerPackets', summary: 'packets sent that carry SMB or transform headers' },
  { name: 'sges', summary: 'ib_sge of all packets, those of packet headers included' },
  { name: 'pagePointers', summary: 'pointers to pages in arrays between iterator and transport' },
  { name: 'sgEntries', summary: 'scatterlist entries: of packets, of memory registrations, of ciphers' },
  { name: 'bvecs', summary: 'bvecs that user memory was extracted into' },
  { name: 'mrs', summary: 'memory registrations' },
  { name: 'mrPages', summary: 'elements of the page lists of memory registrations' },
  { name: 'wireBytes', summary: 'bytes of the packets sent, packet headers included' },
  { name: 'creditStalls', summary: 'packets that had to wait for a send credit' },
  { name: 'cryptFolios', summary: 'folios (6.1: pages) allocated for encrypted copies' },
  {
    name: 'refused',
    summary: 'requests refused: too long for a message, or of a type that the transport does not take',
  },
  { name: 'mapFailures', summary: 'packets given up because a DMA mapping failed' },
  { name: 'dirtiedPages', summary: 'pages of user memory that a read marked dirty' },
]
