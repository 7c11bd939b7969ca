type Column = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>

/** A column of `capacity` elements that begins with those of `column`. Columns double when full; a full batch never does. */
export function grown<T extends Column>(column: T, capacity: number): T {
  const Kind = column.constructor as new (length: number) => T
  const next = new Kind(capacity)
  next.set(column)
  return next
}

/** `column`, or a longer one that begins with it, where `index` lies beyond its end. */
export function holding<T extends Column>(column: T, index: number): T {
  if (index < column.length) return column
  let capacity = column.length * 2
  while (capacity <= index) capacity *= 2
  return grown(column, capacity)
}
