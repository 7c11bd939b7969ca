import type { ConsumerCounter } from '@pinscope/core'

export const COMMANDS = 0
export const BOUNCED = 1
export const BOUNCE_PAGES = 2
export const PROT_ENTRIES = 3
export const TASK_SET_FULL = 4
export const BAD_TARGETS = 5
export const DROPPED = 6
export const LOST_PAGES = 7
export const PREALLOCATED_BYTES = 8

/** In the order of the numbers above. */
export const SCSI_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'commands', summary: 'commands given to the target, bounced ones included' },
  {
    name: 'bouncedCommands',
    summary: 'commands copied through fresh pages, because misaligned memory would need too many bvecs',
  },
  { name: 'bouncePages', summary: 'pages allocated for them' },
  { name: 'protectionEntries', summary: 'entries of the scatterlists of protection information' },
  { name: 'taskSetFull', summary: 'commands answered with TASK_SET_FULL: no tag or no memory was left (since 6.12)' },
  { name: 'badTargets', summary: 'commands answered with BAD_TARGET: in 6.1 whatever failed, since 6.12 a copy back' },
  { name: 'droppedCommands', summary: 'commands that failed and were never answered (since 6.12)' },
  { name: 'lostPages', summary: 'pages not put when a misaligned command was undone (quirk vhost-scsi-revert-short)' },
  { name: 'preallocatedBytes', summary: 'arrays that the virtqueue has for its commands before the first one comes' },
]
