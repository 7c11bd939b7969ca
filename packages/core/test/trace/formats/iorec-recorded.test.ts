import { createReadStream } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { Registry } from '../../../src/consumer/registry.ts'
import { replay } from '../../../src/replay/replay.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import type { TraceReader } from '../../../src/trace/trace-reader.ts'
import { PAGE_SIZE } from '../../../src/units.ts'
import { PLAIN_OPTIONS } from '../../support/replay-rows.ts'
import { columnsOf } from '../columns-as-rows.ts'

// Recordings against what is known of them otherwise: traces that a script made of them once, which read the whole file at a
// time; and what the kernel counted.

const TRACES = new URL('../../../../../traces/', import.meta.url)
const EXT4 = { kernel: '6.18', filesystem: 'ext4' }

interface Row {
  readonly line: number
  readonly event: string
  readonly mm: number
  readonly call: string | null
  readonly segments: readonly { readonly address: number; readonly length: number }[]
  readonly backing: string
  readonly flags: readonly string[]
  readonly file: string | null
  readonly offset: number
  readonly consumer: string | null
}

function open(name: string, formatOptions: Readonly<Record<string, string>> = {}): Promise<TraceReader> {
  return openTrace(createReadStream(new URL(name, TRACES)), name, { formatOptions })
}

async function rowsOf(name: string, formatOptions: Readonly<Record<string, string>> = {}): Promise<Row[]> {
  const reader = await open(name, formatOptions)
  const rows: Row[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row) as Row)
  }
  return rows
}

async function lanesOf(name: string, formatOptions: Readonly<Record<string, string>> = {}) {
  return (await replay(await open(name, formatOptions), { ...PLAIN_OPTIONS, registry: new Registry() })).lanes
}

/** Without its place in the file. */
function contentOf(row: Row): object {
  return { ...row, line: 0, row: 0 }
}

/** What the `map` rows before it say of each page of each other row. */
function pagesOfRows(rows: readonly Row[]): object[][] {
  const told = new Map<string, object>()
  const found: object[][] = []
  for (const { event, mm, segments, backing, flags, file, offset } of rows) {
    const pages: object[] = []
    for (const { address, length } of segments) {
      const first = Math.floor(address / PAGE_SIZE)
      for (let page = first; page * PAGE_SIZE < address + length; page++) {
        const key = `${mm} ${page}`
        const place = offset < 0 ? offset : offset + (page - first) * PAGE_SIZE
        if (event === 'map') told.set(key, { backing, flags, file, place })
        else pages.push(told.get(key) ?? {})
      }
    }
    if (event !== 'map') found.push(pages)
  }
  return found
}

describe('refdemo-buffers', () => {
  const imported = () => rowsOf('formats/iorec1-refdemo.csv', EXT4)
  const committed = () => rowsOf('refdemo-buffers.csv')
  const others = (rows: readonly Row[]) => rows.filter(({ event }) => event !== 'map').map(contentOf)

  it('has the operations of the trace, in every column', async () => {
    expect(others(await imported())).toEqual(others(await committed()))
  })

  it('tells the same of each page that an operation uses', async () => {
    expect(pagesOfRows(await imported())).toEqual(pagesOfRows(await committed()))
  })
})

describe('one operation of each class', () => {
  const rows = () => rowsOf('formats/iorec1-classes.csv', { ...EXT4, calls: 'all' })
  /** What the kernel's own traces of the classes have of them, which were made with names and times of their own. */
  const classOf = ({ call, segments, flags, consumer }: Row) => ({ call, segments, flags, consumer })
  const classes = async (name: string) => {
    return (await rowsOf(`ground-truth/op-classes-${name}.csv`)).filter(({ event }) => event === 'io').map(classOf)
  }

  it('process_vm_*: as in the trace of the classes', async () => {
    const found = (await rows()).filter(({ consumer }) => consumer === 'process-vm').map(classOf)
    // The last two classes are /proc/self/mem.
    expect(found).toEqual((await classes('process-vm')).slice(0, 7))
    expect(found).toHaveLength(7)
  })

  it('pipes: as in the trace of the classes', async () => {
    const found = (await rows()).filter(({ consumer }) => consumer === 'splice').map(classOf)
    // Version 1 does not tell where splice(2) goes: of that only the read that empties the pipe is here.
    expect(found).toHaveLength(7)
    expect(found.slice(1)).toEqual(await classes('pipe'))
  })

  it('sends: as in the traces of the classes', async () => {
    const found = (await rows()).filter(({ consumer }) => consumer === 'msg-zerocopy').map(classOf)
    const tcp = (await classes('net')).filter(({ call }) => call === 'sendmsg')
    expect(found).toEqual([...tcp, ...(await classes('net-udp'))])
    expect(found).toHaveLength(5)
  })

  it('the kernel counted what a replay counts, but for three that the recording does not tell enough of', async () => {
    const lanes = await lanesOf('formats/iorec1-classes.csv', EXT4)
    const [bio] = lanes.filter(({ consumer }) => consumer === 'bio')
    const wrong = bio!.groundTruth.mismatched.map(({ line, expected }) => [line, expected])
    // Two reads of holes, whole and half; a buffer whose second half mprotect(2) took away.
    expect(wrong).toEqual([
      [49, 0],
      [50, 8],
      [51, 2],
    ])
    expect(lanes.reduce((sum, { groundTruth }) => sum + groundTruth.matched, 0)).toBe(58)
  })
})

describe('pins', () => {
  it('of refdemo: every row, and 304 in all', async () => {
    const lanes = await lanesOf('formats/iorec1-refdemo.csv', EXT4)
    for (const { groundTruth } of lanes) expect(groundTruth.matched).toBe(groundTruth.rows)
    // awk: the sum of acq over the rows opened with O_DIRECT.
    expect(lanes.map(({ pins }) => pins.acquired)).toEqual([0, 304])
  })

  it('of libaio: every operation was submitted alone, and 256 in all', async () => {
    const lanes = await lanesOf('formats/iorec1-libaio.csv', EXT4)
    const [bio] = lanes.filter(({ consumer }) => consumer === 'bio')
    // awk: the sum of acq over io_submit.
    expect(bio).toMatchObject({ pins: { acquired: 256, released: 256 }, groundTruth: { rows: 64, matched: 64 } })
  })

  it('of dd, version 2: what the recorder counted around all calls', async () => {
    const { header } = await open('formats/iorec2-dd.csv')
    const lanes = await lanesOf('formats/iorec2-dd.csv')
    const acquired = lanes.reduce((sum, { pins }) => sum + pins.acquired, 0)
    expect(String(acquired)).toBe(header.attributes.get('pins-bracketed-acquired'))
    expect(String(acquired)).toBe(header.attributes.get('pins-acquired-total'))
    for (const { groundTruth } of lanes) expect(groundTruth.matched).toBe(groundTruth.rows)
  })
})
