import { expect, it } from 'vitest'
import type { KernelVersion } from '../../src/kernel/version.ts'
import type { HazardRule } from '../../src/lifetime/rule.ts'
import { h20 } from '../../src/lifetime/rules/h-20-iterator-escapes.ts'
import { h21 } from '../../src/lifetime/rules/h-21-get-instead-of-pin.ts'
import { h22 } from '../../src/lifetime/rules/h-22-pin-of-shared-anon.ts'
import { h24 } from '../../src/lifetime/rules/h-24-wrong-direction.ts'
import { h25 } from '../../src/lifetime/rules/h-25-wrong-advance.ts'
import { h26 } from '../../src/lifetime/rules/h-26-bad-revert.ts'
import { h27 } from '../../src/lifetime/rules/h-27-segment-overrun.ts'
import { h28 } from '../../src/lifetime/rules/h-28-length-beyond-extent.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { type TestRow, traceText } from '../../src/testing/trace-row.ts'

/** Rows and pages of what a rule finds. */
async function found(rule: HazardRule, rows: readonly TestRow[], kernel?: KernelVersion): Promise<number[][]> {
  const findings = await auditText(traceText(rows), [rule], kernel === undefined ? {} : { kernel })
  return findings.map(({ row, pages }) => [row, pages])
}

const init = (op: string, more: TestRow = {}): TestRow => ({
  event: 'init',
  id: 'i',
  mm: 1,
  op,
  segs: '0x10000+65536',
  ...more,
})
const on = (event: string, len: number): TestRow => ({ event, id: 'i', mm: 1, len })
const anon: TestRow = { event: 'map', mm: 1, segs: '0x10000+16384', backing: 'anon' }
const fork: TestRow = { event: 'fork', mm: 1, result: 2 }
const store = (mm: number): TestRow => ({ event: 'store', mm, segs: '0x10000+8' })

it('H-20: a user iterator belongs to the task and to the call, one over pages does not', async () => {
  const use: TestRow = { event: 'use', id: 'i', mm: 1 }
  const end: TestRow = { event: 'return', id: 'i', mm: 1, result: 0 }
  expect(await found(h20, [init('read'), use, { ...use, flags: 'atomic' }, end])).toEqual([])
  expect(await found(h20, [init('read'), end, use])).toEqual([[3, 0]])
  expect(await found(h20, [init('read'), { ...use, mm: 2 }])).toEqual([[2, 0]])
  const bvec = init('read', { iter: 'bvec', segs: '256:0+65536' })
  expect(await found(h20, [bvec, end, { ...use, mm: 2, flags: 'worker' }])).toEqual([])
})

it('H-21: only the address space that lost its page misses the data', async () => {
  const take = (event: string, op = 'read'): TestRow => ({ event, id: 'b', mm: 1, op, segs: '0x10000+4096' })
  const dma: TestRow = { event: 'dma', id: 'd', mm: 1, op: 'read', segs: '0x10000+4096' }
  const done: TestRow = { event: 'dma_end', id: 'd', mm: 1 }
  const rows = (event: string, ...between: TestRow[]): TestRow[] => [anon, take(event), dma, ...between, done]
  expect(await found(h21, rows('get', fork, store(1)))).toEqual([[6, 1]])
  expect(await found(h21, rows('get', fork, store(1)), '6.1')).toEqual([[6, 1]])
  // The child is gone again: the reference alone makes the kernel copy.
  const exits: TestRow = { event: 'unmap', mm: 2, segs: '0x10000+16384' }
  expect(await found(h21, rows('get', fork, exits, store(1)))).toEqual([[7, 1]])
  // Whoever stores first gets the copy: here the child.
  expect(await found(h21, rows('get', fork, store(2)))).toEqual([])
  expect(await found(h21, rows('get', store(1)))).toEqual([])
  expect(await found(h21, rows('pin', fork, store(1), store(2)))).toEqual([])
  expect(await found(h21, [anon, take('get', 'write'), { ...dma, op: 'write' }, fork, store(1), done])).toEqual([])
})

