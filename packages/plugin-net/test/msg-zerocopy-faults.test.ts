import type { KernelVersion, PolicyName } from '@pinscope/core'
import { ownershipCell, type RowsOptions, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { msgZerocopy } from '../src/msg-zerocopy/definition.ts'
import {
  A,
  ALL,
  B,
  errorQueue,
  fixed,
  HUGE,
  LATER,
  map,
  P,
  receive,
  register,
  SOCKET,
  segments,
  send,
  splice,
  unregister,
  zcopy,
} from './support/skb-rows.ts'

// Every step that can fail, one after the other: nothing may be left. And what is taken on each type of iterator.

const ROWS: readonly TestRow[] = [
  map(A, HUGE, 'thp'),
  register(B, 8 * P),
  send(A, 40000, { flags: 'more', end: 40 }),
  zcopy(A, 20000, { flags: 'zerocopy more', end: 30 }),
  zcopy(A + 20000, 3 * P, { end: 35 }),
  zcopy(B, 0, { iter: 'iovec', segs: segments([B + 100, 300], [B + 400, 300], [B + 8 * P, 30 * P]), end: 50 }),
  fixed(B, 6 * P, { flags: 'zerocopy fixed more', end: 60 }),
  splice('file', 100, 5 * P, { end: 61 }),
  receive(B, P),
  errorQueue(),
  zcopy(A, P, { flags: 'zerocopy nowait', ts: 100 }),
  send(A, P, { flags: 'nowait', ts: 101 }),
  unregister,
]

const sweep = (kernel: KernelVersion, options: RowsOptions, rows = ROWS) =>
  sweepFaults(msgZerocopy, rows, { kernel, ...options })

describe('a sweep of all faults', () => {
  const OPTIONS: readonly (readonly [string, Readonly<Record<string, number>>])[] = [
    ['tcp', { memlock: 64 * P }],
    ['tcp, small skbs', { 'size-goal': 9000 }],
    ['tcp, loopback', { loopback: 1 }],
    ['tcp, io_uring, corked', { uring: 1, corked: 1 }],
    ['tcp, no route that gathers', { 'sg-route': 0 }],
    ['udp', { socket: SOCKET.udp }],
    ['udp, loopback', { socket: SOCKET.udp, loopback: 1, memlock: 64 * P }],
    ['vsock', { socket: SOCKET.vsock }],
    ['vsock, io_uring', { socket: SOCKET.vsock, uring: 1 }],
  ]
  const cases = ALL.flatMap((kernel) => OPTIONS.map(([name, options]) => [kernel, name, options] as const))

  // Where 6.1 appends pages to managed frags it loses a reference, as it does without a fault: off here.
  const quirks = [{ name: 'tcp-sendpage-managed', on: false }] as const

  it.each(cases)('%s, %s: leaves nothing behind', async (kernel, _name, options) => {
    const { steps, unclean } = await sweep(kernel, { options, quirks: kernel === '6.1' ? quirks : [] })
    expect(unclean).toEqual([])
    expect(steps.alloc).toBeGreaterThan(2)
    expect(steps.copy).toBeGreaterThan(0)
  })

  it.each(['extract', 'viro-2022', 'folio'] as const)(
    'mainline, policy %s: leaves nothing behind',
    async (policy: PolicyName) => {
      for (const options of [{ uring: 1, corked: 1 }, { loopback: 1 }]) {
        expect((await sweep('mainline', { policy, options })).unclean).toEqual([])
      }
    },
  )

  it('6.1 with its quirk: one page for each page appended to managed frags, whatever else fails', async () => {
    const rows = [
      register(B, 8 * P),
      fixed(B, 6 * P, { flags: 'zerocopy fixed more', end: 60 }),
      splice('file', 0, 5 * P, { end: LATER }),
      unregister,
    ]
    const { faults, steps } = await sweep('6.1', {}, rows)
    // Six managed frags, then five pages: where one of them finds the skb full, it and those behind it are in another skb.
    expect(steps.limit).toBe(6 + 5)
    for (const { fault, at, refsOpen, openBytes, violations, results } of faults) {
      const isManaged = results[0] === 6 * P
      const lost = fault === 'limit' && at > 6 ? at - 7 : Math.max(results[1]!, 0) / P
      if (isManaged) expect([fault, at, refsOpen]).toEqual([fault, at, lost])
      else expect(refsOpen).toBe(0)
      expect([openBytes, violations]).toEqual([0, []])
    }
  })
})

describe('ownership', () => {
  const zerocopy = [{ row: { op: 'write', flags: 'zerocopy', file: 'socket' }, bytes: 8192 }] as const
  const spliced = [{ row: { op: 'write', flags: 'splice', file: 'socket' }, bytes: 8192 }] as const
  /** Kernel memory that a reference keeps. */
  const vmalloc = { before: [map(0x888000000000, 64 * P, 'vmalloc')], ...spliced[0] }
  const copied = [{ row: { op: 'write', file: 'socket' }, bytes: 8192 }] as const
  const read = [{ row: { op: 'read', file: 'socket' }, bytes: 8192 }] as const
  const TYPES = ['ubuf', 'iovec', 'bvec', 'kvec', 'xarray', 'folioq', 'discard'] as const
  const cells = async (kernel: KernelVersion, shapes: Parameters<typeof ownershipCell>[3]) =>
    Object.fromEntries(
      await Promise.all(
        TYPES.map(async (type) => [type, await ownershipCell(msgZerocopy, kernel, type, shapes)] as const),
      ),
    )

  it.each(ALL)('%s: skb MSG_ZEROCOPY, as consumers.md 16', async (kernel) => {
    expect(await cells(kernel, zerocopy)).toEqual({
      ubuf: 'ref',
      iovec: 'ref',
      bvec: 'ref',
      kvec: '-EFAULT',
      xarray: 'ref',
      folioq: kernel === '6.1' ? 'n/a' : 'ref',
      // A data destination: no send has one.
      discard: 'n/a',
    })
  })

  it.each(ALL)('%s: skb splice', async (kernel) => {
    const isOld = kernel === '6.1'
    expect(await cells(kernel, [vmalloc, ...spliced])).toEqual({
      // sendmsg(2) drops MSG_SPLICE_PAGES: no user-backed iterator arrives with it.
      ubuf: 'copy',
      iovec: 'copy',
      bvec: 'ref',
      kvec: isOld ? 'copy' : 'ref or -EIO',
      xarray: 'ref',
      folioq: isOld ? 'n/a' : 'ref',
      discard: 'n/a',
    })
  })

  it.each(ALL)('%s: io_uring send zc: user memory referenced, a registered buffer bare', async (kernel) => {
    const uring = [{ ...zerocopy[0], options: { uring: 1 } }] as const
    const managed = [
      {
        before: [register(0x7f0000000000, 8192)],
        row: { op: 'write', flags: 'zerocopy fixed', id: 'buffer', file: 'socket' },
        bytes: 8192,
      },
    ] as const
    expect(await ownershipCell(msgZerocopy, kernel, 'ubuf', uring)).toBe('ref')
    expect(await ownershipCell(msgZerocopy, kernel, 'iovec', uring)).toBe('ref')
    // Rows name a registered buffer by address; its iterator is a bvec.
    expect(await ownershipCell(msgZerocopy, kernel, 'ubuf', managed)).toBe('bare')
  })

  it.each(ALL)('%s: copied, and read', async (kernel) => {
    const folioq = kernel === '6.1' ? 'n/a' : 'copy'
    const all = { ubuf: 'copy', iovec: 'copy', bvec: 'copy', kvec: 'copy', xarray: 'copy', folioq }
    expect(await cells(kernel, copied)).toEqual({ ...all, discard: 'n/a' })
    expect(await cells(kernel, read)).toMatchObject(all)
  })
})
