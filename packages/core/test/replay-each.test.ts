import { describe, expect, it } from 'vitest'
import { replay, replayEach } from '../src/replay/replay.ts'
import type { ReplayOptions } from '../src/replay/replay-options.ts'
import { PLAIN_OPTIONS } from './support/replay-rows.ts'
import { openRecorded } from './support/traces.ts'

const WAYS: readonly ReplayOptions[] = [
  PLAIN_OPTIONS,
  { ...PLAIN_OPTIONS, consumers: ['bio'], policies: ['get-pages'], kernel: '6.1' },
  { ...PLAIN_OPTIONS, consumers: ['bio', 'null'], policies: ['extract', 'folio'], kernel: 'mainline' },
  { ...PLAIN_OPTIONS, consumers: ['bio'], faults: { fault: 'page', at: 3 }, inFlight: true },
  { ...PLAIN_OPTIONS, quirks: [{ name: 'bvec-entries-short', on: false }], verifyData: true },
]

describe('several ways at once', () => {
  it.each([
    'fio-libaio-randrw',
    'fio-uring-fixedbufs',
    'made/every-iterator',
    'made/release-errors',
    'made/four-policies',
  ])('are those ways one by one: %s', async (name) => {
    const each = await replayEach(await openRecorded(name), WAYS)
    const single = []
    for (const options of WAYS) single.push(await replay(await openRecorded(name), options))
    expect(each).toEqual(single)
  })

  it('tells how far it is: rows once, pins of all', async () => {
    const told: { rows: number; pinsOpen: number }[] = []
    await replayEach(await openRecorded('fio-uring-fixedbufs'), [PLAIN_OPTIONS, PLAIN_OPTIONS], (state) =>
      told.push(state),
    )
    // 32 pages of registered buffers stay pinned, in each of two worlds.
    expect(told.at(-1)).toMatchObject({ rows: 137, pinsOpen: 64 })
  })

  it('in no way reads the trace all the same', async () => {
    expect(await replayEach(await openRecorded('fio-uring-fixedbufs'), [])).toEqual([])
  })
})
