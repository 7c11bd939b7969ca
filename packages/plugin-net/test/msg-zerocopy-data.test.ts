import { CONSUMER_API_VERSION, type KernelVersion, openTrace, Registry, replay } from '@pinscope/core'
import { type TestRow, traceText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { msgZerocopy } from '../src/msg-zerocopy/definition.ts'
import {
  A,
  ALL,
  B,
  fixed,
  HUGE,
  LATER,
  map,
  P,
  register,
  SOCKET,
  segments,
  splice,
  unregister,
  zcopy,
} from './support/skb-rows.ts'

// The frags of an operation reach the bytes that its iterator names, in their order: what is sent is what was asked for.

async function* inOnePiece(text: string) {
  yield new TextEncoder().encode(text)
}

async function replayed(
  kernel: KernelVersion,
  policy: string,
  rows: readonly TestRow[],
  options: Record<string, number>,
) {
  const registry = new Registry()
  registry.register('under test', { apiVersion: CONSUMER_API_VERSION, consumers: [msgZerocopy] })
  const trace = await openTrace(inOnePiece(traceText(rows)), 'rows.csv')
  const { lanes } = await replay(trace, {
    registry,
    policies: [policy],
    consumers: ['msg-zerocopy'],
    kernel,
    consumerOptions: { 'msg-zerocopy': options },
    inFlight: false,
    verifyData: true,
  })
  return lanes[0]!
}

/** Zero-copy in every way, with frags that go on with those of a send before. */
const ROWS: readonly TestRow[] = [
  map(A, HUGE, 'thp'),
  register(B, 64 * P),
  zcopy(A + 100, 5 * P, { flags: 'zerocopy more', end: LATER }),
  zcopy(A + 100 + 5 * P, 30 * P, { end: LATER }),
  zcopy(0, 0, {
    iter: 'iovec',
    segs: segments([B + 10, 90], [B + 100, 5000], [A + 7, 8 * P], [B, 3]),
    end: LATER,
  }),
  fixed(B + 5, 40 * P, { end: LATER }),
  splice('file', 1234, 20 * P, { end: LATER }),
  zcopy(0, 0, { iter: 'bvec', segs: '4096:100+20000;8192:0+4096', end: LATER }),
  unregister,
]

describe.each(ALL)('%s', (kernel) => {
  it.each([
    ['tcp', { 'size-goal': 47168 }],
    ['tcp, small skbs, corked', { 'size-goal': 1500, corked: 1, uring: kernel === '6.1' ? 0 : 1 }],
    ['vsock', { socket: SOCKET.vsock }],
  ] as const)('%s', async (_name, options) => {
    for (const policy of ['get-pages', 'extract', 'folio']) {
      const { violations, verified, data } = await replayed(kernel, policy, ROWS, options)
      expect(violations).toEqual([])
      if (data.copiedBytes === 0) expect(verified).toEqual({ operations: 6, bytes: data.zeroCopyBytes })
      else expect(verified!.operations).toBe(kernel === '6.1' ? 0 : 5)
    }
  })
})
