import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cutTrace, openTrace, Registry, replay } from '@pinscope/core'
import { describe, expect, it } from 'vitest'
import { openInput } from '../src/services/input.ts'
import { jobCount } from '../src/services/jobs.ts'
import { Crew } from '../src/services/jobs-crew.ts'
import { type Jobs, type Replaying, replayInJobs } from '../src/services/jobs-replay.ts'
import { RangeSource } from '../src/services/range-source.ts'
import { replayOptions } from '../src/services/replay-traces.ts'
import { ended, pinscope, plainEnv, start, temporaryFolder } from './run.ts'

const folder = temporaryFolder()
const HEADER = '# pinscope-trace 1\n# kernel 6.18.44\nts,end,op,offset,segs\n'
/** So many that there are two parts or more: this thread's has 32 MiB more than the others, the shortest has 8 MiB. */
const ROWS = 1_300_000

function row(n: number): string {
  const address = (0x7f0000000000 + (n % 50_000) * 0x2200).toString(16)
  return `${n * 1000},,${n % 3 === 0 ? 'write' : 'read'},${n * 4096},0x${address}+${4096 * (1 + (n % 9))}\n`
}

function traceFile(name: string, change: (rows: string[]) => void = () => {}): string {
  const rows = Array.from({ length: ROWS }, (_, n) => row(n))
  change(rows)
  const file = join(folder, name)
  writeFileSync(file, HEADER + rows.join(''))
  return file
}

const jobs = (file: string, count: number | string, ...args: string[]) =>
  pinscope(['replay', file, '-c', 'bio', '-p', 'extract', '--jobs', `${count}`, ...args])

describe('--jobs', () => {
  it('changes nothing of the report', async () => {
    const file = traceFile('plain.csv')
    const one = await jobs(file, 1, '--json')
    expect(JSON.parse(one.stdout).trace).toMatchObject({ rows: ROWS, operations: ROWS })
    expect(await jobs(file, 3, '--json')).toEqual(one)
    expect(await jobs(file, 2)).toEqual(await jobs(file, 1))
  })

  it('changes nothing where a row depends on another one', async () => {
    const file = traceFile('held.csv', (rows) => {
      rows[ROWS - 9] = rows[ROWS - 9]!.replace(',,', `,${ROWS * 1000},`)
      rows[ROWS - 7] = rows[ROWS - 7]!.replace(',,', ',never,')
    })
    const one = await jobs(file, 1, '--json')
    expect(one.status).toBe(1)
    expect(JSON.parse(one.stdout).lanes[0].leaks).toMatchObject([{ row: ROWS - 6, line: ROWS - 3 }])
    expect(await jobs(file, 3, '--json')).toEqual(one)
  })

  it('says the same of a row that is wrong: the first one in the file', async () => {
    const file = traceFile('wrong.csv', (rows) => {
      rows[ROWS - 2] = 'nonsense\n'
      rows[ROWS - 5] = '0,,read,0,0x1000+4096\n'
    })
    const one = await jobs(file, 1)
    expect(one).toMatchObject({ status: 2, stdout: '' })
    expect(one.stderr).toContain(`wrong.csv:${ROWS - 1}:1`)
    expect(await jobs(file, 3)).toEqual(one)
  })

  it('ends with the command', async () => {
    const file = traceFile('stopped.csv')
    const child = start(['replay', file, '-c', 'bio', '--jobs', '3'], { env: plainEnv(), stdio: 'pipe' })
    setTimeout(() => child.kill('SIGINT'), 150)
    const { status, stdout } = await ended(child)
    // Nothing was printed: it was stopped before it was done, or while it started.
    expect([130, -1]).toContain(status)
    expect(stdout).toBe('')
  })

  it('makes no difference to standard input, short, compressed and other traces', async () => {
    for (const trace of ['traces/sqlite3.csv', 'traces/fio-libaio-randrw.csv']) {
      expect(await pinscope(['replay', trace, '--jobs', '4'])).toEqual(await pinscope(['replay', trace]))
    }
    const stdin = HEADER + row(1) + row(2)
    const args = ['replay', '-', '--json']
    expect(await pinscope([...args, '--jobs', 'auto'], { stdin })).toEqual(await pinscope(args, { stdin }))
  })

  it('takes a number of threads, or auto', async () => {
    expect(jobCount('3')).toBe(3)
    expect(jobCount('auto')).toBeGreaterThan(0)
    expect(jobCount('auto')).toBeLessThanOrEqual(8)
    for (const text of ['0', '-1', '1.5', 'many', '', '257', '1e2']) expect(() => jobCount(text)).toThrow(/--jobs/)
    expect(await pinscope(['replay', 'traces/sqlite3.csv', '--jobs', 'few'])).toMatchObject({
      status: 2,
      stderr: 'pinscope: --jobs few: expected a number of threads from 1 to 256, or auto\n',
    })
  })
})

