import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AuditReport } from '@pinscope/core/audit'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { BIN, ended, pinscope, plainEnv, ROOT, start, temporaryFolder } from './run.ts'

const CLEAN = 'traces/fio-libaio-randrw.csv'
const PLUGIN = 'packages/cli/test/fixtures/plugin-rules'
const folder = temporaryFolder()
const schema = JSON.parse(readFileSync(join(ROOT, 'packages/core/schema/pinscope-audit-1.schema.json'), 'utf8'))
const validate = new Ajv2020({ allErrors: true }).compile(schema)

function trace(name: string, rows: string): string {
  const file = join(folder, name)
  writeFileSync(file, `# pinscope-trace 1\nts,end,event,id,mm,op,segs,backing\n${rows}`)
  return file
}

/** Row 1 maps, row 2 pins two pages that nobody lets go, row 3 pins one that row 4 lets go. */
const LEAK = trace(
  'leak.csv',
  `0,,map,,1,,0x10000+65536,anon
1,,pin,kept,1,read,0x10000+8192,
2,,pin,gone,1,read,0x18000+4096,
3,,unpin,gone,1,,,
`,
)
/** Row 4 drops what row 3 dropped. */
const TWICE = trace(
  'twice.csv',
  `0,,map,,1,,0x10000+65536,anon
1,,get,page,1,write,0x10000+4096,
2,,put,page,1,,,
3,,put,page,1,,,
`,
)

interface Audited {
  readonly status: number
  readonly report: AuditReport
}

async function json(...args: string[]): Promise<Audited> {
  const { status, stdout } = await pinscope(['audit', ...args, '--json'])
  const report = JSON.parse(stdout)
  validate(report)
  expect(validate.errors).toBeNull()
  return { status, report }
}

