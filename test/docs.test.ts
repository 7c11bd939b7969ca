import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as core from '@pinscope/core'
import { expect, it } from 'vitest'
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

it('the consumer of docs/writing-a-consumer.md works as it stands', async () => {
  const code = /```js\n(import \{[\s\S]*?)```/.exec(read('docs/writing-a-consumer.md'))?.[1] ?? ''
  const body = code.replace(/^import \{(.*)\} from '@pinscope\/core'$/m, 'const {$1} = core')
  const mine = new Function('core', `${body}\nreturn mine`)(core)
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