it('H-21: memory taken for reading only is stored to, and copy-on-write had not come first', async () => {
  const get = (op: string, at = '0x10000'): TestRow => ({ event: 'get', id: 'b', mm: 1, op, segs: `${at}+8192` })
  const dma = (at = '0x10000'): TestRow => ({ event: 'dma', mm: 1, op: 'read', segs: `${at}+8192` })
  const fresh: TestRow = { ...anon, segs: '0x80000+8192', flags: 'untouched' }
  const touched: TestRow[] = [anon, { event: 'store', mm: 1, segs: '0x10000+8192' }]
  const pages = async (rows: TestRow[]) =>
    (await auditText(traceText(rows), [h21])).map(({ row, pages }) => [row, pages])
  // Two pages that two address spaces have; twice the zero page, which all have.
  expect(await pages([...touched, fork, get('write'), dma()])).toEqual([[5, 2]])
  expect(await pages([fresh, get('write', '0x80000'), dma('0x80000')])).toEqual([[3, 2]])
  // Nobody shares them; or the copy came first.
  expect(await pages([...touched, get('write'), dma()])).toEqual([])
  expect(await pages([...touched, fork, get('read'), dma()])).toEqual([])
  expect(await pages([fresh, get('read', '0x80000'), dma('0x80000')])).toEqual([])
  // The device loads.
  expect(await pages([...touched, fork, get('write'), { ...dma(), op: 'write' }])).toEqual([])
})

it('H-21: an operation in flight across a fork, under the policies that take references and pins', async () => {
  const io: TestRow = {
    event: 'io',
    mm: 1,
    op: 'read',
    segs: '0x10000+8192',
    ts: 1,
    end: 100,
    len: 8192,
    flags: 'direct',
  }
  const rows = [{ ...anon, ts: 0 }, io, { ...fork, ts: 2 }, { ...store(1), ts: 3 }, { ...anon, mm: 3, ts: 200 }]
  // bio takes references in 6.1, pins since 6.3.
  const of = (kernel: KernelVersion) => auditText(traceText(rows), [h21], { consumer: 'bio', kernel })
  expect((await of('6.1')).map(({ row, pages }) => [row, pages])).toEqual([[2, 1]])
  expect(await of('6.12')).toEqual([])
})

it('H-22: a pin through get_user_pages unshares first, and before a fork nothing is shared', async () => {
  const pin = (flags?: string): TestRow => ({
    event: 'pin',
    id: 'b',
    mm: 1,
    op: 'write',
    segs: '0x10000+8192',
    ...(flags === undefined ? {} : { flags }),
  })
  const touched: TestRow[] = [anon, { event: 'store', mm: 1, segs: '0x10000+8192' }]
  const unpin: TestRow = { event: 'unpin', id: 'b', mm: 1 }
  expect(await found(h22, [...touched, fork, pin('raw'), unpin])).toEqual([[4, 2]])
  expect(await found(h22, [...touched, fork, pin(), unpin], '6.1')).toEqual([])
  expect(await found(h22, [...touched, pin('raw'), fork, unpin])).toEqual([])
  expect(await found(h22, [...touched, fork, store(1), pin('raw'), unpin])).toEqual([[5, 1]])
  const shmem: TestRow = { ...anon, backing: 'shmem' }
  expect(await found(h22, [shmem, store(1), fork, pin('raw'), unpin])).toEqual([])
})

it('H-24: a copy goes the way that the iterator was made for', async () => {
  const copy = (op: string): TestRow => ({ event: 'copy', id: 'i', mm: 1, op })
  expect(await found(h24, [init('read'), copy('read'), copy('write')])).toEqual([[3, 0]])
  expect(await found(h24, [init('write'), copy('write'), copy('read')])).toEqual([[3, 0]])
  // Nobody told how this one began.
  expect(await found(h24, [copy('read'), copy('write')])).toEqual([])
})

