import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openTrace } from '@pinscope/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { findCompiler } from '../src/services/record-build.ts'
import { checkMachine, outputOf } from '../src/services/record-command.ts'
import { ended, pinscope, plainEnv, type Ran, ROOT, start, temporaryFolder } from './run.ts'

/**
 * Whether this machine can record is found out by trying. Where it cannot, every test still asks that the command says why, with
 * status 2 and without a file.
 */
const WHY_NOT =
  /no C compiler was found|which does not run|could not be built|recording needs |ptrace is not permitted|seccomp filters are not permitted|Linux 5\.3 or later|pages here have/

const folder = temporaryFolder()
const cache = join(folder, 'cache')
const env = { XDG_CACHE_HOME: cache }
const data = join(folder, 'data')
const FIXTURES = join(import.meta.dirname, 'fixtures/record')
let canRecord = false

beforeAll(async () => {
  writeFileSync(data, Buffer.alloc(1 << 20, 7))
  const { status, stderr } = await pinscope(['trace', 'record', '-o', join(folder, 'able.csv'), '--', 'true'], { env })
  canRecord = status === 0
  if (canRecord) await buildPrograms()
  else expect(stderr).toMatch(WHY_NOT)
}, 120_000)

async function buildPrograms(): Promise<void> {
  const { command, words } = await findCompiler(process.env)
  for (const name of ['calls', 'aio', 'uring']) {
    const source = join(FIXTURES, `${name}.c`)
    execFileSync(command, [...words, '-O1', '-pthread', '-o', join(folder, name), source])
  }
}

interface Recorded extends Ran {
  readonly file: string
}

let files = 0

/** Records a command; null where this machine cannot, and said so. */
async function record(command: readonly string[], flags: readonly string[] = []): Promise<Recorded | null> {
  const file = join(folder, `${++files}.csv`)
  const ran = await pinscope(['trace', 'record', '-o', file, ...flags, '--', ...command], { env })
  if (canRecord) return { ...ran, file }
  expect(ran.stderr).toMatch(WHY_NOT)
  expect([ran.status, existsSync(file)]).toEqual([2, false])
  return null
}

interface TraceRow {
  readonly event: string
  readonly mm: string
  readonly call: string
  readonly file: string
  /** As the programs tell it: call, segments, position, result. */
  readonly text: string
  /** Acquired and released. */
  readonly pins: string
  readonly end: string
  readonly ts: string
}

function rowsOf(file: string): TraceRow[] {
  const lines = readFileSync(file, 'latin1')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const names = lines[0]!.split(',')
  return lines.slice(1).map((line) => {
    const cells = Object.fromEntries(line.split(',').map((cell, at) => [names[at]!, cell]))
    const { event = '', mm = '', call = '', segs, offset, result, end = '', ts = '', file: name = '' } = cells
    const pins = `${cells.pins_acquired} ${cells.pins_released}`
    return { event, mm, call, file: name, pins, end, ts, text: `${call} ${segs} ${offset} ${result}` }
  })
}

const headerOf = (file: string): string[] =>
  readFileSync(file, 'latin1')
    .split('\n')
    .filter((line) => line.startsWith('# '))

/** The rows about the data file, in the form in which the programs tell them. */
const told = (file: string): string[] =>
  rowsOf(file)
    .filter((row) => row.event === '' && row.file === 'data')
    .map(({ text }) => text)

const said = (stdout: string): string[] => stdout.split('\n').filter((line) => line !== '')

