import { type RowsOptions, replayRows, type TestRow } from '@pinscope/core/testing'
import { expect } from 'vitest'
import { tls } from '../../src/tls/tls.ts'

/** One extraction under the lane's policy: maxpages, maxsize and what it returned. */
export interface WatchedCall {
  readonly pagesMax: number
  readonly bytesMax: number
  readonly bytes: number
}

/**
 * The rows through TLS sockets; everything allocated must be freed at the end. `calls`: extractions in order, those of a
 * splice left out; `puts`: pages of each release, in order; `elements`: {offset, length} of each list.
 */
export async function watchedTls(rows: readonly TestRow[], options: RowsOptions = {}) {
  const calls: WatchedCall[] = []
  const puts: number[] = []
  const result = await replayRows(tls, rows, {
    ...options,
    prepare: (lane) => {
      options.prepare?.(lane)
      const { io } = lane
      const extract = io.extract.bind(io)
      io.extract = (pagesMax, bytesMax, flags, policy) => {
        const bytes = extract(pagesMax, bytesMax, flags, policy)
        if (policy === undefined) calls.push({ pagesMax, bytesMax, bytes })
        return bytes
      }
      lane.ledger.observer = { released: (_, pages) => puts.push(pages) }
    },
  })
  const { report } = result
  const { allocations } = report
  if (allocations !== undefined) expect(allocations).toMatchObject({ freed: allocations.made, openBytes: 0 })
  return {
    ...result,
    calls,
    puts,
    counters: report.counters,
    elements: result.lists.map(({ entries }) => entries.map((entry) => [entry.offsetBytes, entry.lengthBytes])),
  }
}
