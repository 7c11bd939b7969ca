import { describe, expect, it } from 'vitest'
import { bpftraceJson } from '../../../src/trace/formats/bpftrace-json.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'
import { claimsOf, importSuite } from './import-suite.ts'
import { rowsOfText } from './rows-of-text.ts'

const HINT = 'docs/formats/bpftrace.md says what a script must print.'
const NOT_JSON =
  'the line is no JSON object\nDid the traced program print it, or two CPUs at the same time? bpftrace -o FILE keeps the program out of it.'
const NO_OPERATION = 'JSON lines that tell of no operation (no base, no ret)'

/** A segment's line with one key replaced, or left out. */
function line(change: Record<string, unknown>): string {
  const whole = { ts: 1000, tid: 7, call: 'pread64', fd: 3, seg: 0, base: '0x7f0000001000', len: 512 }
  return `${JSON.stringify({ ...whole, ...change })}\n`
}

/** A message of `bpftrace -f json`, as it writes them. */
function message(type: string, data: unknown): string {
  return `{"type": "${type}", "data": ${JSON.stringify(data)}}\n`
}

/** Column of `part` in the last line of `text` with it, from 1. */
function columnOf(text: string, part: string): number {
  const at = text.indexOf(part)
  return at - text.lastIndexOf('\n', at)
}

async function rowsOf(text: string, formatOptions = {}) {
  const reader = await openTrace(chunked(Buffer.from(text, 'latin1')), 't', { format: 'bpftrace-json', formatOptions })
  const rows: Record<string, unknown>[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row) as Record<string, unknown>)
  }
  return { rows, report: reader.imported! }
}

const segment = (address: number, length: number) => ({ address, offset: 0, file: null, length })

