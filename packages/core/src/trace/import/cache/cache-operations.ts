import { type Direction, ITER_DEST, ITER_SOURCE } from '../../../iter/iter-type.ts'

/** Operations of a cache, by the code that libCacheSim gives them (enum.h: req_op_e). */
const OPERATIONS: readonly [string, Direction | null][] = [
  ['nop', null],
  ['get', ITER_DEST],
  ['gets', ITER_DEST],
  ['set', ITER_SOURCE],
  ['add', ITER_SOURCE],
  ['cas', ITER_SOURCE],
  ['replace', ITER_SOURCE],
  ['append', ITER_SOURCE],
  ['prepend', ITER_SOURCE],
  ['delete', null],
  ['incr', ITER_SOURCE],
  ['decr', ITER_SOURCE],
  ['read', ITER_DEST],
  ['write', ITER_SOURCE],
  ['update', ITER_SOURCE],
  ['invalid', null],
]

/** Highest code. */
export const CACHE_OPERATION_MAX = OPERATIONS.length - 1
const DELETE = 9

/** The code says nothing of the direction: a trace that was converted from one without operations. */
export function isUntold(code: number): boolean {
  return OPERATIONS[code]![1] === null && code !== DELETE
}

/** Direction of the data; null of an operation that moves none. */
export function directionOfOperation(code: number): Direction | null {
  return OPERATIONS[code]![1]
}
