import { createReadStream, readdirSync } from 'node:fs'
import { openTrace, Registry, replay } from '@pinscope/core'
import { it } from 'vitest'
import { afAlgAead, afAlgHash, afAlgSkcipher } from '../src/af-alg/index.ts'
const dirs = ['traces', 'traces/made', 'traces/ground-truth']
it('all', async () => {
  for (const verifyData of [false, true])
  for (const kernel of ['6.1', '6.12', 'mainline'])
  for (const dir of dirs) for (const f of readdirSync(dir).filter((n) => n.endsWith('.csv'))) {
    const registry = new Registry()
    registry.register('x', { apiVersion: 1, consumers: [afAlgSkcipher, afAlgAead, afAlgHash] })
    const t0 = Date.now()
    const trace = await openTrace(createReadStream(`${dir}/${f}`), f)
    const report = await replay(trace, { registry, policies: ['get-pages', 'viro-2022', 'extract', 'folio'], consumers: ['af-alg-skcipher', 'af-alg-aead', 'af-alg-hash'], kernel, consumerOptions: {}, inFlight: false, verifyData })
    const ms = Date.now() - t0
    const bad = report.lanes.filter((l: any) => l.violationsTotal > 0 || (l.violations?.length ?? 0) > 0 || l.leaks.length > 0 || l.errors > 0 || (l.allocations?.openBytes ?? 0) > 0)
    console.log(verifyData, kernel, f, ms, report.lanes[0]!.operations, bad.map((l: any) => `${l.consumer}/${l.policy} errors ${l.errors} leaks ${l.leaks.length} viol ${l.violations.length} ${JSON.stringify(l.violations[0] ?? '')} open ${l.allocations?.openBytes}`).join('\n    '))
  }
}, 600000)
