import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  COMPARE_GROUPS,
  type Comparison,
  compareReports,
  type LaneComparison,
  type LaneReport,
  pairLanes,
  type Report,
} from '@pinscope/core'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { withOutputs } from '../../../scripts/readme-output.mjs'
import { perCent } from '../src/render/compare-figures.ts'
import { comparisonText } from '../src/render/compare-text.ts'
import { PLAIN } from '../src/render/terminal.ts'
import { visibleLength } from '../src/render/text.ts'
import { madeLane, madeReport } from './fixtures/made-report.ts'
import { BIN, ended, pinscope, plainEnv, ROOT, start, temporaryFolder } from './run.ts'

const MADE = 'traces/made/four-policies.csv'
const LEAKS = 'traces/made/release-errors.csv'
const LIBAIO = 'traces/fio-libaio-randrw.csv'
const THP = 'traces/ground-truth/dio-thp.csv'
const folder = temporaryFolder()
const at = (name: string) => join(folder, name)

/** `pinscope compare … --json`. */
async function compared(...args: string[]): Promise<Comparison> {
  const { status, stdout, stderr } = await pinscope(['compare', ...args, '--json'])
  expect([status, stderr]).toEqual([0, ''])
  return JSON.parse(stdout)
}

/** `[base, value of each other lane]` of a figure. */
function figures({ metrics }: LaneComparison, name: string): readonly number[] {
  const row = metrics.find((metric) => metric.name === name)
  return [row?.base ?? Number.NaN, ...(row?.with ?? []).map(({ value }) => value)]
}

/** Text without line breaks. */
const flat = (text: string): string => text.replace(/\s+/g, ' ')

