import { readFileSync } from 'node:fs'
import { FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE, Registry } from '@pinscope/core'
import { type Lane, replayRows, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { callsText } from '../../core/test/support/iter-calls.ts'
import { ioUringFixed } from '../src/io-uring-fixed/definition.ts'

// What running kernels did for IORING_REGISTER_BUFFERS: every call of mm/gup.c, and the kernel's own counters; and that the
// rules which other consumers' lanes have for such rows (packages/core/src/replay/registered-buffers.ts) are the same.

const CORE = new Registry().find('bio')!.definition

type Cells = Readonly<Record<string, string>>

/** Rows of a table without quotes, by column. */
function tableOf(text: string): Cells[] {
  const [header = '', ...lines] = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const columns = header.split(',')
  return lines.map((line) => Object.fromEntries(line.split(',').map((cell, i) => [columns[i]!, cell])))
}

const traceText = (name: string) => readFileSync(new URL(`../../../traces/${name}.csv`, import.meta.url), 'utf8')

/** Every operation of the programs that were recorded. */
const opsText = (version: string) =>
  readFileSync(new URL(`../../../traces/ground-truth/calls/kernel-${version}/ops.csv`, import.meta.url), 'utf8')

/** Rows of a trace as they are fed in, without what only says what they are. */
function rowsOf(name: string): TestRow[] {
  return tableOf(traceText(name)).map(({ x_op: _, x_class: __, x_filesystem: ___, consumer: ____, ...row }) => row)
}

/** Calls of get_user_pages (`taken`: FOLL_WRITE, FOLL_LONGTERM) and of releases, in order. */
type Call = { pinned: number; taken: number; ret: number } | { dropped: number }

function watch(lane: Lane): Call[] {
  const calls: Call[] = []
  const { spaces, ledger } = lane
  const walk = spaces.walk.bind(spaces)
  spaces.walkRun = () => -1
  spaces.walk = (...args) => {
    const [, addresses, index, offsetBytes, count, foll] = args
    const ret = walk(...args)
    if ((foll & FOLL_PIN) !== 0) calls.push({ pinned: addresses[index]! + offsetBytes, taken: foll & ~FOLL_PIN, ret })
    expect(count).toBe(ret)
    return ret
  }
  const release = ledger.release.bind(ledger)
  ledger.release = (hold, as) => {
    calls.push({ dropped: ledger.entriesHeld(hold) })
    release(hold, as)
  }
  return calls
}

/** Functions that take, and those that drop. The inner one of pin_user_pages_fast is the same call once more. */
const TAKES = ['pin_user_pages', 'pin_fast']
const INNER = 'gup_internal612'

describe.each(['6.1', '6.12'] as const)('io_uring on %s', (version) => {
  const recorded = tableOf(callsText(version, 'gup-calls')).filter(({ group }) => group === 'uring')
  const longterm = version === '6.1' ? 0x10000 : 0x100

  it('the trace has what was recorded: addresses, lengths, counts', () => {
    const operations = tableOf(opsText(version)).filter(({ group, op }) => group === 'uring' && op !== 'idle control')
    const rows = tableOf(traceText(`ground-truth/uring-${version}`)).filter(({ event }) => event !== 'map')
    expect(rows.map(({ x_op, pins_acquired, pins_released }) => [x_op, pins_acquired, pins_released])).toEqual(
      operations.map(({ op, pin_nr_sum, unpin_sum }) => [op, pin_nr_sum, unpin_sum]),
    )
    const segments = rows.map(({ segs }) => segs).filter((segs) => segs !== '')
    const buffers = operations.filter(({ len }) => len !== '0').map(({ buf, len }) => `0x${buf}+${len}`)
    expect(segments).toEqual(buffers)
  })

  it(`the same ${recorded.length} calls, one by one`, async () => {
    let calls: Call[] = []
    await replayRows(ioUringFixed, rowsOf(`ground-truth/uring-${version}`), {
      kernel: version,
      prepare: (lane) => {
        calls = watch(lane)
      },
    })
    expect(recorded).toHaveLength(version === '6.1' ? 770 : 262)
    const expected = recorded
      .filter(({ func }) => func !== INNER)
      .map(({ func, start, nr, flags, ret }): Call => {
        if (!TAKES.includes(func!)) return { dropped: Number(nr) }
        expect(Number(flags) & ~1).toBe(longterm)
        return { pinned: Number(start), taken: FOLL_WRITE | FOLL_LONGTERM, ret: Number(ret) }
      })
    expect(calls).toEqual(expected)
    // The inner calls are those of the outer ones.
    const inner = recorded.filter(({ func }) => func === INNER)
    const outer = recorded.filter(({ func }) => func === 'pin_fast')
    expect(inner.map(({ start, nr, ret }) => [start, nr, ret])).toEqual(
      outer.map(({ start, nr, ret }) => [start, nr, ret]),
    )
  })

  it("counts what the kernel's own counters counted", async () => {
    const header = [`kernel ${version}`]
    const { report } = await replayRows(ioUringFixed, rowsOf(`ground-truth/uring-${version}`), { header })
    expect(report.groundTruth).toMatchObject({ rows: 4, matched: 4, mismatchedTotal: 0 })
    expect(report.pins.open).toBe(0)
  })
})

/** Pins taken and dropped by each row, row by row. */
async function pinsByRow(definition: typeof ioUringFixed, rows: readonly TestRow[], kernel: (typeof KERNELS)[number]) {
  const counts: [number, number][] = []
  let before = [0, 0] as [number, number]
  await replayRows(definition, rows, {
    kernel,
    afterRow: ({ ledger: { totals } }) => {
      // Pins acquired and released are the first two totals.
      const now: [number, number] = [totals[0]!, totals[1]!]
      counts.push([now[0] - before[0], now[1] - before[1]])
      before = now
    },
  })
  return counts
}

const KERNELS = ['6.1', '6.12', '6.18', 'mainline'] as const

describe("the rules of other consumers' lanes", () => {
  const names = [
    'fio-uring-fixedbufs',
    'ground-truth/uring-6.1',
    'ground-truth/uring-6.12',
    ...['ext4', 'xfs', 'btrfs', 'blockdev', 'buffered'].map((one) => `ground-truth/op-classes-${one}`),
  ]

  it.each(names)('%s: the same pins row by row, on every version', async (name) => {
    // What plain requests take is the file system's business; here only registrations and requests over them.
    const rows = rowsOf(name).filter(({ event, flags = '' }) =>
      event !== '' && event !== 'io' ? true : String(flags).includes('fixed'),
    )
    expect(rows.filter(({ event }) => event === 'register').length).toBeGreaterThan(0)
    for (const kernel of KERNELS) {
      const [mine, cores] = [await pinsByRow(ioUringFixed, rows, kernel), await pinsByRow(CORE, rows, kernel)]
      expect(mine, kernel).toEqual(cores)
    }
  })

  it('buffers of every backing, order and place: the same pins row by row', async () => {
    const A = 0x7f0000000000
    const backings = ['anon', 'anon', 'thp', 'shmem', 'hugetlb', 'file', 'fsdax', 'secretmem', 'p2pdma'] as const
    const flags = ['', 'untouched', 'private', 'prot_read', 'prot_none', 'order=1', 'order=2', 'order=3']
    let seed = 20_261_121
    const next = (below: number) => {
      seed = Math.imul(seed, 1_103_515_245) + 12_345
      return ((seed >>> 8) & 0x7fffff) % below
    }
    for (let round = 0; round < 300; round++) {
      const rows: TestRow[] = Array.from({ length: 4 }, () => ({
        event: 'map',
        segs: `0x${(A + next(24) * 4096).toString(16)}+${(1 + next(24)) * 4096}`,
        backing: backings[next(backings.length)]!,
        flags: flags[next(flags.length)]!,
      }))
      for (let id = 0; id < 4; id++) {
        const segs = Array.from(
          { length: 1 + next(2) },
          () => `0x${(A + next(24) * 4096 + next(3) * 100).toString(16)}+${1 + next(30_000)}`,
        ).join(';')
        rows.push({ event: 'register', id: `b${id}`, iter: segs.includes(';') ? 'iovec' : 'ubuf', segs })
        if (next(2) === 0) rows.push({ event: 'unregister', id: `b${id}` })
      }
      for (const kernel of KERNELS) {
        const [mine, cores] = [await pinsByRow(ioUringFixed, rows, kernel), await pinsByRow(CORE, rows, kernel)]
        expect(mine, `${kernel} ${JSON.stringify(rows)}`).toEqual(cores)
      }
    }
  })
})
