import { createReadStream, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { openTrace, type TraceReader } from '@pinscope/core'
import { describe, expect, it } from 'vitest'
import { type RecordingFacts, recordingOf } from '../src/services/record-bpftrace-recording.ts'
import { pinscope, temporaryFolder } from './run.ts'

/**
 * `bpftrace-*.txt` is what record.bt printed while the programs beside it ran (`calls.c plain`, `calls.c fork`, `aio.c`, `uring.c 0`;
 * Linux 6.18, ext4, bpftrace 0.17), `bpftrace-*.told` what the programs themselves said that they did.
 */
const FIXTURES = join(import.meta.dirname, 'fixtures/record')
const folder = temporaryFolder()

const FACTS: RecordingFacts = {
  ...{ command: ['program', 'a,b'], status: 3, signal: null, asked: null, before: null, after: null, folder },
}

async function textOf(lines: Readable, facts: Partial<RecordingFacts> = {}): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of recordingOf(lines, { ...FACTS, ...facts })) chunks.push(chunk)
  expect(readdirSync(folder)).toEqual([])
  return Buffer.concat(chunks).toString('latin1')
}

const sample = (name: string): Promise<string> => textOf(createReadStream(join(FIXTURES, `bpftrace-${name}.txt`)))
const made = (lines: readonly string[], facts: Partial<RecordingFacts> = {}): Promise<string> =>
  textOf(Readable.from([`${lines.join('\n')}\n`]), facts)

interface Row {
  readonly [column: string]: string
}

function rowsOf(recording: string): Row[] {
  const [names, ...lines] = recording.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const columns = names!.split(',')
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, at) => [columns[at]!, cell])))
}

/** As the programs tell it. */
const told = (recording: string): string[] =>
  rowsOf(recording)
    .filter(({ target = '', op }) => target.endsWith('/data4m') && op !== 'file')
    .map(({ op, segs = '', off, ret }) => {
      const segments = segs.split(';').map((segment) => `0x${segment.replace(':', '+')}`)
      return `${op} ${segments.join(';')} ${off} ${ret}`
    })

describe('what bpftrace printed becomes a recording', () => {
  it.each([
    ['plain', 12],
    ['fork', 4],
    ['aio', 3],
    ['uring', 17],
  ])('%s: every address, length, position and result', async (name, count) => {
    const said = readFileSync(join(FIXTURES, `bpftrace-${name}.told`), 'utf8')
      .trimEnd()
      .split('\n')
    expect(said).toHaveLength(count)
    const found = told(await sample(name))
    if (name !== 'aio') {
      expect(found.sort()).toEqual(said.sort())
      return
    }
    // The last completion was taken out of the ring, which bpftrace does not see.
    expect(found.slice(0, 2)).toEqual(said.slice(0, 2))
    expect(`${found[2]}4096`).toBe(said[2])
  })

  it('rows are sorted, and the recording is one that the importer reads', async () => {
    for (const name of ['plain', 'fork', 'aio', 'uring']) {
      const recording = await sample(name)
      const times = rowsOf(recording).map(({ ts_us }) => Number(ts_us))
      expect(times).toEqual([...times].sort((a, b) => a - b))
      const reader = await openTrace(Readable.from([Buffer.from(recording, 'latin1')]), name)
      expect([reader.header.format, await operations(reader)]).toEqual(['iorec', expect.any(Number)])
    }
  })

  it('each process has its memory, which is a copy of its parent’s', async () => {
    const rows = rowsOf(await sample('fork'))
    const forks = rows.filter(({ op }) => op === 'fork')
    expect(forks.map(({ arg }) => arg?.replace(/\d{2,}/g, 'N'))).toEqual(Array(3).fill('child=N mm=N thread=0 copy=1'))
    const readers = rows.filter(({ op, target }) => op === 'pread64' && target?.endsWith('/data4m'))
    expect(new Set(readers.map(({ mm }) => mm)).size).toBe(4)
  })

  it('what a process has on its way when it ends is over then', async () => {
    const last = rowsOf(await sample('aio')).filter(({ op }) => op === 'aio:PWRITE')
    expect(last.map(({ ret, arg, dur_us }) => [ret, /atexit=1$/.test(arg!), dur_us !== ''])).toEqual([['', true, true]])
  })

  it('registered buffers and fixed files', async () => {
    const rows = rowsOf(await sample('uring'))
    expect(rows.filter(({ op }) => op === 'io_uring_register').map(({ arg, nseg }) => [arg, nseg])).toEqual([
      ['ring=1 op=0 n=2', '2'],
      ['ring=1 op=1 n=0', '0'],
    ])
    const fixed = rows.filter(({ op }) => op === 'uring:WRITE_FIXED')
    expect(fixed.map(({ arg }) => arg?.replace(/ud=\w+ | seq=\d+/g, ''))).toEqual([
      'ring=1 flags=0 rw=0 buf=1 fixedfile=1 cqe=0',
    ])
  })

  it('what stands above the rows', async () => {
    const facts = {
      before: { acquired: 10, released: 9 },
      after: { acquired: 15, released: 14 },
      asked: 'SIGINT' as const,
    }
    const header = (await made(['ready'], facts)).split('\n').filter((line) => line.startsWith('# '))
    expect(header[0]).toBe('# iorec 2')
    expect(header).toContain('# command program a,b')
    expect(header).toContain('# exit-status 3')
    expect(header).toContain('# stopped SIGINT')
    expect(header).toContain('# pins-system-acquired 5')
    expect(header).toContain('# pins-system-released 5')
    expect(header.at(-1)).toBe('# end')
  })
})

