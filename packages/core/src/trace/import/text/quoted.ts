/** One escape of a C string: octal, hexadecimal, or a letter. */
const ESCAPE = /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))/gs

const LETTERS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f', a: '\x07', b: '\b' }

/** The latin-1 text of a string in C's notation, `"a\tb\377"`; of one that was cut off (`"abc"...`) what is there. Null when it is none. */
export function textOfQuoted(text: string): string | null {
  if (!text.startsWith('"')) return null
  const end = text.endsWith('"...') ? text.length - 4 : text.length - 1
  return end < 1 || text[end] !== '"' ? null : unescaped(text.slice(1, end))
}

/** Text with C's escapes in it, as bytes. */
export function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(ESCAPE, (_, hex?: string, octal?: string, letter?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff)
    return LETTERS[letter ?? ''] ?? letter ?? ''
  })
}