describe('lanes of a trace', () => {
  /**
   * Four operations of 64 KiB of user memory, that is 64 pages, two of them in a huge page; 16 KiB of a kvec, 16 KiB of a
   * bvec. A bio has one bvec for 16 pages of a huge page and one for each small page, and adopts a bvec as it is.
   */
  it('bio under get-pages, extract and folio', async () => {
    const { comparisons } = await compared(MADE, '--base', 'bio:get-pages', '--with', 'bio', '--with', 'bio:folio')
    expect(comparisons).toHaveLength(1)
    const [told] = comparisons
    expect([told.base, ...told.with].map(({ policy, kernel }) => `${policy}@${kernel}`)).toEqual([
      'get-pages@6.18',
      'extract@6.18',
      'folio@6.18',
    ])
    // get_pages2 takes no kvec: -EFAULT.
    expect(figures(told, 'errors')).toEqual([1, 0, 0])
    expect(figures(told, 'bytes')).toEqual([4 * 65_536 + 16_384, 4 * 65_536 + 32_768, 4 * 65_536 + 32_768])
    expect(figures(told, 'entries.built')).toEqual([1 + 1 + 16 + 16, 34 + 4, 34 + 4])
    // A bio_vec has 16 bytes.
    expect(figures(told, 'entries.bytes')).toEqual([34 * 16, 38 * 16, 38 * 16])
    expect(figures(told, 'pins.acquired')).toEqual([0, 64, 1 + 1 + 16 + 16])
    expect(figures(told, 'refs.acquired')).toEqual([64, 0, 0])
    // Taken and let go.
    expect(figures(told, 'refOps')).toEqual([128, 128, 68])
    expect(figures(told, 'bare.pages')).toEqual([4, 8, 8])
    const refOps = told.metrics.find(({ name }) => name === 'refOps')
    expect(refOps?.with[1]).toEqual({ value: 68, difference: -60, relative: -60 / 128 })
  })

  it('says it as a table, then in words', async () => {
    const { status, stdout, stderr } = await pinscope(['compare', MADE, '-b', 'bio:extract', '-w', 'bio:folio'])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/\nconsumer +bio +bio\npolicy +extract +folio\nkernel +6\.18 +6\.18 +difference +relative\n/)
    expect(stdout).toMatch(/\n {2}pins +64 +34 +-30 +-46\.9 %\n/)
    expect(stdout).toMatch(/\n {2}list entries +38 +38 +same\n/)
    expect(stdout).not.toMatch(/references {2}/)
    expect(flat(stdout)).toContain(
      '0 in every lane: errors, own allocations, DMA map calls, references, copied bytes, leaks,',
    )
    expect(flat(stdout)).toMatch(
      /bio under folio against bio under extract: 46\.9 % fewer reference operations \(68 instead of 128\), 46\.9 % fewer pins \(34 instead of 64\)\. $/,
    )
  })

  it('what was left over comes first; the status stays 0', async () => {
    const { status, stdout } = await pinscope(['compare', LEAKS, '--base', 'bio:get-pages', '--with', 'bio'])
    expect(status).toBe(0)
    // Row 7 puts pages: right where they are referenced; where they are pinned, a violation, and the pins leak.
    expect(flat(stdout)).toContain(
      'bio under extract against bio under get-pages: 2 times as many leaks (2 instead of 1)',
    )
  })

  it('is what replay counts, lane by lane, over several traces', async () => {
    const traces = [LIBAIO, MADE, LEAKS]
    const lanes = ['-b', 'bio:get-pages@6.1', '-w', 'null', '-w', 'bio@6.12']
    const { comparisons, base } = await compared(...traces, ...lanes)
    expect(base.trace).toMatchObject({ files: traces, operations: 132 + 6 + 4 })
    for (const [index, args] of [
      ['bio', '6.1'],
      ['null', '6.18'],
      ['bio', '6.12'],
    ].entries()) {
      const [consumer, kernel] = args
      const replayed = await pinscope(['replay', ...traces, '-c', consumer, '--kernel', kernel, '--json'])
      const [lane] = (JSON.parse(replayed.stdout) as Report).lanes
      for (const { name, value } of COMPARE_GROUPS.flatMap(({ metrics }) => metrics)) {
        expect(figures(comparisons[0], name)[index], `${consumer} ${kernel} ${name}`).toBe(value(lane))
      }
    }
  })

  it('traces of several kernels: a comparison for each', async () => {
    const traces = ['traces/ground-truth/consumers-6.12-9p.csv', MADE]
    const { comparisons } = await compared(...traces, '-b', 'bio', '-w', 'null')
    expect(comparisons.map(({ base }) => base.kernel)).toEqual(['6.12', '6.18'])
    expect((await compared(...traces, '-b', 'bio', '-w', 'null', '--kernel', '6.1')).comparisons).toHaveLength(1)
  })

  it('takes options, quirks, faults and kernels as replay does', async () => {
    const lanes = ['-b', 'bio', '-w', 'bio@6.1']
    const options = ['-O', 'bio.bvec-limit=4', '--no-quirk', 'get-pages-empty-bvec', '--faults', 'page@1']
    const { comparisons } = await compared(MADE, ...lanes, ...options, '--kernel', '6.12.40')
    const [told] = comparisons
    const faults = { fault: 'page', at: 1, injected: 1 }
    expect(told.base).toEqual({
      consumer: 'bio',
      policy: 'extract',
      kernel: '6.12',
      quirks: ['-get-pages-empty-bvec'],
      faults,
    })
    expect(told.with[0]).toMatchObject({ policy: 'get-pages', kernel: '6.1', faults })
    const { stdout } = await pinscope(['compare', MADE, ...lanes, ...options])
    expect(stdout).toContain('\nevery lane: quirks -get-pages-empty-bvec; page step 1 made to fail\n')
  })

  it('a lane under two names is told of', async () => {
    const { warnings } = await compared(MADE, '-b', 'bio', '-w', 'bio:extract')
    expect(warnings).toEqual(['bio under extract on 6.18 is compared with itself'])
  })

  it('reads standard input once, and passes over what traces/* brings besides', async () => {
    const text = readFileSync(join(ROOT, MADE))
    const args = ['-b', 'bio@6.1', '-w', 'bio@mainline', '--json']
    const [file, pipe] = await Promise.all([
      pinscope(['compare', MADE, ...args]),
      pinscope(['compare', '-', ...args], { stdin: text }),
    ])
    expect(pipe.stdout).toBe(file.stdout.replaceAll(MADE, '-'))
    const several = await pinscope(['compare', MADE, LEAKS, 'traces/README.md', 'traces/sqlite3.report.json', ...args])
    expect(several.stderr).toBe('passed over, no traces: traces/README.md, traces/sqlite3.report.json\n')
    expect(JSON.parse(several.stdout).base.trace.files).toEqual([MADE, LEAKS])
  })
})

