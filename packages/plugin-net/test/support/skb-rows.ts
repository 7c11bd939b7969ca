import type { KernelVersion } from '@pinscope/core'
import { type Lane, type RowsOptions, type RowsResult, replayRows, type TestRow } from '@pinscope/core/testing'
import { expect } from 'vitest'
import { PINS_OPEN, REFS_OPEN } from '../../../core/src/ledger/totals.ts'
import { msgZerocopy } from '../../src/msg-zerocopy/definition.ts'

// Rows of sockets, and what a lane holds between them.

export const A = 0x7f0000000000
export const B = 0x7f1000000000
export const P = 4096
export const HUGE = 512 * P
export const ALL = ['6.1', '6.12', '6.18', 'mainline'] as const
export const SINCE_6_12 = ['6.12', '6.18', 'mainline'] as const
/** Long after the last row. */
export const LATER = 1e6

export const SOCKET = { tcp: 0, udp: 1, vsock: 2 }
/** sizeof(struct sk_buff) and its data, of an skb without payload and of one of TCP. */
export const EMPTY_SKB = (kernel: KernelVersion) => 256 + (kernel === '6.1' ? 512 : 640)
export const TCP_SKB = (kernel: KernelVersion) => 512 + (kernel === '6.1' ? 1024 : 640)

export const hex = (address: number) => `0x${address.toString(16)}`
export const segments = (...segs: readonly (readonly [number, number])[]) =>
  segs.map(([address, length]) => `${hex(address)}+${length}`).join(';')

export const send = (address: number, length: number, more: TestRow = {}): TestRow => ({
  op: 'write',
  iter: 'ubuf',
  segs: segments([address, length]),
  file: 'socket',
  ...more,
})
export const zcopy = (address: number, length: number, more: TestRow = {}): TestRow =>
  send(address, length, { flags: 'zerocopy', ...more })
export const receive = (address: number, length: number, more: TestRow = {}): TestRow => ({
  op: 'read',
  iter: 'ubuf',
  segs: segments([address, length]),
  file: 'socket',
  ...more,
})
/** A read of the error queue: no room for data. */
export const errorQueue = (more: TestRow = {}): TestRow => ({
  op: 'read',
  iter: 'ubuf',
  len: 0,
  file: 'socket',
  ...more,
})
export const map = (address: number, length: number, backing: string, more: TestRow = {}): TestRow => ({
  event: 'map',
  segs: segments([address, length]),
  backing,
  ...more,
})
export const noAccess = (address: number): TestRow => map(address, P, 'anon', { flags: 'prot_none' })
export const register = (address: number, length: number): TestRow => ({
  event: 'register',
  id: 'buffer',
  op: 'read',
  iter: 'ubuf',
  segs: segments([address, length]),
})
export const unregister: TestRow = { event: 'unregister', id: 'buffer', ts: LATER + 10 }
/** SEND_ZC out of the registered buffer. */
export const fixed = (address: number, length: number, more: TestRow = {}): TestRow =>
  zcopy(address, length, { flags: 'zerocopy fixed', id: 'buffer', ...more })
/** Pages of a file handed over. */
export const splice = (file: string, offset: number, length: number, more: TestRow = {}): TestRow => ({
  op: 'write',
  iter: 'xarray',
  segs: `${file}:${offset}+${length}`,
  file: 'socket',
  flags: 'splice',
  ...more,
})

export const on = (kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) =>
  replayRows(msgZerocopy, rows, { kernel, ...options })

/** What a lane holds just after each row. */
export async function watched(kernel: KernelVersion, rows: readonly TestRow[], options: RowsOptions = {}) {
  const seen: { refs: number; pins: number; openBytes: number; ownPages: number }[] = []
  const afterRow = (lane: Lane) => {
    const { totals } = lane.ledger
    seen.push({
      refs: totals[REFS_OPEN]!,
      pins: totals[PINS_OPEN]!,
      openBytes: lane.io.allocations.openBytes,
      ownPages: Math.floor(lane.io.allocations.openBytes / P),
    })
  }
  return { ...(await on(kernel, rows, { ...options, afterRow })), seen }
}

export function expectNothingLeft({ report, lane }: RowsResult): void {
  const { pins, refs, violations } = report
  expect([pins.open, refs.open, lane.io.allocations.openBytes, violations]).toEqual([0, 0, 0, []])
}

/** Offset and length of the frags of each skb, as they were told. */
export const frags = ({ lists }: RowsResult) =>
  lists.map(({ entries }) => entries.map(({ offsetBytes, lengthBytes }) => [offsetBytes, lengthBytes]))
