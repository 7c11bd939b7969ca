import { grown } from '@pinscope/core'

type Column = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>

/** `column`, or a longer one that begins with it, where `index` lies beyond its end. */
export function holding<T extends Column>(column: T, index: number): T {
  if (index < column.length) return column
  let capacity = column.length * 2
  while (capacity <= index) capacity *= 2
  return grown(column, capacity)
}