describe('reports', () => {
  beforeAll(async () => {
    const replays: [string, string[]][] = [
      ['before.json', [MADE, '-c', 'bio', '-p', 'get-pages']],
      ['after.json', [MADE, '-c', 'bio', '-p', 'folio']],
      ['all.json', [MADE, '-c', 'bio', '-c', 'null', '-p', 'all']],
      ['older.json', [MADE, '-c', 'bio', '-c', 'null', '-c', 'tls', '--kernel', '6.1']],
      ['newer.json', [MADE, '-c', 'null', '-c', 'bio', '--kernel', '6.18']],
      ['other.json', [LIBAIO, '-c', 'bio', '-p', 'folio']],
    ]
    for (const [name, args] of replays) {
      const { stderr } = await pinscope(['replay', ...args, '--json', '-o', at(name), '--fail-on', 'none'])
      expect(stderr).toContain('report written to')
    }
  })

  it('two of one lane each', async () => {
    const told = await compared(at('before.json'), at('after.json'))
    expect([told.base.report, told.with.report]).toEqual([at('before.json'), at('after.json')])
    expect(figures(told.comparisons[0], 'pins.acquired')).toEqual([0, 34])
    expect(figures(told.comparisons[0], 'refs.acquired')).toEqual([64, 0])
    expect([told.unpaired, told.warnings]).toEqual([{ base: [], with: [] }, []])
    const { stdout } = await pinscope(['compare', at('before.json'), at('after.json')])
    expect(flat(stdout)).toContain(`base ${at('before.json')}: ${MADE}, 6 operations in 96 us`)
  })

  it('two of several lanes: what pairs, and what is left', async () => {
    const { comparisons, unpaired, warnings } = await compared(at('older.json'), at('newer.json'))
    expect(
      comparisons.map(({ base, with: [other] }) => [base.consumer, base.kernel, other.consumer, other.kernel]),
    ).toEqual([
      ['bio', '6.1', 'bio', '6.18'],
      ['null', '6.1', 'null', '6.18'],
    ])
    expect(unpaired).toEqual({ base: [{ consumer: 'tls', policy: 'get-pages', kernel: '6.1' }], with: [] })
    expect(warnings).toEqual([])
    const { stdout } = await pinscope(['compare', at('older.json'), at('newer.json')])
    expect(flat(stdout)).toContain(`only in ${at('older.json')}, not compared: tls:get-pages@6.1`)
    expect(stdout).toMatch(/\nbio under extract on 6\.18 against bio under get-pages on 6\.1: /)
  })

  it('two of the same lanes: in words, which of them differ', async () => {
    const { stdout } = await pinscope(['compare', at('all.json'), at('after.json'), '--with', 'bio'])
    expect(flat(stdout)).toMatch(/ bio of \S+after\.json against \S+all\.json: every figure is the same\. $/)
    const same = await pinscope(['compare', at('all.json'), at('all.json')])
    expect(flat(same.stdout)).toContain(' Every figure is the same: bio:get-pages@6.18, bio:viro-2022@6.18,')
    expect(same.stdout).not.toContain('list entries')
  })

  it('of other traces: figures, and a warning', async () => {
    const { status, stdout } = await pinscope(['compare', at('after.json'), at('other.json')])
    expect(status).toBe(0)
    expect(flat(stdout)).toContain(
      'warning: the reports are not of the same I/O: 8 and 136 rows, 6 and 132 operations,',
    )
  })

  it('two lanes of one', async () => {
    const {
      comparisons,
      base,
      with: other,
    } = await compared(at('all.json'), '-b', 'bio:extract', '-w', 'null:folio@6.18')
    expect(base).toEqual(other)
    expect(comparisons[0].base).toMatchObject({ consumer: 'bio', policy: 'extract' })
    expect(figures(comparisons[0], 'entries.built')).toEqual([38, 0])
    // Of two lanes the one that is not named is meant.
    const policies = async (...args: string[]) => {
      const [told] = (await compared(at('newer.json'), ...args)).comparisons
      return [told.base, ...told.with].map(({ consumer }) => consumer)
    }
    expect(await policies()).toEqual(['null', 'bio'])
    expect(await policies('-b', 'bio')).toEqual(['bio', 'null'])
    expect(await policies('-w', 'null')).toEqual(['bio', 'null'])
  })

  it('a pipe brings a report as well as a trace', async () => {
    const stdin = readFileSync(at('after.json'))
    const { status, stdout } = await pinscope(['compare', at('before.json'), '-', '--json'], { stdin })
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ with: { report: '-' }, warnings: [] })
  })
})

