import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as Parser from '@oclif/core/parser'
import { CONSUMER_API_VERSION } from '@pinscope/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import Audit from '../src/commands/audit.ts'
import Replay from '../src/commands/replay.ts'
import { plainWords } from '../src/direct/plain-words.ts'
import {
  DIRECT_COMMANDS,
  type DirectCommand,
  type NotedPlugin,
  readNotes,
  readPackage,
  type StartNotes,
} from '../src/direct/start-notes.ts'
import { pinscope, temporaryFolder } from './run.ts'

// `pinscope replay`, `audit` and `--version` start without oclif where the command line is plain: nobody may see a difference.

const PACKAGE = new URL('..', import.meta.url)
const notes = readNotes(PACKAGE, readPackage(PACKAGE)) as StartNotes
const folder = temporaryFolder()

const COMMANDS: Readonly<Record<DirectCommand, unknown>> = { replay: Replay, audit: Audit }

/** What oclif makes of the words behind the command; null when it refuses them. */
async function parsedByOclif(command: DirectCommand, words: readonly string[]): Promise<unknown> {
  try {
    const { args: argsOf, flags: flagsOf } = COMMANDS[command] as typeof Replay
    const { args, flags } = await Parser.parse([...words], { args: argsOf, flags: flagsOf })
    return { args: args.traces, flags }
  } catch {
    return null
  }
}

const PLAIN = [
  'audit t.csv --rule H-10,H-11 --rule 13 --severity=high',
  'audit - -c all -p folio -o out.json --json --in-flight --no-progress',
  't.csv',
  'a.csv b.csv -',
  't.csv -c null',
  '-c null t.csv -c bio',
  't.csv --consumer=bio -O bio.logical-block-size=4096 --policy all',
  '--json t.csv --fail-on=none',
  't.csv --json --json --no-progress',
  't.csv --no-quirk bvec-entries-short --quirk=a=b',
  't.csv --faults page@3 -o report.json --format table --kernel 6.1',
  't.csv -I event=D --columns ts=2:us,op=5 --layout random:7 --in-flight --verify-data',
]

const NOT_PLAIN = [
  'audit t.csv --verify-data',
  'audit t.csv --severity',
  't.csv --help',
  't.csv -- -c null',
  't.csv -cnull',
  't.csv -c=null',
  't.csv -c',
  't.csv -c --json',
  't.csv --consumer=',
  't.csv --consumer -x',
  't.csv --nonsense',
  't.csv --jso',
  't.csv --json=true',
  't.csv --no-json',
  't.csv --kernel 6.1 --kernel 6.12',
  't.csv -3',
  't.csv --constructor x',
  't.csv --__proto__ x',
]

/** A line without a command is one of `replay`. */
function commandOf(line: string): { command: DirectCommand; words: readonly string[] } {
  const [first, ...words] = line.split(' ')
  return first === 'audit' ? { command: 'audit', words } : { command: 'replay', words: line.split(' ') }
}

describe('a plain command line', () => {
  it.each(PLAIN)('%s', async (line) => {
    const { command, words } = commandOf(line)
    const plain = plainWords(words, notes.flags[command])
    expect(plain).not.toBeNull()
    expect(plain).toEqual(await parsedByOclif(command, words))
  })

  it.each(NOT_PLAIN)("is not: %s, which is oclif's", (line) => {
    const { command, words } = commandOf(line)
    expect(plainWords(words, notes.flags[command])).toBeNull()
  })

  it.each(DIRECT_COMMANDS)('of %s means what oclif takes it for, whatever the words', async (command) => {
    const known = notes.flags[command]
    const flags = Object.entries(known).flatMap(([name, { char }]) => [
      `--${name}`,
      `--${name}=x`,
      ...(char === '' ? [] : [`-${char}`]),
    ])
    const word = fc.oneof(
      fc.constantFrom(...flags),
      fc.constantFrom('t.csv', 'null', '-', 'a=b', '6.1', '--', '-x', '', '--=x', '-1', '-cx', '--json=', '--no-json'),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(word, { maxLength: 6 }), async (words) => {
        const plain = plainWords(words, known)
        // Without a trace it goes oclif's way, which says so.
        if (plain === null || plain.args.length === 0) return
        expect(plain).toEqual(await parsedByOclif(command, words))
      }),
      { seed: 9, numRuns: 2000 },
    )
  })
})

describe('what the build noted of our plugins', () => {
  it('names every plugin of package.json', () => {
    expect(notes.plugins.map(({ name }) => name)).toEqual(readPackage(PACKAGE).oclif.plugins)
  })

  it.each(notes.plugins.filter(({ hook }) => hook !== ''))('is what the hook of $name registers', async (plugin) => {
    expect(await registered(plugin)).toEqual({ apiVersion: CONSUMER_API_VERSION, consumers: plugin.consumers })
  })
})

async function registered({ name, hook }: NotedPlugin): Promise<object> {
  const file = new URL(`../${name.replace('@pinscope/', '')}/${hook}`, PACKAGE)
  const { consumers, ...rest } = await (await import(file.href)).default()
  return { ...rest, consumers: consumers.map((consumer: { name: string }) => consumer.name) }
}

/** A setting of oclif, whatever it says, makes it take part. */
const OCLIF = { PINSCOPE_DISABLE_THEME: '1' }
const TRACE = 'traces/fio-libaio-randrw.csv'

describe('with oclif and without', () => {
  const named = join(folder, 'named.csv')
  const unknown = join(folder, 'unknown.csv')
  const rows = (...consumers: string[]) =>
    `# pinscope-trace 1\nts,end,op,segs,consumer\n${consumers.map((name, i) => `${i}00,${i}50,read,0x10000+4096,${name}`).join('\n')}\n`
  writeFileSync(named, rows('rds', '', 'vring', 'bio', 'rds'))
  writeFileSync(unknown, rows('bio', 'rdx'))

  it.each(
    [
      ['--version'],
      ['replay', TRACE],
      ['replay', TRACE, '-c', 'vhost-scsi', '--policy', 'all', '--json'],
      ['replay', 'traces/dd-direct-write.csv', '-c', 'all', '--fail-on', 'none'],
      ['replay', named],
      ['replay', named, '-c', 'null'],
      ['replay', unknown],
      ['replay', unknown, '--json'],
      ['replay', TRACE, '-c', 'rdx'],
      ['replay', TRACE, '-O', 'vring.nonsense=1'],
      ['replay', TRACE, '-O', 'nonsense'],
      ['replay', TRACE, '--kernel', '5.4'],
      ['replay', 'no-such-file.csv', '--json'],
      ['audit', TRACE],
      ['audit', 'traces/made/afs-dir-truncate.csv'],
      ['audit', named, '--json'],
      ['audit', named, '-c', 'rds', '-p', 'all'],
      ['audit', unknown],
      ['audit', TRACE, '--rule', 'H-99'],
      ['audit', TRACE, '--severity', 'hihg'],
      ['audit', 'no-such-file.csv'],
    ].map((words) => ({ words, line: words.join(' ').replace(folder, '') })),
  )('$line', async ({ words }) => {
    const [direct, through] = await Promise.all([pinscope(words), pinscope(words, { env: OCLIF })])
    expect(direct).toEqual(through)
  })
})