async function operations(reader: TraceReader): Promise<number> {
  let rows = 0
  for await (const { length } of reader.batches()) rows += length
  expect(rows).toBeGreaterThan(0)
  return rows
}

const FILE = 'N,fe00001,12,81a4,0,ext4,8192,a,b\\x0a%\\xff'
const enter = (ns: number, tid: number, probe = 'read', fd = 3): string =>
  `E,${1e9 + ns},${tid},${tid},tracepoint:syscalls:sys_enter_${probe},${fd},fe00001,12,4000,512,1,7f0000001000,4096`

describe('lines of several CPUs', () => {
  it('are put in order of time; a name may come behind what names it', async () => {
    const recording = await made([`X,${1e9 + 900},7,4096`, enter(100, 7), FILE, enter(50, 8), `X,${1e9 + 60},8,-5`])
    const rows = rowsOf(recording).filter(({ op }) => op === 'read')
    expect(rows.map(({ ts_us, dur_us, tid, ret }) => [ts_us, dur_us, tid, ret])).toEqual([
      ['0.000', '0.010', '8', '-5'],
      ['0.050', '0.800', '7', '4096'],
    ])
    expect(rows[0]?.target).toBe('/254:1/12/a%2Cb%0A%25\xff')
  })

  it('that come too late are told as of then: rows stay sorted', async () => {
    const recording = await made([enter(0, 1), enter(5e9, 1), enter(1, 2), enter(9e9, 3), enter(2, 4)])
    const rows = rowsOf(recording).filter(({ op }) => op === 'read')
    expect(rows.map(({ tid, ts_us }) => `${tid} ${ts_us}`)).toEqual([
      '1 0.000',
      ...['2 0.001', '1 5000000.000', '4 5000000.000', '3 9000000.000'],
    ])
  })

  it('count what was lost', async () => {
    const recording = await made([enter(0, 1), 'Lost 12 events', 'Lost 3 events', 'something the program printed'])
    expect(recording).toContain('# note bpftrace lost 15 events: operations are missing')
  })

  it('a call that never returned, and one that returned without a beginning', async () => {
    const rows = rowsOf(await made([FILE, enter(0, 1), `X,${1e9 + 9},2,1`]))
    expect(rows.filter(({ op }) => op === 'read').map(({ ret, dur_us }) => [ret, dur_us])).toEqual([['', '']])
  })
})

describe('--backend bpftrace', () => {
  it('--pages is not for it', async () => {
    const { status, stderr } = await pinscope(['trace', 'record', '--backend', 'bpftrace', '--pages', '--', 'true'])
    expect(stderr).toContain('--pages goes with --backend ptrace')
    expect(status).toBe(2)
  })

  it('records, or says what it needs, and leaves no file then', async () => {
    const file = join(folder, 'x.csv')
    const { status, stderr } = await pinscope([
      'trace',
      'record',
      '--backend',
      'bpftrace',
      '-o',
      file,
      '--',
      'cat',
      '/etc/passwd',
    ])
    if (status === 0) {
      expect(readFileSync(file, 'latin1')).toMatch(/^# pinscope-trace 1\n[\s\S]*,passwd,/)
      return
    }
    expect(stderr).toMatch(/bpftrace is not installed|bpftrace does not run|recording needs /)
    expect([status, readdirSync(folder)]).toEqual([2, []])
  })
})
