import { readFileSync } from 'node:fs'
import { FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE, type KernelVersion, PAGE_SIZE } from '@pinscope/core'
import { replayRows, type TestRow } from '@pinscope/core/testing'
import { parse } from 'csv-parse/sync'
import { describe, expect, it } from 'vitest'
import { callsText } from '../../core/test/support/iter-calls.ts'
import { xdpUmem } from '../src/xdp-umem/definition.ts'

// AF_XDP memory on running kernels: the call that pins it, and the kernel's own counters. What drops the pins ran later, in
// a work queue, where nobody listened: its counters tell.

type Cells = Readonly<Record<string, string>>

function trace(version: string): { readonly header: readonly string[]; readonly rows: readonly TestRow[] } {
  const text = readFileSync(new URL(`../../../traces/ground-truth/xdp-${version}.csv`, import.meta.url), 'utf8')
  const lines = text.split('\n')
  const header = lines
    .filter((line) => line.startsWith('# ') && !line.includes('pinscope-trace'))
    .map((line) => line.slice(2))
  const rows = parse<Cells>(lines.filter((line) => !line.startsWith('#')).join('\n'), { columns: true })
  return { header, rows: rows.map(({ x_op: _, ...row }) => row) }
}

/** FOLL_LONGTERM of that kernel. */
const LONGTERM = { '6.1': 0x10000, '6.12': 0x100 } as const

/** Every recorded call of an operation of AF_XDP. */
function recordedCalls(version: '6.1' | '6.12') {
  return parse<Cells>(callsText(version, 'gup-calls'), { columns: true })
    .filter(({ op = '' }) => op.startsWith('AF_XDP'))
    .map(({ op, func, start, nr, flags, ret }) => {
      expect(Number(flags) & ~FOLL_WRITE).toBe(LONGTERM[version])
      return {
        op,
        func,
        address: Number(start),
        pages: Number(nr),
        write: (Number(flags) & FOLL_WRITE) !== 0,
        ret: Number(ret),
      }
    })
}

async function replayed(version: '6.1' | '6.12', kernel: KernelVersion) {
  const { header, rows } = trace(version)
  const calls: { address: number; pages: number; write: boolean; ret: number }[] = []
  const done = await replayRows(xdpUmem, rows, {
    kernel,
    header,
    prepare: ({ spaces }) => {
      const walk = spaces.walk.bind(spaces)
      spaces.walkRun = () => -1
      spaces.walk = (...args) => {
        const [, addresses, at, skipBytes, pages, foll] = args
        const ret = walk(...args)
        expect(foll & (FOLL_LONGTERM | FOLL_PIN)).toBe(FOLL_LONGTERM | FOLL_PIN)
        calls.push({ address: addresses[at]! + skipBytes, pages, write: (foll & FOLL_WRITE) !== 0, ret })
        return ret
      }
    },
  })
  return { calls, ...done }
}

describe.each(['6.1', '6.12'] as const)('64 pages on %s', (version) => {
  it.each(['6.1', '6.12', '6.18', 'mainline'] as const)('as %s: the call that the kernel made', async (kernel) => {
    const [call, ...more] = recordedCalls(version)
    expect([call?.op, call?.func, call?.pages, more]).toEqual(['AF_XDP UMEM_REG 64 pages', 'pin_user_pages', 64, []])
    const { address, pages, write, ret } = call!
    const { calls, report } = await replayed(version, kernel)
    expect(calls).toEqual([{ address, pages, write, ret }])
    expect(address % PAGE_SIZE).toBe(0)
    expect(report.pins).toMatchObject({ acquired: 64, released: 64, open: 0 })
  })

  it("counts what the kernel's own counters counted", async () => {
    const { report } = await replayed(version, version)
    expect(report.groundTruth).toMatchObject({ rows: 2, matched: 2, mismatchedTotal: 0 })
    expect([report.dma, report.allocations?.openBytes, report.violations]).toEqual([undefined, 0, []])
  })
})
