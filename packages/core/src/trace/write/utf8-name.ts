/**
 * A name as text that is UTF-8 for certain: other bytes are written as \xNN, so that names that differ go on differing. JSON
 * and Arrow take nothing else; pinscope's own text keeps every byte.
 */
export function utf8Name(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return escaped(bytes)
  }
}

function escaped(bytes: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  let at = 0
  while (at < bytes.length) {
    const length = sequenceLength(bytes[at]!)
    try {
      text += decoder.decode(bytes.subarray(at, at + length))
      at += length
    } catch {
      text += `\\x${bytes[at]!.toString(16).padStart(2, '0')}`
      at++
    }
  }
  return text
}

/** Bytes of the character that begins with the byte; 1 where none does. */
function sequenceLength(first: number): number {
  if (first >= 0xf0) return 4
  if (first >= 0xe0) return 3
  return first >= 0xc0 ? 2 : 1
}
