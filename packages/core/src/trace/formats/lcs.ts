import { CACHE_OPTIONS, type CacheRecordForm, CacheRequests } from '../import/cache/cache-requests.ts'
import { u32At, u64At } from '../import/text/little-endian.ts'
import type { FileHead, ImportContext, ImportFormat } from '../import/trace-format.ts'
import { NONE } from '../op-batch.ts'

/** First and last 8 bytes of a header: the two halves of 0x123456789abcdef0. */
const MAGIC_LOW = 0x9abcdef0
const MAGIC_HIGH = 0x12345678
/** Headers: 8 KiB since 2025, 1 KiB before. The older ones of 1 KiB describe their records themselves. */
const HEADER_BYTES = [8192, 1024]
const VERSION = 8
const LESS_THAN = 0x3c

/** By version, from 1: without operation; with one; with sizes of 64 bits and a lifetime; that and 1, 2, 4, 8, 16 features. */
const FORMS: readonly CacheRecordForm[] = [
  { bytes: 24, sizeBytes: 4, operation: NONE, next: 16 },
  { bytes: 28, sizeBytes: 4, operation: 16, next: 20 },
  ...[36, 40, 44, 52, 68, 100].map((bytes) => ({ bytes, sizeBytes: 8, operation: 20, next: 28 }) as const),
]

/**
 * LCS, what libCacheSim writes since 2025: a header with figures about the trace, and records of one of eight versions. The
 * self-describing form of 2024 is refused: it had the same first bytes.
 */
export const lcs: ImportFormat = {
  name: 'lcs',
  title: 'a libCacheSim LCS trace',
  level: 'L0',
  record: 'traceConv of github.com/1a1a11a/libCacheSim',
  clock: 'seconds',
  options: CACHE_OPTIONS,
  detect: ({ bytes }) => isMagicAt(bytes, 0),
  open(context) {
    const headerBytes = headerBytesOf(context)
    const version = u64At(context.head.bytes, VERSION)
    const form = FORMS[version - 1]
    if (form !== undefined) return new CacheRequests(context, form, headerBytes)
    throw context.rows.fail(
      0,
      `the LCS version is ${version}, expected 1 to ${FORMS.length}`,
      'Convert it with traceConv.',
    )
  },
}

function headerBytesOf({ head, rows }: ImportContext): number {
  const { bytes } = head
  if (!isMagicAt(bytes, 0)) throw rows.fail(0, 'the file does not begin as an LCS trace does', 'Is it one?')
  if (bytes[VERSION] === LESS_THAN) {
    const problem = 'the header describes its records itself: an LCS trace of 2024, which is not read'
    throw rows.fail(0, problem, 'Convert it with traceConv of libCacheSim: -t lcs, or oracleGeneral.')
  }
  const found = HEADER_BYTES.find((length) => isMagicAt(bytes, length - 8))
  if (found !== undefined) return found
  throw rows.fail(0, `no LCS header ends at byte ${HEADER_BYTES.join(' or ')}`, 'Is the file cut short?')
}

function isMagicAt(bytes: FileHead['bytes'], at: number): boolean {
  return bytes.length >= at + 8 && u32At(bytes, at) === MAGIC_LOW && u32At(bytes, at + 4) === MAGIC_HIGH
}
