/** Most characters of the input that a message repeats. */
export const QUOTED_TEXT_MAX = 40

/** Bytes of the input as a message shows them: in quotes, at most {@link QUOTED_TEXT_MAX} characters, control characters as `\xNN`. */
export function quoted(bytes: Uint8Array): string {
  // Four bytes a character at most: a cell of megabytes is not decoded to show 40 characters of it.
  const head = bytes.subarray(0, QUOTED_TEXT_MAX * 4 + 4)
  return quotedText(new TextDecoder().decode(head), head.length < bytes.length)
}

/** As {@link quoted}, of a text; `cut` when there was more of it. */
export function quotedText(text: string, cut = false): string {
  let shown = ''
  for (const character of text) {
    const next = visible(character)
    if (shown.length + next.length > QUOTED_TEXT_MAX) return `"${shown}…"`
    shown += next
  }
  return cut ? `"${shown}…"` : `"${shown}"`
}

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return `\\x${code.toString(16).padStart(2, '0')}`
  // Marks that reorder or hide what stands around them on a terminal.
  if (/\p{Cf}|\p{Zl}|\p{Zp}|\p{Cs}/u.test(character)) return `\\u{${code.toString(16)}}`
  return character
}

/** Most characters of a whole message. */
const MESSAGE_MAX = 400

/** A message that repeats parts of the input in quotes, made fit for a terminal: what is long is cut, what is invisible shown. */
export function printableMessage(text: string): string {
  const cut = text.replace(/"([^"]*)"/g, (whole, inner: string) =>
    inner.length > QUOTED_TEXT_MAX ? quotedText(inner) : whole,
  )
  let shown = ''
  for (const character of cut) {
    if (shown.length >= MESSAGE_MAX) return `${shown}…`
    shown += visible(character)
  }
  return shown
}
