import type { ConsumerCounter } from '@pinscope/core'

/** Slots of the counters of the two cipher consumers. */
export const TX_PAGES = 0
export const TX_BLOCKS = 1
export const TX_MERGED_BYTES = 2
export const TX_SPLICED_BYTES = 3
export const SEND_WAITS = 4
export const REQUESTS = 5
export const RSGLS = 6
export const RSGLS_ALLOCATED = 7
export const BYTES_CUT = 8
export const BUSY = 9
export const UNSEEN_SENT_BYTES = 10
export const UNSEEN_RECEIVED_BYTES = 11

/** Counters of the two cipher consumers, by slot. */
export const CIPHER_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'txPages', summary: 'pages allocated for transmit lists' },
  { name: 'txBlocks', summary: 'blocks of transmit lists: 126 entries each' },
  { name: 'txMergedBytes', summary: 'bytes appended to the last page of a transmit list' },
  {
    name: 'txSplicedBytes',
    summary: 'bytes that a transmit list has where they were (quirks alg-tx-sendpage, alg-tx-splice)',
  },
  { name: 'sendWaits', summary: 'times that a send waited for room in the transmit list' },
  { name: 'requests', summary: 'cipher requests: a receive makes one for each piece that it gets' },
  { name: 'receiveLists', summary: 'receive lists of up to 16 entries' },
  { name: 'receiveListsAllocated', summary: 'of these, allocated: the first one of a request is part of it' },
  { name: 'cutBytes', summary: 'bytes of receive lists left unused, to end on a whole chunk of the cipher' },
  { name: 'busy', summary: 'receives refused with -EBUSY: a request of the socket was in flight' },
  { name: 'unseenSentBytes', summary: 'bytes received that no row of the trace sent' },
  { name: 'unseenReceivedBytes', summary: 'bytes sent that no row of the trace received before the next send' },
]
