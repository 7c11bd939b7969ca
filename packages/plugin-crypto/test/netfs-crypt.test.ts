import { createCipheriv } from 'node:crypto'
import { IovIter, KERNEL_VERSIONS, type KernelVersion, type Operation, scanIter } from '@pinscope/core'
import { type RowsOptions, replayRows, sweepFaults, type TestRow } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import {
  blockIv,
  CIPHER_CTS,
  CIPHER_XTS,
  ctsDecrypt,
  ctsEncrypt,
  MODEL_KEY,
  xts,
} from '../src/netfs-crypt/block-cipher.ts'
import { netfsCrypt } from '../src/netfs-crypt/definition.ts'
import type { NetfsCrypt } from '../src/netfs-crypt/netfs-crypt.ts'

// A proposal of 2023, by its patches; the ciphers by IEEE 1619-2007 and RFC 3962.

const P = 4096
const A = 0x7f0000000000
const B = 0x7f1000000000
const SINCE_6_12 = ['6.12', '6.18', 'mainline'] as const

const EMPTY = new Uint8Array()
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'))

function row(
  op: 'read' | 'write',
  iter: string,
  cells: TestRow,
  ...segs: readonly (readonly [number | string, number])[]
) {
  const cell = segs.map(([at, length]) => `${typeof at === 'number' ? `0x${at.toString(16)}` : at}+${length}`)
  return { op, iter, segs: cell.join(';'), ...cells }
}

async function runOf(rows: TestRow | readonly TestRow[], options: RowsOptions = {}) {
  const { lane, report, results, lists, notes } = await replayRows(netfsCrypt, [rows].flat(), options)
  const { made, bytes, openBytes, peakBytes } = lane.io.allocations
  return { ...report, results, lists, notes, allocations: { made, bytes, openBytes, peakBytes } }
}

describe('the ciphers', () => {
  // IEEE 1619-2007, annex B, vector 10: XTS-AES-256, data unit 255.
  const PLAIN = Uint8Array.from({ length: 512 }, (_, i) => i & 0xff)
  const VECTOR_10 = hex(`
    1c3b3a102f770386e4836c99e370cf9bea00803f5e482357a4ae12d414a3e63b5d31e276f8fe4a8d66b317f9ac683f44
    680a86ac35adfc3345befecb4bb188fd5776926c49a3095eb108fd1098baec70aaa66999a72a82f27d848b21d4a741b0
    c5cd4d5fff9dac89aeba122961d03a757123e9870f8acf1000020887891429ca2a3e7a7d7df7b10355165c8b9a6d0a7d
    e8b062c4500dc4cd120c0f7418dae3d0b5781c34803fa75421c790dfe1de1834f280d7667b327f6c8cd7557e12ac3a0f
    93ec05c52e0493ef31a12d3d9260f79a289d6a379bc70c50841473d1a8cc81ec583e9645e07b8d9670655ba5bbcfecc6
    dc3966380ad8fecb17b6ba02469a020a84e18e8f84252070c13e9f1f289be54fbc481457778f616015e1327a02b140f1
    505eb309326d68378f8374595c849d84f4c333ec4423885143cb47bd71c5edae9be69a2ffeceb1bec9de244fbe15992b
    11b77c040f12bd8f6a975a44a0f90c29a9abc3d4d893927284c58754cce294529f8614dcd2aba991925fedc4ae74ffac
    6e333b93eb4aff0479da9a410e4450e0dd7ae4c6e2910900575da401fc07059f645e8b7e9bfdef33943054ff84011493
    c27b3429eaedb4ed5376441a77ed43851ad77f16f541dfd269d50d6a5f14fb0aab1cbb4c1550be97f7ab4066193c4caa
    773dad38014bd2092fa755c824bb5e54c4f36ffda9fcea70b9c6e693e148c151`)

  it('AES-256-XTS is that of IEEE 1619', () => {
    expect(xts(MODEL_KEY, blockIv(255), true, PLAIN)).toEqual(VECTOR_10)
    expect(xts(MODEL_KEY, blockIv(255), false, VECTOR_10)).toEqual(PLAIN)
  })

  it('and through the lists: block 255 of a file with blocks of 512 bytes', async () => {
    const write = row('write', 'ubuf', { offset: 255 * 512 }, [A + 256, 512])
    const { ciphertext } = await cryptOf(write, { 'block-size': 512 }, 'mainline', (_, bytes) => {
      for (let i = 0; i < P; i++) bytes[i] = i & 0xff
    })
    expect(ciphertext).toEqual(VECTOR_10)
  })

  // RFC 3962, appendix B: AES-128, key "chicken teriyaki", IV of zeroes.
  const KEY = new TextEncoder().encode('chicken teriyaki')
  const TEXT = new TextEncoder().encode("I would like the General Gau's Chicken, please, and wonton soup.")
  it.each([
    [17, 'c6353568f2bf8cb4d8a580362da7ff7f 97'],
    [31, 'fc00783e0efdb2c1d445d4c8eff7ed22 97687268d6ecccc0c07b25e25ecfe5'],
    [32, '39312523a78662d5be7fcbcc98ebf5a8 97687268d6ecccc0c07b25e25ecfe584'],
    [47, '97687268d6ecccc0c07b25e25ecfe584 b3fffd940c16a18c1b5549d2f838029e 39312523a78662d5be7fcbcc98ebf5'],
    [48, '97687268d6ecccc0c07b25e25ecfe584 9dad8bbb96c4cdc03bc103e1a194bbd8 39312523a78662d5be7fcbcc98ebf5a8'],
    [
      64,
      '97687268d6ecccc0c07b25e25ecfe584 39312523a78662d5be7fcbcc98ebf5a8 4807efe836ee89a526730dbc2f7bc840 9dad8bbb96c4cdc03bc103e1a194bbd8',
    ],
  ])('CBC with ciphertext stealing is that of RFC 3962: %i bytes', (length, expected) => {
    const iv = new Uint8Array(16)
    const plain = TEXT.subarray(0, length)
    expect(ctsEncrypt(KEY, iv, plain)).toEqual(hex(expected))
    expect(ctsDecrypt(KEY, iv, hex(expected))).toEqual(plain)
  })

  it('one block has nothing to steal: it is plain CBC', () => {
    const iv = new Uint8Array(16)
    const out = ctsEncrypt(KEY, iv, TEXT.subarray(0, 16))
    expect(out).toEqual(hex('97687268d6ecccc0c07b25e25ecfe584'))
    expect(ctsDecrypt(KEY, iv, out)).toEqual(TEXT.subarray(0, 16))
  })
})