describe('what a program does is in its recording', () => {
  it('system calls: every address, length, position and result', async () => {
    const recorded = await record([join(folder, 'calls'), data, 'plain'])
    if (recorded === null) return
    expect(recorded.status).toBe(0)
    expect(said(recorded.stdout)).toHaveLength(12)
    expect(told(recorded.file)).toEqual(said(recorded.stdout))
  })

  it('libaio, with completions that the program reads without a system call', async () => {
    const recorded = await record([join(folder, 'aio'), data])
    if (recorded === null || recorded.stdout === 'none\n') return
    expect(told(recorded.file)).toEqual(said(recorded.stdout))
    const ends = rowsOf(recorded.file).filter((row) => row.file === 'data')
    for (const { ts, end } of ends) expect(Number(end)).toBeGreaterThan(Number(ts))
  })

  // NO_MMAP, SQE128, CQE32, NO_SQARRAY, and all of them; a kernel without them says so to the program.
  it.each(['0', '4000', '400', '800', '10000', '14c00'])('io_uring with the set-up flags 0x%s', async (flags) => {
    const recorded = await record([join(folder, 'uring'), data, flags])
    if (recorded === null || recorded.stdout === 'none\n') return
    expect(recorded.status).toBe(0)
    expect(said(recorded.stdout)).toHaveLength(flags === '0' ? 17 : 14)
    expect(told(recorded.file)).toEqual(said(recorded.stdout))
    const registrations = rowsOf(recorded.file).filter(({ event }) => event.endsWith('register'))
    expect(registrations.map(({ event }) => event)).toEqual(flags === '0' ? ['register', 'unregister'] : [])
  })

  it('threads, in one address space', async () => {
    const recorded = await record([join(folder, 'calls'), data, 'threads'])
    if (recorded === null) return
    expect(told(recorded.file).sort()).toEqual(said(recorded.stdout).sort())
    expect(said(recorded.stdout)).toHaveLength(160)
    expect(new Set(rowsOf(recorded.file).map(({ mm }) => mm)).size).toBe(1)
  })

  it('children, each in an address space of its own, also behind vfork and execve', async () => {
    for (const mode of ['fork', 'exec']) {
      const recorded = await record([join(folder, 'calls'), data, mode])
      if (recorded === null) return
      expect(told(recorded.file).sort()).toEqual(said(recorded.stdout).sort())
      const readers = rowsOf(recorded.file).filter((row) => row.file === 'data')
      expect(new Set(readers.map(({ mm }) => mm)).size).toBe(4)
    }
  })

  it('the trace is one: it is read, replayed and without a leak', async () => {
    const recorded = await record([join(folder, 'calls'), data, 'plain'])
    if (recorded === null) return
    const { status, stdout } = await pinscope(['replay', recorded.file])
    expect(stdout).toContain('clean: nothing leaked, no violation')
    expect(status).toBe(0)
  })

  it('names with a comma, a quote, a line feed, a percent sign, and bytes that are no UTF-8', async () => {
    const name = Buffer.concat([Buffer.from('a,b"c\nd%2C'), Buffer.from([0xff])])
    const path = Buffer.concat([Buffer.from(`${folder}/`), name])
    writeFileSync(path, 'x')
    const recorded = await record(['sh', '-c', `cat ${folder}/a,b*`])
    if (recorded === null) return
    const reader = await openTrace(bytesOf(recorded.file), recorded.file)
    for await (const _ of reader.batches());
    const names = Array.from({ length: reader.files.size }, (_, id) => Buffer.from(reader.files.bytes(id)))
    expect(names.some((one) => one.equals(name))).toBe(true)
  })
})

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  yield readFileSync(file)
}

