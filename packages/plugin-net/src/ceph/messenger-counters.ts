import type { ConsumerCounter } from '@pinscope/core'

/** The first slots of the counters of `ceph` and of `rbd`. */
export const MESSAGES = 0
export const SENDS = 1
export const SPLICED_PIECES = 2
export const JOINED_PIECES = 3
export const COPIED_PIECES = 4
export const RECEIVED_BYTES = 5
export const ENCRYPTED_PAGES = 6
export const CONNECTION_FAULTS = 7

/** In the order of the numbers above. */
export const MESSENGER_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'messages', summary: 'messages with data: requests of writes, replies to reads' },
  { name: 'sends', summary: 'calls into the socket with data, one for each piece or page of the ciphertext' },
  { name: 'splicedPieces', summary: 'pieces that the socket took as they are, with a reference on the page' },
  {
    name: 'joinedPieces',
    summary: 'of them, pieces that lengthened the fragment before them: no reference of their own',
  },
  { name: 'copiedPieces', summary: 'pieces in slab pages, which the socket copies' },
  { name: 'receivedBytes', summary: 'data that TCP copied out of its buffers, as it does with all that arrives' },
  { name: 'encryptedPages', summary: 'pages allocated for ciphertext (msgr=secure)' },
  { name: 'connectionFaults', summary: 'messages that found no memory, and were sent or received again' },
]
