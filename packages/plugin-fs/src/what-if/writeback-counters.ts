import type { ConsumerCounter } from '@pinscope/core'

export const WRITEBACK_COUNTERS = [
  { name: 'pagesWritten', summary: 'pages whose writeback began: each time one is cleaned, or copied' },
  { name: 'pagesSkipped', summary: 'pages that writeback passed over since they looked pinned, each time' },
  {
    name: 'pagesNeverWritten',
    summary: 'pages passed over, or still waited for, and not written when the trace ended',
  },
  { name: 'waits', summary: 'folios whose writeback waited until their pins were gone' },
  { name: 'waitNs', summary: 'how long those waited, ns' },
  { name: 'waitsNeverOver', summary: 'folios whose writeback still waited when the trace ended: nothing bounds it' },
  { name: 'pagesBounced', summary: 'pages written from a copy' },
  { name: 'bytesBounced', summary: 'bytes copied for that' },
  { name: 'tornBounces', summary: 'folios that a device was storing into while they were copied for that' },
  { name: 'mkwriteCalls', summary: 'page_mkwrite: a cleaned folio is stored to by a CPU, or taken for writing' },
  {
    name: 'storeWaits',
    summary: 'folios for which CPU stores, or pins for writing, waited until their writeback was over (stable pages)',
  },
  { name: 'storeWaitNs', summary: 'how long those waited, ns' },
  {
    name: 'tornWritebacks',
    summary: 'folios that a device stored into, or was storing into, while the disk read them',
  },
  {
    name: 'storesUnnoticed',
    summary: 'pages that a device stored into after they were cleaned: no fault, no page_mkwrite',
  },
  { name: 'dirtiedUnasked', summary: 'pages made dirty by whoever let go of them, that page_mkwrite had not prepared' },
  { name: 'lostUpdates', summary: 'folios with stores that are neither on disk nor dirty when the trace ends' },
] as const satisfies readonly ConsumerCounter[]
