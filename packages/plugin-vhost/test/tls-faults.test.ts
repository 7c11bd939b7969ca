import { type RowsOptions, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { tls } from '../src/tls/tls.ts'

// Every allocation, page, copy, limit and completion fails in turn: nothing stays held, allocated, or wrongly released.

const KERNELS = ['6.1', '6.12', 'mainline'] as const
const A = 0x7f0000000000

function row(op: 'read' | 'write', bytes: number, rest: TestRow = {}): TestRow {
  return { op, iter: 'ubuf', segs: `0x${(A + 0x800).toString(16)}+${bytes}`, file: 's', end: 1000, ...rest }
}

const tiny = Array.from({ length: 20 }, (_, i) => `0x${(A + i * 8192).toString(16)}+500`).join(';')

const SHAPES: Readonly<Record<string, readonly TestRow[]>> = {
  'records in place': [row('write', 40_000), row('write', 100)],
  'without waiting': [row('write', 40_000, { flags: 'nowait' }), row('write', 100, { flags: 'more nowait' })],
  'an open record': [row('write', 1000, { flags: 'more' }), row('write', 20_000, { flags: 'more' }), row('write', 10)],
  'many segments': [row('write', 0, { iter: 'iovec', segs: tiny }), row('write', 0, { iter: 'iovec', segs: tiny })],
  'a kvec': [row('write', 0, { iter: 'kvec', segs: '0x888000000000+20000' })],
  'spliced pages': [
    row('write', 0, { iter: 'bvec', segs: '4096:512+20000', flags: 'splice more' }),
    row('write', 0, { iter: 'bvec', segs: '8192:0+4096', flags: 'splice' }),
  ],
  'records received': [row('read', 40_000), row('read', 20_000), row('read', 0, { iter: 'iovec', segs: tiny })],
  'received by halves': [row('read', 4000), row('read', 4000), row('read', 30_000, { result: 20_000 })],
  both: [row('write', 1000, { flags: 'more' }), row('read', 20_000), row('write', 1000)],
}

const SETTINGS: Readonly<Record<string, RowsOptions['options']>> = {
  'TLS 1.2': {},
  'TLS 1.2, asynchronous': { async: 1 },
  'TLS 1.3, padded': { version: 13, padded: 1 },
  'TLS 1.3, copied': { version: 13, 'expect-no-pad': 0, async: 1 },
  'a device': { device: 1 },
  'a device, zero copy': { device: 1, 'zerocopy-sendfile': 1 },
}

describe.each(Object.entries(SETTINGS))('%s', (_, options = {}) => {
  it.each(KERNELS)('nothing is left, %s', async (kernel) => {
    for (const [shape, rows] of Object.entries(SHAPES)) {
      // At once, and with records that wait for the end of their operation.
      for (const hasEnd of [false, true]) {
        const made = hasEnd ? rows : rows.map(({ end: _end, ...rest }) => rest)
        const { unclean, steps } = await sweepFaults(tls, made, { kernel, options }, 10)
        expect(unclean, `${shape}, waiting: ${hasEnd}`).toEqual([])
        expect(steps.alloc, shape).toBeGreaterThan(0)
      }
    }
  })
})

describe('what a failure gives', () => {
  const first = async (rows: readonly TestRow[], fault: string, options: RowsOptions = {}) => {
    const { faults } = await sweepFaults(tls, rows, options)
    return faults.find((one) => one.fault === fault && one.at === 1)?.results
  }
  const write = (rest: TestRow = {}) => [row('write', 20_000, rest)]

  it('no memory for the record: -ENOMEM', async () => {
    expect(await first(write(), 'alloc')).toEqual([-12])
  })

  it('no memory for its encrypted form: a call that may wait does, another gets -EAGAIN', async () => {
    const at = async (flags: TestRow) => {
      const { faults } = await sweepFaults(tls, write(flags))
      return faults.find(({ fault, at: step }) => fault === 'alloc' && step === 2)?.results
    }
    expect(await at({})).toEqual([20_000])
    expect(await at({ flags: 'nowait' })).toEqual([-11])
  })

  it.each(['page', 'limit'])('a failing %s: copied instead', async (fault) => {
    expect(await first(write(), fault)).toEqual([20_000])
  })

  it('a page of a record that is received: -EFAULT, aborted', async () => {
    expect(await first([row('read', 20_000), row('write', 10)], 'page')).toEqual([-14, -74])
  })

  it('no memory for a record that is received: -ENOMEM, aborted', async () => {
    expect(await first([row('read', 20_000), row('write', 10)], 'alloc')).toEqual([-12, -74])
  })

  it('what TCP does not take: the records stay until the socket is closed, and it sends no more', async () => {
    const rows = [row('write', 20_000, { end: 1 }), row('write', 10, { ts: 2, end: 3 })]
    expect(await first(rows, 'complete')).toEqual([20_000, -5])
  })
})