describe('pinscope audit', () => {
  it('names row, line, pages, holder and rule of a leak, with what to do, and exits with 1', async () => {
    const { status, stdout, stderr } = await pinscope(['audit', LEAK, '--rule', 'H-10'])
    expect([status, stderr]).toEqual([1, ''])
    const text = stdout.replace(/\s+/g, ' ')
    expect(text).toContain('H-10 pin leak: LEAK, high; 1 finding')
    expect(text).toContain(`${LEAK}:4: row 2: `)
    expect(text).toMatch(/ 2 pages from 0x10000 of mm 1 on \(anonymous memory\), taken by pin row in row 2 /)
    expect(text).toContain('what to do: Unpin on every path')
    expect(text).toContain('1 rule listened over 0 operations, 4 rows')
    expect(stdout.endsWith('\nFAILED: 1 finding of H-10 (pin leak) (exit 1)\n')).toBe(true)
  })

  it('says the same as JSON that its schema accepts', async () => {
    const { status, report } = await json(LEAK, TWICE, '--rule', 'H-10,H-14')
    expect(status).toBe(1)
    expect(report.rules).toEqual(['H-10', 'H-14'])
    const findings = report.traces.map(({ lanes }) => lanes.flatMap((lane) => lane.findings))
    expect(findings).toMatchObject([
      [{ rule: 'H-10', file: LEAK, row: 2, line: 4, pages: 2, backing: 'anon', takenRow: 2, severity: 'high' }],
      [{ rule: 'H-14', file: TWICE, row: 4, line: 6, severity: 'critical' }],
    ])
    expect(report.traces[0].lanes[0].references).toContainEqual({
      holder: 'pin row',
      retention: 'pin',
      taken: 'event',
      dropped: null,
      pages: 2,
    })
  })

  it('a trace in which nothing is wrong: a line, the two tables, 0', async () => {
    const { status, stdout, stderr } = await pinscope(['audit', CLEAN, '-c', 'bio'])
    expect([status, stderr]).toEqual([0, ''])
    const text = stdout.replace(/\s+/g, ' ')
    expect(text).toMatch(
      /^\S+: nothing found; \d+ rules listened over 132 operations, 136 rows; bio under extract, kernel 6.18; layout L3: address and length of every segment /,
    )
    expect(stdout).toContain('\nWhere references from extractions go, and who drops them\n')
    expect(stdout).toMatch(/^bio +pin +submission +completion +[\d,]+$/m)
    expect(stdout).toMatch(/\nclean: \d+ rules found nothing\n$/)
  })

  it('what kernel iterators name, and what keeps it, is told', async () => {
    const { stdout } = await pinscope(['audit', 'traces/made/loop-unlocked.csv'])
    expect(stdout).toContain('\nWhere pages are put into iterators that take nothing, and what keeps them alive\n')
    expect(stdout).toMatch(/^xarray +a lock +4 +8$/m)
  })

  it('lanes with the same findings are told once', async () => {
    const { stdout } = await pinscope(['audit', LEAK, '-c', 'bio', '-p', 'get-pages', '-p', 'extract', '--rule', '10'])
    expect(stdout).toContain('bio under get-pages, extract: 1 finding each\n')
    expect(stdout.match(/^H-10 /gm)).toHaveLength(1)
    expect(stdout).toContain('FAILED: 2 findings of H-10')
  })

  it('takes the flags of lanes: a consumer, a fault, a quirk', async () => {
    const args = ['-c', 'bio', '--faults', 'page@9', '--quirk', 'sg-temp-array']
    const { report } = await json(CLEAN, ...args)
    expect(report.traces[0].lanes[0]).toMatchObject({
      consumer: 'bio',
      quirks: ['sg-temp-array'],
      faults: { fault: 'page', at: 9, injected: 1 },
    })
    const { stdout } = await pinscope(['audit', CLEAN, ...args])
    expect(stdout.replace(/\s+/g, ' ')).toContain('kernel 6.18 (quirks: sg-temp-array); page step 9 made to fail')
  })

  it('an operation without a completion leaks, unless it is in flight', async () => {
    const open = trace('open.csv', '0,,map,,1,,0x10000+65536,anon\n1,never,,,1,read,0x10000+4096,\n')
    expect((await pinscope(['audit', open, '-c', 'bio'])).status).toBe(1)
    expect((await pinscope(['audit', open, '-c', 'bio', '--in-flight'])).status).toBe(0)
  })

  it('finds the references that vhost-scsi loses in a recorded trace, and none without the defect', async () => {
    const args = ['traces/ground-truth/dio-anon.csv', '-c', 'vhost-scsi', '--kernel', 'mainline', '-p', 'extract']
    const broken = await json(...args)
    const rows = broken.report.traces[0].lanes[0].findings.map(({ row }) => row)
    const { stdout } = await pinscope(['replay', ...args, '--json'])
    expect(rows).toEqual(JSON.parse(stdout).lanes[0].leaks.map(({ row }: { row: number }) => row))
    expect([rows.length, broken.status]).toEqual([5, 1])
    expect((await json(...args, '--no-quirk', 'vhost-scsi-revert-short')).status).toBe(0)
  })
})

describe('what is known of a trace', () => {
  it('what its reader passed over and took for granted is told, as replay tells it, and the layout that was assumed', async () => {
    const file = 'traces/formats/strace-cut.txt'
    const [{ report }, replayed, text] = await Promise.all([
      json(file),
      pinscope(['replay', file, '--json']),
      pinscope(['audit', file]),
    ])
    const { warnings, trace } = JSON.parse(replayed.stdout)
    expect(warnings).toHaveLength(24)
    const [{ lanes, layout, ...audited }] = report.traces
    expect(lanes.filter(({ findingsTotal }) => findingsTotal > 0)).toEqual([])
    expect(audited.warnings).toEqual(warnings.map((one: string) => one.replace(`${file}: `, '')))
    expect(layout).toEqual(trace.layout)
    expect(text.stdout.match(/^warning: /gm)).toHaveLength(24)
    const flat = text.stdout.replace(/\s+/g, ' ')
    expect(flat).toContain(`${file} nothing found; `)
    expect(flat).toMatch(/layout L[012]: [a-z, ]+; buffer layout assumed: /)
  })

  it('rows that only an audit looks at are no warning of one', async () => {
    const locks = trace(
      'locks.csv',
      '0,,map,,1,,0x10000+4096,anon\n1,,lock,,1,,0x10000+4096,\n2,,unlock,,1,,0x10000+4096,\n',
    )
    const { stdout } = await pinscope(['replay', locks, '--json'])
    expect(JSON.parse(stdout).warnings[0]).toContain('pinscope audit looks at them')
    expect((await json(locks)).report.traces[0].warnings).toEqual([])
  })
})