importSuite({
  format: bpftraceJson,
  samples: [
    {
      // The five segments of reference 1.9: three of one call, two of the next.
      file: 'bpftrace-json-segments.jsonl',
      rows: 2,
      reads: 2,
      writes: 0,
      bytesRead: 100 + 4096 + 17 + 100 + 4488,
      bytesWritten: 0,
      level: 'L3',
      skipped: { 'lines of bpftrace or of the traced program': 1, [NO_OPERATION]: 1 },
      spanNs: 1382513274857 - 1382513150435,
      neverCompleted: 0,
      someRows: {
        1: {
          line: 3,
          file: 'fd 3 of 12299',
          segments: [segment(0x7f8e94044710, 100), segment(0x560f68bac100, 4096), segment(0x7f8e93c48b10, 17)],
          result: null,
          end: 'synchronous',
          mm: 0,
        },
      },
      assumptions: ['taken as reads (--input-option op=write)', 'no pid', 'O_DIRECT is not recorded'],
    },
    {
      file: 'bpftrace-json-segments.jsonl',
      options: { formatOptions: { op: 'write', direct: 'no' } },
      rows: 2,
      reads: 0,
      writes: 2,
      bytesRead: 0,
      bytesWritten: 8801,
      level: 'L3',
      skipped: { 'lines of bpftrace or of the traced program': 1, [NO_OPERATION]: 1 },
      someRows: { 1: { consumer: 'buffered', op: 'write' } },
      assumptions: ['taken as writes (--input-option op=read)'],
    },
    {
      // Recorded with bpftrace 0.17 by the script of docs/formats/bpftrace.md: three threads of 12 preadv2 each, half of two segments
      // of 4 KiB, half of one of 64 KiB; then a pwritev2 of 100 segments, of which the script prints 64, a write and a pwrite64.
      file: 'bpftrace-json-threads.jsonl',
      rows: 39,
      reads: 36,
      writes: 3,
      bytesRead: 3 * 6 * (2 * 4096 + 65536),
      bytesWritten: 64 * 4096 + 100 + 200,
      level: 'L3',
      skipped: {},
      errors: 0,
      neverCompleted: 0,
      someRows: { 1: { op: 'read', flags: ['direct'], consumer: 'bio', mm: 32084, result: 8192 } },
      doubts: ['printed: 1 (first at line 92); the rest of them is missing'],
    },
    {
      // Made, every trap once; counted by eye.
      file: 'bpftrace-json-traps.jsonl',
      rows: 4,
      reads: 2,
      writes: 2,
      // A preadv2 of three segments, and a preadv of the CSV of iorec.bt.
      bytesRead: 100 + 4096 + 17 + 5,
      bytesWritten: 4096 + 17 + 512,
      level: 'L3',
      skipped: {
        [NO_OPERATION]: 1,
        'hist messages': 1,
        'map messages': 1,
        'stats messages': 1,
        'printf lines that tell of no operation': 1,
        'calls that sync, cut or allocate files': 1,
        'printf messages at the end of the file that end inside a line': 1,
        'segments whose first, or the one before, is not in the file': 1,
      },
      errors: 1,
      neverCompleted: 0,
      someRows: {
        1: { ts: 0, call: 'preadv2', mm: 20, result: 4213, flags: ['direct'], offset: 0 },
        // Times differ by a nanosecond above 2^53; base is a number here, and once more than a printf message.
        2: {
          ts: 1,
          call: 'pwritev',
          result: -5,
          offset: -1,
          segments: [segment(0x7f0000009000, 4096), segment(139637976768512, 17)],
        },
        // Bytes above 0x7f come as \uffffffc3.
        3: { ts: 20, op: 'write', file: '/data/café', segments: [segment(0x7f0000001000, 512)] },
        4: { ts: 30, call: 'preadv', offset: 100, result: 5, file: '08:10:12' },
      },
      assumptions: ['O_DIRECT is not recorded'],
      doubts: ['bpftrace lost 7 events'],
    },
  ],
  malformed: [
    { title: 'a line that is no JSON', bytes: '{"ts":1,\n\n', message: `t:1:1: ${NOT_JSON}` },
    {
      title: 'an array',
      bytes: `\n${message('printf', '{}\n').replace('{"type"', '{"type": [}')}`,
      message: `t:2:1: ${NOT_JSON}`,
    },
    {
      title: 'a message cut by another',
      bytes: `12288 {"type": "printf", "da{"type": "printf"}\n`,
      message: `t:1:7: ${NOT_JSON}`,
    },
    {
      title: 'no length',
      bytes: line({ len: undefined }),
      message: `t:1:1: the line has no "len"\n${HINT}`,
    },
    {
      title: 'a length that is no number',
      bytes: line({ len: 'all' }),
      message: `t:1:${columnOf(line({ len: 'all' }), '"len"')}: len is "all", expected a whole number below 2^53, or a string of one\n${HINT}`,
    },
    {
      title: 'no time',
      bytes: line({ ts: undefined }),
      message: `t:1:1: the line has no "ts": nanoseconds, as nsecs has them\n${HINT}`,
    },
    {
      title: 'a direction that is none',
      bytes: line({ op: 'trim' }),
      message: `t:1:${columnOf(line({ op: 'trim' }), '"op"')}: op is "trim", expected "read" or "write"\n${HINT}`,
    },
    {
      title: 'a call that is no name',
      bytes: line({ call: 17 }),
      message: `t:1:${columnOf(line({ call: 17 }), '"call"')}: call is 17, expected a name or a probe\n${HINT}`,
    },
    {
      title: 'a segment beyond UIO_MAXIOV',
      bytes: line({ seg: 1024 }),
      message: `t:1:${columnOf(line({ seg: 1024 }), '"seg"')}: seg is 1024, expected 0 to 1023\n${HINT}`,
    },
    {
      title: 'a result that is none',
      bytes: '{"ts":1,"tid":7,"ret":-4096}\n',
      message: `t:1:17: ret is -4096, expected bytes, or -1 to -4095\n${HINT}`,
    },
    {
      title: 'a printf message without text',
      bytes: message('printf', 5),
      message: `t:1:20: the data of a printf message is no text\n${HINT}`,
    },
    {
      title: 'lost events without a number',
      bytes: message('lost_events', {}),
      message: `t:1:25: lost_events does not say how many\n${HINT}`,
    },
    {
      title: 'a fault inside a printf message',
      bytes: message('attached_probes', { probes: 1 }) + message('printf', line({ tid: -1 })),
      message: `t:2:${columnOf(message('printf', line({ tid: -1 })), '\\"tid')}: tid is -1, expected a whole number that is not negative\n${HINT}`,
    },
  ],
})

