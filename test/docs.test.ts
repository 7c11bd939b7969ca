import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as core from '@pinscope/core'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { type AuditTextOptions, auditText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { traceOf } from '../packages/core/test/support/rows.ts'
import { opClassesMarkdown } from '../scripts/op-classes.mjs'
import { withOutputs } from '../scripts/readme-output.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const read = (file: string) => readFileSync(`${ROOT}${file}`, 'utf8')

it('README.md shows what the command prints (else: node scripts/readme-output.mjs)', () => {
  expect(read('README.md')).toBe(withOutputs(read('README.md')))
})

it('docs/op-classes.md is what the model counts (else: node scripts/op-classes.mjs)', async () => {
  const page = await opClassesMarkdown()
  expect(read('docs/op-classes.md')).toBe(page)
  expect(page).toContain('261 of 261 classes are modelled, and 261 of those agree')
})

/** The consumer of that name in docs/writing-a-consumer.md, as it stands there, or with parts replaced. */
function documented(name: string, change: (code: string) => string = (code) => code): core.ConsumerDefinition {
  const codes = [...read('docs/writing-a-consumer.md').matchAll(/```js\n(import \{[\s\S]*?)```/g)].map(
    ([, code]) => code ?? '',
  )
  const code = change(codes.find((one) => one.includes(`const ${name} = `)) ?? '')
  const body = code.replace(/^import \{(.*)\} from '@pinscope\/core'$/m, 'const {$1} = core')
  return new Function('core', `${body}\nreturn ${name}`)(core)
}

it('the consumer of docs/writing-a-consumer.md works as it stands', async () => {
  const mine = documented('mine')
  const registry = new core.Registry()
  registry.register('documentation', { apiVersion: 1, consumers: [mine] })
  const A = 0x7f0000000000
  // The support file's types are those of the sources, which the built package's do not know.
  const trace: unknown = traceOf([
    { event: 'map', segs: [[A, 1 << 20]], backing: 'anon' },
    { op: 'read', segs: [[A + 512, 65 * 4096]], end: 1e6 },
    { op: 'read', iter: 'discard', segs: [], len: 4096 },
  ])
  const options = {
    registry,
    consumers: ['mine'],
    policies: null,
    kernel: '6.18',
    consumerOptions: {},
    inFlight: false,
  }
  const { lanes } = await core.replay(trace as core.TraceReader, options)
  // 66 pages in lists of 64, each pinned once and let go; a discard iterator is refused with -EINVAL.
  expect(lanes[0]).toMatchObject({
    errors: 1,
    pins: { acquired: 66, released: 66, open: 0 },
    entries: { built: 66, perOperationMax: 66 },
    counters: { requests: 2 },
    leaksTotal: 0,
  })
})

describe('the consumer of docs/writing-a-consumer.md that tells an audit', () => {
  const trace = `# pinscope-trace 1
# kernel 6.18
ts,end,event,mm,op,segs,backing
0,,map,1,,0x10000+1048576,anon
10,100,,1,read,0x10000+65536,
20,90,,1,write,0x30800+8192,
`
  const audited = async (consumer: core.ConsumerDefinition, inject: Pick<AuditTextOptions, 'inject'> = {}) => {
    const options = { ...inject, consumers: [consumer], consumer: 'told' }
    return (await auditText(trace, HAZARD_RULES, options)).map(({ rule, row }) => [rule, row])
  }

  it('is sound, also where a page cannot be had', async () => {
    expect(await audited(documented('told'))).toEqual([])
    expect(await audited(documented('told'), { inject: { fault: 'page', at: 3 } })).toEqual([])
  })

  it('and H-43 hears it let go before its request is complete', async () => {
    const early = documented('told', (code) => {
      const letGo = /\n *io\.letGoOfKept\(\) .*(?=\n *io\.audit)/.exec(code)?.[0] ?? ''
      return code.replace(letGo, '').replace('complete(io) {', `complete(io) {${letGo}`)
    })
    // Both operations, each in the row that it completes.
    expect(await audited(early)).toEqual([
      ['H-43', 2],
      ['H-43', 3],
    ])
  })
})
