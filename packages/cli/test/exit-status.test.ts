import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pinscope, temporaryFolder } from './run.ts'

const CLEAN = 'traces/fio-libaio-randrw.csv'
const LEAKS = 'traces/made/release-errors.csv'

describe('exit status 0 and 1: the gates', () => {
  it('a clean trace', async () => {
    const { status, stdout, stderr } = await pinscope(['replay', CLEAN])
    expect(stdout).toMatch(/\nclean: nothing leaked, no violation\n$/)
    expect([status, stderr]).toEqual([0, ''])
  })

  it('leaks and violations fail, each with row, consumer, kind and pages', async () => {
    const { status, stdout } = await pinscope(['replay', LEAKS])
    expect(status).toBe(1)
    expect(stdout).toMatch(/\nFAILED: 2 leaks, 2 violations \(exit 1\)\n$/)
    const said = stdout.replace(/\s+/g, ' ')
    expect(said).toContain(`${LEAKS}:9: row 3, bio under extract: operation 2 left 3 pages pinned since 2 us`)
    expect(said).toContain(`${LEAKS}:10: row 4, bio under extract: double-release: unpin_user_page() of 3 pages`)
    expect(said).toContain(
      `${LEAKS}:13: row 7, bio under extract: wrong-kind-release: put_page() of 5 pages held as pin`,
    )
  })

  it.each([
    ['none', 0],
    ['leak', 1],
    ['violation', 1],
    ['mismatch', 0],
    ['error', 0],
    ['mismatch,violation', 1],
  ])('--fail-on %s: %i', async (gates, expected) => {
    const { status, stdout } = await pinscope(['replay', LEAKS, '--fail-on', gates])
    expect(status).toBe(expected)
    expect(stdout).toContain(expected === 0 ? 'passed; not gated: 2 leaks, 2 violations' : 'FAILED: ')
  })

  it('--fail-on error, for an operation that ends with an errno', async () => {
    const args = ['replay', 'traces/ground-truth/dio-thp.csv', '--kernel', '6.18', '--fail-on', 'error']
    expect((await pinscope(args)).status).toBe(1)
  })

  it('--in-flight: what has no completion is cut off, not leaked', async () => {
    const { status, stdout } = await pinscope(['replay', LEAKS, '--in-flight', '--fail-on', 'none'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/in flight at the end +2\n/)
  })
})

describe('exit status 2: usage, and input that cannot be read', () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'folder'))
  writeFileSync(join(folder, 'bad.csv'), '# pinscope-trace 1\nts,op,segs\n0,read,0x1000+512\n12x,read,0x1000+512\n')

  it.each([
    [['replay', CLEAN, '--polcy', 'folio'], 'unknown flag --polcy', 'Did you mean --policy?'],
    [['replay', CLEAN, '-p', 'exrtact'], 'unknown policy "exrtact": did you mean "extract"?', 'get-pages, viro-2022'],
    [['replay', CLEAN, '-c', 'vhost_scsi'], 'did you mean "vhost-scsi"?', 'bio, buffered, null'],
    [['replay', CLEAN, '--kernel', 'zen'], 'unknown kernel version "zen"', '6.1, 6.12, 6.18, mainline'],
    [
      ['replay', CLEAN, '--quirk', 'xarray-hole-warp'],
      'unknown quirk "xarray-hole-warp": did you mean "xarray-hole-wrap"?',
      'get-pages-empty-bvec, bvec-entries-short',
    ],
    [['replay', CLEAN, '--no-quirk', 'sg-kvec'], 'did you mean "sg-kvec-length"?', 'pinscope policies --quirks'],
    [
      ['explain', CLEAN, '--row', '100', '--no-quirk', 'sg-kvec-length', '--quirk', 'sg-kvec-length'],
      '--quirk sg-kvec-length and --no-quirk sg-kvec-length exclude each other',
      '',
    ],
    [['explain', CLEAN, '--row', '100', '--quirk', 'x'], 'unknown quirk "x"', 'There are: '],
    [['explain', CLEAN, '--row', '100', '--verify-data'], 'unknown flag --verify-data', ''],
    [['policies', '--kernel', '6.12'], '--kernel goes with --quirks', ''],
    [['policies', '--quirks', '--kernel', 'zen'], 'unknown kernel version "zen"', '6.1, 6.12, 6.18, mainline'],
    [['replay', CLEAN, '--format', 'yaml'], 'unknown format "yaml"', 'table, json'],
    [['replay', CLEAN, '--fail-on', 'leek'], 'did you mean "leak"?', 'leak, violation, mismatch, error, none'],
    [['replay', CLEAN, '--fail-on', 'none,leak'], '"none" stands alone', ''],
    [['replay', CLEAN, '--faults', 'alloc'], '--faults "alloc": expected one STEP@N', '--faults alloc@1'],
    [['replay', CLEAN, '--faults', 'alloc@1,page@2'], 'expected one STEP@N', 'alloc, page, copy, limit, complete, map'],
    [['replay', CLEAN, '--faults', 'aloc@1'], 'unknown step of --faults "aloc": did you mean "alloc"?', 'There are: '],
    [['replay', CLEAN, '--faults', 'page@0'], '"0" is no number of a step, expected a whole number from 1', 'page@1'],
    [['replay', CLEAN, '--faults', 'page@1e3'], '"1e3" is no number of a step', ''],
    [['explain', CLEAN, '--row', '100', '--faults', 'limit@'], '"" is no number of a step', '--faults limit@1'],
    [['replay', CLEAN, '-O', 'bio'], 'expected NAME.OPTION=VALUE', '-O bio.logical-block-size=4096'],
    [['replay', CLEAN, '-O', 'boi.x=1'], 'unknown consumer "boi"', 'did you mean "bio"?'],
    [['replay', CLEAN, '-O', 'bio.bvec-limt=1'], 'did you mean "bio.bvec-limit"?', 'bio.logical-block-size'],
    [['replay', CLEAN, '-O', 'bio.logical-block-size=1000'], 'expected a power of two from 512 to 65536', ''],
    [['replay', CLEAN, '-O', 'bio.bvec-limit=0'], 'expected a whole number from 1 to', ''],
    [['replay', CLEAN, '-O', 'bio.bvec-limit=1e2'], 'is "1e2", expected a whole number', ''],
    [['replay', 'traces/fio-libaio-randrw.cvs'], 'no such file', 'Did you mean "fio-libaio-randrw.csv"?'],
    [['replay', 'nowhere/at/all.csv'], 'no such file', 'There is no folder nowhere/at either.'],
    [['replay', 'traces'], 'traces: is a folder', 'traces/*.csv'],
    [['replay', '-', '-'], 'standard input (-) can be read once only', ''],
    [['replay', CLEAN, '-o', 'nowhere/report.txt'], 'there is no folder nowhere', ''],
    [['replay', CLEAN, '-o', 'traces'], 'it is a folder', ''],
    [['replay'], 'missing 1 required arg', '- is standard input'],
    [['explain', CLEAN, '--row', '99999'], 'has no row 99999', '136'],
    [['explain', CLEAN, '--row', '1'], 'row 1 is a map row, not an operation', ''],
    [
      ['explain', CLEAN, '--row', '100', '-p', 'all'],
      'explain draws one lane: name one policy',
      'Run it once for each',
    ],
    [['explain', CLEAN, '--row', 'x'], '--row: Expected an integer', ''],
    [['relpay', CLEAN], 'unknown command "relpay"', 'Did you mean "replay"?'],
    [['trace', 'inof'], 'unknown command "trace inof"', 'Did you mean "trace info"?'],
    [['replay', CLEAN, '--plugin', 'traces'], 'no package.json there', ''],
  ])('%j', async (args, problem, hint) => {
    const { status, stdout, stderr } = await pinscope(args)
    expect(stderr).toContain(problem)
    expect(stderr).toContain(hint)
    expect([status, stdout]).toEqual([2, ''])
  })

  it('a bad row: file:line:column first, what was expected', async () => {
    const { status, stdout, stderr } = await pinscope(['replay', join(folder, 'bad.csv')])
    expect(stderr).toMatch(/^\S+bad\.csv:4:1: .*"12x".*expected/)
    expect([status, stdout]).toEqual([2, ''])
  })

  it('trace validate tells every file', async () => {
    const { status, stdout, stderr } = await pinscope(['trace', 'validate', CLEAN, join(folder, 'bad.csv'), 'none.csv'])
    expect(status).toBe(2)
    expect(stdout).toBe(`${CLEAN}: ok, 136 rows\n`)
    expect(stderr).toMatch(/bad\.csv:4:1: .*\n(.*\n)?none\.csv: no such file\n/)
  })

  it('a typo in a topic or a command does not prompt, even when stdin is open', async () => {
    expect((await pinscope(['polices'], { stdin: 'y\n' })).status).toBe(2)
  })

  it('a full disk behind standard output', async () => {
    const { status } = await pinscope(['replay', CLEAN, '-o', '/dev/full'])
    expect(status).toBe(2)
  })
})