/** The reference: a flat buffer, block by block. CTS by the definition: CBC by hand, and the last two blocks exchanged. */
function encryptFlat(cipher: number, flat: Uint8Array, blockBytes: number, first: number): Uint8Array {
  const out = new Uint8Array(flat.length)
  for (let at = 0, block = first; at < flat.length; at += blockBytes, block++) {
    const iv = new Uint8Array(16)
    new DataView(iv.buffer).setUint32(0, block, true)
    const plain = flat.subarray(at, at + blockBytes)
    out.set(
      cipher === CIPHER_XTS ? createCipheriv('aes-256-xts', MODEL_KEY, iv).update(plain) : ctsByHand(plain, iv),
      at,
    )
  }
  return out
}

function ctsByHand(plain: Uint8Array, iv: Uint8Array): Uint8Array {
  const out = new Uint8Array(plain.length)
  const ecb = createCipheriv('aes-256-ecb', MODEL_KEY.subarray(0, 32), null).setAutoPadding(false)
  let before = iv
  for (let at = 0; at < plain.length; at += 16) {
    before = Uint8Array.from(ecb.update(plain.subarray(at, at + 16).map((byte, i) => byte ^ before[i])))
    out.set(before, at)
  }
  const end = plain.length
  const last = out.slice(end - 16)
  out.copyWithin(end - 16, end - 32, end - 16)
  out.set(last, end - 32)
  return out
}

/** Faster than an assertion byte by byte. */
function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length > 0 && Buffer.from(a).equals(b)
}

/** Bytes that differ from page to page and within each. */
function fillPage(page: number, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) bytes[i] = (Math.imul(page * P + i + 1, 0x9e3779b1) >>> 23) & 0xff
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function flatOf(io: Operation, iter: IovIter): Uint8Array {
  const pieces: Uint8Array[] = []
  const copy = new IovIter()
  copy.copyFrom(iter)
  scanIter(copy, io.memory, copy.countBytes, (piece) => {
    pieces.push(piece.slice())
    return 0
  })
  return joined(pieces)
}

function write(io: Operation, iter: IovIter, flat: Uint8Array): void {
  const copy = new IovIter()
  copy.copyFrom(iter)
  let at = 0
  scanIter(copy, io.memory, copy.countBytes, (piece) => {
    piece.set(flat.subarray(at, at + piece.length))
    at += piece.length
    return 0
  })
}

