type Column = Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>

/** A column of `capacity` elements that begins with those of `column`. */
export function grown<T extends Column>(column: T, capacity: number): T {
  const Kind = column.constructor as new (length: number) => T
  const next = new Kind(capacity)
  next.set(column)
  return next
}
