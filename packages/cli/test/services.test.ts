import { describe, expect, it } from 'vitest'
import { didYouMean } from '../src/services/did-you-mean.ts'
import { failureOf, failureText, wantsJson } from '../src/services/failure.ts'
import type { TraceInput } from '../src/services/input.ts'
import { Progress } from '../src/services/progress.ts'

describe('didYouMean', () => {
  const names = ['bio', 'buffered', 'null', 'vhost-scsi']
  it.each([
    ['boi', 'bio'],
    ['BIO', 'bio'],
    ['buf', 'buffered'],
    ['vhost_scsi', 'vhost-scsi'],
    ['vhostscsi', 'vhost-scsi'],
    ['rdma', null],
    ['', null],
  ])('%j: %j', (typed, expected) => {
    expect(didYouMean(typed, names)).toBe(expected === null ? '' : `did you mean "${expected}"?`)
  })
})

describe('failures', () => {
  it('knows when JSON is asked for, whatever else is wrong with the command line', () => {
    expect(wantsJson(['replay', 'x', '--json'])).toBe(true)
    expect(wantsJson(['replay', '--format', 'json'])).toBe(true)
    expect(wantsJson(['replay', '--format=json'])).toBe(true)
    expect(wantsJson(['replay', '--format', 'table'])).toBe(false)
    expect(wantsJson(['replay', '--', '--json'])).toBe(false)
  })

  it('a bug of ours asks for a report', () => {
    const failure = failureOf(new TypeError('x is not a function'))
    expect(failure).toMatchObject({ kind: 'internal', exitStatus: 2 })
    expect(failureText(failure)).toContain('Please report it')
    expect(failureOf('a string')).toMatchObject({ kind: 'internal' })
  })

  it('a full disk names the file', () => {
    const error = Object.assign(new Error('ENOSPC: no space left'), {
      code: 'ENOSPC',
      syscall: 'write',
      path: 'out.json',
    })
    expect(failureText(failureOf(error))).toBe('out.json: ENOSPC: no space left\n')
  })
})

describe('progress', () => {
  /** A stream that remembers, and a clock that is set by hand. */
  function watched(isTTY: boolean, env: NodeJS.ProcessEnv) {
    const written: string[] = []
    const clock = { ms: 0 }
    const stream = { isTTY, columns: 80, write: (text: string) => written.push(text) }
    const progress = new Progress(stream, env, () => clock.ms)
    const input: TraceInput = {
      name: 'big.csv',
      sizeBytes: 100e6,
      bytes: (async function* () {})(),
      readBytes: () => 25e6,
    }
    const at = (ms: number) => {
      clock.ms = ms
      progress.update(input, { rows: 500_000, pinsOpen: 64 })
    }
    return { written, at, progress }
  }

  it('on a terminal: silent in the first second, then one line redrawn, at the end erased', () => {
    const { written, at, progress } = watched(true, {})
    at(900)
    expect(written).toEqual([])
    at(2000)
    at(2050)
    expect(written).toEqual(['\r\u001b[2K25%, 0:06 left, 500,000 rows, 25.0 MB, 250,000 rows/s, 64 pins held, big.csv'])
    at(2101)
    expect(written).toHaveLength(2)
    progress.erase()
    expect(written.at(-1)).toBe('\r\u001b[2K')
    progress.erase()
    expect(written).toHaveLength(3)
  })

  it.each([
    [false, {}],
    [true, { CI: 'true' }],
  ])('elsewhere and in CI: a line each 30 s, without escapes', (isTTY, env) => {
    const { written, at, progress } = watched(isTTY, env)
    at(29_000)
    expect(written).toEqual([])
    at(31_000)
    at(45_000)
    at(62_000)
    progress.erase()
    expect(written).toHaveLength(2)
    expect(written[0]).toMatch(/^25%, .* left, 500,000 rows, .* big\.csv\n$/)
  })
})
