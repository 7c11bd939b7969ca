import fc from 'fast-check'
import { COLUMN_NAMES } from '../../src/trace/columns.ts'
import { BACKING_NAMES, FLAG_NAMES } from '../../src/trace/op-batch.ts'

/** A good trace and a way to hand it over: any column order, line ends, quotes and chunks. */
export interface RandomTrace {
  readonly text: string
  readonly chunks: readonly number[]
}

type Cells = Partial<Record<string, string>>

const byte = fc.oneof(fc.integer({ min: 0, max: 70000 }), fc.integer({ min: 0, max: 2 ** 40 }))
const address = fc.oneof(fc.integer({ min: 0, max: 2 ** 47 }), fc.integer({ min: 0, max: 2 ** 52 }))
const hex = (value: number, style: number) =>
  `0x${style === 1 ? value.toString(16).toUpperCase() : style === 2 ? value.toString(16).padStart(16, '0') : value.toString(16)}`
const addressSegment = fc
  .tuple(address, byte, fc.integer({ min: 0, max: 2 }))
  .map(([at, length, style]) => `${hex(at, style)}+${length}`)
const bvecSegment = fc
  .tuple(
    fc.integer({ min: 0, max: 2 ** 30 }),
    fc.integer({ min: 0, max: 9000 }),
    fc.integer({ min: 0, max: 2 ** 31 }),
    fc.boolean(),
  )
  .map(([pfn, offset, length, inHex]) => `${inHex ? hex(pfn, 0) : pfn}:${offset}+${length}`)

/** Names with everything that CSV and segments could stumble over. */
const name = fc.oneof(
  fc.constantFrom('/mnt/data', 'blk0', 'bio', 'pread64', 'a:b+c', '#x', 'read', '0x10+1', ' ', 'ä€𝄞'),
  fc.string({ minLength: 1, maxLength: 12, unit: fc.constantFrom('a', 'b', ',', '"', '\n', '+', ':', ' ', 'é', '\t') }),
)
const fileSegment = fc
  .tuple(
    name.filter((text) => !text.includes(';')),
    byte,
    byte,
  )
  .map(([file, position, length]) => `${file}:${position}+${length}`)

/** Whole pages of a file: such ranges meet in a folio queue. */
const fileRange = fc
  .tuple(fc.constantFrom('f', 'a:b', '/mnt/data'), fc.nat(1 << 20), fc.integer({ min: 1, max: 64 }))
  .map(([file, page, pages]) => `${file}:${page * 4096}+${pages * 4096}`)

const joined = (segment: fc.Arbitrary<string>, max: number) =>
  fc.array(segment, { minLength: 1, maxLength: max }).map((segments) => segments.join(';'))
const layout: fc.Arbitrary<Cells> = fc.oneof(
  { weight: 4, arbitrary: addressSegment.map((segs) => ({ segs })) },
  addressSegment.map((segs) => ({ iter: 'ubuf', segs })),
  joined(addressSegment, 6).map((segs) => ({ segs })),
  joined(addressSegment, 6).map((segs) => ({ iter: 'iovec', segs })),
  joined(addressSegment, 3).map((segs) => ({ iter: 'kvec', segs })),
  joined(bvecSegment, 5).map((segs) => ({ iter: 'bvec', segs })),
  fc.oneof(fileSegment, joined(fileRange, 3)).map((segs) => ({ iter: 'folioq', segs })),
  fileSegment.map((segs) => ({ iter: 'xarray', segs })),
)

const sometimes = (arbitrary: fc.Arbitrary<string>) => fc.oneof(fc.constant(''), arbitrary)
const flags = fc
  .tuple(
    fc.array(fc.constantFrom(...FLAG_NAMES.filter((flag) => flag !== 'fixed'), 'x_mine'), { maxLength: 4 }),
    fc.boolean(),
  )
  .map(([words, commas]) => words.join(commas ? ',' : ' '))

