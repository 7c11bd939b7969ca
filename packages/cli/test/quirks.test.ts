import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pinscope, temporaryFolder } from './run.ts'

const CLEAN = 'traces/fio-libaio-randrw.csv'
const SWITCHED = ['--quirk', 'folioq-eager-roll', '--no-quirk', 'bvec-entries-short', '--quirk', 'folioq-eager-roll']

const folder = temporaryFolder()

async function json(...args: string[]) {
  const { status, stdout } = await pinscope([...args, '--json'])
  expect(status).toBe(0)
  return JSON.parse(stdout)
}

async function namesIn(kernel: string): Promise<string[]> {
  const { quirks } = await json('policies', '--quirks', '--kernel', kernel)
  return quirks.map(({ name }: { name: string }) => name)
}

describe('policies --quirks', () => {
  it('--json has every quirk, with every key', async () => {
    const list = await json('policies', '--quirks')
    expect(Object.keys(list)).toEqual(['asked', 'kernel', 'kernels', 'quirks'])
    expect([list.asked, list.kernel]).toEqual([null, null])
    expect(list.kernels).toEqual([
      { name: '6.1', standsFor: '6.1.176' },
      { name: '6.12', standsFor: '6.12.117' },
      { name: '6.18', standsFor: '6.18.30 and later' },
      { name: 'mainline', standsFor: '7.3' },
    ])
    for (const quirk of list.quirks) {
      expect(Object.keys(quirk)).toEqual(['name', 'versions', 'summary', 'without', 'source'])
      expect(quirk.name).toMatch(/^[a-z0-9-]+$/)
    }
  })

  it('--kernel leaves those that the version has', async () => {
    // What 6.12.117 and 7.3 have: the scatterlist fixes of 6.12.88 are in, those of June 2026 in 7.3 only.
    const [old, newest] = await Promise.all([namesIn('6.12'), namesIn('mainline')])
    expect(old).toEqual(expect.arrayContaining(['xarray-hole-wrap', 'sg-xarray-start', 'iov-len-ubuf']))
    for (const name of ['sg-kvec-length', 'sg-temp-array', 'bvec-entries-short']) expect(old).not.toContain(name)
    for (const name of ['xarray-hole-wrap', 'sg-xarray-start', 'iov-len-ubuf']) expect(newest).not.toContain(name)
    expect(newest).toContain('bvec-entries-short')
  })

  it('--kernel of a version that is not modelled says which one stands for it', async () => {
    expect(await json('policies', '--quirks', '--kernel', '6.6')).toMatchObject({ asked: '6.6', kernel: '6.12' })
    const { stdout } = await pinscope(['policies', '--quirks', '--kernel', '6.6'])
    expect(stdout).toMatch(/^\d+ quirks on in kernel 6\.12, taken for 6\.6\n\n/)
    expect((await pinscope(['policies', '--quirks', '--kernel', '6.12'])).stdout).toMatch(/ on in kernel 6\.12\n\n/)
  })

  it('as text: who has it, what it does, without it, where it is', async () => {
    const { stdout } = await pinscope(['policies', '--quirks'])
    expect(stdout).toMatch(
      /^xarray-hole-wrap {2}\(6\.12 6\.18\)\n {2}a hole .*\n(?: {2}.*\n)* {2}without {3}.*\n {2}kernel {4}lib\/iov_iter\.c: /m,
    )
    expect(stdout).toMatch(/^sg-kvec-length {2}\(in no modelled version\)\n/m)
    expect(stdout.replace(/\s+/g, ' ')).toContain('6.12 for 6.12.117, 6.18 for 6.18.30 and later, mainline for 7.3.')
  })
})

describe('--quirk and --no-quirk', () => {
  it('are in the report of every lane, each once, and behind the kernel version in the text', async () => {
    const report = await json('replay', CLEAN, ...SWITCHED)
    for (const lane of report.lanes) expect(lane.quirks).toEqual(['-bvec-entries-short', 'folioq-eager-roll'])
    const { stdout } = await pinscope(['replay', CLEAN, ...SWITCHED])
    expect(stdout.replace(/\s+/g, ' ')).toContain(
      'kernel 6.18 (quirks: -bvec-entries-short, folioq-eager-roll); layout',
    )
  })

  it('change what is counted', async () => {
    // get_pages2 on an empty bvec: -ENOMEM where it begins at a page, else a reference that nobody gets.
    const trace = join(folder, 'empty-bvecs.csv')
    writeFileSync(
      trace,
      `# pinscope-trace 1
# kernel 6.18
ts,end,event,op,iter,segs,len,flags
1000,2000,io,write,bvec,1048576:0+0;1048580:0+4096,4096,direct
3000,4000,io,write,bvec,1048576:512+0;1048580:0+4096,4096,direct
`,
    )
    const args = ['replay', trace, '-c', 'null', '-p', 'get-pages', '--fail-on', 'none']
    const [on, off] = await Promise.all([json(...args), json(...args, '--no-quirk', 'get-pages-empty-bvec')])
    expect(on.lanes[0]).toMatchObject({ errors: 2, refs: { acquired: 1, open: 1 }, leaksTotal: 1 })
    expect(off.lanes[0]).toMatchObject({ errors: 0, refs: { acquired: 2, open: 0 }, leaksTotal: 0 })
  })

  it('are told by explain', async () => {
    const args = ['explain', CLEAN, '--row', '100', ...SWITCHED]
    expect((await json(...args)).quirks).toEqual(['-bvec-entries-short', 'folioq-eager-roll'])
    expect((await pinscope(args)).stdout.replace(/\s+/g, ' ')).toContain(
      'kernel 6.18 (quirks: -bvec-entries-short, folioq-eager-roll)',
    )
  })

  it('leave nothing behind when they are not given', async () => {
    expect((await json('replay', CLEAN)).lanes[0]).not.toHaveProperty('quirks')
    expect(await json('explain', CLEAN, '--row', '100')).not.toHaveProperty('quirks')
  })

  it('take a lane out of the comparison with the kernel', async () => {
    const { lanes } = await json('replay', CLEAN, '-c', 'bio', '--no-quirk', 'bvec-entries-short')
    expect(lanes[0].groundTruth.rows).toBe(0)
  })
})
