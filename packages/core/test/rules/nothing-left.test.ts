import { describe, expect, it } from 'vitest'
import type { Operation } from '../../src/consumer/operation.ts'
import { HOLD_NONE, type Hold } from '../../src/ledger/hold.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditSteps } from '../support/audited-consumer.ts'
import { findingsIn, foundIn } from './found.ts'

const COLUMNS = 'event,id,mm,op,segs,backing,flags'
const ZERO = 'map,,1,,0x10000+8192,anon,untouched\npin,a,1,write,0x10000+8192\n'

describe('what moves no count is no leak', () => {
  it.each(['6.1', '6.12', 'mainline'] as const)('pins of the zero page, under %s', async (kernel) => {
    expect(await foundIn(COLUMNS, ZERO, { kernel })).toEqual([])
  })

  it('a zero page and another: the other one', async () => {
    const findings = await findingsIn(COLUMNS, `${ZERO.replace('pin', 'store,,1,,0x10000+8\npin')}`)
    expect(findings.map(({ rule, pages }) => [rule, pages])).toEqual([['H-10', 1]])
  })

  it('a pin of the zero page that is put is told with its pages: the put drops what nobody took', async () => {
    const findings = await findingsIn(COLUMNS, `${ZERO}put,a,1\n`)
    expect(findings).toMatchObject([
      { rule: 'H-51', pages: 2, detail: expect.stringContaining('a pin counts nothing') },
    ])
  })

  it('a hold that was let go page by page', async () => {
    let hold: Hold = HOLD_NONE
    const steps = {
      submit: (io: Operation) => {
        const bytes = io.extract(16, 2 ** 30)
        hold = io.hold
        return bytes
      },
      complete: (io: Operation) => {
        while (io.ledger.entriesHeld(hold) > 0) io.ledger.releaseFirst(hold)
      },
    }
    expect(await auditSteps(steps, 'ts,end,mm,op,segs\n0,4,1,write,0x10000+8192\n', HAZARD_RULES)).toEqual([])
  })
})

// lifetime.md 19, scenario 13, pinned for long.
describe('a part of a long-term pin is let go, and the rest is not', () => {
  const THP = 'map,,1,,0x200000+2097152,thp\npin,a,1,read,0x200000+2097152,,longterm\n'

  it('is a wrong count, as of any other pin', async () => {
    expect(await foundIn(COLUMNS, `${THP}unpin,a,1,,0x200000+4096\n`)).toEqual(['H-17@3'])
  })

  it('all of it is kept on purpose', async () => {
    expect(await foundIn(COLUMNS, THP)).toEqual([])
    expect(await foundIn(COLUMNS, 'map,,1,,0x200000+2097152,thp\nregister,a,1,,0x200000+2097152\n')).toEqual([])
  })
})
