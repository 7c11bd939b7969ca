import { type ConsumerDefinition, KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import { sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { afAlgAead, afAlgHash, afAlgSkcipher } from '../src/af-alg/index.ts'

// Every allocation, page, copy, limit and completion of these calls is made to fail in turn: nothing may stay held.

const P = 4096
const IN = '0x7e0000000000'
const OUT = '0x7f0000000100'

const row = (op: 'read' | 'write', iter: string, segs: string, cells: TestRow = {}): TestRow => ({
  op,
  iter,
  segs,
  file: 'sk',
  ...cells,
})

/** Memory of each type that a call can have: three pages and a bit, in two segments where there are segments. */
const MEMORY: Readonly<Record<string, string>> = {
  ubuf: `${OUT}+${3 * P}`,
  iovec: `${OUT}+5000;0x7f1000000000+${3 * P - 5000}`,
  bvec: `77:0+${P};91:256+${2 * P}`,
  kvec: `0x100000000100+5000;0x110000000000+${3 * P - 5000}`,
  xarray: `f:0+${3 * P}`,
  folioq: `f:0+${3 * P}`,
}

function typesOf(kernel: KernelVersion): string[] {
  return Object.keys(MEMORY).filter((type) => type !== 'folioq' || kernel !== '6.1')
}

async function expectClean(
  definition: ConsumerDefinition,
  rows: readonly TestRow[],
  kernel: KernelVersion,
  quirk: string | null = null,
) {
  const quirks = quirk === null ? [] : [{ name: quirk, on: true }]
  const { unclean } = await sweepFaults(definition, rows, { kernel, quirks }, 40)
  expect(unclean).toEqual([])
}

describe.each([afAlgSkcipher, afAlgAead])('$name', (definition) => {
  describe.each(KERNEL_VERSIONS)('%s', (kernel) => {
    it('a message in two, received in two', async () => {
      const rows = [
        row('write', 'iovec', `${IN}+5000;0x7e1000000000+3000`, { flags: 'more' }),
        row('write', 'ubuf', `${IN}+9000`),
        row('read', 'ubuf', `${OUT}+${2 * P}`),
        row('read', 'iovec', `${OUT}+100;0x7f1000000000+${20 * P}`),
      ]
      await expectClean(definition, rows, kernel)
    })

    it('every type of memory, received into and sent from', async () => {
      for (const iter of typesOf(kernel)) {
        const rows = [row('write', iter, MEMORY[iter]), row('read', iter, MEMORY[iter])]
        await expectClean(definition, rows, kernel)
      }
    })

    it('in flight until later, and what nobody sent', async () => {
      const rows = [
        row('write', 'ubuf', `${IN}+${20 * P}`),
        row('read', 'ubuf', `${OUT}+${20 * P}`, { end: 500 }),
        row('read', 'ubuf', `${OUT}+${30 * P}`, { file: 'another', end: 600 }),
        row('write', 'ubuf', `${IN}+${P}`, { file: 'never-received' }),
      ]
      await expectClean(definition, rows, kernel)
    })

    it.each(['alg-tx-sendpage', 'alg-tx-splice'])('with the quirk %s', async (quirk) => {
      const rows = [
        row('write', 'ubuf', `${IN}+100`, { flags: 'more' }),
        row('write', 'bvec', `77:0+${P};91:256+${2 * P}`, { flags: 'splice' }),
        row('read', 'ubuf', `${OUT}+${P}`),
        row('read', 'ubuf', `${OUT}+${4 * P}`, { end: 500 }),
      ]
      await expectClean(definition, rows, kernel, quirk)
    })
  })
})

describe.each(KERNEL_VERSIONS)('af-alg-hash on %s', (kernel) => {
  it('messages, in one and in two, and their digests', async () => {
    const rows = [
      row('write', 'iovec', `${IN}+5000;0x7e1000000000+${20 * P}`, { flags: 'more' }),
      row('write', 'ubuf', `${IN}+9000`),
      row('read', 'ubuf', `${OUT}+64`),
      row('write', 'bvec', `77:0+${P};91:256+${2 * P}`, { flags: 'splice' }),
      row('write', 'ubuf', `${IN}+100`),
    ]
    await expectClean(afAlgHash, rows, kernel)
  })

  it('every type of memory', async () => {
    for (const iter of typesOf(kernel)) await expectClean(afAlgHash, [row('write', iter, MEMORY[iter])], kernel)
  })
})
