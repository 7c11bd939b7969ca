import { describe, expect, it } from 'vitest'
import { CONSUMER_API_VERSION, type ConsumerDefinition } from '../../src/consumer/consumer.ts'
import type { Operation } from '../../src/consumer/operation.ts'
import { HOLD_NONE, type Hold } from '../../src/ledger/hold.ts'
import { FOLL_LONGTERM, FOLL_WRITE } from '../../src/memory/foll.ts'
import { PAGE_SIZE } from '../../src/units.ts'
import { foundIn } from './found.ts'

/** Pins each segment by itself, and lets go of those whose index `refuses`, at once; `last` is let go by the next registration. */
function registrar(refuses: readonly number[]): ConsumerDefinition {
  let last: Hold = HOLD_NONE
  const register = (io: Operation): number => {
    const { table, segment, segmentsLeft, mm } = io.iter
    const holds: Hold[] = []
    for (let at = 0; at < segmentsLeft; at++) {
      const pages = table.lengthBytes[segment + at]! / PAGE_SIZE
      const pinned = io.pinPages(mm, table.addressBytes, segment + at, 0, pages, FOLL_WRITE | FOLL_LONGTERM)
      if (pinned < 0) return pinned
      holds.push(io.hold)
    }
    for (const at of refuses) io.ledger.letGo(holds[at]!)
    io.ledger.letGo(last)
    last = refuses.includes(0) ? HOLD_NONE : holds[0]!
    io.hold = last
    return refuses.includes(0) ? -95 : 0
  }
  return {
    apiVersion: CONSUMER_API_VERSION,
    name: 'registrar',
    summary: 'for this test',
    kernel: 'none',
    accepts: ['ubuf', 'iovec'],
    entriesMax: 1,
    avoided: 'nothing',
    kernelPolicy: () => 'extract',
    create: () => ({
      register,
      unregister: (io) => io.ledger.letGo(last),
      submit: () => -22,
      abort: () => {},
      complete: () => {},
      counters: () => ({}),
    }),
  }
}

describe('H-23 before 6.5: what is let go in the row that pinned a file', () => {
  const COLUMNS = 'event,id,mm,op,iter,segs,backing'
  const MAPS = '# filesystem ext4\nmap,,1,,,0x10000+4096,anon\nmap,,1,,,0x20000+4096,file\n'
  const found = (refuses: readonly number[], rows: string) =>
    foundIn(COLUMNS, MAPS + rows, { kernel: '6.1', consumers: [registrar(refuses)], consumer: 'registrar' })

  it('is the file itself: refused', async () => {
    expect(await found([0], 'register,b,1,,ubuf,0x20000+4096\n')).toEqual([])
  })

  it('is other memory of the same call: the file is kept', async () => {
    expect(await found([1], 'register,b,1,,iovec,0x20000+4096;0x10000+4096\nunregister,b,1\n')).toEqual(['H-23@3'])
  })

  it('is what was registered before: the file is kept', async () => {
    const two = 'register,a,1,,ubuf,0x10000+4096\nregister,b,1,,ubuf,0x20000+4096\n'
    expect(await found([], two)).toEqual(['H-23@4'])
  })
})
