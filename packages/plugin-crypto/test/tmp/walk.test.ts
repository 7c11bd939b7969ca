import fc from 'fast-check'
import { expect, it } from 'vitest'
import { checksum } from '../../src/checksum.ts'
import { skcipherWalk } from '../../src/skcipher-walk/consumer.ts'
import { SlowChecksum } from '../model/slow-checksum.ts'
import { SlowSkcipherWalk } from '../model/slow-skcipher-walk.ts'
import { fast, slow } from '../support/twin.ts'
import { hasTypes, POLICIES, rowsOf, VERSIONS } from '../support/random-rows.ts'

const choices = { iters: ['ubuf','ubuf','iovec','iovec','kvec','bvec','xarray','folioq','discard'] as const, flags: [] as const, files: ['', 'a', 'b'], ends: [undefined, undefined, 0, 1500, 2500, 'never'] as const, results: [undefined, undefined, undefined, 16, 8, 3, 0, -11] }
const N = Number(process.env.N ?? 200)
for (const [name, def, make, opts] of [['checksum', checksum, (w: any) => new SlowChecksum(w), [{}]], ['walk', skcipherWalk, (w: any) => new SlowSkcipherWalk(w), [{}, {'block-size': 1}, {alignmask: 15}, {alignmask: 15, 'block-size': 1}, {alignmask: 3, 'in-place': 0, 'dst-offset': 8}, {'in-place': 0}, {'walk-size': 128}, {'walk-size': 128, 'block-size': 1, alignmask: 1}]]] as any)
it(name, async () => {
  await fc.assert(fc.asyncProperty(rowsOf(choices), fc.constantFrom(...(process.env.V ? [process.env.V as '6.1'] : VERSIONS)), fc.constantFrom(...(process.env.P ? [process.env.P as 'extract'] : POLICIES)), fc.constantFrom(...opts), async (rows, version, policy, options) => {
    fc.pre(hasTypes(version, rows))
    const setup = { version, policy, options: options as any, quirks: {} }
    expect(await fast(def, rows, setup)).toEqual(slow(make, rows, setup))
  }), { numRuns: N, seed: Number(process.env.SEED ?? 1) })
})
