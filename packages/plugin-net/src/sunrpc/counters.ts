import type { ConsumerCounter } from '@pinscope/core'

export const MESSAGES = 0
export const CALLS = 1
export const ITERATORS = 2
export const ELEMENTS = 3
export const KMAPS = 4
export const KMAPS_PEAK = 5
export const BYTES_COPIED = 6
export const BYTES_REFERENCED = 7
export const FRAG_REFERENCES = 8
export const SKB_FRAGS = 9
export const SKBS = 10
export const IMPROPER_PAGES = 11
export const NOT_LINEAR = 12
export const BYTES_SKIPPED = 13
export const SOCKETS_CLOSED = 14
export const MEMORY_WAITS = 15
export const SPARSE_PAGES = 16

/** In the order of the numbers above. The same for all ways, so that they line up. */
export const SUNRPC_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'messages', summary: 'RPC messages sent or received' },
  { name: 'calls', summary: 'calls of the socket for them: sendmsg, sendpage, recvmsg' },
  { name: 'iterators', summary: 'iterators made for those calls' },
  {
    name: 'elements',
    summary: 'elements of the lists that the iterators are over, and of the arrays of pages sent one by one',
  },
  { name: 'kmaps', summary: 'pages mapped so that a kvec can name them' },
  { name: 'kmapsPeak', summary: 'pages mapped at one time, at most' },
  { name: 'bytesCopied', summary: 'bytes of messages that the CPU copied, markers included' },
  { name: 'bytesReferenced', summary: 'bytes of messages that TCP sends from where they are' },
  {
    name: 'fragReferences',
    summary: "references that TCP took for fragments of messages, that on a marker's page fragment included",
  },
  { name: 'skbFrags', summary: 'fragments of skbs, those with copied data included' },
  { name: 'skbs', summary: 'skbs that the messages are in' },
  { name: 'improperPages', summary: 'pages of slab memory that were given to TCP to keep a reference on (a WARN)' },
  { name: 'notLinear', summary: 'messages given up because virt_to_page() has no page for vmalloc memory' },
  { name: 'bytesSkipped', summary: 'bytes that TCP left out of the stream because their pages are slab memory' },
  { name: 'socketsClosed', summary: 'messages that went in part: the connection is shut down' },
  { name: 'memoryWaits', summary: 'allocations that had to be waited for' },
  { name: 'sparsePages', summary: 'pages allocated while a reply arrived (XDRBUF_SPARSE_PAGES)' },
]