describe('exit status 2', () => {
  beforeAll(async () => {
    const report = madeReport([madeLane(), madeLane({ policy: 'folio' }), madeLane({ consumer: 'null' })])
    const written: [string, unknown][] = [
      ['three.json', report],
      ['one.json', { ...report, lanes: [madeLane({ consumer: 'tls' })] }],
      ['none.json', { ...report, lanes: [] }],
      ['later.json', { ...report, schema: 'pinscope-report/2' }],
      ['extra.json', { ...report, lanes: [{ ...madeLane(), pinsAquired: 1 }] }],
      ['old.json', { ...report, lanes: [madeLane(), { ...madeLane(), entries: { built: 1 } }] }],
      ['error.json', { schema: 'pinscope-error/1', error: { message: 'no such file' } }],
      ['compare.json', { schema: 'pinscope-compare/1' }],
      ['fio.json', { 'fio version': 'fio-3.33', jobs: [] }],
      ['list.json', [1]],
    ]
    for (const [name, value] of written) writeFileSync(at(name), JSON.stringify(value))
    writeFileSync(at('cut.json'), JSON.stringify(report, null, 2).slice(0, 400))
    writeFileSync(at('bad.json'), '{\n  "schema": x\n}')
    writeFileSync(at('comma.json'), '{\n  "schema": "pinscope-report/1",\n  }\n')
    writeFileSync(at('empty.json'), '')
    writeFileSync(at('words.csv'), 'no trace\n')
  })

  const BOTH = ['--base', 'bio', '--with', 'null']

  it.each([
    [[MADE], '--base and --with are missing', '--base bio:get-pages --with bio:extract'],
    [[MADE, '--base', 'bio'], ': --with is missing', 'A lane is CONSUMER[:POLICY][@KERNEL].'],
    [[MADE, '-w', 'bio'], ': --base is missing', ''],
    [[MADE, '-b', 'boi', '-w', 'bio'], 'unknown consumer "boi": did you mean "bio"?', 'pinscope consumers'],
    [[MADE, '-b', 'bio', '-w', 'bio:exrtact'], 'unknown policy "exrtact": did you mean "extract"?', 'get-pages, viro'],
    [[MADE, '-b', 'bio', '-w', 'bio@zen'], 'unknown kernel version "zen"', '6.1, 6.12, 6.18, mainline'],
    [[MADE, '-b', 'bio', '-w', 'bio', '--kernel', 'zen'], '--base and --with name the same lane', 'bio:get-pages@6.1'],
    [[MADE, ...BOTH, '--kernel', 'zen'], 'unknown kernel version "zen"', ''],
    [[MADE, ...BOTH, '--quirk', 'xarray-hole-warp'], 'did you mean "xarray-hole-wrap"?', ''],
    [[MADE, ...BOTH, '-O', 'bio.bvec-limt=1'], 'did you mean "bio.bvec-limit"?', ''],
    [[MADE, ...BOTH, '--faults', 'aloc@1'], 'did you mean "alloc"?', ''],
    [[MADE, '-b', 'bio@6.1:extract', '-w', 'bio'], 'expected CONSUMER[:POLICY][@KERNEL]', 'last: bio:extract@6.1'],
    [[MADE, '-b', 'bio:', '-w', 'bio'], '"bio:" is no lane', 'For example: smbdirect'],
    [[MADE, '-b', '', '-w', 'bio'], '"" is no lane', ''],
    [[MADE, '-b', 'all', '-w', 'bio'], 'unknown consumer "all"', ''],
    [[MADE, '--bas', 'bio'], 'unknown flag --bas', 'Did you mean --base?'],
    [[MADE, '-c', 'bio', '-c', 'null'], 'unknown flag -c', ''],
    [['traces/made/four-polices.csv', ...BOTH], 'no such file', 'Did you mean "four-policies.csv"?'],
    [[at('words.csv'), ...BOTH], 'words.csv:1:1: ', ''],
    [
      [at('three.json'), MADE],
      'four-policies.csv is a trace and ',
      'pinscope replay traces/made/four-policies.csv --json',
    ],
    [[at('three.json'), at('one.json'), at('one.json')], '3 reports are named, two are compared', ''],
    [['-', '-'], 'standard input (-) can be read once only', ''],
    [[at('one.json')], 'has one lane: nothing to compare', 'Name a second report'],
    [[at('none.json')], 'has no lane: nothing to compare', ''],
    [[at('one.json'), at('none.json')], 'none.json has no lane: nothing to compare', ''],
    [
      [at('three.json')],
      'three.json has 3 lanes: say which with --base and --with',
      'bio:folio@6.18, null:extract@6.18',
    ],
    [[at('three.json'), '-b', 'null'], 'say which with --with', ''],
    [[at('three.json'), '-b', 'bio', '-w', 'null'], '"bio" stands for 2 lanes', 'bio:extract@6.18, bio:folio@6.18'],
    [[at('three.json'), '-b', 'nul', '-w', 'bio'], 'unknown consumer in ', 'There are: bio, null'],
    [[at('three.json'), '-b', 'null:folio', '-w', 'bio'], 'unknown policy of null in ', 'There is: extract'],
    [[at('three.json'), '-b', 'null@6.1', '-w', 'bio'], 'unknown kernel of null in ', 'There is: 6.18'],
    [[at('three.json'), '-b', 'null', '-w', 'null'], '--base and --with name the same lane', ''],
    [[at('three.json'), at('one.json')], 'no lane of ', 'one.json has tls:extract@6.18'],
    [[at('three.json'), at('one.json'), '-b', 'null', '-w', 'bio'], 'unknown consumer in ', 'There is: tls'],
    [[at('three.json'), at('one.json'), '--kernel', '6.1'], '--kernel goes with traces', 'replay it that way'],
    [[at('three.json'), '--in-flight'], '--in-flight goes with traces', ''],
    [[at('three.json'), '--quirk', 'x'], '--quirk goes with traces', ''],
    [[at('later.json'), at('one.json')], 'is a pinscope-report/2; this pinscope reads pinscope-report/1', 'Replay'],
    [[at('one.json'), at('extra.json')], 'lanes[0]: Unrecognized key: "pinsAquired"', 'another version'],
    [[at('one.json'), at('old.json')], 'lanes[1].entries.bytes: ', 'Replay the traces again.'],
    [[at('error.json'), at('one.json')], 'holds the error of a replay, not its report: no such file', ''],
    [[at('compare.json'), at('one.json')], 'is a pinscope-compare/1, not a report', 'pinscope replay TRACE --json'],
    [[at('fio.json'), at('one.json')], 'is no report: it has no "schema": "pinscope-report/1"', ''],
    [[at('list.json'), at('one.json')], 'is no report', ''],
    [
      [at('cut.json'), at('one.json')],
      'cut.json: is JSON that breaks off',
      '-o FILE writes a report whole or not at all',
    ],
    [[at('bad.json'), at('one.json')], "bad.json: is no JSON: Unexpected token 'x'", ''],
    [[at('comma.json'), at('one.json')], /comma\.json:3:3: is no JSON: /, ''],
    [[at('empty.json'), at('one.json')], 'empty.json: is empty', ''],
    [[at('nowhere.json'), at('one.json')], 'nowhere.json: no such file', ''],
    [[at('one.json'), at('one.json'), '-o', at('no/where.txt')], 'there is no folder', ''],
    [[], 'missing 1 required arg', 'one or two reports'],
  ])('%j', async (args, problem, hint) => {
    const { status, stdout, stderr } = await pinscope(['compare', ...args])
    if (typeof problem === 'string') expect(stderr).toContain(problem)
    else expect(stderr).toMatch(problem)
    expect(stderr).toContain(hint)
    expect(stderr).not.toContain('internal')
    expect([status, stdout]).toEqual([2, ''])
  })

  it('is JSON too', async () => {
    const { stdout } = await pinscope(['compare', at('later.json'), at('one.json'), '--json'])
    expect(JSON.parse(stdout)).toMatchObject({
      schema: 'pinscope-error/1',
      error: { file: at('later.json'), exitStatus: 2 },
    })
  })
})