/** Content of a request's bounce folios. */
function bounceOf(io: Operation, { buffers, requests }: NetfsCrypt): Uint8Array {
  const buffer = requests.buffer[io.scratch]
  const pages: Uint8Array[] = []
  for (let i = 0; buffer !== 0 && i < buffers.folios[buffer]; i++) {
    const entry = buffers.sgl[buffer] + i
    const head = buffers.lists.page[entry]
    for (let page = 0; page < buffers.lists.lengthBytes[entry] / P; page++) {
      pages.push(io.memory.bytes!.bytesOf(head + page))
    }
  }
  return joined(pages)
}

/**
 * One operation with real bytes: what the iterator named before and after submission, and what came out. Of a read: what the
 * network brings is `arrives`, and `after` is what is there when it is complete.
 */
async function cryptOf(
  cells: TestRow,
  options: Readonly<Record<string, number>>,
  kernel: KernelVersion,
  fill = fillPage,
  arrives: ((plain: Uint8Array) => Uint8Array) | null = null,
) {
  const seen: Record<'before' | 'after' | 'ciphertext', Uint8Array> = { before: EMPTY, after: EMPTY, ciphertext: EMPTY }
  const spy = {
    ...netfsCrypt,
    create: (environment: Parameters<typeof netfsCrypt.create>[0]) => {
      const consumer = netfsCrypt.create(environment) as NetfsCrypt
      const submit = consumer.submit.bind(consumer)
      const complete = consumer.complete.bind(consumer)
      const start = new IovIter()
      consumer.submit = (io) => {
        start.copyFrom(io.iter)
        seen.before = flatOf(io, start)
        const result = submit(io)
        seen.after = flatOf(io, start)
        seen.ciphertext = bounceOf(io, consumer)
        return result
      }
      consumer.complete = (io) => {
        if (arrives !== null) write(io, start, arrives(seen.before))
        complete(io)
        if (arrives !== null) seen.after = flatOf(io, start)
      }
      return consumer
    },
  }
  const { results, report, lane } = await replayRows(spy, [cells], { kernel, options, fill })
  expect([report.violations, lane.io.allocations.openBytes]).toEqual([[], 0])
  return {
    ...seen,
    ciphertext: seen.ciphertext.subarray(0, seen.before.length),
    whole: seen.ciphertext,
    results,
    report,
  }
}

const ITERATORS: Readonly<Record<string, readonly (readonly [number | string, number])[]>> = {
  ubuf: [[A + 0x123, 3 * P]],
  iovec: [
    [A + 1, 5000],
    [B + 77, 33],
    [A + 9 * P + 4000, 3 * P - 5033],
  ],
  bvec: [
    ['500:9', 2 * P],
    ['900:4000', P],
  ],
  kvec: [
    [0x100000000000 + 0x7ff, 6000],
    [0x200000000000 + 3, 3 * P - 6000],
  ],
  xarray: [['file:6145', 3 * P]],
  folioq: [['file:100', 3 * P]],
}

describe.each([
  ['XTS', CIPHER_XTS],
  ['CTS', CIPHER_CTS],
])('%s through scatterlists is %s of the flat buffer', (_, cipher) => {
  const cases = Object.keys(ITERATORS).flatMap((iter) => [512, 4096].map((size) => [iter, size] as const))

  it.each(cases)('%s, blocks of %i: a write into bounce folios, which leaves the data alone', async (iter, size) => {
    for (const order of [0, 2]) {
      const options = { cipher, 'block-size': size, 'bounce-order': order }
      const cells = row('write', iter, { offset: 8 * P }, ...ITERATORS[iter])
      const { before, after, ciphertext, results } = await cryptOf(cells, options, 'mainline')
      expect(results).toEqual([3 * P])
      expect(isSame(ciphertext, encryptFlat(cipher, before, size, (8 * P) / size))).toBe(true)
      expect(isSame(after, before)).toBe(true)
    }
  })

  it.each(cases)('%s, blocks of %i: a write in place', async (iter, size) => {
    const cells = row('write', iter, { offset: 8 * P }, ...ITERATORS[iter])
    const { before, after, whole } = await cryptOf(cells, { cipher, 'block-size': size, 'in-place': 1 }, 'mainline')
    expect(isSame(after, encryptFlat(cipher, before, size, (8 * P) / size))).toBe(true)
    expect(whole).toHaveLength(0)
  })

  it.each(cases)('%s, blocks of %i: a read, decrypted when it is there', async (iter, size) => {
    const cells = row('read', iter, { offset: 8 * P }, ...ITERATORS[iter])
    const arrives = (plain: Uint8Array) => encryptFlat(cipher, plain, size, (8 * P) / size)
    const { before, after } = await cryptOf(cells, { cipher, 'block-size': size }, 'mainline', fillPage, arrives)
    expect(isSame(after, before)).toBe(true)
  })

  it.each(['ubuf', 'iovec', 'bvec', 'xarray'])('%s by page arrays, as 6.1 has them', async (iter) => {
    const cells = row('read', iter, { offset: 8 * P }, ...ITERATORS[iter])
    const arrives = (plain: Uint8Array) => encryptFlat(cipher, plain, 4096, 8)
    const read = await cryptOf(cells, { cipher }, '6.1', fillPage, arrives)
    expect(isSame(read.after, read.before)).toBe(true)
    const written = await cryptOf({ ...cells, op: 'write' }, { cipher }, '6.1')
    expect(isSame(written.ciphertext, encryptFlat(cipher, written.before, 4096, 8))).toBe(true)
  })

  it('of a range that is no whole blocks all blocks are encrypted, with zeroes in the gaps', async () => {
    const cells = row('write', 'ubuf', { offset: 8 * P + 1000 }, [A + 5, 5000])
    const { before, after, whole, results } = await cryptOf(cells, { cipher, 'in-place': 1 }, 'mainline')
    const padded = new Uint8Array(2 * P)
    padded.set(before, 1000)
    expect(isSame(whole, encryptFlat(cipher, padded, 4096, 8))).toBe(true)
    expect([isSame(after, before), results]).toEqual([true, [5000]])
  })
})

