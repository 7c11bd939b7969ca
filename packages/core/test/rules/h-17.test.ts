import { describe, expect, it } from 'vitest'
import type { Operation } from '../../src/consumer/operation.ts'
import { GUARD_COUNT } from '../../src/lifetime/borrows.ts'
import { h11 } from '../../src/lifetime/rules/h-11-get-leak.ts'
import { h17 } from '../../src/lifetime/rules/h-17-release-count.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { auditSteps } from '../support/audited-consumer.ts'

const HEAD = '# pinscope-trace 1\nts,event,id,mm,op,segs,backing\n0,map,,1,,0x200000+2097152,thp\n'

async function found(rows: string) {
  const findings = await auditText(HEAD + rows, HAZARD_RULES)
  return findings.map(({ rule, row, pages, verdict }) => [rule, row, pages, verdict])
}

// lifetime.md 19, scenario 13.
describe('scenario 13: a 2 MiB folio of which 512 pages are pinned', () => {
  it('and unpinned once, by its head: 511 are left, and one rule says so', async () => {
    const rows = '1,pin,buffer,1,read,0x200000+2097152,\n2,unpin,buffer,1,,0x200000+4096,\n'
    expect(await found(rows)).toEqual([['H-17', 3, 511, 'LEAK']])
  })

  it('and unpinned once for each page', async () => {
    expect(await found('1,pin,buffer,1,read,0x200000+2097152,\n2,unpin,buffer,1,,,\n')).toEqual([])
  })

  it('and unpinned in two parts', async () => {
    const parts = '2,unpin,buffer,1,,0x200000+4096,\n3,unpin,buffer,1,,0x201000+2093056,\n'
    expect(await found(`1,pin,buffer,1,read,0x200000+2097152,\n${parts}`)).toEqual([])
  })

  it('and never unpinned is a leak of pins, and no wrong count', async () => {
    const rules = (await found('1,pin,buffer,1,read,0x200000+2097152,\n')).map(([rule]) => rule)
    expect(rules).toEqual(['H-10'])
  })
})

describe('by pages that a row with an id names', () => {
  const small = async (rows: string) =>
    (await auditText(`# pinscope-trace 1\nts,event,id,mm,op,segs\n${rows}`, HAZARD_RULES)).map(
      ({ rule, row, pages, verdict, severity }) => `${rule} ${row} ${pages} ${verdict} ${severity}`,
    )

  it('more than were taken: the other direction', async () => {
    expect(await small('0,pin,a,1,read,0x10000+8192\n1,unpin,a,1,,0x10000+16384\n')).toEqual([
      'H-17 2 2 DOUBLE critical',
    ])
    expect(await small('0,get,a,1,write,0x10000+100\n1,put,a,1,,0x10000+8192\n')).toEqual(['H-17 2 1 DOUBLE critical'])
    expect(await small('0,pin,a,1,read,0x10000+8192\n1,unpin,a,1,,0x10000+8192\n')).toEqual([])
  })

  it('one page twice is a double release, and the other one is left: 770c8d55c428', async () => {
    const rows = '0,pin,a,1,read,0x10000+8192\n1,unpin,a,1,,0x10000+4096\n2,unpin,a,1,,'
    expect(await small(`${rows}0x10000+4096\n`)).toEqual(['H-17 2 1 LEAK high', 'H-14 3 1 DOUBLE critical'])
    expect(await small(`${rows}0x11000+4096\n`)).toEqual([])
  })

  it('pages of another place were never taken', async () => {
    const rows = '0,pin,a,1,read,0x10000+8192\n1,unpin,a,1,,0x40000+4096\n2,unpin,a,1,,\n'
    expect(await small(rows)).toEqual(['H-16 2 1 DOUBLE critical'])
  })
})

describe('H-17: references that are in no token, folio by folio', () => {
  const ROWS = 'ts,end,mm,op,iter,segs\n0,90,1,write,bvec,0x500:0+8192\n'
  const counting = (gets: readonly number[], puts: readonly number[]) => {
    let pages: number[] = []
    return {
      submit: (io: Operation) => {
        const bytes = io.extract(16, 2 ** 30)
        pages = [...io.list.page.subarray(0, io.list.length)]
        for (const at of gets) io.ledger.getPage(pages[at]!)
        io.borrowList(GUARD_COUNT)
        return bytes
      },
      complete: (io: Operation) => {
        for (const at of puts) io.ledger.putPage(pages[at]!)
      },
    }
  }

  it.each([
    ['one each', [0, 1], [0, 1], []],
    ['both on the first', [0, 0], [0, 1], ['H-17 1', 'H-17 1']],
    ['one put too many', [0, 1], [0, 1, 1], ['H-17 1']],
    ['one put too few', [0, 0], [0], ['H-17 1']],
    ['never put: forgotten, not miscounted', [0, 1], [], ['H-11 1']],
  ] as const)('%s', async (_name, gets, puts, expected) => {
    const findings = await auditSteps(counting(gets, puts), ROWS, [h11, h17])
    expect(findings.map(([rule, row]) => `${rule} ${row}`)).toEqual(expected)
  })
})
