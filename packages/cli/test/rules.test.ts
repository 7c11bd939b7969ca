import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Registry } from '@pinscope/core'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { describe, expect, it } from 'vitest'
import { ruleText } from '../src/render/rule.ts'
import { PLAIN } from '../src/render/terminal.ts'
import { runExample } from '../src/services/rules-example.ts'
import { pinscope, temporaryFolder } from './run.ts'

const PLUGIN = 'packages/cli/test/fixtures/plugin-rules'
const CORE = '@pinscope/core'
const folder = temporaryFolder()

describe('pinscope rules', () => {
  it('lists every rule with verdict and severity', async () => {
    const { status, stdout, stderr } = await pinscope(['rules'])
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^H-10 +pin leak +LEAK +high$/m)
    expect(stdout).toMatch(/^H-14 +double release +DOUBLE +critical$/m)
    const listed = stdout.match(/^H-\d+/gm) ?? []
    expect(listed).toEqual(HAZARD_RULES.map(({ id }) => id))
    expect(stdout).not.toContain('package')
  })

  it('--json has what they say', async () => {
    const { rules } = JSON.parse((await pinscope(['rules', '--json'])).stdout)
    expect(rules).toEqual(
      HAZARD_RULES.map(({ apiVersion, example, watch, ...rule }) => ({ ...rule, package: '@pinscope/core' })),
    )
  })

  it('those of a plugin come last, with their package', async () => {
    const { stdout } = await pinscope(['rules', '--plugin', PLUGIN])
    expect(stdout).toMatch(/^MINE-7 +many pages in one pin +PERF +info +pinscope-rules-of-mine$/m)
  })
})

describe('one rule', () => {
  it.each(['H-10', 'h-10', 'h10', '10'])('%s', async (id) => {
    const { status, stdout } = await pinscope(['rules', id])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^H-10 pin leak\n {2}verdict {3}LEAK, high\n {2}given {5}pages are pinned\n/)
  })

  it('has the drawing, a trace, what is found in it, and what is different where nothing is', async () => {
    const { stdout } = await pinscope(['rules', 'MINE-7', '--plugin', PLUGIN])
    expect(stdout).toContain(
      'MINE-7 many pages in one pin\n  verdict   PERF, info\n  package   pinscope-rules-of-mine\n',
    )
    expect(stdout).toContain('\n  pin 1   pin 2   pin 3   pin 4   pin 5\n')
    expect(stdout).toContain('\n  0,pin,buffer,1,read,0x10000+20480\n  1,unpin,buffer,1,,\n')
    expect(stdout).toContain('\n  example.csv:3: row 1: 5 pages at once\n')
    expect(stdout).toContain('\n  - 0,pin,buffer,1,read,0x10000+20480\n  + 0,pin,buffer,1,read,0x10000+16384\n')
  })

  it('--json has the findings in both traces', async () => {
    const { rule, example } = JSON.parse((await pinscope(['rules', '14', '--json'])).stdout)
    const h14 = HAZARD_RULES.find(({ id }) => id === 'H-14')
    expect(rule).toMatchObject({ id: 'H-14', verdict: 'DOUBLE', package: '@pinscope/core' })
    expect([example.broken, example.sound]).toEqual([h14?.example.broken, h14?.example.sound])
    expect(example.findings.map(({ row }: { row: number }) => row)).toEqual(h14?.example.rows)
    expect(example.soundFindings).toEqual([])
  })

  it.each([
    ['H-1O', 'unknown rule "H-1O": did you mean "H-10"?'],
    ['pin-leak', 'unknown rule "pin-leak": did you mean "H-10" (pin leak)?'],
    ['MINE-7', 'unknown rule "MINE-7"'],
  ])('%s: 2', async (id, problem) => {
    const { status, stdout, stderr } = await pinscope(['rules', id])
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toContain(problem)
  })
})

