import { describe, expect, it } from 'vitest'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'

// Version 1 has a call when it returns, and completions on rows of their own: what comes of it, in which order, and with whose
// counts.

const COLUMNS = 'ts_us,dur_us,tid,op,fd,target,oflags,off,nseg,segs,arg,ret,acq,rel,pages'

interface Row {
  readonly ts: number
  readonly end: unknown
  readonly offset: number
  readonly result: number | null
  readonly pins: readonly number[]
}

/** A call: entry and duration in us, its thread, and what differs from a direct read of 4096 bytes. */
function call(
  entry: number,
  duration: number,
  tid: number,
  cells: Partial<Record<string, string | number>> = {},
): string {
  const usual = {
    op: 'pread64',
    fd: 3,
    target: '/mnt/d',
    oflags: 'RD',
    off: 0,
    nseg: 1,
    segs: '7f0000000000:4096',
    arg: '',
  }
  const row = {
    ts_us: entry.toFixed(1),
    dur_us: duration.toFixed(1),
    tid,
    ...usual,
    ret: 4096,
    acq: 1,
    rel: 1,
    pages: 'A1',
    ...cells,
  }
  return COLUMNS.split(',')
    .map((name) => row[name as keyof typeof row])
    .join(',')
}

async function read(lines: readonly string[], options: Parameters<typeof openTrace>[2] = {}, end = '\n') {
  const reader = await openTrace(chunked(Buffer.from(`${lines.join('\n')}${end}`)), 't', options)
  const rows: Row[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) {
      if (batch.event[row] === 0) rows.push(columnsOf(reader, batch, row) as Row)
    }
  }
  return { rows, report: reader.imported! }
}

const readV1 = (...lines: string[]) => read([COLUMNS, ...lines])

const SUBMIT = { op: 'io_submit', fd: -1, target: '', oflags: '', segs: '', nseg: 0, pages: '' }
const aio = (entry: number, iocb: string, off: number) =>
  call(entry, 5, 1, { op: 'aio:PREAD', arg: `iocb=${iocb}`, off, ret: '', acq: '', rel: '' })
const submitted = (entry: number, acquired: number) => call(entry, 20, 1, { ...SUBMIT, ret: 1, acq: acquired, rel: 0 })
const event = (time: number, iocb: string, result: number) =>
  call(time, 0, 1, { ...SUBMIT, op: 'aio:event', arg: `iocb=${iocb}`, off: '', ret: result, acq: '', rel: '' })

describe('order', () => {
  it('is that of entry, counted from the first row', async () => {
    const { rows } = await readV1(
      call(300, 10, 1, { off: 1 }),
      call(250.5, 100, 2, { off: 2 }),
      call(400, 10, 1, { off: 3 }),
    )
    // A call that began before the first row is the origin then.
    expect(rows.map(({ ts, offset }) => [ts, offset])).toEqual([
      [0, 2],
      [49_500, 1],
      [149_500, 3],
    ])
  })

  it('holds over 4,096 rows, and no further: then it is said', async () => {
    const others = (count: number) => Array.from({ length: count }, (_, i) => call(10 + i, 0.5, 1))
    const { rows, report } = await read([COLUMNS, ...others(4096), call(5, 9000, 2, { off: 7 })], {
      formatOptions: { mm: 'process' },
    })
    expect([rows[0]!.offset, rows.length, report.doubts]).toEqual([7, 4097, []])

    const late = [COLUMNS, call(1, 1, 1), ...others(9000), call(5, 9000, 2, { off: 7 })]
    await expect(read(late)).rejects.toThrow(
      /^t:9003: the time is [\d.]+ s earlier than that of a row 4096 rows before\n/,
    )
    const sorted = await read(late, { sort: true })
    expect(sorted.rows[1]).toMatchObject({ offset: 7, ts: 4000 })
    expect(sorted.report.doubts).toHaveLength(1)
    expect(sorted.report.doubts[0]).toContain('calls began more than 4,096 rows before they stand in the recording')
  })
})

