import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText, replayRows } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { consumerOf } from '../src/bug.ts'
import { bug30 } from '../src/bug-30-kvec/bug.ts'

const KERNEL_MEMORY = '0x700000000000'
const MIB = 2 ** 20

const definition = (name: string, isFixed: boolean) => {
  const bugCase = bug30.cases.find((one) => one.name === name)
  if (bugCase === undefined) throw new Error(`there is no case ${name}`)
  return consumerOf(bug30, bugCase, isFixed)
}

describe('virtiofs: copies that are made, and those that are not', () => {
  const rows = [
    { event: 'map', iter: 'kvec', segs: `${KERNEL_MEMORY}+${16 * MIB}`, backing: 'vmalloc' },
    ...[65536, 10 * MIB, 4096].map((bytes) => ({ op: 'read', iter: 'kvec', segs: `${KERNEL_MEMORY}+${bytes}` })),
  ]
  const data = async (isFixed: boolean) => {
    const { report } = await replayRows(definition('virtiofs-kernel-io', isFixed), rows, { kernel: '6.1' })
    return [report.data.copiedBytes, report.avoided.copyBytes]
  }

  it('before the fix each read is bounced, but the 10 MiB never are', async () => {
    expect(await data(false)).toEqual([65536 + 4096, 0])
  })

  it('after it nothing is', async () => {
    expect(await data(true)).toEqual([0, 65536 + 10 * MIB + 4096])
  })
})

// None of them takes a reference: whoever made the iterator keeps its memory until the end, after the fix too.
describe.each(['virtiofs-kernel-io', 'netfs-limit-iter', 'netfs-async-dio'])('%s: the owner goes early', (name) => {
  const accepts = definition(name, true).accepts
  const found = async (iter: string, segs: string, at: number) => {
    const consumer = definition(name, true)
    const text = `# pinscope-trace 1
# kernel 6.12
ts,end,event,mm,op,iter,segs,backing
0,,map,1,,kvec,${KERNEL_MEMORY}+65536,vmalloc
1,40,io,1,read,${iter},${segs},
${at},,free,1,,${iter},${segs},
`
    const findings = await auditText(text, HAZARD_RULES, { consumers: [consumer], consumer: consumer.name })
    return findings.map(({ rule, row, pages }) => [rule, row, pages])
  }

  it.each([
    ['bvec', '0x500:0+8192', [['H-44', 3, 2]]],
    ['kvec', `${KERNEL_MEMORY}+8192`, [['H-19', 3, 2]]],
  ] as const)('%s', async (iter, segs, expected) => {
    if (!accepts.includes(iter)) return
    expect(await found(iter, segs, 20)).toEqual(expected)
    expect(await found(iter, segs, 50)).toEqual([])
  })
})
