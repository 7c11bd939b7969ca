import { describe, expect, it } from 'vitest'
import type { Operation } from '../../src/consumer/operation.ts'
import type { KernelVersion } from '../../src/kernel/version.ts'
import { HOLD_NONE } from '../../src/ledger/hold.ts'
import { GUARD_NONE } from '../../src/lifetime/borrows.ts'
import { h18 } from '../../src/lifetime/rules/h-18-reference-on-slab.ts'
import { KIND_SLAB as SLAB } from '../../src/memory/page-store.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { auditedConsumer, auditSteps } from '../support/audited-consumer.ts'

const MAP = 'ts,end,event,mm,op,iter,segs,backing\n0,,map,1,,kvec,0xf0000000000+8192,slab\n'
const KVEC = `${MAP}1,90,io,1,write,kvec,0xf0000000080+96,\n`

describe('H-18: slab memory', () => {
  it('that is only borrowed is nothing', async () => {
    const submit = (io: Operation) => {
      const bytes = io.extract(16, 2 ** 30)
      io.borrowList(GUARD_NONE)
      return bytes
    }
    expect(await auditSteps({ submit }, KVEC, [h18])).toEqual([])
  })

  it('is only what a map row declares: other kernel memory may be pages', async () => {
    const submit = (io: Operation) => {
      const bytes = io.extract(16, 2 ** 30)
      io.ledger.getPage(io.list.page[0])
      io.ledger.putPage(io.list.page[0])
      return bytes
    }
    const undeclared = 'ts,mm,op,iter,segs\n1,1,write,kvec,0xf0000000080+96\n'
    expect(await auditSteps({ submit }, undeclared, [h18])).toEqual([])
    expect(await auditSteps({ submit }, KVEC, [h18])).toEqual([['H-18', 2, 1]])
  })

  // A bio names what it is given, and puts no page of the kernel's; an skb puts each of its frags.
  it.each([
    ['bio', []],
    ['skb', [['H-18', 2, 1]]],
  ])('in the list of a %s', async (kind, expected) => {
    const submit = (io: Operation) => {
      const bytes = io.extract(16, 2 ** 30)
      const object = io.audit?.objects.alloc(kind) ?? 0
      io.audit?.objects.attach(object, HOLD_NONE, io.list.page[0], io.list.offsetBytes[0], bytes)
      return bytes
    }
    expect(await auditSteps({ submit }, KVEC, [h18])).toEqual(expected)
  })

  // Since 6.16 iov_iter_get_pages2() passes a slab page of a bvec over: nothing is taken, and nothing to say.
  it.each([
    ['6.12', [['H-18', 2]]],
    ['6.18', []],
  ] as const)('in a bvec that iov_iter_get_pages2() lists, %s', async (kernel, expected) => {
    const submit = (io: Operation) => {
      io.pages.pageOfFrame(0x500, SLAB)
      const bytes = io.extract(16, 2 ** 30)
      io.keep(io.hold)
      return bytes
    }
    const consumer = auditedConsumer({ policy: 'get-pages', submit, complete: (io) => io.letGoOfKept() })
    const rows = `# pinscope-trace 1\n${MAP}1,90,io,1,write,bvec,0x500:0+512,\n`
    const options = { consumers: [consumer], consumer: 'audited', kernel: kernel as KernelVersion }
    const findings = await auditText(rows, [h18], options)
    expect(findings.map(({ rule, row }) => [rule, row])).toEqual(expected)
  })
})

describe('H-18: a page whose count is 0', () => {
  it('gets its only reference', async () => {
    const submit = (io: Operation) => {
      const bytes = io.extract(16, 2 ** 30)
      io.ledger.mappingReferences.put(io.list.page[0])
      io.ledger.getPage(io.list.page[0])
      io.ledger.putPage(io.list.page[0])
      return bytes
    }
    expect(await auditSteps({ submit }, 'ts,mm,op,iter,segs\n0,1,write,bvec,0x500:0+512\n', [h18])).toEqual([
      ['H-18', 1, 1],
    ])
  })
})
