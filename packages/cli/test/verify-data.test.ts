import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { pinscope, temporaryFolder } from './run.ts'

const CLEAN = 'traces/fio-libaio-randrw.csv'
const folder = temporaryFolder()
const plugin = join(folder, 'pinscope-crooked')
const trace = join(folder, 'reads.csv')

/** A list of what was extracted, wrong as the option says: 0 not at all, 1 in the wrong order, 2 without the last page. */
const CROOKED = `{
  apiVersion: 1, name: 'crooked', summary: 'lists the wrong pages', kernel: 'none', accepts: ['ubuf'],
  entriesMax: 256, avoided: 'nothing', counters: [],
  options: [{ name: 'fault', summary: 'what is wrong', unit: '', default: 0, min: 0, max: 2, powerOfTwo: false, header: null }],
  kernelPolicy: () => 'extract',
  create: ({ options }) => ({
    submit(io) {
      const bytes = io.extract(256, 1 << 20)
      io.keep(io.hold)
      const { list } = io
      const page = list.page.slice(0, list.length)
      if (options.fault === 1) page.reverse()
      const count = options.fault === 2 ? list.length - 1 : list.length
      io.observer?.listBuilt('list', bytes, count, page, list.offsetBytes, list.lengthBytes, '')
      return bytes
    },
    abort(io) { io.letGoOfKept() },
    complete(io) { io.letGoOfKept() },
    counters: () => ({}),
  }),
}`

beforeAll(() => {
  mkdirSync(plugin)
  const oclif = { hooks: { 'pinscope:register': './register.js' } }
  const name = 'pinscope-crooked'
  writeFileSync(join(plugin, 'package.json'), JSON.stringify({ name, version: '1.0.0', type: 'module', oclif }))
  writeFileSync(join(plugin, 'register.js'), `export default () => ({ apiVersion: 1, consumers: [${CROOKED}] })`)
  // Two pages, and one page: the order of one page cannot be wrong.
  writeFileSync(
    trace,
    `# pinscope-trace 1
# kernel 6.18
ts,end,event,mm,op,segs,backing,len,flags
0,,map,1,,0x7f0000000000+65536,anon,,
1000,2000,io,1,read,0x7f0000000000+8192,,8192,direct
3000,4000,io,1,read,0x7f0000004000+512,,512,direct
`,
  )
})

const crooked = (fault: number, ...more: string[]) =>
  pinscope(['replay', trace, '--plugin', plugin, '-c', 'crooked', '-O', `crooked.fault=${fault}`, ...more])

describe('replay --verify-data', () => {
  it('tells how much was compared, lane by lane', async () => {
    const { status, stdout } = await pinscope(['replay', CLEAN, '--verify-data'])
    // 64 direct operations of 16 KiB; what is copied through the page cache has no list to compare.
    expect(stdout).toMatch(/\ndata compared \(--verify-data\)\n {2}operations +0 +64\n {2}bytes +0 +1,048,576\n/)
    expect(stdout).toMatch(/\nclean: nothing leaked, no violation\n$/)
    expect(status).toBe(0)
  })

  it('is off by default, and then nothing is said of it', async () => {
    const { stdout } = await pinscope(['replay', CLEAN])
    expect(stdout).not.toContain('data compared')
    expect(JSON.parse((await pinscope(['replay', CLEAN, '--json'])).stdout).lanes[0]).not.toHaveProperty('verified')
  })

  it('does not change what is counted', async () => {
    const lanes = async (...args: string[]) => {
      const { stdout } = await pinscope(['replay', CLEAN, 'traces/made/four-policies.csv', '--json', ...args])
      return JSON.parse(stdout).lanes.map(({ verified, ...lane }: Record<string, unknown>) => lane)
    }
    expect(await lanes('--verify-data')).toEqual(await lanes())
  })

  it('a list in the right order is clean', async () => {
    const { status, stdout } = await crooked(0, '--verify-data')
    expect(stdout).toMatch(/\n {2}operations +2\n {2}bytes +8,704\n/)
    expect(status).toBe(0)
  })

  it('pages in the wrong order: a wrong-data violation of that row, and exit status 1', async () => {
    const { status, stdout } = await crooked(1, '--verify-data')
    expect(stdout).toMatch(/\nFAILED: 1 violation \(exit 1\)\n$/)
    const said = stdout.replace(/\s+/g, ' ')
    expect(said).toMatch(/reads\.csv:5: row 2, crooked under extract: wrong-data: \S[^:]* byte 0 /)
    expect(said).not.toContain('put_page')
    expect(status).toBe(1)
  })

  it('a list that is too short', async () => {
    const { status, stdout } = await crooked(2, '--verify-data', '--fail-on', 'leak')
    expect(stdout.replace(/\s+/g, ' ')).toMatch(/ row 2, crooked under extract: wrong-data: .* 4096 of the 8192 bytes/)
    expect(status).toBe(0)
  })

  it('passes a wrong list by when it is not asked for', async () => {
    expect((await crooked(1)).status).toBe(0)
  })
})
