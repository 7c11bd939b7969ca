import { describe, expect, it } from 'vitest'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'

const RULES = HAZARD_RULES.filter(({ id }) => ['H-14', 'H-46', 'H-47', 'H-48'].includes(id))

async function found(rows: string) {
  const findings = await auditText(`# pinscope-trace 1\n${rows}`, RULES)
  return findings.map(({ rule, row }) => [rule, row])
}

describe('H-46: entries that are joined', () => {
  const HEAD = 'ts,event,id,mm,op,iter,segs,backing\n'
  const skb = (...rows: string[]) => `${HEAD}${rows.join('\n')}\n`

  it('a pin and a reference', async () => {
    const rows = skb(
      '0,pin,a,1,read,ubuf,0x10000+4096,',
      '1,get,b,1,write,ubuf,0x11000+4096,',
      '2,alloc,bio,1,,,,',
      '3,attach,bio,1,,ubuf,0x10000+4096,',
      '4,merge,bio,1,,ubuf,0x11000+4096,',
      '5,put,b,1,,,,',
      '6,unpin,a,1,,,,',
    )
    expect(await found(rows)).toEqual([['H-46', 5]])
  })

  it('two borrowed ones, and the first of a list, are sound', async () => {
    const rows = skb(
      '0,alloc,bio,1,,,,',
      '1,merge,bio,1,,bvec,0x500:0+4096,',
      '2,attach,bio,1,,bvec,0x500:0+4096,',
      '3,merge,bio,1,,bvec,0x501:0+4096,',
    )
    expect(await found(rows)).toEqual([])
  })
})

describe('H-47 and H-48: what a copied descriptor points to', () => {
  const HEAD = 'ts,event,id,mm,call\n0,alloc,state,1,state\n'

  it.each([
    ['counted, two copies, one reference for them', ['clone', 'clone', 'share', 'drop', 'drop'], [['H-47', 6]]],
    ['counted, a reference for each', ['clone', 'share', 'clone', 'share', 'drop', 'drop', 'drop'], []],
    ['counted, the reference is there before the copy is dropped', ['clone', 'share', 'drop', 'drop'], []],
    ['not counted, freed by both', ['clone', 'free', 'free'], [['H-48', 4]]],
    ['not counted, freed by one: the other gave it up', ['clone', 'free'], []],
    ['freed twice by one', ['free', 'free'], [['H-14', 3]]],
  ] as const)('%s', async (_name, steps, expected) => {
    const rows = steps.map((step, i) => `${i + 1},${step},state,1,\n`).join('')
    expect(await found(HEAD + rows)).toEqual(expected)
  })
})
