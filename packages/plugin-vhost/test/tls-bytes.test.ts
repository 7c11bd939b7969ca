import { createCipheriv } from 'node:crypto'
import { IovIter, type Operation, openTrace, Registry, replay, scanIter } from '@pinscope/core'
import { type RowsOptions, replayRows, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { tlsProtInfo } from '../src/tls/prot-info.ts'
import { TlsConsumer, tls } from '../src/tls/tls.ts'
import { openRecord, type TlsKeys, tlsKeys } from '../src/tls/tls-crypto.ts'
import { peerBytes } from '../src/tls/tls-wire.ts'

// Pages that hold bytes: records are really sealed and opened.

const KERNELS = ['6.1', '6.12', 'mainline'] as const
const VERSIONS = [12, 13] as const
const EACH = KERNELS.flatMap((kernel) => VERSIONS.map((version) => [kernel, version] as const))
const A = 0x7f0000000000

/** A record of RFC 5246 with RFC 5288 (TLS 1.2), or of RFC 8446 section 5.2, sealed from the flat buffer. */
function sealFlat(version: number, keys: TlsKeys, sequence: number, plaintext: Buffer, padding = 0): Buffer {
  const seq = Buffer.alloc(8)
  seq.writeBigUInt64BE(BigInt(sequence))
  const header = (length: number) => Buffer.from([0x17, 3, 3, length >> 8, length & 0xff])
  if (version === 12) {
    const explicit = Buffer.alloc(8)
    explicit.writeBigUInt64BE(Buffer.from(keys.iv).readBigUInt64BE() + BigInt(sequence))
    const cipher = createCipheriv('aes-128-gcm', keys.key, Buffer.concat([keys.salt, explicit]))
    cipher.setAAD(Buffer.concat([seq, header(plaintext.length)]))
    const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
    return Buffer.concat([header(8 + sealed.length), explicit, sealed])
  }
  const inner = Buffer.concat([plaintext, Buffer.from([0x17]), Buffer.alloc(padding)])
  const iv = Buffer.concat([keys.salt, keys.iv])
  for (let i = 0; i < 8; i++) iv[4 + i] = iv[4 + i]! ^ seq[i]!
  const cipher = createCipheriv('aes-128-gcm', keys.key, iv)
  const outer = header(inner.length + 16)
  cipher.setAAD(outer)
  return Buffer.concat([outer, cipher.update(inner), cipher.final(), cipher.getAuthTag()])
}

/** What the iterator names, as one flat buffer. */
function flat(io: Operation, iter: IovIter, bytes: number): Buffer {
  const copy = new IovIter()
  copy.copyFrom(iter)
  const pieces: Buffer[] = []
  scanIter(copy, io.memory, bytes, (piece) => {
    pieces.push(Buffer.from(piece))
    return 0
  })
  return Buffer.concat(pieces)
}

interface Run extends RowsOptions {
  readonly queue?: (consumer: TlsConsumer) => void
}

/** The rows, with what each operation's memory held: before, of a source, and after, of a destination. */
async function run(rows: readonly TestRow[], options: Run) {
  const memory: Buffer[] = []
  let consumer: TlsConsumer | undefined
  const definition = {
    ...tls,
    create(environment: ConstructorParameters<typeof TlsConsumer>[0]) {
      const made = new TlsConsumer(environment)
      consumer = made
      const submit = made.submit.bind(made)
      made.submit = (io) => {
        const before = new IovIter()
        before.copyFrom(io.iter)
        const source = flat(io, before, io.iter.countBytes)
        const result = submit(io)
        memory.push(io.iter.direction === 1 ? source : flat(io, before, Math.max(result, 0)))
        return result
      }
      return made
    },
  }
  const result = await replayRows(definition, rows, {
    ...options,
    fill: (page, bytes) => bytes.set(Uint8Array.from(bytes, (_, i) => page * 131 + i * 7 + (i >> 8))),
    prepare: () => options.queue?.(consumer!),
  })
  const { allocations } = result.report
  if (allocations !== undefined) expect(allocations).toMatchObject({ freed: allocations.made, openBytes: 0 })
  return { ...result, memory, wire: consumer!.wire }
}

function ubuf(op: 'read' | 'write', offset: number, bytes: number, rest: TestRow = {}): TestRow {
  return { op, iter: 'ubuf', segs: `0x${(A + offset).toString(16)}+${bytes}`, ...rest }
}

const kvec = (op: 'read' | 'write', bytes: number): TestRow => ({ op, iter: 'kvec', segs: `0x888000000123+${bytes}` })

describe.each(EACH)('sent, kernel %s, version %i', (kernel, version) => {
  const shapes: readonly (readonly [string, readonly TestRow[], readonly number[], RowsOptions['options']])[] = [
    ['in place', [ubuf('write', 0x200, 40_000)], [16_384, 16_384, 7232], {}],
    ['copied', [kvec('write', 20_000)], [16_384, 3616], {}],
    [
      'one record of three calls',
      [ubuf('write', 5, 1000, { flags: 'more' }), kvec('write', 500), ubuf('write', 7, 10)],
      [1500, 10],
      {},
    ],
    [
      'a record begun by copying, and ended in place',
      [ubuf('write', 0, 5000, { flags: 'more' }), ubuf('write', 0x4000, 20_000)],
      [16_384, 8616],
      {},
    ],
    [
      'too many segments',
      [{ op: 'write', iter: 'iovec', segs: Array.from({ length: 30 }, (_, i) => `${A + i * 5000}+97`).join(';') }],
      [2910],
      {},
    ],
    ['spliced', [{ op: 'write', iter: 'bvec', segs: '4096:512+20000', flags: 'splice' }], [16_384, 3616], {}],
    ['asynchronous', [ubuf('write', 0, 20_000), ubuf('write', 0, 100)], [16_384, 3616, 100], { async: 1 }],
    ['by a device', [ubuf('write', 0x200, 20_000), kvec('write', 100)], [16_384, 3616, 100], { device: 1 }],
    [
      'by a device, spliced',
      [{ op: 'write', iter: 'bvec', segs: '4096:512+20000', flags: 'splice' }],
      [16_384, 3616],
      { device: 1, 'zerocopy-sendfile': 1 },
    ],
  ]

  it.each(shapes)('%s: the records are those of the flat buffer', async (_, rows, lengths, options) => {
    const hex = rows.map((row) => ({
      ...row,
      segs: String(row.segs).replace(
        /(^|;)(\d{9,})\+/g,
        (_all, head, address) => `${head}0x${Number(address).toString(16)}+`,
      ),
    }))
    const { wire, memory } = await run(hex, { kernel, options: { version, ...options } })
    const stream = Buffer.concat(memory)
    const keys = tlsKeys(-1, 'tx')
    let at = 0
    const expected = lengths.map((length, sequence) => {
      at += length
      return sealFlat(version, keys, sequence, stream.subarray(at - length, at))
    })
    expect(at).toBe(stream.length)
    expect(wire.sent(-1).map((record) => Buffer.from(record).toString('base64'))).toEqual(
      expected.map((record) => record.toString('base64')),
    )
  })

  it('and opening them gives the flat buffer back', async () => {
    const { wire, memory } = await run([ubuf('write', 0x200, 40_000)], { kernel, options: { version } })
    const opened = wire.sent(-1).map((record, sequence) => {
      const inner = openRecord(tlsProtInfo(version), tlsKeys(-1, 'tx'), sequence, record)
      if (!(inner instanceof Uint8Array)) throw new Error('does not open')
      // TLS 1.3: the content type stands behind the content.
      if (version === 13) expect(inner.at(-1)).toBe(23)
      return Buffer.from(inner.subarray(0, inner.length - (version - 12)))
    })
    expect(Buffer.concat(opened).equals(memory[0]!)).toBe(true)
  })
})

describe.each(EACH)('received, kernel %s, version %i', (kernel, version) => {
  const plain = (seed: number, length: number) =>
    Buffer.from(Array.from({ length }, (_, i) => (seed * 37 + i * 13) & 0xff))
  const keys = tlsKeys(-1, 'rx')
  const queue =
    (payloads: readonly Buffer[], padding = 0) =>
    (consumer: TlsConsumer) =>
      consumer.wire.queue(
        -1,
        payloads.map((payload, sequence) => sealFlat(version, keys, sequence, payload, padding)),
      )

  it.each<[string, readonly TestRow[], RowsOptions['options']]>([
    ['in place', [ubuf('read', 0x800, 30_000)], {}],
    ['into a kvec', [kvec('read', 30_000)], {}],
    ['into pages of a file', [{ op: 'read', iter: 'xarray', segs: 'file:100+30000' }], {}],
    ['piece by piece', [ubuf('read', 0, 9000), ubuf('read', 0x4000, 9000), ubuf('read', 0, 12_000)], {}],
    ['asynchronously', [ubuf('read', 0x800, 20_000), ubuf('read', 0x800, 10_000)], { async: 1 }],
    ['by a device', [ubuf('read', 0x800, 20_000), ubuf('read', 0x800, 10_000)], { device: 1 }],
  ])('%s', async (_, rows, options) => {
    const payloads = [plain(1, 16_384), plain(2, 1000), plain(3, 12_616)]
    const { memory, results } = await run(rows, { kernel, options: { version, ...options }, queue: queue(payloads) })
    expect(results.reduce((sum, bytes) => sum + bytes, 0)).toBe(30_000)
    expect(Buffer.concat(memory).equals(Buffer.concat(payloads))).toBe(true)
  })

  it('what a peer that nobody knows sends', async () => {
    const { memory, report } = await run([ubuf('read', 0x800, 20_000), ubuf('read', 0, 5000)], {
      kernel,
      options: { version },
    })
    expect(Buffer.concat(memory).equals(peerBytes(0, 25_000))).toBe(true)
    expect(report.counters).toMatchObject({ recordsReceived: 2, zeroCopyRecords: 1, copiedRecords: 1 })
  })

  it.each([0, 1])('a record that was changed on its way: -EBADMSG, nothing held (asynchronous: %i)', async (async) => {
    const { results, report } = await run([ubuf('read', 0x800, 20_000), ubuf('read', 0x800, 100)], {
      kernel,
      options: { version, async },
      queue: (consumer) => {
        const record = sealFlat(version, keys, 0, plain(1, 16_384))
        record[5000]! ^= 1
        consumer.wire.queue(-1, [record])
      },
    })
    expect(results).toEqual([-74, -74])
    expect(report.refs).toMatchObject({ open: 0 })
    expect(report.counters).toMatchObject({ recordsReceived: async === 1 && version === 12 ? 1 : 0 })
  })
})

describe('padding in TLS 1.3', () => {
  const payload = Buffer.from(peerBytes(999, 10_000))
  const queue = (consumer: TlsConsumer) => consumer.wire.queue(-1, [sealFlat(13, tlsKeys(-1, 'rx'), 0, payload, 300)])

  it.each(['6.12', 'mainline'] as const)('is not delivered: %s', async (kernel) => {
    const { memory, results, report } = await run([ubuf('read', 0x800, 20_000)], {
      kernel,
      options: { version: 13 },
      queue,
    })
    expect(results).toEqual([10_000])
    expect(memory[0]!.equals(payload)).toBe(true)
    expect(report.counters).toMatchObject({ decryptRetries: 1, noPadViolations: 1 })
  })

  it('6.1 leaves what it opened first in the right place, and the copy behind it', async () => {
    const rows = [ubuf('read', 0x800, 20_600, {})]
    const { results, lane, report } = await run(rows, { kernel: '6.1', options: { version: 13 }, queue })
    expect(results).toEqual([10_000])
    expect(report.data.copiedBytes).toBe(10_000)
    const iter = new IovIter()
    iter.copyFrom(lane.io.iter)
    iter.revert(20_300)
    const all = flat(lane.io, iter, 20_600)
    expect(all.subarray(0, 10_000).equals(payload)).toBe(true)
    expect(all.subarray(10_300, 20_300).equals(payload)).toBe(true)
  })
})

describe('replay --verify-data', () => {
  it.each(EACH)('every list reaches the bytes of its operation: %s, version %i', async (kernel, version) => {
    const lines = [
      '# pinscope-trace 1',
      'ts,op,iter,segs,flags,file',
      '0,write,ubuf,0x7f0000000200+40000,,s',
      '1,read,ubuf,0x7f0000000800+40000,,s',
      '2,write,bvec,4096:512+20000,splice,s',
      '3,write,iovec,0x7f0000000200+400;0x7f0000008200+4000,,s',
      '4,write,iovec,0x7f0000000200+400;0x7f0000008200+4000,more,s',
    ]
    const trace = await openTrace(
      (async function* () {
        yield new TextEncoder().encode(`${lines.join('\n')}\n`)
      })(),
      'tls.csv',
    )
    const registry = new Registry()
    registry.register('tls', { apiVersion: tls.apiVersion, consumers: [tls] })
    const report = await replay(trace, {
      registry,
      policies: ['get-pages', 'extract', 'folio'],
      consumers: ['tls'],
      kernel,
      verifyData: true,
      consumerOptions: { tls: { version } },
      inFlight: false,
    })
    for (const lane of report.lanes) {
      expect(lane.violations).toEqual([])
      expect(lane.errors).toBe(0)
    }
  })
})
