/** `column`, or one twice as long that begins with it, where `index` lies beyond its end. */
export function holding<T extends Int32Array<ArrayBuffer> | Float64Array<ArrayBuffer> | Uint8Array<ArrayBuffer>>(
  column: T,
  index: number,
): T {
  if (index < column.length) return column
  const Kind = column.constructor as new (length: number) => T
  let capacity = column.length * 2
  while (capacity <= index) capacity *= 2
  const next = new Kind(capacity)
  next.set(column)
  return next
}