describe('the command runs as if nobody watched', () => {
  it('its exit status is told', async () => {
    const recorded = await record(['sh', '-c', 'exit 7'])
    if (recorded === null) return
    expect(recorded.status).toBe(7)
    expect(headerOf(recorded.file)).toContain('# exit-status 7')
    expect(recorded.stderr).toContain('exit status 7')
  })

  it('so is a signal that ended it', async () => {
    const recorded = await record(['sh', '-c', 'kill -9 $$'])
    if (recorded === null) return
    expect(recorded.status).toBe(128 + 9)
    expect(headerOf(recorded.file)).toContain('# exit-signal 9')
  })

  it('signals reach it, it stops and goes on', async () => {
    const script = "trap 'echo one' USR1; kill -USR1 $$; (sleep 0.2; kill -CONT $$) & kill -STOP $$; wait; echo two"
    const recorded = await record(['sh', '-c', script])
    if (recorded === null) return
    expect([recorded.status, recorded.stdout]).toEqual([0, 'one\ntwo\n'])
  })

  it('what it leaves behind is recorded until it ends', async () => {
    const recorded = await record([join(folder, 'calls'), data, 'daemon'])
    if (recorded === null) return
    expect(recorded.status).toBe(0)
    expect(recorded.stderr).toContain('the command has ended; a task that it started is still recorded')
    expect(told(recorded.file)).toEqual(said(recorded.stdout))
    expect(told(recorded.file)).toHaveLength(1)
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('%s ends it, and keeps what was recorded', async (signal) => {
    const file = join(folder, `${signal}.csv`)
    const args = ['trace', 'record', '-o', file, '--', join(folder, 'calls'), data, 'forever']
    const child = start(args, { env: plainEnv(env), stdio: ['ignore', 'pipe', 'pipe'] })
    // The program tells of its read when it has done it.
    const ready = new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()))
    const done = ended(child)
    if (!canRecord) return void expect((await done).stderr).toMatch(WHY_NOT)
    await ready
    child.kill(signal)
    const { status } = await done
    expect(status).toBe(128 + (signal === 'SIGINT' ? 2 : 15))
    expect(headerOf(file)).toContain(`# stopped ${signal}`)
    expect(told(file)).toHaveLength(1)
  })

  it('a trace on standard output, behind what the command prints', async () => {
    const args = ['trace', 'record', '-o', '-', '--', join(folder, 'calls'), data, 'fork']
    const { status, stdout, stderr } = await pinscope(args, { env })
    if (!canRecord) return void expect(stderr).toMatch(WHY_NOT)
    expect(status).toBe(0)
    expect(stdout).toMatch(/^pread64 .*\n(pread64 .*\n){3}# pinscope-trace 1\n/)
  })

  it('--raw: the recording as it is, which replay reads too', async () => {
    const recorded = await record([join(folder, 'calls'), data, 'plain'], ['--raw'])
    if (recorded === null) return
    expect(readFileSync(recorded.file, 'latin1')).toMatch(/^# iorec 2\n[\s\S]*\n# end\n$/)
    expect((await pinscope(['replay', recorded.file])).status).toBe(0)
  })
})

describe('what cannot be recorded', () => {
  const nothing = ['--', 'true']
  it.each([
    [['--pins'], 'no command to record', 'behind two dashes'],
    [['true'], 'no command to record', 'behind two dashes'],
    [['--'], 'no command to record', ''],
    [['dd', ...nothing], 'unexpected argument: dd', ''],
    [['--pin', ...nothing], 'unknown flag --pin', 'Did you mean --pins?'],
    [['--backend', 'dtrace', ...nothing], 'unknown backend "dtrace"', 'There are: ptrace, bpftrace.'],
    [['--raw', '--to', 'csv', ...nothing], '--to and --raw exclude each other', 'trace convert'],
    [['-o', 'nowhere/x.csv', ...nothing], 'there is no folder nowhere', ''],
    [['-o', 'x.trace', ...nothing], '-o x.trace: its name does not tell a format', '--to csv'],
  ])('%j', async (words, problem, hint) => {
    const { status, stdout, stderr } = await pinscope(['trace', 'record', ...words], { env })
    expect(stderr).toContain(problem)
    expect(stderr).toContain(hint)
    expect([status, stdout]).toEqual([2, ''])
  })

  it.each([
    [['no-such-command'], 'command not found: no-such-command'],
    [[data], 'Permission denied'],
    [[folder], 'Permission denied'],
  ])('the command %j: no file, not even half of one', async (command, problem) => {
    const before = readdirSync(folder)
    const recorded = await record(command)
    expect(readdirSync(folder)).toEqual(before)
    if (recorded === null) return
    expect(recorded.stderr).toContain(problem)
    expect(recorded.status).toBe(2)
  })

  it('a 32-bit program', async () => {
    const program = join(folder, 'program32')
    writeFileSync(program, elf32(), { mode: 0o755 })
    const alone = await record([program])
    const inside = await record(['sh', '-c', `${program}; true`])
    if (alone === null || inside === null) return
    // A kernel without 32-bit support cannot run it at all.
    expect(alone.stderr).toMatch(/is a 32-bit program|Exec format error/)
    expect([alone.status, existsSync(alone.file)]).toEqual([2, false])
    expect(inside.status).toBe(0)
    if (alone.stderr.includes('32-bit')) expect(headerOf(inside.file).join()).toContain('is a 32-bit program')
  })

  it.each([
    ['--pins', /\/proc\/sys\/vm\/stat_refresh|nr_foll_pin_acquired/],
    ['--pages', /\/proc\/(kpageflags|PID\/pagemap)/],
  ])('%s is for root: else it says what it could not read', async (flag, why) => {
    const recorded = await record(['true'], [flag])
    if (recorded === null || recorded.status === 0) return
    expect(recorded.stderr).toMatch(why)
    expect(recorded.stderr).toContain(`leave ${flag} out`)
    expect([recorded.status, existsSync(recorded.file)]).toEqual([2, false])
  })

  it('--pins writes the counts of each call, and of the whole', async () => {
    const recorded = await record([join(folder, 'calls'), data, 'plain'], ['--pins'])
    if (recorded === null || recorded.status === 2) return
    const header = headerOf(recorded.file)
    expect(header.filter((line) => /^# pins-(acquired|released)-total \d+$/.test(line))).toHaveLength(2)
    for (const row of rowsOf(recorded.file).filter(({ file }) => file === 'data')) {
      expect(row.pins).toMatch(/^\d+ \d+$/)
    }
  })

  it('other systems and machines', () => {
    expect(() => checkMachine('darwin', 'arm64')).toThrow('recording needs Linux: this is darwin')
    expect(() => checkMachine('linux', 's390x')).toThrow('recording needs a 64-bit x86 or ARM machine: this is s390x')
    expect(() => checkMachine('linux', 'x64')).not.toThrow()
  })

  it('a name that nobody chose takes the place of no file', () => {
    const there = (name: string) => name === 'fio.trace.csv'
    const named = (program: string, raw: boolean, output?: string) => outputOf(program, { output, raw }, there)
    expect(named('/bin/dd', false)).toBe('dd.trace.csv')
    expect(named('/bin/dd', true)).toBe('dd.iorec.csv')
    expect(named('fio', false, 'fio.trace.csv')).toBe('fio.trace.csv')
    expect(() => named('fio', false)).toThrow('fio.trace.csv is there already')
  })
})

/** The smallest program for a 32-bit x86: exit(0). */
function elf32(): Buffer {
  const code = [0xb8, 1, 0, 0, 0, 0xbb, 0, 0, 0, 0, 0xcd, 0x80]
  const image = Buffer.alloc(84 + code.length)
  image.write('\x7fELF\x01\x01\x01', 'latin1')
  image.writeUInt16LE(2, 16) // ET_EXEC
  image.writeUInt16LE(3, 18) // EM_386
  image.writeUInt32LE(1, 20)
  image.writeUInt32LE(0x08048054, 24)
  image.writeUInt32LE(52, 28)
  for (const [value, at] of [
    [52, 40],
    [32, 42],
    [1, 44],
  ] as const)
    image.writeUInt16LE(value, at)
  const segment = [1, 0, 0x08048000, 0x08048000, image.length, image.length, 5, 0x1000]
  for (const [at, value] of segment.entries()) image.writeUInt32LE(value, 52 + at * 4)
  Buffer.from(code).copy(image, 84)
  return image
}

describe('building the recorder', () => {
  const trueWith = (more: NodeJS.ProcessEnv, file: string) =>
    pinscope(['trace', 'record', '-o', file, '--', '/bin/true'], { env: more })
  const own = (name: string) => ({ XDG_CACHE_HOME: join(folder, name) })

  it('there is no compiler', async () => {
    const file = join(folder, 'none.csv')
    const empty = join(folder, 'empty')
    mkdirSync(empty, { recursive: true })
    const { status, stderr } = await trueWith({ ...own('cache-none'), PATH: empty, CC: '' }, file)
    expect(stderr).toMatch(/no C compiler was found|recording needs/)
    expect([status, existsSync(file)]).toEqual([2, false])
  })

  it('CC does not run, or cannot build', async () => {
    const bad = join(folder, 'badcc')
    writeFileSync(
      bad,
      '#!/bin/sh\ntest "$1" = --version || { echo "x.c:1: fatal error: stdio.h: none" >&2; exit 1; }\n',
      {
        mode: 0o755,
      },
    )
    const file = join(folder, 'bad.csv')
    const absent = await trueWith({ ...own('cache-bad'), CC: '/nowhere/cc' }, file)
    expect(absent.stderr).toMatch(/CC is "\/nowhere\/cc", which does not run|recording needs/)
    const broken = await trueWith({ ...own('cache-bad'), CC: bad }, file)
    expect(broken.stderr).toMatch(
      /could not be built with .*badcc:\n {2}x\.c:1: fatal error: stdio\.h: none|recording needs/,
    )
    expect([absent.status, broken.status, existsSync(file)]).toEqual([2, 2, false])
    expect(leftIn(join(folder, 'cache-bad'))).toEqual([])
  })

  it('two at once build it beside one another, and a third builds none', async () => {
    const twice = own('cache-two')
    const runs = await Promise.all(['a.csv', 'b.csv'].map((name) => trueWith(twice, join(folder, name))))
    if (!canRecord) {
      for (const { stderr } of runs) expect(stderr).toMatch(WHY_NOT)
      return
    }
    expect(runs.map(({ status }) => status)).toEqual([0, 0])
    expect(leftIn(join(folder, 'cache-two'))).toEqual(['iorec'])
    const third = await trueWith(twice, join(folder, 'c.csv'))
    expect([third.status, third.stderr.includes('building')]).toEqual([0, false])
  })

  it('its sources give no warning', async () => {
    if (!canRecord) return void (await record(['true']))
    const { command, words } = await findCompiler(process.env)
    const sources = join(ROOT, 'packages/cli/recorder')
    const names = readdirSync(sources).filter((name) => name.endsWith('.c'))
    const flags = ['-std=gnu11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-fsyntax-only']
    execFileSync(command, [...words, ...flags, ...names.map((name) => join(sources, name))])
    for (const name of readdirSync(sources).filter((file) => /\.[ch]$/.test(file))) {
      expect([name, readFileSync(join(sources, name), 'utf8').split('\n').length <= 301]).toEqual([name, true])
    }
  })
})

/** Files under a folder, by name. */
function leftIn(root: string): string[] {
  if (!existsSync(root)) return []
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
}