describe('many findings', () => {
  const rows = Array.from(
    { length: 1100 },
    (_, at) => `${at},,pin,p${at},1,read,0x${(at + 16).toString(16)}000+4096,\n`,
  )
  const many = trace('many.csv', rows.join(''))

  it('ten are spelled out, 1,000 are in the JSON, all are counted', async () => {
    const { stdout } = await pinscope(['audit', many, '--rule', 'H-10'])
    expect(stdout.match(/: row \d+: /g)).toHaveLength(10)
    expect(stdout).toContain('H-10 pin leak: LEAK, high; 1,100 findings\n')
    expect(stdout).toContain('  and 1,090 more (--json lists 1,000)\n')
    const { report } = await json(many, '--rule', 'H-10')
    expect(report.traces[0].lanes[0].findings).toHaveLength(1000)
    expect(report.traces[0].lanes[0]).toMatchObject({ findingsTotal: 1100, findingsByRule: { 'H-10': 1100 } })
  })
})

describe('many findings of one rule', () => {
  // 1,000 copies into a source; then a reference that is put twice, and a pin that nobody lets go.
  const copies = Array.from(
    { length: 1000 },
    (_, at) => `${at},,init,h${at},1,write,0x10000+512,\n${at},,copy,h${at},1,read,,\n`,
  )
  const rows = `${copies.join('')}2000,,get,g,1,write,0x20000+4096,
2001,,put,g,1,,,
2002,,put,g,1,,,
2003,,pin,p,1,read,0x30000+4096,
`
  const starve = trace('starve.csv', rows)

  it('hide none of another', async () => {
    const { report } = await json(starve)
    const [{ findingsByRule, findings }] = report.traces[0].lanes
    expect(findingsByRule).toEqual({ 'H-10': 1, 'H-14': 1, 'H-24': 1000 })
    expect(findings.slice(-2)).toMatchObject([
      { rule: 'H-14', row: 2003, takenRow: 2001, severity: 'critical' },
      { rule: 'H-10', row: 2004, pageName: 'page at 0x30000 of mm 1' },
    ])
  })

  it('nor its paragraph; what says nothing has no blank at its end, and numbers are grouped', async () => {
    const { stdout } = await pinscope(['audit', starve])
    expect(stdout.match(/^H-\d+/gm)).toEqual(['H-10', 'H-14', 'H-24'])
    expect(stdout).toContain(': row 2\n')
    expect(stdout).not.toMatch(/ $/m)
    expect(stdout).toContain('FAILED: 1,002 findings: 1 of H-10, 1 of H-14, 1,000 of H-24 (exit 1)\n')
  })
})

describe('many steps that the kernel refused', () => {
  it('are counted beyond those that are listed', async () => {
    const pins = Array.from({ length: 1200 }, (_, at) => `${at},register,r${at},1,read,0x10000+4096,,,,\n`)
    const file = join(folder, 'refused.csv')
    const head =
      '# pinscope-trace 1\n# kernel 6.12\n# filesystem ext4\nts,event,id,mm,op,segs,backing,file,offset,flags\n'
    writeFileSync(file, `${head}0,map,,1,,0x10000+8192,file,/data,0,\n${pins.join('')}`)
    const { report, status } = await json(file)
    const [{ refused, refusedTotal }] = report.traces[0].lanes
    expect([status, refusedTotal, refused.length]).toEqual([0, 1200, 1000])
    // Row 1 is line 5.
    expect(refused[0]).toMatchObject({ rule: 'H-23', row: 2, line: 6 })
    const text = (await pinscope(['audit', file])).stdout
    expect(text).toContain('1,200 steps that the kernel refused')
    expect(text).toContain('  and 1,190 more (--json lists 1,000)\n')
  })
})

