import { describe, expect, it } from 'vitest'
import type { Operation } from '../../src/consumer/operation.ts'
import { GUARD_COUNT, GUARD_NONE, type Guard } from '../../src/lifetime/borrows.ts'
import { h19 } from '../../src/lifetime/rules/h-19-freed-object-behind-borrow.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { auditSteps } from '../support/audited-consumer.ts'

const HEAD = 'ts,end,event,id,mm,op,iter,segs,backing\n'

function rowsOf(backing: string, freed: string): string {
  return `${HEAD}0,,map,,1,,kvec,0xf0000000000+8192,${backing}
10,90,io,,1,write,kvec,0xf0000000080+200,
50,,free,,1,,kvec,${freed},
`
}

function borrower(guard: Guard) {
  return {
    submit: (io: Operation) => {
      const bytes = io.extract(16, 2 ** 30)
      io.borrowList(guard)
      return bytes
    },
  }
}

// lifetime.md 19, scenario 9: kvec borrow, kfree, completion.
describe('scenario 9: kernel memory that is freed before the completion', () => {
  it.each([
    ['slab', GUARD_NONE, '0xf0000000080+200', [['H-19', 3, 1]]],
    ['slab, with a reference on the page', GUARD_COUNT, '0xf0000000080+200', [['H-19', 3, 1]]],
    ['slab, another object in the page', GUARD_NONE, '0xf0000000148+64', []],
    ['vmalloc', GUARD_NONE, '0xf0000000000+8192', [['H-19', 3, 1]]],
    ['vmalloc, with a reference on the page', GUARD_COUNT, '0xf0000000000+8192', []],
  ] as const)('%s', async (name, guard, freed, expected) => {
    const backing = name.split(',')[0] as string
    expect(await auditSteps(borrower(guard), rowsOf(backing, freed), [h19])).toEqual(expected)
  })

  it('and after it is nothing', async () => {
    const rows = rowsOf('slab', '0xf0000000080+200').replace('50,,free', '91,,free')
    expect(await auditSteps(borrower(GUARD_NONE), rows, [h19])).toEqual([])
  })
})

describe('H-19: objects and devices', () => {
  async function found(rows: string) {
    const text = `# pinscope-trace 1\n${HEAD}0,,map,,1,,kvec,0xf0000000000+8192,slab\n${rows}`
    return (await auditText(text, [h19])).map(({ row, since }) => [row, since?.row, since?.what])
  }

  it('a request that is sent after its payload was freed', async () => {
    const rows =
      '1,,alloc,r,1,,,,\n2,,attach,r,1,,kvec,0xf0000000080+96,\n3,,free,,1,,kvec,0xf0000000080+96,\n4,,submit,r,1,,,,\n'
    expect(await found(rows)).toEqual([[5, 3, 'attached']])
  })

  it('a request that is given up with its payload', async () => {
    const rows =
      '1,,alloc,r,1,,,,\n2,,attach,r,1,,kvec,0xf0000000080+96,\n3,,free,,1,,kvec,0xf0000000080+96,\n4,,free,r,1,,,,\n'
    expect(await found(rows)).toEqual([])
  })

  it('a request that is freed before it is complete, and one that is freed after', async () => {
    const sent = '1,,alloc,r,1,,,,\n2,,attach,r,1,,kvec,0xf0000000080+96,\n3,,submit,r,1,,,,\n'
    expect(await found(`${sent}4,,free,r,1,,,,\n`)).toEqual([[5, 2, 'allocated']])
    expect(await found(`${sent}4,,complete,r,1,,,,\n5,,free,r,1,,,,\n`)).toEqual([])
  })

  it('a device that is still at work', async () => {
    const rows = '1,,dma,d,1,write,kvec,0xf0000000080+96,\n2,,free,,1,,kvec,0xf0000000080+96,\n3,,dma_end,d,1,,,,\n'
    expect(await found(rows)).toEqual([[3, 2, 'a device began to load']])
  })
})