describe('lists, pins and folios', () => {
  const write = row('write', 'ubuf', { offset: 0, end: 5 }, [A + 0x100, 3 * P])

  it.each(SINCE_6_12)('%s: a block at a time is pinned, and let go before anything is sent', async (kernel) => {
    const { pins, lists, entries, counters, data, allocations } = await runOf(write, { kernel })
    // Each block lies in two pages; the last page of one is the first of the next.
    expect(pins).toMatchObject({ acquired: 6, released: 6, open: 0, peak: 2 })
    expect(lists.map((list) => list.entries.map((one) => [one.offsetBytes, one.lengthBytes]))).toEqual(
      Array.from({ length: 3 }, () => [
        [256, 3840],
        [0, 256],
      ]),
    )
    expect(entries.built).toBe(3 * (2 + 1))
    expect(counters).toMatchObject({ encryptedBlocks: 3, decryptedBlocks: 0, bounceFolios: 3, copiedOperations: 0 })
    expect(data).toEqual({ zeroCopyBytes: 3 * P, copiedBytes: 0 })
    // A queue segment and three pages.
    expect(allocations).toMatchObject({ made: 4, openBytes: 0, peakBytes: 3 * P + (kernel === 'mainline' ? 328 : 336) })
  })

  it('larger folios: the largest that fit', async () => {
    const { counters, entries, allocations } = await runOf(
      { ...write, segs: `0x${A.toString(16)}+${7 * P}` },
      {
        kernel: '6.12',
        options: { 'bounce-order': 9 },
      },
    )
    // 4 + 2 + 1 pages.
    expect(counters.bounceFolios).toBe(3)
    expect(entries.built).toBe(14)
    expect(allocations).toMatchObject({ made: 4, bytes: 7 * P + 336 })
  })

  it('a larger folio that cannot be had is a page', async () => {
    const { counters, results } = await runOf(write, {
      options: { 'bounce-order': 1 },
      inject: { fault: 'alloc', at: 2 },
    })
    expect([results, counters.bounceFolios]).toEqual([[3 * P], 2])
  })

  it('in place the pages are pinned until all is sent', async () => {
    const open = await runOf({ ...write, end: 'never' }, { options: { 'in-place': 1 } })
    expect(open.pins).toMatchObject({ acquired: 6, released: 0, open: 6 })
    expect(open.allocations.made).toBe(0)
    const closed = await runOf(write, { options: { 'in-place': 1 } })
    expect(closed.pins).toMatchObject({ acquired: 6, released: 6, open: 0, peak: 6 })
  })

  it.each(SINCE_6_12)('%s: kernel iterators are bare', async (kernel) => {
    for (const iter of ['bvec', 'kvec', 'xarray', 'folioq']) {
      const segs = iter === 'bvec' ? '500:0' : iter === 'kvec' ? 0x100000000000 : 'file:0'
      const { pins, refs, bare } = await runOf(row('read', iter, { offset: 0 }, [segs, 2 * P]), { kernel })
      expect([iter, pins.acquired, refs.acquired, bare.pages]).toEqual([iter, 0, 0, 2])
    }
  })

  it('a read is not decrypted when it did not arrive', async () => {
    const read = row('read', 'ubuf', { offset: 0, end: 5 }, [A, 2 * P])
    expect((await runOf(read)).counters.decryptedBlocks).toBe(2)
    const failed = await runOf(read, { inject: { fault: 'complete', at: 1 } })
    expect([failed.counters.decryptedBlocks, failed.pins.open]).toEqual([0, 0])
  })

  it('a block of 17 pieces does not fit into a list of 16: -EIO', async () => {
    const aligned = await runOf(row('write', 'ubuf', { offset: 0 }, [A, 65536]), { options: { 'block-size': 65536 } })
    expect([aligned.results, aligned.entries.limitHits, aligned.pins.acquired]).toEqual([[65536], 0, 16])
    const odd = await runOf(row('write', 'ubuf', { offset: 0 }, [A + 1, 65536]), { options: { 'block-size': 65536 } })
    expect([odd.results, odd.entries.limitHits, odd.pins.acquired, odd.pins.open]).toEqual([[-5], 1, 16, 0])
  })

  it('copied first, where the memory is not aligned and that is asked for', async () => {
    const options = { options: { 'copy-misaligned': 1 } }
    const { pins, data, counters } = await runOf(write, options)
    expect([pins.acquired, data.copiedBytes, counters.copiedOperations]).toEqual([0, 3 * P, 1])
    const aligned = await runOf({ ...write, segs: `0x${A.toString(16)}+${3 * P}` }, options)
    expect([aligned.pins.acquired, aligned.data.copiedBytes]).toEqual([3, 0])
  })

  it.each(['read', 'write'] as const)('a %s of a range that is no whole blocks is copied', async (op) => {
    const { pins, data, counters, results, allocations } = await runOf(row(op, 'ubuf', { offset: 100 }, [A, 8192]))
    expect([results, pins.acquired, data.copiedBytes]).toEqual([[8192], 0, 8192])
    const blocks = op === 'read' ? { decryptedBlocks: 3 } : { encryptedBlocks: 3 }
    expect(counters).toMatchObject({ ...blocks, bounceFolios: 3, copiedOperations: 1 })
    expect(allocations.openBytes).toBe(0)
  })
})