describe('asynchronous operations', () => {
  it('are paired with completions in the order of the file: an iocb is used again', async () => {
    const { rows } = await readV1(
      ...[aio(10, 'a', 0), submitted(10, 1), aio(40, 'b', 1), submitted(40, 2), event(70, 'b', 11), event(80, 'a', 12)],
      ...[aio(90, 'a', 2), submitted(90, 3), event(120, 'a', -5)],
    )
    expect(rows.map(({ ts, end, offset, result, pins }) => [ts, end, offset, result, pins])).toEqual([
      [0, 70_000, 0, 12, [1, -1]],
      [30_000, 60_000, 1, 11, [2, -1]],
      [80_000, 110_000, 2, -5, [3, -1]],
    ])
  })

  it('have the counts of their submission only where it carried no other', async () => {
    const { rows } = await readV1(
      aio(10, 'a', 0),
      aio(10, 'b', 1),
      submitted(10, 8),
      event(50, 'a', 1),
      event(60, 'b', 2),
    )
    expect(rows.map(({ pins }) => pins)).toEqual([
      [-1, -1],
      [-1, -1],
    ])
  })

  it('without a completion never end', async () => {
    const { rows } = await readV1(aio(10, 'a', 0), submitted(10, 1))
    expect(rows).toMatchObject([{ end: 'never', result: null }])
  })

  it('a completion that nobody asked for is none', async () => {
    expect((await readV1(event(5, 'x', 1), call(10, 5, 1))).rows).toHaveLength(1)
  })
})

describe('counts of the whole machine', () => {
  const pins = async (...lines: string[]) => (await readV1(...lines)).rows.map((row) => row.pins)
  const ALONE = [1, 1]
  const NONE = [-1, -1]

  it('are a call’s own where nothing else that pins overlaps', async () => {
    expect(await pins(call(10, 5, 1), call(15, 5, 2), call(20, 5, 1))).toEqual([ALONE, ALONE, ALONE])
  })

  it('are nobody’s where two threads pin at a time', async () => {
    expect(await pins(call(11, 2, 2), call(10, 5, 1))).toEqual([NONE, NONE])
    // The long call overlaps all of the others, which are apart.
    expect(await pins(call(11, 2, 2), call(14, 2, 3), call(10, 20, 1))).toEqual([NONE, NONE, NONE])
  })

  it('stay where the other one does not pin', async () => {
    const buffered = { oflags: 'R', acq: 0, rel: 0 }
    expect(await pins(call(11, 2, 2, buffered), call(10, 5, 1))).toEqual([ALONE, NONE])
  })

  it('are nobody’s beside process_vm_readv that pinned', async () => {
    const other = { op: 'process_vm_readv', target: 'pid9', segs: '7f0000000000:1|7f0000000000:1' }
    expect(await pins(call(11, 2, 2, other), call(10, 5, 1))).toEqual([NONE])
  })

  it('have what asynchronous operations let go of among the releases', async () => {
    expect(await pins(aio(10, 'a', 0), submitted(10, 1), call(40, 5, 1), event(60, 'a', 1), call(70, 5, 1))).toEqual([
      [1, -1],
      [1, -1],
      ALONE,
    ])
  })
})

describe('ends', () => {
  it('a line that is cut short at the end of version 1 is passed over', async () => {
    const { rows, report } = await read([COLUMNS, call(10, 5, 1), '20.0,5.0,1,pread64,3,/mn'], {}, '')
    expect(rows).toHaveLength(1)
    expect(report.skipped).toMatchObject([{ reason: 'lines at the end of the file that are cut short', firstLine: 3 }])
  })

  it('version 2 says when it is whole', async () => {
    const head = ['# iorec 2', `${COLUMNS},pid,mm,file,shared`, `${call(10, 5, 1)},1,1,,`]
    expect((await read([...head, '# end'])).report.doubts).toEqual([])
    expect((await read(head)).report.doubts).toEqual([
      'the recording was cut off: its last line is not "# end"; record it again, or take what there is',
    ])
  })
})
