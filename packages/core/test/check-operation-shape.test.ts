import { describe, expect, it } from 'vitest'
import { bio } from '../src/consumer/bio/index.ts'
import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerDefinition,
  defineConsumer,
  type OperationShape,
} from '../src/consumer/consumer.ts'
import { nullConsumer } from '../src/consumer/null-consumer.ts'
import type { Operation } from '../src/consumer/operation.ts'
import { PINS_OPEN } from '../src/ledger/totals.ts'
import { checkOperationShape } from '../src/testing/check-operation-shape.ts'
import type { TestRow } from '../src/testing/trace-row.ts'
import { MAX_RW_COUNT } from '../src/units.ts'

const A = 0x7f0000000000
const row = (op: string, offset: number, bytes: number, more: TestRow = {}): TestRow => ({
  op,
  segs: `0x${(A + offset).toString(16)}+${bytes}`,
  ...more,
})
const ROWS: readonly TestRow[] = [
  row('read', 0, 8192, { offset: 0 }),
  row('read', 512, 8192, { offset: 4096 }),
  row('write', 0, 65536, { offset: 100 }),
  row('write', 4096, 4096, { offset: 0 }),
]
const HELD = ROWS.map((one, ts) => ({ ...one, ts: ts * 10, end: ts * 10 + 25 }))

/** One shape, now alone and now not. */
const UNEVEN = [...ROWS, ...ROWS.slice(0, 2)].map((one, ts) => ({
  ...one,
  ts: 10 * ts,
  end: 10 * ts + (ts === 3 ? 15 : 1),
}))

/** A consumer that counts, as `count` has it, and says that operations repeat. */
function counting(
  count: (io: Operation, before: number) => number,
  operationShape?: OperationShape,
): ConsumerDefinition {
  return defineConsumer({
    apiVersion: CONSUMER_API_VERSION,
    name: 'tested',
    summary: 'counts',
    kernel: 'none',
    accepts: ['ubuf', 'iovec'],
    entriesMax: 4096,
    avoided: 'nothing',
    counters: [{ name: 'counted', summary: 'what it counted' }],
    kernelPolicy: () => 'extract',
    create: (): Consumer => {
      let counted = 0
      return {
        ...(operationShape === undefined ? {} : { operationShape }),
        submit: (io) => {
          counted += count(io, counted)
          const taken = io.extract(4096, MAX_RW_COUNT)
          io.keep(io.hold)
          return taken
        },
        abort: (io) => io.letGoOfKept(),
        complete: (io) => io.letGoOfKept(),
        counters: () => ({ counted }),
      }
    },
  })
}

const ANY: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 1 }
const WHOLE: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 0 }

describe('checkOperationShape', () => {
  it.each([
    ['null', nullConsumer],
    ['bio', bio],
    ['one that counts bytes', counting((io) => io.lengthBytes, ANY)],
    ['one that counts misaligned memory', counting((io) => io.iter.table.addressBytes[io.iter.segment]! % 4096, WHOLE)],
  ])('finds nothing where the declaration holds: %s', async (_, definition) => {
    for (const rows of [ROWS, HELD]) {
      const { operations, counted, differences } = await checkOperationShape(definition, rows)
      expect(operations).toBe(32)
      expect(counted).toBeGreaterThan(8)
      expect(differences).toEqual([])
    }
  })

  it('counts nothing of a consumer that declares nothing', async () => {
    const { operations, counted, differences } = await checkOperationShape(
      counting((_, before) => before + 1),
      ROWS,
    )
    expect([operations, counted, differences]).toEqual([32, 0, []])
  })

  const wrong: readonly (readonly [string, (io: Operation, before: number) => number])[] = [
    ['each operation is dearer than those before', (_, before) => 1 + Math.floor(before / 8)],
    ['the number of the operation counts', (io) => io.number],
    ['the position counts', (io) => io.offsetBytes + 4096 * (io.number % 5)],
    ['what is held by others counts', (io) => (io.ledger.totals[PINS_OPEN] === 0 ? 1 : 0)],
  ]
  it.each(wrong)('finds a declaration that does not hold: %s', async (_, count) => {
    const { differences } = await checkOperationShape(counting(count, WHOLE), UNEVEN)
    expect(differences.length).toBe(1)
    expect(differences[0]).toMatch(/^counters\.counted: \d+, done \d+$/)
  })

  const alone: OperationShape = { ...WHOLE, aloneOnly: true }
  const others: (io: Operation) => number = (io) => (io.ledger.totals[PINS_OPEN] === 0 && io.file < 0 ? 1 : 100)
  it.each([
    ['in flight together', UNEVEN, 0],
    ['one after the other', ROWS, 16],
    ['one of them in flight to the end', [{ ...ROWS[3]!, ts: 0, end: 'never' }, ...ROWS.slice(0, 3)], 0],
    ['on files, every other one', ROWS.map((one, n) => ({ ...one, file: n % 2 === 0 ? 'f' : '' })), 8],
    [
      'with a mapping before',
      [{ event: 'map', segs: '0x7f0000000000+1048576', backing: 'anon' }, ...ROWS, ...ROWS, ...ROWS],
      32,
    ],
    ['with a page freed in between', [{ event: 'dirty', iter: 'ubuf', segs: '0x7f0000000000+4096' }, ...ROWS], 0],
  ] as const)('counts operations that are alone, where it holds for them only: %s', async (_, rows, least) => {
    const { counted, differences } = await checkOperationShape(counting(others, alone), rows)
    expect(differences).toEqual([])
    if (least === 0) expect(counted).toBe(0)
    else expect(counted).toBeGreaterThanOrEqual(least)
  })

  it('finds that the place in the page was left out', async () => {
    const count = (io: Operation) => io.iter.table.addressBytes[io.iter.segment]! % 4096
    const rows = [row('read', 4, 100), row('read', 8, 100), row('read', 16, 100)]
    expect((await checkOperationShape(counting(count, WHOLE), rows)).differences).toEqual([])
    expect((await checkOperationShape(counting(count, ANY), rows)).differences).toHaveLength(1)
  })
})