describe('a replay in parts', () => {
  const named = ['bio']
  const flags = { consumer: named, policy: ['all'] }
  const registry = new Registry()
  const replaying: Replaying = {
    reading: {},
    options: replayOptions(flags, registry),
    progress: null,
    watch: (trace) => trace,
  }
  const shared = (partBytesMin: number): Jobs => ({
    count: 3,
    partBytesMin,
    headStartBytes: 1 << 10,
    flags,
    consumers: { kind: 'own', plugins: [] },
    named,
  })
  const rows = (count: number) => Array.from({ length: count }, (_, n) => row(n)).join('')

  it('is one by workers, not by this thread alone', async () => {
    const file = join(folder, 'short.csv')
    writeFileSync(file, HEADER + rows(9000))
    const report = await replayInJobs(openInput(file), shared(1 << 16), replaying)
    expect(report).toEqual(await replay(await openTrace(openInput(file).bytes, file), replaying.options))
    expect(await replayInJobs(openInput(file), shared(1 << 24), replaying)).toBeNull()
  })

  it('has the reports of all workers, or none', async () => {
    const file = join(folder, 'late.csv')
    const late = (text: string) => writeFileSync(file, `${HEADER}${rows(9000)}${text}`)
    const reports = async () => {
      const bytes = readFileSync(file)
      const read = (at: number, length: number) => bytes.subarray(at, at + length)
      const cut = (await cutTrace({ sizeBytes: bytes.length, read }, file, 3))!
      const { consumers } = shared(0)
      const crew = new Crew(2)
      crew.give([1, 2].map((part) => ({ name: file, cut, part, flags, consumers, named })))
      return crew.reports
    }
    late(row(9000))
    const operations = (await reports())?.map(({ report }) => report.trace.operations) ?? []
    expect(operations.length).toBe(2)
    expect(Math.abs(operations[0]! - 3000)).toBeLessThan(100)
    late(row(9000).replace(',,', ',9999999,'))
    expect(await reports()).toBeNull()
    late('nonsense\n')
    expect(await reports()).toBeNull()
  })
})

describe('ranges of a file as one stream', () => {
  const file = join(folder, 'digits')
  writeFileSync(file, '0123456789')
  const source = (more: readonly { from: number; to: number }[], seen: string[] = []) =>
    new RangeSource(
      file,
      [
        { from: 0, to: 2 },
        { from: 5, to: 8 },
      ],
      async () => more,
      (bytes) => seen.push(Buffer.from(bytes).toString()),
    )

  it('yields them, and those that come later', async () => {
    const seen: string[] = []
    const bytes = source([{ from: 8, to: 99 }], seen)
    const chunks: Uint8Array[] = []
    for await (const chunk of bytes) chunks.push(chunk)
    expect(Buffer.concat(chunks).toString()).toBe('0156789')
    expect(seen.join('')).toBe('0156789')
    expect(bytes.readBytes).toBe(7)
  })

  it('reads into what it is given', async () => {
    const bytes = source([])
    const target = Buffer.alloc(2)
    const parts: string[] = []
    for (let length = await bytes.readInto(target); length > 0; length = await bytes.readInto(target)) {
      parts.push(target.toString('latin1', 0, length))
    }
    expect(parts).toEqual(['01', '56', '7'])
  })

  it('reads beyond the end of a range: a trace that begins with few bytes is taken for a short one', async () => {
    const target = Buffer.alloc(4)
    expect(await source([]).readInto(target)).toBe(4)
    expect(target.toString('latin1')).toBe('0156')
  })

  it('says which file cannot be read', async () => {
    const missing = new RangeSource(
      join(folder, 'missing'),
      [{ from: 0, to: 9 }],
      async () => [],
      () => {},
    )
    await expect(missing.next()).rejects.toMatchObject({
      name: 'TraceError',
      detail: { problem: expect.stringContaining('no such file') },
    })
  })
})
