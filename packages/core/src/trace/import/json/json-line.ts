/** The object that a line is; null when it is anything else. */
export function objectOf(line: string): Readonly<Record<string, unknown>> | null {
  if (!line.startsWith('{')) return null
  try {
    return JSON.parse(line)
  } catch {
    return null
  }
}

/** Byte column, from 1, of what stands behind a key of the object that a line is (as latin-1); 1 when it is not found. */
export function valueColumn(line: string, key: string): number {
  const wanted = Buffer.from(JSON.stringify(key)).toString('latin1')
  let depth = 0
  let at = 0
  while (at < line.length) {
    const letter = line[at]!
    if (letter === '"') {
      const end = endOfText(line, at)
      if (depth === 1 && line.slice(at, end) === wanted) {
        const value = behindColon(line, end)
        if (value > 0) return value + 1
      }
      at = end
      continue
    }
    if (letter === '{' || letter === '[') depth++
    else if (letter === '}' || letter === ']') depth--
    at++
  }
  return 1
}

/** Position behind the text in quotes that begins at `at`. */
function endOfText(line: string, at: number): number {
  let next = at + 1
  while (next < line.length && line[next] !== '"') next += line[next] === '\\' ? 2 : 1
  return next + 1
}

/** Position of the value behind a key that ends at `at`; 0 when it is no key. */
function behindColon(line: string, at: number): number {
  let next = at
  while (line[next] === ' ' || line[next] === '\t') next++
  if (line[next] !== ':') return 0
  next++
  while (line[next] === ' ' || line[next] === '\t') next++
  return next
}
