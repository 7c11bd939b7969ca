/**
 * Text (latin-1, a character for a byte) as a recording holds it: the percent sign, control bytes and the `special` characters
 * become %XX, so that a row stays a line.
 */
export function escaped(text: string, special = ''): string {
  let out = ''
  for (const char of text) {
    const code = char.charCodeAt(0)
    const isPlain = code >= 0x20 && code !== 0x7f && char !== '%' && !special.includes(char)
    out += isPlain ? char : `%${code.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}
