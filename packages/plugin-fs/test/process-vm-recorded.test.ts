import { readFileSync } from 'node:fs'
import { FOLL_FORCE, FOLL_PIN, FOLL_WRITE, type KernelVersion, PAGE_SIZE } from '@pinscope/core'
import { type Lane, replayRows, type TestRow } from '@pinscope/core/testing'
import { parse } from 'csv-parse/sync'
import { describe, expect, it } from 'vitest'
import { callsText } from '../../core/test/support/iter-calls.ts'
import { processVm, procMem } from '../src/process-vm/definition.ts'

// process_vm_readv, process_vm_writev and /proc/self/mem on running kernels: every call of get_user_pages, every release,
// and what the kernel's own counters counted.

type Cells = Readonly<Record<string, string>>

/** One call of mm/gup.c that takes pages: address, pages asked for, flags as the model has them, pages or -errno. */
interface TakeCall {
  readonly address: number
  readonly pages: number
  readonly pins: boolean
  readonly write: boolean
  readonly force: boolean
  readonly ret: number
}

interface Calls {
  readonly takes: readonly TakeCall[]
  /** Pages of each release of pins. */
  readonly releases: readonly number[]
}

const FOLL_FORCE_OF = { '6.1': 0x10, '6.12': 0x8 } as const
const GROUND_TRUTH = new URL('../../../traces/ground-truth/', import.meta.url)

function rowsOf(name: string): Cells[] {
  const lines = readFileSync(new URL(`${name}.csv`, GROUND_TRUTH), 'utf8').split('\n')
  return parse<Cells>(lines.filter((line) => !line.startsWith('#')).join('\n'), { columns: true })
}

/** Recorded calls by operation. An unpin_pages that follows an unpin_dirty is made by it: one release. */
function recordedCalls(version: '6.1' | '6.12', name: string): Calls {
  const calls = parse<Cells>(callsText(version, 'gup-calls'), { columns: true }).filter(({ op }) => op === name)
  const takes: TakeCall[] = []
  const releases: number[] = []
  for (const { func, start, nr, flags, ret } of calls) {
    if (func === 'unpin_dirty') releases.push(Number(nr))
    else if (func === 'unpin_pages') expect(releases.at(-1)).toBe(Number(nr))
    else {
      expect(['pin_remote', 'gup_remote']).toContain(func)
      expect(Number(flags) & ~(FOLL_WRITE | FOLL_FORCE_OF[version])).toBe(0)
      takes.push({
        address: Number(start),
        pages: Number(nr),
        pins: func === 'pin_remote',
        write: (Number(flags) & FOLL_WRITE) !== 0,
        force: (Number(flags) & FOLL_FORCE_OF[version]) !== 0,
        ret: Number(ret),
      })
    }
  }
  return { takes, releases }
}

/** What a lane takes and unpins. */
function watch({ spaces, ledger }: Lane): Calls {
  const takes: TakeCall[] = []
  const releases: number[] = []
  const walk = spaces.walk.bind(spaces)
  spaces.walkRun = () => -1
  spaces.walk = (...args) => {
    const [, addresses, index, offsetBytes, pages, foll] = args
    const ret = walk(...args)
    const address = Math.floor((addresses[index]! + offsetBytes) / PAGE_SIZE) * PAGE_SIZE
    const has = (bit: number) => (foll & bit) !== 0
    takes.push({ address, pages, pins: has(FOLL_PIN), write: has(FOLL_WRITE), force: has(FOLL_FORCE), ret })
    return ret
  }
  const release = ledger.release.bind(ledger)
  ledger.release = (hold, as) => {
    if (takes.at(-1)?.pins === true) releases.push(ledger.entriesHeld(hold))
    release(hold, as)
  }
  return { takes, releases }
}

async function replayed(cells: readonly Cells[], kernel: KernelVersion) {
  const consumer = cells.some((row) => row.consumer === 'proc-mem') ? procMem : processVm
  const rows: TestRow[] = cells.map(({ x_op: _op, x_class: _class, consumer: _, ...row }) => row)
  let calls: Calls = { takes: [], releases: [] }
  const { report, results } = await replayRows(consumer, rows, {
    kernel,
    header: [`kernel ${kernel === '6.18' ? '6.18' : kernel}`],
    prepare: (lane) => {
      calls = watch(lane)
    },
  })
  return { calls, report, results }
}

describe.each(['6.1', '6.12'] as const)('%s', (version) => {
  const rows = rowsOf(`process-vm-${version}`)
  const maps = rows.filter(({ event }) => event === 'map')
  const operations = rows.filter(({ event }) => event !== 'map')

  it('the trace has the operations that were recorded', () => {
    const counts = rowsOf(`counts/op-counts-process-vm-${version}`)
    const ops = rowsOf(`calls/kernel-${version}/ops`)
    expect(operations.map(({ x_op }) => x_op)).toEqual([
      'process_vm_readv 64K',
      'process_vm_writev 64K',
      '/proc/self/mem pread 64K',
    ])
    for (const [i, row] of operations.entries()) {
      const op = ops.find(({ op }) => op === row.x_op)!
      expect(row.segs).toBe(`0x${op.buf}+${op.len}`)
      expect(counts[i]).toEqual({
        op: row.x_op,
        result: row.result,
        errno: '',
        pins_acquired: row.pins_acquired,
        pins_released: row.pins_released,
      })
    }
  })

  it.each(operations.map((row) => [row.x_op!, row] as const))(
    '%s: the same calls and the same counts',
    async (name, row) => {
      const { calls, report, results } = await replayed([...maps, row], version)
      const recorded = recordedCalls(version, name)
      expect(recorded.takes.length).toBe(name.startsWith('/proc') ? 16 : 1)
      expect(calls).toEqual(recorded)
      expect(results).toEqual([Number(row.result)])
      expect(report.groundTruth).toMatchObject({ rows: 1, matched: 1, mismatchedTotal: 0 })
      expect(report.refs.acquired).toBe(recorded.takes.filter(({ pins }) => !pins).length)
      expect([report.leaks, report.violations]).toEqual([[], []])
    },
  )
})

describe('6.18, a class of operation each', () => {
  const rows = rowsOf('op-classes-process-vm')
  const maps = rows.filter(({ event }) => event === 'map')
  const classes = rows.filter(({ event }) => event === 'io')

  it('are the classes that the kernel counted', () => {
    const counted = rowsOf('counts/op-classes-6.18').filter(({ class: name }) => /process_vm|self\/mem/.test(name!))
    expect(classes.map((row) => [row.x_class, row.result, row.pins_acquired, row.pins_released])).toEqual(
      counted.map((row) => [row.class, row.result, row.pins_acquired, row.pins_released]),
    )
    expect(classes).toHaveLength(9)
  })

  it.each(classes.map((row) => [row.x_class!, row] as const))('%s', async (_, row) => {
    const { report, results } = await replayed([...maps, row], '6.18')
    expect(results).toEqual([Number(row.result)])
    expect(report.groundTruth).toMatchObject({ rows: 1, matched: 1, mismatchedTotal: 0 })
    expect([report.leaks, report.violations]).toEqual([[], []])
  })
})
