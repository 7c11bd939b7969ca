import fc from 'fast-check'
import { expect, it } from 'vitest'
import { netfsCrypt } from '../../src/netfs-crypt/definition.ts'
import { SlowNetfsCrypt } from '../model/slow-netfs-crypt.ts'
import { fast, slow } from '../support/twin.ts'
import { hasTypes, POLICIES, rowsOf, VERSIONS } from '../support/random-rows.ts'

const choices = { iters: ['ubuf','ubuf','iovec','iovec','kvec','bvec','xarray','folioq','discard'] as const, flags: [] as const, files: ['', 'a', 'b'], ends: [undefined, undefined, 0, 1500, 2500, 'never'] as const, results: process.env.R ? [undefined, 16, 8, 3, 0, -11] : [undefined], unit: 4096 }
const N = Number(process.env.N ?? 200)
it('netfs', async () => {
  await fc.assert(fc.asyncProperty(rowsOf(choices), fc.constantFrom(...(process.env.V ? [process.env.V as '6.1'] : VERSIONS)), fc.constantFrom(...(process.env.P ? [process.env.P as 'extract'] : POLICIES)), fc.constantFrom({}, {}, {'in-place': 1}, {'block-size': 512}, {'block-size': 512, 'in-place': 1}, {'block-size': 16384}, {'copy-misaligned': 1}), async (rows, version, policy, options) => {
    fc.pre(hasTypes(version, rows))
    const setup = { version, policy, options: options as any, quirks: {} }
    expect(await fast(netfsCrypt, rows, setup)).toEqual(slow((w) => new SlowNetfsCrypt(w), rows, setup))
  }), { numRuns: N, seed: Number(process.env.SEED ?? 1) })
})
