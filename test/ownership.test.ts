import { beforeAll, describe, expect, it } from 'vitest'
import { pluginConsumers, rowsByConsumer } from '../scripts/consumer-pages.mjs'
import { DIFFERENCES } from '../scripts/ownership-differences.mjs'
import { comparedCells, listedFor, REFERENCE } from '../scripts/ownership-reference.mjs'

/** A cell of the reference beside that of the code. */
interface Compared {
  readonly name: string
  readonly version: string
  readonly kernel: string
  readonly consumer: string
  readonly column: string
  readonly type: string
  /** As the reference has it, and in words of ours. */
  readonly says: string
  readonly means: string
  readonly is: string
}

interface Difference {
  readonly name: string
  readonly columns: Readonly<Record<string, string>>
  readonly why: string
}

interface Row {
  readonly name: string
  readonly kernel: string
  readonly cells: Readonly<Record<string, string>>
}

let rows: ReadonlyMap<string, readonly Row[]> = new Map()
let compared: readonly Compared[] = []

beforeAll(async () => {
  rows = await rowsByConsumer(await pluginConsumers())
  compared = comparedCells((name: string) => rows.get(name))
})

const listed = (cell: Compared): Difference | undefined => listedFor(cell)
const described = ({ name, version, kernel, type, says, is }: Compared) =>
  `${name} (${version}) on ${kernel}, ${type}: the reference says "${says}", the code does "${is}"`

describe('the ownership table', () => {
  it('has every cell of the reference for these consumers, in every version', () => {
    // The 54 rows of section 16, four of them for two consumers; UBUF and IOVEC share a column.
    expect(REFERENCE).toHaveLength(58)
    expect(compared).toHaveLength(7 * REFERENCE.reduce((sum, { kernels }) => sum + kernels.length, 0))
    expect(new Set(compared.map(({ kernel }) => kernel))).toEqual(new Set(['6.1', '6.12', '6.18', 'mainline']))
  })

  it('is that of the reference, cell by cell, but for the cells that are listed with a reason', () => {
    const wrong = compared.filter((cell) => cell.is !== (listed(cell)?.columns[cell.column] ?? cell.means))
    expect(wrong.map(described)).toEqual([])
  })

  it('differs wherever a difference is listed', () => {
    const alike = compared.filter((cell) => cell.is === cell.means && listed(cell) !== undefined)
    expect(alike.map(described)).toEqual([])
    const used = new Set(compared.map(listed))
    expect(DIFFERENCES.filter((one: Difference) => !used.has(one))).toEqual([])
  })

  it('gives a place in the kernel for each difference', () => {
    for (const { why } of DIFFERENCES) expect(why).toMatch(/\w+\.c/)
  })

  it('says the same of UBUF and IOVEC', () => {
    const ubufs = compared.filter(({ type }) => type === 'ubuf')
    const iovecs = compared.filter(({ type }) => type === 'iovec')
    expect(iovecs.map(({ is }) => is)).toEqual(ubufs.map(({ is }) => is))
  })
})

describe('the words of a cell', () => {
  it.each([
    ['taken, and let go again for a copy', 'vhost-scsi', 'misaligned, over 256 entries', '6.12', 'ubuf', 'copy'],
    ['still held when all was copied', 'smb3-transform', 'encrypt', '6.1', 'ubuf', 'ref + copy'],
    ['held twice', '9p', 'over 1024 bytes', 'mainline', 'ubuf', 'pin + ref'],
    ['listed bare and then referenced', 'tls', 'splice', '6.12', 'bvec', 'ref'],
    [
      'a reference for the first page of an entry only',
      'af-alg-skcipher',
      'splice of four pages (quirk alg-tx-splice)',
      '6.12',
      'bvec',
      'ref + bare',
    ],
    ['neither listed nor copied', 'checksum', 'sum', '6.1', 'kvec', 'nothing'],
    ['no source', 'tls', 'send a whole record', '6.12', 'discard', 'n/a'],
    ['not in that version', 'af-alg-hash', 'send', '6.1', 'folioq', 'n/a'],
    ['held while it is copied', 'smbdirect', 'read', '6.12', 'ubuf', 'pin + copy'],
    ['held by a registration, so not taken', 'ib-umem', 'operation in registered memory', '6.12', 'ubuf', 'nothing'],
    ['found by number and copied', 'vring', 'request', '6.12', 'bvec', 'copy'],
    ['put before the call returns', 'process-vm', 'process_vm_readv', '6.12', 'ubuf', 'copy'],
    ['a page for the socket on top', 'rbd', 'write', '6.12', 'ubuf', 'pin + ref'],
    ['a pointer in the request', 'fuse', 'direct I/O', '6.12', 'kvec', 'nothing'],
    ['managed', 'msg-zerocopy', 'SEND_ZC, registered buffer', '6.12', 'ubuf', 'bare'],
    [
      'not managed, since something else was there',
      'msg-zerocopy',
      'SEND_ZC, registered buffer, behind copied data',
      '6.12',
      'ubuf',
      'ref',
    ],
    ['looked up by the messenger', 'ceph', 'page cache, read', '6.12', 'folioq', 'ref'],
    ['pinned by the transport, and nobody unpins', 'smbd-mr', 'transport alone', '6.18', 'ubuf', 'pin'],
  ])('%s: %s, %s, %s, %s is %s', (_, consumer, name, kernel, type, cell) => {
    const row = rows.get(consumer)?.find((one) => one.name === name && one.kernel === kernel)
    expect(row?.cells[type]).toBe(cell)
  })
})
