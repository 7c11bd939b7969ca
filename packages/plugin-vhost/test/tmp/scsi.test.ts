import fc from 'fast-check'
import { expect, it } from 'vitest'
import { vhostScsi } from '../../src/vhost-scsi/index.ts'
import { SlowVhostScsi } from '../model/slow-vhost-scsi.ts'
import { fast, slow } from '../support/twin.ts'
import { hasTypes, POLICIES, rowsOf, VERSIONS, mapRow } from '../support/random-rows.ts'
import type { Row } from '../model/slow-common.ts'

const choices = { iters: ['ubuf','iovec','iovec','iovec', 'kvec'] as const, flags: [] as const, files: ['', 'a', 'b'], ends: [undefined, undefined, 0, 1500, 2500, 'never'] as const, results: process.env.R ? [undefined, 16, 8, 3, 0, -11] : [undefined], unit: 512, partsMax: 24 }
const N = Number(process.env.N ?? 200)
const big: fc.Arbitrary<Row> = fc.record({ op: fc.constantFrom('read' as const, 'write' as const), end: fc.constantFrom(undefined, 0, 1500, 'never' as const), parts: fc.array(fc.record({ at: fc.nat(40), offset: fc.constantFrom(0, 0, 512, 0x100, 4095), bytes: fc.constantFrom(512, 4096, 100, 4096*20, 4096*60, 4096*60-512, 4096*200), }), { minLength: 1, maxLength: 12 }) }).map(({ op, parts, end }) => ({ op, iter: 'iovec' as const, segs: parts.map(({ at, offset, bytes }) => [0x7f0000000000 + at * 4096 + offset, bytes]), ...(end === undefined ? {} : { end }) }))
const rowsArb = fc.oneof(rowsOf(choices), fc.array(fc.oneof({ weight: 5, arbitrary: big }, { weight: 1, arbitrary: mapRow }), { minLength: 1, maxLength: 5 }))
it('scsi', async () => {
  await fc.assert(fc.asyncProperty(rowsArb, fc.constantFrom(...(process.env.V ? [process.env.V as '6.1'] : VERSIONS)), fc.constantFrom(...(process.env.P ? [process.env.P as 'extract'] : POLICIES)), fc.constantFrom({}, {'t10-pi': 1}, { tags: 2 }, {'t10-pi': 1, tags: 3}, {'inline-sg-cnt': 0}, {'inline-sg-cnt': 100}), async (rows, version, policy, options) => {
    fc.pre(hasTypes(version, rows))
    const setup = { version, policy, options: options as any, quirks: {} }
    expect(await fast(vhostScsi, rows, setup)).toEqual(slow((w) => new SlowVhostScsi(w), rows, setup))
  }), { numRuns: N, seed: Number(process.env.SEED ?? 1) })
})
