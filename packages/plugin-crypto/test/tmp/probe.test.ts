import { it } from 'vitest'
import { netfsCrypt } from '../../src/netfs-crypt/definition.ts'
import { SlowNetfsCrypt } from '../model/slow-netfs-crypt.ts'
import { fast, slow } from '../support/twin.ts'
import type { Row } from '../model/slow-common.ts'
const A = 0x7f0000000000, K = 0x888000000000
it('probe', async () => {
  for (const version of ['6.1', '6.12'] as const) for (const policy of ['get-pages', 'extract'] as const)
  for (const rows of [
    [{ event:'map', access: 'none', segs: [[A, 4096]]}, { op: 'write', iter: 'ubuf', segs: [[A, 1]] }],
    [{ event:'map', access: 'none', segs: [[A, 4096]]}, { op: 'read', iter: 'ubuf', segs: [[A, 1]] }],
    [{ event:'map', access: 'none', segs: [[A+4096, 4096]]}, { op: 'write', iter: 'ubuf', segs: [[A, 5000]] }],
    [{ event:'map', access: 'none', segs: [[A+4096, 4096]]}, { op: 'read', iter: 'ubuf', segs: [[A, 5000]] }],
    [{ event:'map', access: 'none', segs: [[A+4096, 4096]]}, { op: 'read', iter: 'ubuf', segs: [[A, 8192]] }],
    [{ op: 'read', iter: 'ubuf', segs: [[A, 8192]], result: 0 }],
    [{ op: 'read', iter: 'ubuf', segs: [[A, 8192]], result: 5000 }],
    [{ op: 'read', iter: 'ubuf', segs: [[A, 8192]], result: -5 }],
    [{ op: 'read', iter: 'ubuf', segs: [[A, 5000]], result: 10 }],
    [{ op: 'read', iter: 'ubuf', segs: [[A, 5000]], result: -5 }],
    [{ op: 'write', iter: 'ubuf', segs: [[A, 5000]], result: 10 }],
    [{ op: 'write', iter: 'ubuf', segs: [[A, 8192]], result: 10 }],
  ] as Row[][]) {
    const setup = { version, policy, options: {}, quirks: {} }
    const s=(x: any) => JSON.stringify([x.results, x.data, x.entries])
    console.log(version, policy, JSON.stringify(rows).slice(0,180), s(await fast(netfsCrypt, rows, setup)), s(slow((world) => new SlowNetfsCrypt(world), rows, setup)))
  }
})
