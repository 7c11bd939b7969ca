import type { ImportRows } from '../import-rows.ts'

/** What every recording of a disk's requests leaves open. `hasCompletions`: it has a time at which a request was over. */
export function assumeBlockRequests(rows: ImportRows, hasCompletions: boolean): void {
  rows.attributes.set('logical-block-size', '512')
  // Where the buffers begin is assumed, and must not be refused.
  rows.attributes.set('dma-alignment', '1')
  rows.assume('each request of the disk is taken as direct I/O of one buffer')
  if (!hasCompletions)
    rows.assume('no completion is recorded: each request is over when it begins, and none is in flight')
}