const io: fc.Arbitrary<Cells> = fc
  .record({
    layout: fc.oneof(
      { weight: 6, arbitrary: layout },
      joined(fc.oneof(bvecSegment, addressSegment), 5).map((segs) => ({ iter: 'mixed', segs })),
      fc.constantFrom<Cells>({ len: '0' }, { len: '00' }),
      byte.map((len): Cells => ({ iter: 'discard', len: String(len), op: 'read' })),
      byte.map((len): Cells => ({ iter: 'pipe', len: String(len), op: 'read' })),
    ),
    op: fc.constantFrom('read', 'write'),
    event: fc.constantFrom('', 'io'),
    file: sometimes(name),
    call: sometimes(name),
    consumer: sometimes(name),
    stack: sometimes(name),
    offset: sometimes(byte.map(String)),
    result: sometimes(fc.oneof(byte.map(String), fc.integer({ min: -4095, max: -1 }).map(String))),
    flags,
    // In tenths of what the segments hold; 11: empty.
    share: fc.integer({ min: 0, max: 11 }),
    hole: sometimes(fc.tuple(byte, byte).map(([offset, length]) => `hole=${offset}+${length}`)),
    pins_acquired: sometimes(fc.nat().map(String)),
    pins_released: sometimes(fc.nat(9).map(String)),
  })
  .map(({ layout: segments, hole, share, ...cells }) => ({
    ...cells,
    len: share === 11 ? '' : String(Math.floor((bytesOf(segments.segs ?? '') * Math.min(share, 10)) / 10)),
    ...segments,
    flags: [cells.flags, hole].filter((part) => part !== '').join(' '),
  }))

function bytesOf(segs: string): number {
  return segs.split(';').reduce((sum, segment) => sum + Number(segment.slice(segment.lastIndexOf('+') + 1)), 0)
}

const range = fc
  .tuple(address, fc.integer({ min: 1, max: 2 ** 40 }), fc.constantFrom('', 'ubuf', 'kvec'))
  .map(([at, length, iter]) => ({ segs: `0x${at.toString(16)}+${length}`, iter }))
const other: fc.Arbitrary<Cells> = fc.oneof(
  fc
    .tuple(range, fc.constantFrom(...BACKING_NAMES), fc.constantFrom('', 'order=9', 'untouched order=0', 'private'))
    .map(([memory, backing, words]) => ({ event: 'map', backing, flags: words, ...memory })),
  range.map((memory) => ({ event: 'unmap', ...memory })),
  fc.tuple(name, joined(addressSegment, 3)).map(([id, segs]) => ({ event: 'register', id, segs })),
  name.map((id) => ({ event: 'unregister', id })),
  fc.constant({ event: 'fork', result: '77' }),
  layout.map((segments) => ({ event: 'pin', ...segments })),
  name.map((id) => ({ event: 'unpin', id })),
  name.map((file) => ({ event: 'truncate', file, offset: '4096' })),
  fc.tuple(name, byte).map(([file, len]) => ({ event: 'writeback', file, len: String(len) })),
)

const row = fc.record({
  cells: fc.oneof({ weight: 4, arbitrary: io }, other),
  step: fc.oneof(fc.constant(0), fc.nat(5000), fc.nat(2 ** 44)),
  end: fc.oneof(fc.constantFrom('', 'never'), fc.nat(100000)),
  mm: fc.constantFrom('', '0', '7183', '2147483647'),
  quotes: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 4 }),
  blankAbove: fc.integer({ min: 0, max: 12 }),
})

/** Traces of up to `rowsMax` rows. */
export function randomTrace(rowsMax: number): fc.Arbitrary<RandomTrace> {
  return fc
    .record({
      rows: fc.array(row, { maxLength: rowsMax }),
      columns: fc.shuffledSubarray([...COLUMN_NAMES, 'x_one', 'x_two'], { minLength: COLUMN_NAMES.length + 2 }),
      lineEnd: fc.constantFrom('\n', '\r\n'),
      finalLineEnd: fc.boolean(),
      bom: fc.integer({ min: 0, max: 4 }),
      chunks: fc.oneof(
        fc.constant([1]),
        fc.constant([65536]),
        fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 8 }),
      ),
    })
    .map(({ rows, columns, lineEnd, finalLineEnd, bom, chunks }) => {
      const lines = ['# pinscope-trace 1', '# kernel 6.18', columns.join(',')]
      let ts = 0
      for (const { cells, step, end, mm, quotes, blankAbove } of rows) {
        ts += step
        const all: Cells = {
          ...cells,
          ts: String(ts),
          end: typeof end === 'number' ? String(ts + end) : end,
          mm,
          x_one: 'mine',
        }
        if (blankAbove === 0) lines.push('')
        lines.push(columns.map((column, index) => csvCell(all[column] ?? '', quotes.includes(index % 10))).join(','))
      }
      const text = (bom === 0 ? '\uFEFF' : '') + lines.join(lineEnd) + (finalLineEnd ? lineEnd : '')
      return { text, chunks }
    })
}

function csvCell(text: string, quoted: boolean): string {
  return quoted || /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
