import { describe, expect, it } from 'vitest'
import type { Operation } from '../../src/consumer/operation.ts'
import { RETAIN_PIN } from '../../src/extract/retention.ts'
import { GUARD_COUNT, GUARD_NONE, type Guard } from '../../src/lifetime/borrows.ts'
import { h16 } from '../../src/lifetime/rules/h-16-release-of-borrow.ts'
import { h17 } from '../../src/lifetime/rules/h-17-release-count.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { auditSteps } from '../support/audited-consumer.ts'

const ROWS = 'ts,end,mm,op,iter,segs\n0,10,1,write,bvec,0x500:0+4096\n20,90,1,write,bvec,0x600:0+12288\n'

function list(io: Operation, guard: Guard): number {
  const bytes = io.extract(16, 2 ** 30)
  io.borrowList(guard)
  return bytes
}

describe('H-16: pages of which nothing was taken', () => {
  it('are put one by one at completion', async () => {
    const pages: number[] = []
    const steps = {
      submit: (io: Operation) => {
        const bytes = list(io, GUARD_NONE)
        pages.splice(0, pages.length, ...io.list.page.subarray(0, io.list.length))
        return bytes
      },
      complete: (io: Operation) => {
        for (const page of pages) io.ledger.putPage(page)
      },
    }
    expect(await auditSteps(steps, ROWS, [h16, h17])).toEqual([
      ['H-16', 1, 1],
      ['H-16', 2, 3],
    ])
  })

  it('are unpinned, which counts nothing here', async () => {
    const steps = {
      submit: (io: Operation) => list(io, GUARD_NONE),
      complete: (io: Operation) => io.audit?.tokens.putBorrowed(io.list.page[0], RETAIN_PIN),
    }
    expect(await auditSteps(steps, ROWS, [h16])).toHaveLength(2)
  })

  it('with a reference on each, put as often as taken, are no borrow', async () => {
    const steps = {
      submit: (io: Operation) => {
        const bytes = list(io, GUARD_COUNT)
        io.ledger.getPage(io.list.page[0])
        io.scratch = io.list.page[0]
        return bytes
      },
      complete: (io: Operation) => io.ledger.putPage(io.scratch),
    }
    expect(await auditSteps(steps, ROWS, [h16, h17])).toEqual([])
  })

  it('that no row of the trace took: a put of pages by address', async () => {
    const rows =
      '# pinscope-trace 1\nts,event,mm,op,segs\n0,get,1,write,0x10000+4096\n1,put,1,,0x20000+4096\n2,put,1,,0x10000+4096\n'
    const findings = await auditText(rows, [h16])
    expect(findings.map(({ row, pages }) => [row, pages])).toEqual([[2, 1]])
  })
})