it('H-25: looks at the next use and at the return, and not where an errno is returned', async () => {
  const use: TestRow = { event: 'use', id: 'i', mm: 1 }
  const end = (result: number): TestRow => ({ event: 'return', id: 'i', mm: 1, result })
  const half = [init('write'), on('extract', 8192), on('consume', 4096)]
  expect(await found(h25, [...half, use])).toEqual([[4, 0]])
  expect(await found(h25, [...half, end(4096)])).toEqual([[4, 0]])
  expect(await found(h25, [...half, end(-14)])).toEqual([])
  expect(await found(h25, [...half, on('revert', 4096), use, end(4096)])).toEqual([])
  expect(await found(h25, [init('write'), on('consume', 4096), use])).toEqual([[3, 0]])
})

it('H-26: the start is the end of every way back', async () => {
  expect(await found(h26, [init('write'), on('advance', 4096), on('revert', 4096)])).toEqual([])
  expect(await found(h26, [init('write'), on('advance', 4096), on('revert', 4097)])).toEqual([[3, 0]])
  // A count that was truncated and not expanded again: 65,536 - 4,096 is not what was used.
  expect(await found(h26, [init('write', { len: 8192 }), on('advance', 4096), on('revert', 61440)])).toEqual([[3, 0]])
  // More than MAX_RW_COUNT: the kernel warns, and does nothing.
  expect(await found(h26, [init('write'), on('advance', 4096), on('revert', 2147483648)])).toEqual([[3, 0]])
})

const list = (len?: number): TestRow => ({
  event: 'alloc',
  id: 'l',
  call: 'sg_table',
  ...(len === undefined ? {} : { len }),
})

it('H-27: the last entry fits, one more does not; a list without a limit grows', async () => {
  const entry = (address: string): TestRow => ({ event: 'attach', id: 'l', mm: 1, segs: `${address}+4096` })
  const two = [entry('0x10000'), entry('0x11000')]
  expect(await found(h27, [anon, list(2), ...two])).toEqual([])
  expect(await found(h27, [anon, list(1), ...two])).toEqual([[4, 1]])
  expect(await found(h27, [anon, list(), ...two])).toEqual([])
})

it('H-27: a row that names pages of vmalloc, which lie anywhere, makes an entry of each; those of kmalloc are one', async () => {
  const map = (backing: string): TestRow => ({ event: 'map', iter: 'kvec', segs: '0x700000000000+16384', backing })
  const touch: TestRow = { event: 'load', iter: 'kvec', segs: '0x700000000000+16384' }
  const entry: TestRow = { event: 'attach', id: 'l', iter: 'kvec', segs: '0x700000000000+8192' }
  expect(await found(h27, [map('vmalloc'), touch, list(2), entry])).toEqual([])
  expect(await found(h27, [map('vmalloc'), touch, list(1), entry])).toEqual([[4, 1]])
  expect(await found(h27, [map('slab'), touch, list(1), entry])).toEqual([])
})

it('H-28: a count up to the segments is right, and pages faulted in out of order are entries of their own', async () => {
  expect(await found(h28, [init('write', { len: 65536 })])).toEqual([])
  expect(await found(h28, [init('write', { len: 65537 })])).toEqual([[1, 0]])
  const backwards = [3, 2, 1, 0].map((page): TestRow => ({ event: 'store', mm: 1, segs: `0x1${page}000+8` }))
  const pin: TestRow = { event: 'pin', id: 'b', mm: 1, op: 'read', segs: '0x10000+16384' }
  const entry: TestRow = { event: 'attach', id: 'l', mm: 1, segs: '0x10000+16384' }
  expect(await found(h28, [anon, ...backwards, pin, entry, { event: 'unpin', id: 'b', mm: 1 }])).toEqual([])
})
