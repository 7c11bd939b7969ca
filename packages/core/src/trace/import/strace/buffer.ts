import { quotedText } from '../../printable.ts'
import { numberOf } from '../calls/call-arguments.ts'
import type { ImportRow } from '../import-row.ts'
import type { CallFault } from './call-line.ts'
import { innerPieces, type Piece } from './split-arguments.ts'

/** What was told of the memory of a call, where it is no fault. */
export type Told =
  /** All that the row can have. */
  | 'told'
  /** strace printed only some elements of the array (-s without -v), or its address alone. */
  | 'cut'
  /** A length or an address that no memory has: the kernel refuses it too. */
  | 'impossible'

/** A buffer of `countBytes`: contents in quotes, of which only the length is of use, or its address (-e raw, a failed call). */
export function readBuffer(row: ImportRow, buffer: Piece, countBytes: number): Told | CallFault {
  if (countBytes < 0) return 'impossible'
  if (buffer.text.startsWith('"')) {
    row.lengthBytes = countBytes
    return 'told'
  }
  const address = numberOf(buffer.text)
  if (address === null) return fault(buffer, 'the buffer', 'a string in quotes, or an address')
  if (address < 0 || !Number.isSafeInteger(address + countBytes)) return 'impossible'
  if (countBytes === 0) row.lengthBytes = 0
  else row.addSegment(address, countBytes)
  return 'told'
}

/**
 * An array of `struct iovec`: lengths, and addresses where strace printed those instead of contents. `segments`: how many it has;
 * null where only the array tells.
 */
export function readVector(row: ImportRow, line: string, vector: Piece, segments: number | null): Told | CallFault {
  const elements = innerPieces(line, vector, '[')
  if (elements === null) {
    if (numberOf(vector.text) === null) return fault(vector, 'the vector', 'an array in brackets, or an address')
    if (segments !== 0) return 'cut'
    row.lengthBytes = 0
    return 'told'
  }
  const read: { address: number | null; lengthBytes: number }[] = []
  for (const element of elements) {
    if (element.text.startsWith('...')) return 'cut'
    const one = readElement(line, element)
    if ('problem' in one) return one
    if (one.lengthBytes < 0 || (one.address ?? 0) < 0) return 'impossible'
    read.push(one)
  }
  if (segments !== null && read.length < segments) return 'cut'
  if (!Number.isSafeInteger(read.reduce((sum, { address, lengthBytes }) => sum + (address ?? 0) + lengthBytes, 0)))
    return 'impossible'
  const known = read.every(({ address, lengthBytes }) => address !== null || lengthBytes === 0)
  for (const { address, lengthBytes } of read) {
    if (known) row.addSegment(address ?? 0, lengthBytes)
    else row.addLength(lengthBytes)
  }
  if (read.length === 0) row.lengthBytes = 0
  return 'told'
}

/** `{iov_base="abc"..., iov_len=3}` */
function readElement(line: string, element: Piece): { address: number | null; lengthBytes: number } | CallFault {
  const fields = innerPieces(line, element, '{')
  const base = fields?.find(({ name }) => name === 'iov_base')
  const length = fields?.find(({ name }) => name === 'iov_len')
  if (base === undefined || length === undefined) {
    return fault(element, 'an element of the vector', '{iov_base=…, iov_len=…}')
  }
  const lengthBytes = numberOf(length.text)
  if (lengthBytes === null) return fault(length, 'iov_len', 'bytes')
  return { address: numberOf(base.text), lengthBytes }
}

/** A fault of a piece of a call. */
export function fault({ text, at }: Piece, what: string, expected: string): CallFault {
  return { at, problem: `${what} is ${quotedText(text.slice(0, 80))}, expected ${expected}`, hint: '' }
}
