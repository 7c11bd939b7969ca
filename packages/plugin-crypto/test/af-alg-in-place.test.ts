import type { ConsumerDefinition } from '@pinscope/core'
import { replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { afAlgAead } from '../src/af-alg/index.ts'

// crypto/algif_aead.c before 2026 worked in place on the receive lists: crypto_aead_copy_sgl() copied everything there but
// the tag of what is decrypted, whose pages were chained behind them. No modelled version does.

const options = { assoclen: 20, authsize: 16 }
const kernel = '6.12'

const inPlace: ConsumerDefinition = {
  ...afAlgAead,
  create: (environment) => {
    const { traits } = environment
    const quirks = Object.assign({}, traits.quirks, { 'alg-aead-in-place': true })
    return afAlgAead.create({ ...environment, traits: { ...traits, quirks } })
  },
}

const sent: TestRow = { op: 'write', iter: 'ubuf', segs: '0x7e0000000000+10000', file: 'sk' }
const received: TestRow = { op: 'read', iter: 'ubuf', segs: '0x7f0000000000+20000', file: 'sk' }

describe('aead, in place', () => {
  it('encrypts: all is copied, and the transmit list thrown away', async () => {
    const { report, results } = await replayRows(inPlace, [sent, received], { kernel, options })
    expect(results).toEqual([10_000, 10_016])
    expect(report.data).toEqual({ zeroCopyBytes: 16, copiedBytes: 10_000 + 10_000 })
    // The three receive entries, and none of the transmit list.
    expect(report.entries.perOperationMax).toBe(3)
    expect(report.allocations?.openBytes).toBe(0)
  })

  it('decrypts: all but the tag is copied, whose entry the request takes', async () => {
    const decrypt = { ...options, decrypt: 1 }
    const { report, results } = await replayRows(inPlace, [sent, received], { kernel, options: decrypt })
    expect(results).toEqual([10_000, 9984])
    expect(report.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 10_000 + 9984 })
    expect(report.entries.perOperationMax).toBe(4)
    expect(report.allocations?.openBytes).toBe(0)
  })

  it.each([0, 1])('leaves nothing behind, whatever fails (decrypt %i)', async (decrypt) => {
    const rows = [sent, { ...received, segs: '0x7f0000000000+5000' }, { ...received, end: 500 }]
    const { unclean } = await sweepFaults(inPlace, rows, { kernel, options: { ...options, decrypt } })
    expect(unclean).toEqual([])
  })
})