describe('--json', () => {
  const schema = JSON.parse(readFileSync(join(ROOT, 'packages/core/schema/pinscope-compare-1.schema.json'), 'utf8'))
  const validate = new Ajv2020({ allErrors: true }).compile(schema)

  it.each([
    [[MADE, '-b', 'bio:get-pages', '-w', 'bio', '-w', 'tls@6.1']],
    [[LIBAIO, MADE, '-b', 'bio', '-w', 'null', '--faults', 'page@9', '--no-quirk', 'bvec-entries-short']],
    [[at('older.json'), at('newer.json')]],
    [[at('all.json'), '-b', 'bio:folio', '-w', 'null:viro-2022']],
  ])('of %j is what its schema says', async (args) => {
    validate(await compared(...args))
    expect(validate.errors).toBeNull()
  })

  it('is the same bytes each time', async () => {
    const args = ['compare', LIBAIO, '-b', 'bio@6.1', '-w', 'bio@mainline', '--json']
    const [first, second] = await Promise.all([pinscope(args), pinscope(args)])
    expect(second).toEqual(first)
  })
})

describe('output', () => {
  it.each([
    [['--help']],
    [[MADE, '-b', 'bio:get-pages', '-w', 'bio']],
    [[THP, '-b', 'bio:get-pages@6.1', '-w', 'bio:folio@mainline']],
    [[THP, '-b', 'bio:get-pages', '-w', 'bio:folio', '-w', 'vhost-scsi', '-w', '9p', '-w', 'af-alg-skcipher@6.1']],
    [[LIBAIO, '-b', 'af-alg-skcipher@6.1', '-w', 'af-alg-skcipher@mainline', '--no-quirk', 'get-pages-empty-bvec']],
    [[at('older.json'), at('newer.json')]],
    [[at('after.json'), at('other.json')]],
  ])('%j fits 80 columns and is plain ASCII', async (args) => {
    const { status, stdout, stderr } = await pinscope(['compare', ...args])
    expect([status, stderr]).toEqual([0, ''])
    const wide = stdout.split('\n').filter((line) => line.length > 80 && !/^\s*\$ pinscope |\.json/.test(line))
    expect(wide).toEqual([])
    expect(stdout).toMatch(/^[\x20-\x7e\n]+$/)
    if (!args.includes('--help')) expect(stdout.split('\n').filter((line) => / $/.test(line))).toEqual([])
  })

  it('has colour only when forced, and then the same text', async () => {
    const args = ['compare', MADE, '-b', 'bio:get-pages', '-w', 'bio:folio']
    const [plain, forced, both] = await Promise.all([
      pinscope(args),
      pinscope(args, { env: { FORCE_COLOR: '1' } }),
      pinscope(args, { env: { FORCE_COLOR: '1', NO_COLOR: '1' } }),
    ])
    const strip = (text: string) => text.replace(new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g'), '')
    expect(forced.stdout).not.toBe(plain.stdout)
    expect(strip(forced.stdout)).toBe(plain.stdout)
    expect(both.stdout).toBe(plain.stdout)
  })

  it('-o writes what standard output would get, or leaves the old file alone', async () => {
    const args = ['compare', MADE, '-b', 'bio:get-pages', '-w', 'bio']
    const [file, stdout] = await Promise.all([pinscope([...args, '-o', at('out.txt')]), pinscope(args)])
    expect(readFileSync(at('out.txt'), 'utf8')).toBe(stdout.stdout)
    expect(file).toEqual({ status: 0, stdout: '', stderr: `comparison written to ${at('out.txt')}\n` })
    expect((await pinscope([...args, '-w', 'boi', '-o', at('out.txt')])).status).toBe(2)
    expect(readFileSync(at('out.txt'), 'utf8')).toBe(stdout.stdout)
  })

  it('a reader that goes away: quiet, 0', () => {
    const line = `set -o pipefail; ${process.execPath} ${BIN} compare ${THP} -b bio:get-pages -w bio --json 2>&1 | head -1; echo $?`
    const stdout = execFileSync('bash', ['-c', line], { cwd: ROOT, env: plainEnv(), encoding: 'utf8' })
    expect(stdout).toBe('{\n0\n')
  })

  it('Ctrl-C in a long standard input: 130, one line, no file', async () => {
    mkdirSync(at('interrupted'))
    const args = ['compare', '-', '-b', 'bio', '-w', 'null', '-o', at('interrupted/out.json')]
    const child = start(args, { env: plainEnv(), stdio: ['pipe', 'pipe', 'pipe'] })
    const done = ended(child)
    child.stdin?.write('# pinscope-trace 1\nts,end,op,segs,flags\n0,,read,0x7f0000000000+4096,direct\n')
    while (readdirSync(at('interrupted')).length === 0) await sleep(20)
    await sleep(100)
    child.kill('SIGINT')
    expect(await done).toEqual({ status: 130, stdout: '', stderr: 'pinscope: interrupted, nothing was written\n' })
    expect(readdirSync(at('interrupted'))).toEqual([])
  })
})

describe('the text', () => {
  function text(base: LaneReport, other: LaneReport, changes: Partial<Report> = {}): string {
    const [first, second] = [madeReport([base], changes), madeReport([other], changes)]
    const sides = [first, second].map((report, side) => ({ file: side === 0 ? 'a.json' : 'b.json', report }))
    return comparisonText(PLAIN, compareReports(sides[0], sides[1], pairLanes(first.lanes, second.lanes)))
  }
  const widest = (drawn: string) => Math.max(...drawn.split('\n').map(visibleLength))

  it('rounds figures where they do not fit, and says so', () => {
    const bytes = Number.MAX_SAFE_INTEGER
    const drawn = text(
      madeLane({ bytes, data: { zeroCopyBytes: bytes, copiedBytes: 0 } }),
      madeLane({ bytes: 46_123_456 }),
    )
    expect(widest(drawn)).toBeLessThanOrEqual(80)
    expect(drawn).toMatch(/\n {2}payload bytes +9\.01P +46\.1M +-9\.01P +-99\.999999 %\n/)
    expect(drawn).toContain('Figures of more than five digits are rounded; --json has them in full.')
    expect(text(madeLane(), madeLane())).not.toContain('rounded')
  })

  it('tells quirks and faults beside the table: there is no room in it', () => {
    const quirks = ['-vhost-scsi-revert-short', 'get-pages-empty-bvec']
    const faults = { fault: 'alloc' as const, at: 1500, injected: 1 }
    expect(text(madeLane({ quirks }), madeLane({ quirks }))).toContain(
      '\nevery lane: quirks -vhost-scsi-revert-short, get-pages-empty-bvec\n\n',
    )
    const drawn = text(madeLane(), madeLane({ quirks: ['-a'], faults }))
    expect(drawn).toContain('\nbio:extract@6.18: quirks -a; alloc step 1,500 made to fail\n\n')
    expect(drawn).toContain('\nbio on 6.18 (quirks: -a) against bio on 6.18: every figure is the same.\n')
    expect(text(madeLane(), madeLane())).not.toContain('\nevery lane:')
  })

  it('tells counters that only one lane has, those that are 0 left out', () => {
    const drawn = text(
      madeLane({ consumer: 'smbdirect-legacy', counters: { packets: 64, pagePointers: 1600, sgEntries: 0 } }),
      madeLane({ consumer: 'smbdirect', counters: { packets: 49, bvecs: 0 } }),
    )
    expect(drawn).toMatch(/\ncounted by the consumers\n {2}packets +64 +49 +-15 +-23\.4 %\n/)
    expect(drawn).toContain('\nCounted by smbdirect-legacy only: pagePointers 1,600.\n')
    expect(drawn).not.toContain('bvecs')
  })

  it('says what differs most: what is left over, then costs, then the rest', () => {
    const drawn = text(
      madeLane({
        consumer: 'smbdirect-legacy',
        allocations: { made: 16, freed: 16, bytes: 1, openBytes: 0, peakBytes: 1 },
      }),
      madeLane({
        consumer: 'smbdirect',
        entries: { built: 1482, bytes: 62_400, perOperationMax: 17, limitHits: 0 },
        leaksTotal: 1,
        refOps: 24_000,
        pins: { acquired: 0, released: 0, open: 0, longTerm: 0, peak: 0 },
      }),
    )
    // 1482 of 3900 is 38 %: 62 % fewer. 24,000 of 8,000 is three times as many: two thirds of the larger are new.
    expect(flat(drawn)).toMatch(
      / smbdirect against smbdirect-legacy: 1 leaks \(instead of none\), no own allocations \(instead of 16\), 3 times as many reference operations \(24,000 instead of 8,000\), 62 % fewer list entries \(1,482 instead of 3,900\)\. $/,
    )
  })

  it('says when only details differ, and when nothing does', () => {
    const entries = { built: 3900, bytes: 62_400, perOperationMax: 18, limitHits: 0 }
    expect(flat(text(madeLane(), madeLane({ entries })))).toContain(
      ' bio of b.json against a.json: the same pins, copies and lists; what differs is in the table. ',
    )
    expect(text(madeLane(), madeLane())).toMatch(/\nbio of b\.json against a\.json: every figure is the same\.\n$/)
  })

  it.each([
    [0.5, '50'],
    [0.625, '62.5'],
    [1 / 3, '33.3'],
    [0.0123, '1.2'],
    [0.0001, '0.01'],
    [0.000_001, '0.0001'],
    [0.9996, '99.96'],
    [1, '100'],
    [2.5, '250'],
    [14.49, '1,449'],
  ])('perCent(%d) is %s', (share, expected) => {
    expect(perCent(share)).toBe(expected)
  })
})

describe('docs/compare.md', () => {
  it('has every figure, and shows what the command prints (npm test -- -u writes it anew)', async () => {
    const file = join(ROOT, 'docs/compare.md')
    const page = readFileSync(file, 'utf8')
    expect(page).toContain('<!-- generated: metrics -->')
    const rows = COMPARE_GROUPS.flatMap(({ heading, metrics }) =>
      metrics.map(
        ({ name, label, unit, better, summary }) =>
          `| ${heading} | ${label} | \`${name}\` | ${unit} | ${better} | ${summary} |`,
      ),
    )
    const table = [
      '| | figure | in JSON | unit | better | what it counts |',
      '| --- | --- | --- | --- | --- | --- |',
      ...rows,
    ]
    const generated = page.replace(
      /(<!-- generated: metrics -->\n)[\s\S]*?(<!-- end -->)/,
      (_, open: string, close: string) => `${open}${table.join('\n')}\n${close}`,
    )
    await expect(withOutputs(generated)).toMatchFileSnapshot(file)
  })
})