describe('bpftrace-json', () => {
  it('ends an operation with the next of its thread where no returns are printed', async () => {
    const text = [0, 1, 0, 0, 1, 2].map((seg, i) => line({ ts: 1000 + i, seg, tid: i === 2 ? 8 : 7 })).join('')
    const { rows } = await rowsOf(text)
    expect(rows.map(({ ts, segments }) => [ts, (segments as unknown[]).length])).toEqual([
      [0, 2],
      [2, 1],
      [3, 3],
    ])
  })

  it('does not wait for a thread that falls silent', async () => {
    const busy = Array.from({ length: 20_000 }, (_, i) => line({ ts: 2000 + i }))
    const { rows, report } = await rowsOf([line({ tid: 1 }), ...busy].join(''))
    expect(rows.length).toBe(20_001)
    expect(report.skipped).toEqual([])
  })

  it('reads Lost of a plain file, and lost_events of both forms', async () => {
    const newer = '{"type": "lost_events", "count": 3, "data": {"events": 3}}\n'
    const { report } = await rowsOf(`Lost 5 events\n${newer}${line({})}`)
    expect(report.doubts).toEqual([
      'bpftrace lost 8 events: operations and returns are missing (set BPFTRACE_PERF_RB_PAGES higher)',
    ])
  })

  it('is told apart by one message, or by one segment', async () => {
    expect(await claimsOf(Buffer.from(message('attached_probes', { probes: 3 })))).toEqual(['bpftrace-json'])
    expect(await claimsOf(Buffer.from(`hello\n${line({})}`))).toEqual(['bpftrace-json'])
    expect(await claimsOf(Buffer.from('{"a":1}\n'))).toEqual([])
    const csv = 'E,1000,7,tracepoint:syscalls:sys_enter_read,3,800010,12,8000,0,8192,1,7f0000001000:512;\n'
    expect(await claimsOf(Buffer.from(`hello ${message('printf', csv)}`))).toEqual(['bpftrace-json'])
  })

  it('refuses a printf line that never ends', async () => {
    const long = message('printf', 'x'.repeat(60_000))
    await expect(rowsOf(long.repeat(40))).rejects.toThrow('printf messages make a line of more than 2097152 bytes')
  })

  it('reads a million open brackets', async () => {
    await expect(rowsOf(`{"a":${'['.repeat(1_000_000)}\n`)).rejects.toThrow('the line is no JSON object')
  })

  it('passes operations over that have an address or a length above 2^53, with all their segments and their return', async () => {
    const lines = [
      { ts: 10, tid: 1, seg: 0, base: '0x1000', len: 1, call: 'preadv' },
      { ts: 20, tid: 1, seg: 0, base: '0xffffffffffffffff', len: 512, call: 'preadv' },
      { ts: 21, tid: 1, seg: 1, base: '0x2000', len: 2, call: 'preadv' },
      { ts: 30, tid: 1, seg: 0, base: '0x3000', len: 3, call: 'preadv' },
      { ts: 31, tid: 1, seg: 1, base: '0x4000', len: 1e19, call: 'preadv' },
      { ts: 32, tid: 1, seg: 2, base: '0x5000', len: 5, call: 'preadv' },
      { ts: 40, tid: 1, seg: 0, base: '0x6000', len: 6, call: 'preadv' },
    ]
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    const { rows, skipped } = await rowsOfText(text, 'bpftrace-json')
    expect(rows.map(({ segments }) => segments.map(({ length }) => length))).toEqual([[1], [6]])
    expect(skipped).toEqual({
      'operations with an address or a length above 2^53': 2,
      'segments whose first, or the one before, is not in the file': 2,
    })
  })
})
