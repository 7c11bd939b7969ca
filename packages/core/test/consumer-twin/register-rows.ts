import fc from 'fast-check'
import { eventRow, mapRow, USER } from './random-rows.ts'
import type { Row } from './slow-common.ts'

const P = 4096
const HUGE = USER + 512 * P
const FAR = USER + 4096 * P

/** Ranges that are registered: of small pages, of a huge one, across their border, and longer than a batch. */
const RANGES: readonly (readonly [number, number])[] = [
  [USER + 0x100, 9000],
  [USER + 8 * P, 40_000],
  [USER + 30 * P + 512, 70_000],
  [USER + 3 * P + 0x800, 0x400],
  [USER, 3 * P],
  [USER + 2 * P, 8 * P],
  [HUGE - 3 * P, 10 * P],
  [HUGE, 512 * P],
  [HUGE + 100 * P + 0x800, 300 * P],
  [HUGE + 500 * P, 30 * P],
  [FAR, 600 * P],
  [FAR + 511 * P, 3 * P],
]
const IDS = ['m0', 'm1', 'm2']

const hugePage: fc.Arbitrary<Row> = fc.constant({ event: 'map', isHuge: true, segs: [[HUGE, 512 * P]] })

const range = fc.constantFrom(...RANGES)
const part = fc
  .record({ range, from: fc.constantFrom(0, 0, 0, 1, 100, 0x200), less: fc.constantFrom(0, 0, 1, 0x100) })
  .map(({ range: [at, length], from, less }) => [at + from, length - from - less])
const parts = fc.array(part, { minLength: 1, maxLength: 3 })
const ends = fc.constantFrom(undefined, undefined, 0, 1500, 2500, 'never' as const)
const io = fc.record({ op: fc.constantFrom('read' as const, 'write' as const), segs: parts, end: ends })
const withEnd = (end: Row['end']) => (end === undefined ? {} : { end })

const registered: fc.Arbitrary<Row> = fc
  .record({ io, id: fc.constantFrom(...IDS) })
  .map(({ io: { op, segs, end }, id }) => ({ op, iter: 'iovec', segs, id, flags: ['fixed'], ...withEnd(end) }))
const transient: fc.Arbitrary<Row> = io.map(({ op, segs, end }) => ({ op, iter: 'iovec', segs, ...withEnd(end) }))
const register: fc.Arbitrary<Row> = fc
  .record({ id: fc.constantFrom(...IDS), segs: fc.array(range, { minLength: 1, maxLength: 3 }) })
  .map(({ id, segs }) => ({ event: 'register', id, iter: 'iovec', segs }))
const unregister: fc.Arbitrary<Row> = fc.constantFrom(...IDS).map((id) => ({ event: 'unregister', id, segs: [] }))

const rowsWith = (eventWeight: number) =>
  fc.array(
    fc.oneof(
      { weight: eventWeight, arbitrary: eventRow },
      { weight: 3, arbitrary: register },
      { weight: 3, arbitrary: registered },
      { weight: 2, arbitrary: unregister },
      { weight: 2, arbitrary: transient },
      { weight: 1, arbitrary: mapRow },
    ),
    { minLength: 1, maxLength: 10 },
  )

const withHuge = (rows: fc.Arbitrary<Row[]>): fc.Arbitrary<Row[]> =>
  fc.record({ huge: fc.option(hugePage), rows }).map(({ huge, rows: rest }) => (huge === null ? rest : [huge, ...rest]))

/** Registrations, requests over them, and over other memory; sometimes with a huge page. */
export const registerRows = withHuge(rowsWith(0))
/** The same, and what happens to pages meanwhile. */
export const registerRowsWithEvents = withHuge(rowsWith(2))

const single: fc.Arbitrary<Row> = fc
  .record({ id: fc.constantFrom(...IDS), range })
  .map(({ id, range: [at, length] }) => ({ event: 'register', id, iter: 'ubuf', segs: [[at, length]] }))
const send: fc.Arbitrary<Row> = fc
  .record({ part, flag: fc.constantFrom([], ['zerocopy' as const]), end: ends })
  .map(({ part: [at, length], flag, end }) => ({
    op: 'write',
    iter: 'ubuf',
    segs: [[at!, Math.min(length!, 20_000)]],
    file: 'a',
    ...(flag.length === 0 ? {} : { flags: flag }),
    ...withEnd(end),
  }))

/** Memory that is registered by one range, and messages. */
export const mrRows: fc.Arbitrary<Row[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: single },
    { weight: 2, arbitrary: unregister },
    { weight: 3, arbitrary: send },
    { weight: 1, arbitrary: mapRow },
  ),
  { minLength: 1, maxLength: 8 },
)
