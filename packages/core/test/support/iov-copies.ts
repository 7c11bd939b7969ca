import { crc32c, InternetChecksum } from '../../src/iter/checksum.ts'
import {
  copyFromIter,
  copyFromIterFull,
  copyPageFromIter,
  copyPageFromIterAtomic,
  copyPageToIter,
  copyToIter,
  copyToIterFull,
  zeroIter,
} from '../../src/iter/copy.ts'
import { faultInReadable, faultInWriteable } from '../../src/iter/fault-in.ts'
import {
  crc32cOfIter,
  csumAndCopyFromIter,
  csumAndCopyFromIterFull,
  csumAndCopyToIter,
  scanIter,
} from '../../src/iter/scan.ts'
import * as twin from '../model/iov/index.ts'
import { differ, undefinedBy } from './iov-difference.ts'
import type { CopyOp } from './iov-ops.ts'
import type { IovPair } from './iov-pair.ts'

/** Most bytes of one copy. */
const COPY_MAX = 40_000
/** What a buffer holds that nothing was copied to. */
const UNTOUCHED = 0xee

const data = Uint8Array.from({ length: COPY_MAX * 2 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24)

/** Bytes that are not those of another length, or of another turn. */
function dataOf(pair: IovPair, bytes: number): Uint8Array {
  const from = (pair.slow.count * 7 + bytes) % COPY_MAX
  return data.subarray(from, from + bytes)
}

interface Moved {
  /** What the call returned; true counts as 1. */
  readonly result: number
  /** What was read, or shown. */
  readonly read: Uint8Array
  /** A checksum, where there is one. */
  readonly sum: number
}

const NO_BYTES = new Uint8Array()
const moved = (result: number | boolean, read: Uint8Array = NO_BYTES, sum = 0): Moved => ({
  result: Number(result),
  read,
  sum,
})

/** Does one of these operations on both sides; compares results and what was read. Returns the result, or UNDEFINED. */
export function copyAcross(pair: IovPair, op: CopyOp, wanted: number): number {
  const bytes = Math.min(wanted, COPY_MAX)
  const from = dataOf(pair, bytes)
  let expected: Moved
  try {
    expected = slowCopy(pair, op, from, bytes)
  } catch (error) {
    return undefinedBy(error, () => {
      fastCopy(pair, op, from, bytes)
    })
  }
  const found = fastCopy(pair, op, from, bytes)
  if (found.result !== expected.result) differ(`${op.op}: result`, found.result, expected.result)
  if (Buffer.compare(found.read, expected.read) !== 0) {
    const at = found.read.findIndex((byte, i) => byte !== expected.read[i])
    differ(`${op.op}: byte ${at} of ${found.read.length}`, found.read[at], expected.read[at])
  }
  if (found.sum !== expected.sum) differ(`${op.op}: checksum`, found.sum, expected.sum)
  return expected.result
}

function slowCopy(pair: IovPair, op: CopyOp, from: Uint8Array, bytes: number): Moved {
  const { slow } = pair
  const { world } = pair.host
  switch (op.op) {
    case 'copy-to':
      return moved(twin.copyTo(world, slow, from))
    case 'copy-to-full':
      return moved(twin.copyToFull(world, slow, from))
    case 'copy-from': {
      const { copied, bytes: read } = twin.copyFrom(world, slow, bytes)
      return moved(copied, intoBuffer(pair, bytes, read))
    }
    case 'copy-from-full': {
      const { ok, bytes: read } = twin.copyFromFull(world, slow, bytes)
      return moved(ok, intoBuffer(pair, bytes, read))
    }
    case 'zero':
      return moved(twin.zero(world, slow, bytes))
    case 'csum-to': {
      const { copied, bytes: summed } = twin.csumCopyTo(world, slow, from)
      return moved(copied, NO_BYTES, twin.internetChecksum(summed))
    }
    case 'csum-from': {
      const { copied, bytes: summed } = twin.csumCopyFrom(world, slow, bytes)
      return moved(copied, intoBuffer(pair, bytes, summed), twin.internetChecksum(summed))
    }
    case 'csum-from-full': {
      const { copied, bytes: summed } = twin.csumCopyFrom(world, slow, bytes)
      if (copied !== bytes) twin.revert(slow, copied)
      return moved(copied === bytes, intoBuffer(pair, bytes, summed), twin.internetChecksum(summed))
    }
    case 'crc':
    case 'scan': {
      const seen = new Seen(op.op === 'scan' ? op.stopAt : Number.POSITIVE_INFINITY)
      const done = twin.walk(world, slow, bytes, { write: false }, (page, offset, _, len) =>
        seen.see(twin.pageBytes(world, page).subarray(offset, offset + len)),
      )
      const all = seen.all()
      return op.op === 'scan' ? moved(done, all) : moved(done, NO_BYTES, crc32c(0xffffffff, all))
    }
    case 'fault-in':
      return moved((op.write ? twin.faultInWriteable : twin.faultInReadable)(world, slow, bytes))
    case 'page-to':
      return moved(twin.copyPageTo(world, slow, GIVEN, pageOf(pair, op) * twin.PAGE + op.offset, op.bytes))
    case 'page-from':
      return moved(twin.copyPageFrom(world, slow, GIVEN, pageOf(pair, op) * twin.PAGE + op.offset, op.bytes))
    case 'page-from-atomic':
      return moved(twin.copyPageFromAtomic(world, slow, GIVEN, pageOf(pair, op) * twin.PAGE + op.offset, op.bytes))
  }
}

function fastCopy(pair: IovPair, op: CopyOp, from: Uint8Array, bytes: number): Moved {
  const { fast } = pair
  const { memory } = pair.host
  switch (op.op) {
    case 'copy-to':
      return moved(copyToIter(fast, memory, from))
    case 'copy-to-full':
      return moved(copyToIterFull(fast, memory, from))
    case 'copy-from':
    case 'copy-from-full': {
      const to = buffer(bytes)
      return moved((op.op === 'copy-from' ? copyFromIter : copyFromIterFull)(fast, memory, to), to)
    }
    case 'zero':
      return moved(zeroIter(fast, memory, bytes))
    case 'csum-to': {
      const sum = new InternetChecksum()
      return moved(csumAndCopyToIter(fast, memory, from, sum), NO_BYTES, sum.value())
    }
    case 'csum-from':
    case 'csum-from-full': {
      const to = buffer(bytes)
      const sum = new InternetChecksum()
      const copy = op.op === 'csum-from' ? csumAndCopyFromIter : csumAndCopyFromIterFull
      return moved(copy(fast, memory, to, sum), to, sum.value())
    }
    case 'crc': {
      const before = fast.countBytes
      const sum = crc32cOfIter(fast, memory, bytes, 0xffffffff)
      return moved(before - fast.countBytes, NO_BYTES, sum)
    }
    case 'scan': {
      const seen = new Seen(op.stopAt)
      return moved(
        scanIter(fast, memory, bytes, (piece) => seen.see(piece)),
        seen.all(),
      )
    }
    case 'fault-in':
      return moved((op.write ? faultInWriteable : faultInReadable)(fast, memory, bytes))
    case 'page-to':
      return moved(copyPageToIter(fast, memory, givenRow(pair, op), op.offset, op.bytes))
    case 'page-from':
      return moved(copyPageFromIter(fast, memory, givenRow(pair, op), op.offset, op.bytes))
    case 'page-from-atomic':
      return moved(copyPageFromIterAtomic(fast, memory, givenRow(pair, op), op.offset, op.bytes))
  }
}

/** Pieces shown, up to a number of bytes. */
class Seen {
  private readonly pieces: Uint8Array[] = []
  private left: number

  constructor(bytes: number) {
    this.left = bytes
  }

  /** Returns the bytes of the piece that are too many. */
  see(piece: Uint8Array): number {
    const part = Math.min(piece.length, this.left)
    this.pieces.push(piece.slice(0, part))
    this.left -= part
    return piece.length - part
  }

  all(): Uint8Array {
    return Buffer.concat(this.pieces)
  }
}

/** The folio of two pages that whole pages are copied from and to. */
const GIVEN = ['g0', 'g1']

function pageOf(pair: IovPair, { page }: { readonly page: number }): number {
  if (!pair.host.rowOf.has('g0')) pair.host.folio(GIVEN)
  // A pipe links the very page that it is given.
  return pair.one.type === 'pipe' ? 0 : page
}

function givenRow(pair: IovPair, op: { readonly page: number }): number {
  return pair.host.rowOf.get('g0')! + pageOf(pair, op)
}

function buffer(bytes: number): Uint8Array {
  return new Uint8Array(bytes).fill(UNTOUCHED)
}

/** A buffer of `bytes` that these were read into; a discard iterator of 6.1 reads nothing, and counts it. */
function intoBuffer(pair: IovPair, bytes: number, read: Uint8Array): Uint8Array {
  const to = buffer(bytes)
  if (pair.one.type !== 'discard') to.set(read)
  return to
}