describe('6.1: what ceph does', () => {
  const cells = row('read', 'iovec', { offset: 0, end: 5 }, [A, 2 * P], [B + 0x200, P])

  it('a page array a segment, and a reference a page until the data is there', async () => {
    const { refs, pins, allocations, lists, counters, data } = await runOf(cells, { kernel: '6.1' })
    expect(refs).toMatchObject({ acquired: 4, released: 4, open: 0, peak: 4 })
    expect(pins.acquired).toBe(0)
    expect(lists.map(({ list, entries }) => [list, entries.length])).toEqual([
      ['page array', 2],
      ['page array', 2],
    ])
    // Pointers.
    expect(allocations).toMatchObject({ made: 2, bytes: 4 * 8, openBytes: 0 })
    expect([counters.decryptedBlocks, data.zeroCopyBytes]).toEqual([3, 3 * P])
  })

  it('a write is copied into pages of its own, and encrypted there', async () => {
    const { refs, data, counters, allocations } = await runOf({ ...cells, op: 'write' }, { kernel: '6.1' })
    expect([refs.acquired, data.copiedBytes, counters.bounceFolios]).toEqual([0, 3 * P, 3])
    expect(allocations).toMatchObject({ made: 4, bytes: 3 * P + 3 * 8 })
  })

  it.each([
    ['read', -14],
    ['write', P],
  ] as const)('a %s of kernel memory: %i', async (op, result) => {
    const { results } = await runOf(row(op, 'kvec', { offset: 0 }, [0x100000000000, P]), { kernel: '6.1' })
    expect(results).toEqual([result])
  })
})

describe('when a step fails', () => {
  const rows = [
    row('write', 'ubuf', { offset: 0 }, [A + 8, 3 * P]),
    row('read', 'iovec', { offset: P }, [A + 4, 4096], [A + 4 * P, 2 * P]),
    row('write', 'bvec', { offset: 3 }, ['900:0', 3 * P]),
    row('read', 'xarray', { offset: 7 }, ['file:0', 2 * P]),
    row('read', 'ubuf', { offset: 0 }, [A, 65536]),
  ].map((one, i) => ({ ...one, ts: 10 * i, end: 10 * i + 15 }))

  it.each(KERNEL_VERSIONS)('nothing is held on %s', async (kernel) => {
    for (const inPlace of [0, 1]) {
      const options = { 'in-place': inPlace, 'bounce-order': 1 }
      const { steps, unclean } = await sweepFaults(netfsCrypt, rows, { kernel, options })
      expect(steps.alloc).toBeGreaterThan(4)
      expect(steps.complete).toBe(5)
      expect(unclean).toEqual([])
    }
  })
})
