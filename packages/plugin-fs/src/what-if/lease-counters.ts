import type { ConsumerCounter } from '@pinscope/core'

export const LEASE_COUNTERS = [
  {
    name: 'changes',
    summary:
      'changes of a layout that were done, whether somebody had to be asked or not: truncate, reflink, blocks allocated',
  },
  { name: 'leasesBroken', summary: 'layout leases that somebody asked back' },
  { name: 'leasesAnswered', summary: 'of those, leases that their holder gave back before they were taken away' },
  { name: 'leasesTimedOut', summary: 'of those, leases that were taken away when their time was over' },
  { name: 'leasesRefused', summary: 'leases not given, since one of another holder on the file was asked back' },
  { name: 'waits', summary: 'changes that waited for the holder of a lease' },
  { name: 'waitNs', summary: 'how long those waited, ns' },
  { name: 'waitsNeverOver', summary: 'changes that still waited when the trace ended' },
  { name: 'pinsDropped', summary: 'pages that holders let go of when they were asked' },
  { name: 'pinsDroppedLate', summary: 'of those, pages let go of after the lease had been taken away' },
  { name: 'changedWhilePinned', summary: 'pages whose blocks were shared, freed or allocated while they were pinned' },
  { name: 'storesHeldBack', summary: 'pages that a device did not store into, since its holder had let go of them' },
  { name: 'storesTooLate', summary: 'pages that a device stored into after that' },
] as const satisfies readonly ConsumerCounter[]
