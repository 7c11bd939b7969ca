import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pinscope, temporaryFolder } from './run.ts'

const TRACE = 'traces/dd-direct-read.csv'
const folder = temporaryFolder()
const rowsOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .filter((line) => /^\d/.test(line))

describe('pinscope trace slice', () => {
  it('by rows: those rows, and the memory that they rest on', async () => {
    const file = join(folder, 'part.csv')
    const { status, stdout } = await pinscope(['trace', 'slice', TRACE, '--rows', '10..12', '-o', file])
    expect([status, stdout]).toEqual([0, ''])
    const whole = rowsOf(readFileSync(TRACE, 'utf8'))
    const part = rowsOf(readFileSync(file, 'utf8'))
    const maps = whole.slice(0, 9).filter((row) => row.includes(',map,')).length
    expect(part.length).toBe(maps + 3)
    expect((await pinscope(['trace', 'validate', file])).status).toBe(0)
  })

  it.each([
    [[], 'nothing says which part: give --time, --rows, --pid or --file'],
    [['--rows', '5'], '--rows 5: expected FROM..TO'],
    [['--rows', '9..2'], '--rows 9..2: it ends before it begins'],
    [['--rows', '0..2'], '--rows: "0" is not the number of a row'],
    [['--time', '1..2s'], '--time 1: expected a time with its unit'],
    [['--time', '..'], '--time ..: expected FROM..TO'],
  ])('%j is refused, and no file is made', async (flags, message) => {
    const file = join(folder, 'refused.csv')
    const { status, stderr } = await pinscope(['trace', 'slice', TRACE, ...flags, '-o', file])
    expect(status).toBe(2)
    expect(stderr).toContain(`pinscope: ${message}\n`)
    expect(existsSync(file)).toBe(false)
  })

  it('leaves nothing behind when the trace is bad', async () => {
    const into = folder
    const bad = 'packages/core/test/malformed/event-unknown.csv'
    const before = readdirSync(into)
    const { status } = await pinscope(['trace', 'slice', bad, '--rows', '1..', '-o', join(into, 'bad.csv')])
    expect(status).toBe(2)
    expect(readdirSync(into)).toEqual(before)
  })
})

describe('pinscope trace merge', () => {
  it('of two parts is the whole', async () => {
    const [a, b, both] = ['a.csv', 'b.csv', 'both.csv'].map((name) => join(folder, name))
    await pinscope(['trace', 'slice', TRACE, '--rows', '..30', '-o', a])
    const head = readFileSync(a, 'utf8')
      .split('\n')
      .filter((line) => /^(#|ts)/.test(line))
    const { writeFileSync } = await import('node:fs')
    const rest = rowsOf(readFileSync(TRACE, 'utf8')).slice(30)
    writeFileSync(b, [...head.filter((line) => line.startsWith('#')), headerRow(TRACE), ...rest, ''].join('\n'))
    expect((await pinscope(['trace', 'merge', a, b, '-o', both])).status).toBe(0)
    const replayed = async (file: string) => {
      const { lanes } = JSON.parse((await pinscope(['replay', file, '--json'])).stdout)
      return lanes.map(({ pins, operations, bytes }: Record<string, unknown>) => ({ pins, operations, bytes }))
    }
    expect(await replayed(both)).toEqual(await replayed(TRACE))
  })

  it('of one trace is refused', async () => {
    const { status, stderr } = await pinscope(['trace', 'merge', TRACE, '-o', '-'])
    expect([status, stderr]).toEqual([
      2,
      'pinscope: one trace is no merge: name two or more\nTo write one anew: pinscope trace convert.\n',
    ])
  })
})

describe('pinscope trace anonymize', () => {
  it('names no file of the trace, and replays to the same figures', async () => {
    const { status, stdout } = await pinscope(['trace', 'anonymize', 'traces/sqlite3.csv', '-o', '-'])
    expect(status).toBe(0)
    expect(stdout).not.toMatch(/sqlite|t\.db|libc|passwd/)
    expect(stdout).toContain(',file-1,')
    expect(rowsOf(stdout).length).toBe(rowsOf(readFileSync('traces/sqlite3.csv', 'utf8')).length)
  })
})

describe('pinscope formats', () => {
  it('lists formats and layouts', async () => {
    const { status, stdout } = await pinscope(['formats'])
    expect(status).toBe(0)
    expect(stdout).toMatch(/^ {2}strace +L[0-3] +strace/m)
    expect(stdout).toMatch(/^ {2}malloc +as glibc malloc gives them/m)
  })

  it('tells all about one, and names the one that was meant', async () => {
    expect((await pinscope(['formats', 'msr'])).stdout).toContain('SNIA IOTTA trace set 387')
    const { status, stderr } = await pinscope(['formats', 'mrs'])
    expect([status, stderr]).toEqual([2, 'pinscope: there is no trace format "mrs"\nDid you mean "msr"?\n'])
  })

  it('--json has options and the package', async () => {
    const { formats, layouts } = JSON.parse((await pinscope(['formats', '--json'])).stdout)
    expect(formats[0]).toMatchObject({ name: 'pinscope', level: 'L3', package: '@pinscope/core' })
    expect(layouts.map(({ usage }: { usage: string }) => usage)).toContain('random:SEED')
  })
})

function headerRow(file: string): string {
  return (
    readFileSync(file, 'utf8')
      .split('\n')
      .find((line) => line.startsWith('ts,')) ?? ''
  )
}
