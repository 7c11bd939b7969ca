import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { laneOf } from './support/replay-rows.ts'
import type { RowSpec } from './support/rows.ts'

// Direct and buffered I/O on five raw block devices, and registered buffers, as 6.1 and 6.12 kernels counted them.
const FOLDER = new URL('../../../traces/ground-truth/counts/', import.meta.url)
const A = 0x7f0000000000
const ANON: RowSpec = { event: 'map', segs: [[A, 1 << 20]], backing: 'anon' }
const HUGE: RowSpec = { event: 'map', segs: [[A, 1 << 22]], backing: 'thp' }
const eight = (length: number, stride: number) => Array.from({ length: 8 }, (_, i) => [A + i * stride, length])

/** What each operation did, by its name without the device. */
const OPERATIONS: Readonly<Record<string, readonly RowSpec[]>> = {
  'O_DIRECT pwrite 64K': [ANON, { op: 'write', segs: [[A, 65536]] }],
  'O_DIRECT pread 64K': [ANON, { op: 'read', segs: [[A, 65536]] }],
  'O_DIRECT pread 64K @+512': [ANON, { op: 'read', segs: [[A + 512, 65536]] }],
  'O_DIRECT preadv 8x4K': [ANON, { op: 'read', segs: eight(4096, 8192) }],
  'O_DIRECT pwritev 8x4K': [ANON, { op: 'write', segs: eight(4096, 8192) }],
  'O_DIRECT preadv 8x512 same addr': [ANON, { op: 'read', segs: eight(512, 0) }],
  'O_DIRECT preadv 8x512 contiguous': [ANON, { op: 'read', segs: eight(512, 512) }],
  'O_DIRECT pread 64K THP': [HUGE, { op: 'read', segs: [[A, 65536]] }],
  'O_DIRECT pwrite 64K zero page': [
    { ...ANON, flags: ['untouched'] },
    { op: 'write', segs: [[A, 65536]] },
  ],
  'O_DIRECT pread 1000@100': [ANON, { op: 'read', segs: [[A, 1000]], offset: 100 }],
  'buffered pread 64K': [ANON, { op: 'read', segs: [[A, 65536]], consumer: 'buffered' }],
  'buffered pwrite 64K': [ANON, { op: 'write', segs: [[A, 65536]], consumer: 'buffered' }],
  'buffered preadv 8': [ANON, { op: 'read', segs: eight(512, 4096), consumer: 'buffered' }],
}

const ANON_BUFFER: RowSpec = { event: 'register', id: 'b', segs: [[A, 1 << 20]] }
const HUGE_BUFFER: RowSpec = { event: 'register', id: 'b', segs: [[A, 2 << 20]] }
const REGISTRATIONS: Readonly<Record<string, readonly RowSpec[]>> = {
  'io_uring REGISTER_BUFFERS 1M': [ANON, ANON_BUFFER],
  'io_uring UNREGISTER_BUFFERS': [ANON, ANON_BUFFER, { event: 'unregister', id: 'b' }],
  'io_uring REGISTER_BUFFERS 2M THP': [HUGE, HUGE_BUFFER],
  'io_uring UNREGISTER_BUFFERS 2M THP': [HUGE, HUGE_BUFFER, { event: 'unregister', id: 'b' }],
}

/** [name, result, acquired, released] of each line. No cell but the errno text could hold a comma, and none does. */
function counts(kernel: string): [string, string, number, number][] {
  const [, ...lines] = readFileSync(new URL(`op-counts-${kernel}.csv`, FOLDER), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => {
    const cells = line.split(',')
    return [cells[0], cells[1], Number(cells[3]), Number(cells[4])]
  })
}

describe.each(['6.1', '6.12'])('kernel %s', (kernel) => {
  const rows = counts(kernel)

  it('takes the pins that it was seen to take, on every device', async () => {
    const devices = rows.filter(([name]) => !name.startsWith('io_uring'))
    expect(devices.length).toBe(65)
    for (const [name, result, acquired, released] of devices) {
      const operation = OPERATIONS[name.slice(name.indexOf(' ') + 1)]
      const lane = await laneOf(operation, { kernel })
      expect([name, lane.pins.acquired, lane.pins.released]).toEqual([name, acquired, released])
      expect([name, lane.errors === 0 ? String(lane.bytes) : '-1']).toEqual([name, result])
    }
  })

  it('registers buffers as it was seen to', async () => {
    let before = { acquired: 0, released: 0 }
    for (const [name, , acquired, released] of rows.filter(([name]) => name.startsWith('io_uring'))) {
      const { pins } = await laneOf(REGISTRATIONS[name], { kernel })
      if (!name.includes('UNREGISTER')) before = { acquired: 0, released: 0 }
      expect([name, pins.acquired - before.acquired, pins.released - before.released]).toEqual([
        name,
        acquired,
        released,
      ])
      before = pins
    }
  })
})

describe('tmpfs', () => {
  const direct = (row: RowSpec): RowSpec => ({ ...row, flags: [...(row.flags ?? []), 'direct'] })
  /** The operation as the kernel had it: O_DIRECT is a flag of its rows. */
  const rowsOf = (name: string) =>
    OPERATIONS[name]!.map((row) => (row.event === undefined && name.startsWith('O_DIRECT') ? direct(row) : row))

  it('copies whatever the flag says, as 6.12 was seen to', async () => {
    const rows = counts('tmpfs-6.12')
    expect(rows).toHaveLength(13)
    for (const [name, result, acquired, released] of rows) {
      const operation = rowsOf(name.slice('tmpfs '.length))
      const lane = await laneOf(operation, { kernel: '6.12' }, { filesystem: 'tmpfs' })
      expect([name, lane.pins.acquired, lane.pins.released]).toEqual([name, acquired, released])
      expect([name, String(lane.bytes), lane.data.copiedBytes]).toEqual([name, result, Number(result)])
    }
  })

  it('has no file open for direct I/O on 6.1', async () => {
    expect(counts('tmpfs-6.1').map(([name, result]) => [name, result])).toEqual([['tmpfs open', '-1']])
    const lane = await laneOf(rowsOf('O_DIRECT pread 64K'), { kernel: '6.1' }, { filesystem: 'tmpfs' })
    expect([lane.errors, lane.pins.acquired, lane.refs.acquired]).toEqual([1, 0, 0])
  })
})