describe('--severity', () => {
  it.each([
    ['critical', LEAK, 0, 'passed; milder than critical: 1 finding of H-10 (pin leak)'],
    ['high', LEAK, 1, 'FAILED: 1 finding of H-10 (pin leak) (exit 1)'],
    ['Critical', TWICE, 1, 'FAILED: 1 finding of H-14 (double release) (exit 1)'],
  ])('%s: %s', async (severity, file, exitStatus, line) => {
    const { status, stdout } = await pinscope(['audit', file, '--rule', 'H-10,H-14', '--severity', severity])
    expect([status, stdout.trim().split('\n').at(-1)]).toEqual([exitStatus, line])
    expect(stdout).toContain('1 finding\n')
  })

  it('info counts by default as found, not as failed', async () => {
    const args = ['audit', trace('info.csv', '0,,pin,a,1,read,0x10000+20480,\n1,,unpin,a,1,,,\n'), '--plugin', PLUGIN]
    const [mild, strict] = await Promise.all([pinscope(args), pinscope([...args, '--severity', 'info'])])
    expect([mild.status, strict.status]).toEqual([0, 1])
    expect(mild.stdout).toContain('passed; milder than low: 1 finding of MINE-7 (many pages in one pin)\n')
  })
})

describe('a rule of a plugin', () => {
  const args = (file: string) => ['audit', file, '--plugin', PLUGIN, '--rule', 'mine-7']

  it('listens with the others, and is chosen by its id', async () => {
    const five = trace('five.csv', '0,,map,,1,,0x10000+65536,anon\n1,,pin,a,1,read,0x10000+20480,\n2,,unpin,a,1,,,\n')
    const { stdout } = await pinscope(args(five))
    const text = stdout.replace(/\s+/g, ' ')
    expect(text).toContain('MINE-7 many pages in one pin: PERF, info; 1 finding')
    expect(text).toContain(`${five}:4: row 2: 5 pages at once`)
  })

  it('tells apart what the kernel refused', async () => {
    const four = trace('four.csv', '0,,map,,1,,0x10000+65536,anon\n1,,pin,a,1,read,0x10000+16384,\n2,,unpin,a,1,,,\n')
    const { status, stdout } = await pinscope(args(four))
    expect(status).toBe(0)
    const text = stdout.replace(/\s+/g, ' ')
    expect(text).toContain('1 step that the kernel refused: no findings ')
    expect(text).toContain(`${four}:4: row 2: four pages are as many as may be (MINE-7)`)
    expect(text).toContain('clean: 1 rule found nothing')
  })
})

