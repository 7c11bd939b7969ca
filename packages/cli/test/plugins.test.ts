import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pinscope, type Ran, ROOT, temporaryFolder } from './run.ts'

const TRACE = 'traces/fio-libaio-randrw.csv'
const folder = temporaryFolder()

/** A consumer that takes nothing, as source text; `changes` replace parts of the definition. */
function consumer(changes = ''): string {
  return `{
    apiVersion: 1, name: 'made', summary: 'a consumer of a test', kernel: 'none', accepts: ['ubuf', 'iovec'],
    entriesMax: 1, avoided: 'nothing', counters: [{ name: 'seen', summary: 'operations seen' }],
    kernelPolicy: () => 'extract',
    create: () => {
      let seen = 0
      return { submit: (io) => { seen++; return io.lengthBytes }, abort() {}, complete() {}, counters: () => ({ seen }) }
    },
    ${changes}
  }`
}

interface Made {
  /** Source text of the hook module. */
  readonly hook?: string
  readonly packageJson?: object
}

/** Writes a plugin package; returns its folder. */
function madePlugin(
  name: string,
  { hook = `export default () => ({ apiVersion: 1, consumers: [${consumer()}] })`, packageJson }: Made,
): string {
  const root = join(folder, name)
  write(join(root, 'register.js'), hook)
  const oclif = { hooks: { 'pinscope:register': './register.js' } }
  write(join(root, 'package.json'), JSON.stringify(packageJson ?? { name, version: '1.0.0', type: 'module', oclif }))
  return root
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

const registration = (text: string): Made => ({ hook: `export default () => (${text})` })

describe('a plugin of --plugin', () => {
  it('brings a consumer', async () => {
    const plugin = madePlugin('pinscope-good', {})
    const { status, stdout } = await pinscope(['replay', TRACE, '--plugin', plugin, '-c', 'made'])
    expect(stdout).toMatch(/counted by made +extract\n-+\nseen +132\n/)
    expect(status).toBe(0)
    const listed = await pinscope(['consumers', '--plugin', plugin])
    expect(listed.stdout).toContain('made  (pinscope-good)\n  a consumer of a test\n')
  })

  it('tells the limits of a consumer', async () => {
    const limits = `limits: [
      { name: 'MAX_SKB_FRAGS', max: 17, unit: 'fragments', summary: 'of one record', kernel: 'include/linux/skbuff.h' },
      { name: 'tries', max: 1000, unit: '', summary: 'before it gives up', kernel: 'none' },
    ]`
    const hook = `export default () => ({ apiVersion: 1, consumers: [${consumer(limits)}] })`
    const { stdout } = await pinscope(['consumers', '--plugin', madePlugin('pinscope-limits', { hook })])
    expect(stdout).toContain(
      '\n  limits    MAX_SKB_FRAGS, 17 fragments: of one record (include/linux/skbuff.h)\n            tries, 1,000: before it gives up (none)\n  counters  seen: operations seen\n',
    )
  })

  it('may be CommonJS, and may name its function', async () => {
    const plugin = madePlugin('pinscope-commonjs', {
      hook: `exports.register = () => ({ apiVersion: 1, consumers: [${consumer()}] })`,
      packageJson: {
        name: 'pinscope-commonjs',
        version: '1.0.0',
        oclif: { hooks: { 'pinscope:register': { target: './register.js', identifier: 'register' } } },
      },
    })
    expect((await pinscope(['consumers', '--plugin', plugin])).stdout).toContain('made  (pinscope-commonjs)')
  })

  it('stands in for the loaded package of the same name', async () => {
    const { status, stdout } = await pinscope(['consumers', '--plugin', 'packages/plugin-vhost'])
    expect(stdout.match(/^vhost-scsi /gm)).toHaveLength(1)
    expect(status).toBe(0)
  })
})

const BROKEN: Record<string, [Made, string]> = {
  'throws-in-hook': [{ hook: "export default () => { throw new Error('no such device') }" }, 'no such device'],
  'throws-nothing': [{ hook: 'export default () => { throw undefined }' }, 'pinscope:register'],
  'rejects-in-hook': [{ hook: "export default async () => { throw new Error('no such device') }" }, 'no such device'],
  'exits-in-hook': [{ hook: 'export default function () { this.exit(0) }' }, 'failed'],
  'errors-in-hook': [{ hook: "export default function () { this.error('quite broken') }" }, 'quite broken'],
  'throws-at-import': [{ hook: "throw new Error('at import')" }, 'at import'],
  'does-not-parse': [{ hook: 'export default (' }, 'pinscope:register'],
  'imports-nothing': [{ hook: "import 'pinscope-no-such-package'" }, 'pinscope-no-such-package'],
  'no-function': [{ hook: 'export const consumers = []' }, 'exports no function'],
  'returns-nothing': [{ hook: 'export default () => {}' }, 'returned nothing'],
  'returns-garbage': [registration("'consumers'"), 'returned nothing'],
  'later-version': [registration(`{ apiVersion: 2, consumers: [${consumer()}] }`), 'apiVersion 2'],
  'no-version': [registration(`{ consumers: [${consumer()}] }`), 'apiVersion undefined'],
  'no-array': [registration('{ apiVersion: 1, consumers: 7 }'), 'not an array'],
  'null-consumer': [registration('{ apiVersion: 1, consumers: [null] }'), 'consumer name'],
  'throwing-getter': [registration("{ apiVersion: 1, get consumers() { throw new Error('gotcha') } }"), 'gotcha'],
  'consumer-version': [registration(`{ apiVersion: 1, consumers: [${consumer('apiVersion: 3')}] }`), 'apiVersion 3'],
  'bad-name': [registration(`{ apiVersion: 1, consumers: [${consumer("name: 'Made Up'")}] }`), 'Made Up'],
  'takes-bio': [
    registration(`{ apiVersion: 1, consumers: [${consumer("name: 'bio'")}] }`),
    'already taken by @pinscope/core',
  ],
  'takes-vhost': [
    registration(`{ apiVersion: 1, consumers: [${consumer("name: 'vhost-scsi'")}] }`),
    'already taken by @pinscope/plugin-vhost',
  ],
  'no-hook': [{ packageJson: { name: 'no-hook', version: '1.0.0', type: 'module', oclif: {} } }, 'has no hook'],
  'hook-file-gone': [
    {
      packageJson: {
        name: 'hook-file-gone',
        version: '1.0.0',
        type: 'module',
        oclif: { hooks: { 'pinscope:register': './gone.js' } },
      },
    },
    'gone.js',
  ],
  'create-throws': [
    registration(`{ apiVersion: 1, consumers: [${consumer("create: () => { throw new Error('in create') }")}] }`),
    'in create',
  ],
  'submit-throws': [
    registration(
      `{ apiVersion: 1, consumers: [${consumer("create: () => ({ submit() { throw new Error('in submit') }, abort() {}, complete() {}, counters: () => ({}) })")}] }`,
    ),
    'in submit',
  ],
}

describe('a broken plugin: exit status 3, the package named', () => {
  it.each(Object.entries(BROKEN))('%s', async (name, [made, problem]) => {
    const plugin = madePlugin(name, made)
    const args = ['replay', TRACE, '--plugin', plugin, ...(/^(create|submit)/.test(name) ? ['-c', 'made'] : [])]
    const [text, json] = await Promise.all([pinscope(args), pinscope([...args, '--json'])])
    expect(text.stderr).toMatch(new RegExp(`^pinscope: broken plugin ${name}: `))
    expect(text.stderr).toContain(problem)
    expect([text.status, text.stdout]).toEqual([3, ''])
    expect(brokenPackage(json)).toBe(name)
  })

  it('also when a plugin of the same consumer name comes twice', async () => {
    const first = madePlugin('pinscope-first', {})
    const second = madePlugin('pinscope-second', {})
    const ran = await pinscope(['consumers', '--json', '--plugin', first, '--plugin', second])
    expect(brokenPackage(ran)).toBe('pinscope-second')
  })
})

function brokenPackage({ status, stdout }: Ran): string {
  const { error } = JSON.parse(stdout)
  expect([status, error.kind, error.exitStatus]).toEqual([3, 'plugin', 3])
  return error.package
}

describe("oclif's own loading: a plugin that the user linked", () => {
  /** oclif lists a user's plugins in a package.json in its data folder. */
  function dataHome(name: string, plugins: readonly object[]): NodeJS.ProcessEnv {
    const home = join(folder, `data-${name}`)
    write(join(home, 'pinscope', 'package.json'), JSON.stringify({ oclif: { schema: 1, plugins } }))
    return { XDG_DATA_HOME: home }
  }

  it('brings a consumer without a flag', async () => {
    const root = madePlugin('pinscope-linked', {})
    const env = dataHome('good', [{ type: 'link', name: 'pinscope-linked', root }])
    const { status, stdout } = await pinscope(['replay', TRACE, '-c', 'made'], { env })
    expect(stdout).toContain('counted by made')
    expect(status).toBe(0)
  })

  it('that throws in its hook: 3', async () => {
    const root = madePlugin('pinscope-linked-broken', { hook: "export default () => { throw new Error('no device') }" })
    const env = dataHome('broken', [{ type: 'link', name: 'pinscope-linked-broken', root }])
    const { status, stderr } = await pinscope(['replay', TRACE], { env })
    expect(stderr).toContain('pinscope: broken plugin pinscope-linked-broken: ')
    expect(status).toBe(3)
  })

  it('that is gone: 3, though oclif only warns', async () => {
    const env = dataHome('gone', [{ type: 'link', name: 'pinscope-gone', root: join(folder, 'pinscope-gone') }])
    const ran = await pinscope(['replay', TRACE, '--json'], { env })
    expect(brokenPackage(ran)).toBe('pinscope-gone')
  })

  it('but a command that needs no consumer still works', async () => {
    const env = dataHome('gone-too', [{ type: 'link', name: 'pinscope-gone', root: join(folder, 'pinscope-gone') }])
    expect((await pinscope(['policies'], { env })).status).toBe(0)
  })
})

describe('@pinscope/plugin-vhost', () => {
  it('is found through its hook alone', async () => {
    const { status, stdout } = await pinscope(['replay', TRACE, '-c', 'vhost-scsi'])
    expect(stdout).toMatch(/consumer +vhost-scsi\n/)
    expect(status).toBe(0)
  })

  it('can be linked from a folder elsewhere', async () => {
    const link = join(folder, 'vhost-link')
    symlinkSync(join(ROOT, 'packages/plugin-vhost'), link)
    expect((await pinscope(['replay', TRACE, '-c', 'vhost-scsi', '--plugin', link])).status).toBe(0)
  })
})
