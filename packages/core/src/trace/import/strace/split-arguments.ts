/** One argument of a call, one element of an array or one field of a structure, as strace writes it. */
export interface Piece {
  /** Name in front of it (`iov_len=`, or with --arg-names `fd=`); empty where there is none. */
  readonly name: string
  readonly text: string
  /** Index of the text in the line. */
  readonly at: number
}

/** The pieces between two brackets. */
export interface Pieces {
  readonly pieces: readonly Piece[]
  /** Index behind the closing bracket; -1 where the line ends before it. */
  readonly end: number
}

const NAME = /([a-z_][a-z0-9_]{0,63})=/y
/** What -yy knows of a descriptor besides a path: its text ends with `]>`, and a name in it may have any bytes between quotes. */
const BRACKETED = /[A-Za-z][\w:-]{0,31}:\[/y

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const SLASH = 0x2f
const STAR = 0x2a
const LESS = 0x3c
const GREATER = 0x3e

/**
 * Splits what stands behind an opening bracket, at `from`, at the commas that lie in no string, no comment, no inner bracket and no
 * `<…>` behind a descriptor: strings and paths may hold any of `) = 5 <0.1>`.
 */
export function splitPieces(line: string, from: number): Pieces {
  const pieces: Piece[] = []
  let start = from
  let depth = 0
  for (let at = from; at < line.length; at++) {
    const code = line.charCodeAt(at)
    if (code === QUOTE) at = endOfString(line, at)
    else if (code === SLASH && line.charCodeAt(at + 1) === STAR) at = endOfComment(line, at)
    else if (code === LESS && isDecorated(line, at)) at = endOfDecoration(line, at)
    else if (isOpening(code)) depth++
    else if (isClosing(code) && depth-- === 0) {
      if (at > start || pieces.length > 0) pieces.push(piece(line, start, at))
      return { pieces, end: at + 1 }
    } else if (code === COMMA && depth === 0) {
      pieces.push(piece(line, start, at))
      start = at + 1
    }
  }
  if (line.length > start) pieces.push(piece(line, start, line.length))
  return { pieces, end: -1 }
}

/** The inside of a piece that is an array or a structure; null when it is neither, or has no end. */
export function innerPieces(line: string, { text, at }: Piece, bracket: '[' | '{'): readonly Piece[] | null {
  if (!text.startsWith(bracket)) return null
  const { pieces, end } = splitPieces(line, at + 1)
  return end < 0 ? null : pieces
}

function piece(line: string, from: number, to: number): Piece {
  let at = from
  let end = to
  while (at < end && line.charCodeAt(at) === 0x20) at++
  while (end > at && line.charCodeAt(end - 1) === 0x20) end--
  NAME.lastIndex = at
  const name = NAME.exec(line)
  if (name === null || NAME.lastIndex > end) return { name: '', text: line.slice(at, end), at }
  return { name: name[1]!, text: line.slice(NAME.lastIndex, end), at: NAME.lastIndex }
}

function isOpening(code: number): boolean {
  return code === 0x28 || code === 0x5b || code === 0x7b
}

function isClosing(code: number): boolean {
  return code === 0x29 || code === 0x5d || code === 0x7d
}

/** Index of the closing quote; the end of the line where there is none. */
function endOfString(line: string, quote: number): number {
  for (let at = quote + 1; at < line.length; at++) {
    const code = line.charCodeAt(at)
    if (code === BACKSLASH) at++
    else if (code === QUOTE) return at
  }
  return line.length
}

function endOfComment(line: string, slash: number): number {
  const end = line.indexOf('*/', slash + 2)
  return end < 0 ? line.length : end + 1
}

/** A `<` right behind a number or a word: what -y says of a descriptor. */
function isDecorated(line: string, at: number): boolean {
  return at > 0 && /[0-9A-Za-z_]/.test(line[at - 1]!)
}

/** Index of the `>` that ends it. strace escapes `<` and `>` of paths; in brackets stand addresses with `->`. */
function endOfDecoration(line: string, less: number): number {
  BRACKETED.lastIndex = less + 1
  if (BRACKETED.test(line)) return endOfBracketed(line, BRACKETED.lastIndex)
  let depth = 0
  for (let at = less; at < line.length; at++) {
    const code = line.charCodeAt(at)
    if (code === LESS) depth++
    else if (code === GREATER && --depth === 0) return at
  }
  return line.length
}

function endOfBracketed(line: string, from: number): number {
  for (let at = from; at < line.length; at++) {
    const code = line.charCodeAt(at)
    if (code === QUOTE) at = endOfString(line, at)
    else if (code === GREATER && line[at - 1] === ']') return at
  }
  return line.length
}