describe('output', () => {
  it.each([
    [[CLEAN]],
    [[LEAK, TWICE, CLEAN]],
    [[CLEAN, '-c', 'all', '-p', 'all']],
    [['traces/made/every-iterator.csv', 'traces/made/release-errors.csv', '-p', 'all']],
    [['--help']],
  ])('%j fits 80 columns and is plain ASCII', async (args) => {
    const { stdout, stderr } = await pinscope(['audit', ...args])
    expect(stderr).toBe('')
    const isLong = (line: string) => line.length > 80 && !line.includes(folder) && !/^\s*\$ pinscope /.test(line)
    expect(stdout.split('\n').filter(isLong)).toEqual([])
    expect(stdout).toMatch(/^[\x20-\x7e\n]+$/)
  })

  it('is in colour where that is asked for, and then the same text', async () => {
    const esc = String.fromCharCode(27)
    const [plain, colour] = await Promise.all([
      pinscope(['audit', LEAK]),
      pinscope(['audit', LEAK], { env: { FORCE_COLOR: '1' } }),
    ])
    expect(colour.stdout).toContain(esc)
    expect(colour.stdout.replace(new RegExp(`${esc}\\[[0-9;]*m`, 'g'), '')).toBe(plain.stdout)
  })

  it('-o: the file has what standard output would have, the verdict is on stderr', async () => {
    const output = join(folder, 'audit.json')
    const args = ['audit', LEAK, '--json', '--rule', 'H-10']
    const [file, stdout] = await Promise.all([pinscope([...args, '-o', output]), pinscope(args)])
    expect(readFileSync(output, 'utf8')).toBe(stdout.stdout)
    expect(file).toEqual({
      status: 1,
      stdout: '',
      stderr: `FAILED: 1 finding of H-10 (pin leak) (exit 1)\naudit written to ${output}\n`,
    })
  })

  it.each(['audit', 'replay', 'leaks'])(
    '%s -o refuses to write over what it reads, by whatever name',
    async (command) => {
      const file = trace(`${command}-in.csv`, '0,,pin,a,1,read,0x10000+4096,\n')
      const before = readFileSync(file, 'utf8')
      const link = join(folder, `${command}-link.csv`)
      symlinkSync(file, link)
      for (const output of [file, link, join(folder, '.', `${command}-in.csv`)]) {
        const { status, stdout, stderr } = await pinscope([command, file, '-o', output])
        expect([status, stdout]).toEqual([2, ''])
        expect(stderr).toContain(`cannot write ${output}: it is what is read (${file})\n`)
      }
      expect(readFileSync(file, 'utf8')).toBe(before)
    },
  )

  it('-o refuses to write over a file that is standard input', async () => {
    const file = trace('stdin-in.csv', '0,,pin,a,1,read,0x10000+4096,\n')
    const before = readFileSync(file, 'utf8')
    const input = openSync(file, 'r')
    const { status, stderr } = await ended(
      start(['audit', '-', '-o', file], { env: plainEnv(), stdio: [input, 'pipe', 'pipe'] }),
    )
    closeSync(input)
    expect([status, stderr]).toEqual([
      2,
      `pinscope: cannot write ${file}: it is what is read (-)\nChoose another name for -o.\n`,
    ])
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  it('-o - is standard output', async () => {
    const args = ['audit', LEAK, '--rule', 'H-10']
    expect(await pinscope([...args, '-o', '-'])).toEqual(await pinscope(args))
  })

  it.each([
    [join(LEAK, 'out.txt'), 'a part of the path is not a folder'],
    [join(folder, 'x'.repeat(300)), 'the name is too long'],
    [join(folder, 'none', 'out.txt'), `there is no folder ${join(folder, 'none')}`],
  ])('-o %s: a plain sentence', async (output, why) => {
    const { status, stderr } = await pinscope(['audit', LEAK, '-o', output])
    expect([status, stderr]).toEqual([2, `pinscope: cannot write ${output}: ${why}\n`])
  })

  it('lanes that differ are named, however many there are', async () => {
    const names = ['bio', 'null', 'buffered', 'vhost-scsi', '9p']
    const { stdout } = await pinscope(['audit', LEAK, ...names.flatMap((name) => ['-c', name])])
    const flat = stdout.replace(/\s+/g, ' ')
    for (const name of names) expect(flat.split('H-10')[0]).toContain(name)
  })

  it('a reader that goes away changes no exit status', () => {
    const run = (file: string) =>
      execFileSync('bash', ['-c', `set -o pipefail; ${process.execPath} ${BIN} audit ${file} 2>&1 | true; echo $?`], {
        cwd: ROOT,
        env: plainEnv(),
        encoding: 'utf8',
      })
    expect([run(CLEAN), run(LEAK)]).toEqual(['0\n', '1\n'])
  })

  it('reads standard input', async () => {
    const stdin = readFileSync(LEAK)
    const { status, stdout } = await pinscope(['audit', '-', '--rule', 'H-10'], { stdin })
    expect(status).toBe(1)
    expect(stdout).toContain('-:4: row 2: ')
  })
})

describe('usage errors: exit status 2, nothing on standard output', () => {
  it.each([
    [['audit', LEAK, '--rule', 'H-99999'], 'unknown rule "H-99999"'],
    [['audit', LEAK, '--rule', 'H10,pin-leek'], 'unknown rule "pin-leek": did you mean "H-10" (pin leak)?'],
    [['audit', LEAK, '--rule', 'X-10'], 'unknown rule "X-10": did you mean "H-10"?'],
    [['audit', LEAK, '--rule', 'MINE-7'], 'A rule of a plugin needs that: --plugin FOLDER'],
    [['audit', LEAK, '--rule', ''], 'unknown rule ""'],
    [['audit', LEAK, '--severity', 'hihg'], 'unknown severity "hihg": did you mean "high"?'],
    [['audit', LEAK, '-c', 'boi'], 'unknown consumer "boi": did you mean "bio"?'],
    [['audit', join(folder, 'leek.csv')], 'no such file'],
    [['audit'], 'missing 1 required arg'],
  ])('%j', async (args, problem) => {
    const { status, stdout, stderr } = await pinscope(args)
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain(problem)
  })
})
