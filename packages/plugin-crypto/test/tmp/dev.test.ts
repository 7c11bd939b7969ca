import fc from 'fast-check'
import { expect, it } from 'vitest'
import { afAlgSkcipher } from '../../src/af-alg/skcipher.ts'
import { afAlgAead } from '../../src/af-alg/aead.ts'
import { SlowCipherSocket } from '../model/slow-af-alg.ts'
import { fast, slow } from '../support/twin.ts'
import { hasTypes, POLICIES, rowsOf, VERSIONS } from '../support/random-rows.ts'

const choices = { iters: ['ubuf','ubuf','iovec','iovec','kvec','bvec','xarray','folioq','discard'] as const, flags: ['more','nowait','splice'] as const, files: ['', 'a', 'b'], ends: [undefined, undefined, 0, 1500, 2500, 'never'] as const, results: [undefined, undefined, undefined, 16, 8, 3, 0, -11] }
const N = Number(process.env.N ?? 200)
const ignore = (f: any) => { return f }
for (const kind of ['skcipher','aead'] as const)
it(kind, async () => {
  await fc.assert(fc.asyncProperty(rowsOf(choices), fc.constantFrom(...(process.env.V ? [process.env.V as '6.1'] : VERSIONS)), fc.constantFrom(...(process.env.P ? [process.env.P as 'extract'] : POLICIES)), fc.constantFrom({}, {}, { sndbuf: 20000 }, {rcvbuf: 20000}, kind === 'aead' ? {assoclen: 20, decrypt: 1} : {'chunk-size': 64}, kind==='aead' ? {assoclen: 20} : {}), async (rows, version, policy, options) => {
    fc.pre(hasTypes(version, rows))
    const setup = { version, policy, options: options as any, quirks: {} }
    expect(ignore(await fast(kind === 'skcipher' ? afAlgSkcipher : afAlgAead, rows, setup))).toEqual(ignore(slow((world) => new SlowCipherSocket(world, kind), rows, setup)))
  }), { numRuns: N, seed: Number(process.env.SEED ?? 1) })
})
