import { expect, it } from 'vitest'
import { RowPool } from '../src/row-pool.ts'

it('gives rows out in order, and those given back again, the last first', () => {
  const pool = new RowPool(1)
  expect([pool.take(), pool.take(), pool.take()]).toEqual([1, 2, 3])
  pool.give(1)
  pool.give(3)
  expect([pool.take(), pool.take(), pool.take()]).toEqual([3, 1, 4])
})

it('keeps more rows than it began with room for', () => {
  const pool = new RowPool()
  const rows = Array.from({ length: 100 }, () => pool.take())
  for (const row of rows) pool.give(row)
  expect(rows.map(() => pool.take())).toEqual(rows.toReversed())
})
