import { quotedText } from '../../printable.ts'
import { errnoOf } from '../calls/errno-names.ts'
import { integerOf } from '../text/text.ts'
import { type Piece, splitPieces } from './split-arguments.ts'

/** A system call that has returned, as a line of strace has it. */
export interface StraceCall {
  readonly name: string
  readonly args: readonly Piece[]
  readonly result: StraceResult
}

/** Behind the `=` of a call. */
export interface StraceResult {
  /** What the call returned, -errno when it failed, NaN for `?`. */
  readonly value: number
  /** What -y says of a returned descriptor; null where nothing. */
  readonly name: string | null
  /** It was interrupted by a signal, and will be made again, or have failed with EINTR: nothing was moved. */
  readonly isRestarted: boolean
  /** strace made up the result (-e inject): the kernel never saw the call. */
  readonly isInjected: boolean
  /** Seconds that it took (-T), as text; null where not recorded. */
  readonly took: string | null
}

/** What is wrong with a line, and where: an index into the text. */
export interface CallFault {
  readonly at: number
  readonly problem: string
  readonly hint: string
}

const RESULT = / {0,64}= (-?\d{1,20}|0x[0-9a-f]{1,16}|\?)(?=[ <]|$)/y
const ERROR = / (E[A-Z0-9]{1,20}|\(errno (\d{1,4})\))(?=[ ]|$)/y
const TOOK = / <(\d{1,12}(?:\.\d{1,9})?)>$/
const CUT_HINT = 'Was the line cut? Or did the output of the program come between (record with -o FILE)?'
const MARK = ' <unfinished ...>'

/** The call at the start of `text`: a name and arguments in parentheses; or what is wrong with it. */
export function readCall(text: string, name: string): StraceCall | CallFault {
  const { pieces, end } = splitPieces(text, name.length + 1)
  if (end < 0) return fault(text.length, 'the line ends within the arguments of the call', CUT_HINT)
  RESULT.lastIndex = end
  const match = RESULT.exec(text)
  if (match === null) {
    return fault(
      end,
      `behind the arguments stands ${quotedText(text.slice(end, end + 80))}, expected = and a result`,
      '',
    )
  }
  const result = readResult(text, match[1]!, RESULT.lastIndex)
  return 'problem' in result ? result : { name, args: withoutMark(pieces), result }
}

/** A killed program leaves `read(3,  <unfinished ...>) = ?`. */
function withoutMark(pieces: readonly Piece[]): readonly Piece[] {
  const last = pieces.at(-1)
  if (last === undefined || !`${' '}${last.text}`.endsWith(MARK)) return pieces
  const text = last.text.slice(0, Math.max(0, last.text.length + 1 - MARK.length)).trimEnd()
  return text === '' ? pieces.slice(0, -1) : [...pieces.slice(0, -1), { ...last, text }]
}

function readResult(text: string, word: string, from: number): StraceResult | CallFault {
  const took = TOOK.exec(text)?.[1] ?? null
  const isInjected = text.includes(' (INJECTED)', from)
  const plain = { value: Number.NaN, name: null, isRestarted: false, isInjected, took }
  ERROR.lastIndex = from
  const error = ERROR.exec(text)
  // With -e raw the result of an interrupted call is -1 as that of any other error, not `?`.
  const isRestarted = error !== null && error[1]!.startsWith('ERESTART') && error[1] !== 'ERESTART'
  if (word === '?' || isRestarted) return { ...plain, isRestarted }
  if (word === '-1' && error !== null) {
    const value = error[2] === undefined ? errnoOf(error[1]!) : -Number(error[2])
    if (value !== null) return { ...plain, value }
    return fault(from + 1, `${error[1]} is no error of Linux that is known here`, '')
  }
  const value = word.startsWith('-') ? -Number(word.slice(1)) : (integerOf(word) ?? Number.POSITIVE_INFINITY)
  return { ...plain, value, name: nameBehind(text, from) }
}

/** `</mnt/data>` behind a result. */
function nameBehind(text: string, from: number): string | null {
  if (text[from] !== '<') return null
  // A path may have anything but < and >, which strace escapes; what follows it is at most the time, or a remark.
  const end = text.replace(TOOK, '').lastIndexOf('>')
  return end < from ? null : text.slice(from + 1, end)
}

function fault(at: number, problem: string, hint: string): CallFault {
  return { at, problem, hint }
}