describe('80 columns of plain ASCII', () => {
  // A trace is told as it is, so that it can be copied.
  const isTrace = (line: string) => /^ {2}([-+] )?(\d+|ts|#)[, ]/.test(line)
  const wideLines = (text: string) => text.split('\n').filter((line) => line.length > 80 && !isTrace(line))

  it.each([[['rules', '--help']], [['rules']], [['rules', '--plugin', PLUGIN]], [['rules', 'H-10']]])(
    '%j',
    async (args) => {
      const { stdout, stderr } = await pinscope(args)
      expect([stderr, wideLines(stdout)]).toEqual(['', []])
      expect(stdout).toMatch(/^[\x20-\x7e\n]+$/)
    },
  )

  it.each(HAZARD_RULES.map((rule) => [rule.id, rule] as const))('%s', async (id, rule) => {
    const example = await runExample({ packageName: CORE, rule }, new Registry())
    const text = ruleText(PLAIN, { rule: { ...rule, package: CORE }, example })
    expect(wideLines(text)).toEqual([])
    expect(text).toMatch(/^[\x20-\x7e\n]+$/)
    for (const row of rule.example.rows) expect(text).toContain(`: row ${row}: `)
    expect([id, example.soundFindings]).toEqual([id, []])
  })
})

/** A rule that tells such a finding of whatever is taken. */
function finds(found: string, rule = 'fixture'): string {
  return `{ watch: (audit) => ({ acquire: () => audit.find(${rule}, ${found}) }) }`
}

describe('a plugin whose rule is broken: exit status 3, the package named', () => {
  /** The rule of the fixture, with parts replaced; `watch` is source text. */
  function plugin(name: string, changes: string): string {
    const root = join(folder, name)
    mkdirSync(root, { recursive: true })
    const hooks = { 'pinscope:register': './register.js' }
    const packageJson = { name, version: '1.0.0', type: 'module', oclif: { hooks } }
    writeFileSync(join(root, 'package.json'), JSON.stringify(packageJson))
    const fixture = JSON.stringify(join(process.cwd(), PLUGIN, 'register.js'))
    writeFileSync(
      join(root, 'register.js'),
      `import register from ${fixture}
const [fixture] = register().rules
const changes = ${changes}
export default () => ({ apiVersion: 1, rules: Array.isArray(changes) ? changes : [{ ...fixture, ...changes }] })`,
    )
    return root
  }

  it.each([
    ['no-id', '{ id: undefined }', 'rule id undefined is not of the form "MY-01"'],
    ['lower-case', "{ id: 'mine-1' }", 'rule id "mine-1" is not of the form "MY-01"'],
    ['of-pinscope', "{ id: 'H-10' }", `rule "H-10": ids with the letter H are pinscope's own`],
    ['later-version', '{ apiVersion: 2 }', 'rule "MINE-7": it has apiVersion 2; this pinscope has 1'],
    ['no-advice', "{ advice: '' }", 'rule "MINE-7": it has no advice'],
    ['bad-verdict', "{ verdict: 'BAD' }", 'rule "MINE-7": verdict is none of UAF, CORRUPT'],
    ['bad-severity', "{ severity: 'bad' }", 'rule "MINE-7": severity is none of critical, high'],
    ['no-example', '{ example: undefined }', 'rule "MINE-7": its example is not'],
    ['no-watch', '{ watch: undefined }', 'rule "MINE-7": it has no watch()'],
    ['twice', '[fixture, fixture]', 'its rule "MINE-7" is already taken by twice'],
    ['as-the-same-number', "[fixture, { ...fixture, id: 'MINE-07' }]", 'its rule "MINE-07" is already taken by'],
  ])('%s', async (name, changes, problem) => {
    const { status, stdout, stderr } = await pinscope(['rules', '--plugin', plugin(name, changes)])
    expect([status, stdout]).toEqual([3, ''])
    expect(stderr).toContain(`pinscope: broken plugin ${name}: ${problem}`)
  })

  it.each([
    ['throws', "{ watch: () => { throw new RangeError('no') } }", 'rule "MINE-7" threw RangeError: no'],
    ['throws-later', "{ watch: () => ({ acquire() { throw new RangeError('no') } }) }", 'threw RangeError: no'],
    [
      'no-such-event',
      '{ watch: () => ({ acquired() {} }) }',
      'rule "MINE-7" listens for "acquired", which is no event',
    ],
    ['no-handler', '{ watch: () => ({ acquire: 1 }) }', 'rule "MINE-7" listens for "acquire" without a function'],
    ['no-handlers', '{ watch: () => null }', 'rule "MINE-7": watch() returned no object with handlers'],
    ['another', finds("{ detail: 'x' }", "{ ...fixture, id: 'ZZ-1' }"), 'the rule ZZ-1 does not listen'],
    ['no-rule', finds("{ detail: 'x' }", 'undefined'), 'the rule undefined does not listen'],
    ['no-detail', finds('{}'), 'audit.find: it says nothing in detail'],
    ['empty-detail', finds("{ detail: ' ' }"), 'audit.find: it says nothing in detail'],
    ['negative-row', finds("{ detail: 'x', row: -3 }"), 'audit.find: row is -3: it must be 0 or more'],
    ['half-a-page', finds("{ detail: 'x', pages: 0.5 }"), 'audit.find: pages is 0.5: it must be 0 or more'],
    ['no-such-page', finds("{ detail: 'x', page: 123456789 }"), 'audit.find: there is no page 123456789'],
    ['no-such-token', finds("{ detail: 'x', token: 99999 }"), 'audit.find: there is no token 99999'],
    ['no-verdict', finds("{ detail: 'x', verdict: 'BAD' }"), 'audit.find: there is no verdict BAD'],
    ['no-since', finds("{ detail: 'x', since: { row: 1 } }"), 'audit.find: since says nothing in what'],
    [
      'refused-so',
      "{ watch: (audit) => ({ acquire: () => audit.refused(fixture, '') }) }",
      'audit.refused: it says nothing',
    ],
  ])('%s', async (name, changes, problem) => {
    const args = ['audit', 'traces/fio-libaio-randrw.csv', '-c', 'bio', '--plugin', plugin(name, changes)]
    const { status, stdout, stderr } = await pinscope(args)
    expect([status, stdout]).toEqual([3, ''])
    expect(stderr).toContain(`pinscope: broken plugin ${name}: `)
    expect(stderr).toContain(problem)
  })

  it.each([
    ['no-trace', "{ example: { broken: 'x', rows: [1], sound: 'y' } }", 'its example is no trace: example.csv:1:1: '],
    [
      'other-rows',
      '{ example: { ...fixture.example, rows: [2] } }',
      'its example says that it is broken in row 2: it is in row 1',
    ],
    [
      'no-rows',
      '{ example: { ...fixture.example, rows: [] } }',
      'its example says that it is broken in none: it is in row 1',
    ],
    [
      'unsound',
      '{ example: { ...fixture.example, sound: fixture.example.broken } }',
      'is broken in row 1 where it is done right',
    ],
  ])('%s', async (name, changes, problem) => {
    const { status, stdout, stderr } = await pinscope(['rules', 'MINE-7', '--plugin', plugin(name, changes)])
    expect([status, stdout]).toEqual([3, ''])
    expect(stderr).toContain(`pinscope: broken plugin ${name}: rule "MINE-7": `)
    expect(stderr).toContain(problem)
  })
})
