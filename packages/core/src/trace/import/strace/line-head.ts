/** What stands in front of the text of a line of strace. */
export interface LineHead {
  /** Task of the line; null where it names none. */
  readonly tid: number | null
  /** As the line has it; null for none. */
  readonly time: string | null
  /** Index of the text behind it. */
  readonly textAt: number
}

/**
 * `[pid N] ` or `N ` (with `<comm>`, -Y), then a time in one of the forms of -t, -tt, -ttt and -r, then what -r adds behind an absolute
 * time, the number of the call (-n) and the instruction pointer (-i).
 */
const HEAD =
  /^(?:\[pid {1,10}(\d{1,10})(?:<[^>]{0,64}>)?\] |(\d{1,10})(?:<[^>]{0,64}>)? {1,10}(?! *$))?(?: {0,10}((?:\d{1,15}\.\d{1,9})|\d\d:\d\d:\d\d(?:\.\d{1,9})?) )?(?:\(\+ {0,20}\d{1,15}\.\d{1,9}\) )?(?:\[ {0,6}\d{1,6}\] )?(?:\[[0-9a-f?]{4,16}\] )?/

/** Colours and their like, which newer versions of strace write to a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
const SGR = /\x1b\[[0-9;]{0,32}m/g

/** The line without colours. */
export function withoutColours(line: string): string {
  return line.includes('\x1b') ? line.replace(SGR, '') : line
}

/** Never null: all that may be missing. */
export function lineHead(line: string): LineHead {
  const match = HEAD.exec(line)!
  const tid = match[1] ?? match[2]
  return { tid: tid === undefined ? null : Number(tid), time: match[3] ?? null, textAt: match[0].length }
}

const CALL = /^[a-z_][a-z0-9_]{1,39}\(.{0,65536}(?:\) {1,40}= (?:-?\d|0x|\?)| <unfinished \.\.\.>$)/
const RESUMED = /^<\.\.\. [a-z_]\w{1,39} resumed>/

/** The text is a system call that returned or was cut in two. */
export function looksLikeCall(text: string): boolean {
  return CALL.test(text) || RESUMED.test(text)
}

/** The text tells of something that strace reports besides calls: signals, ends of processes, itself, stacks and dumps of data. */
export function isReport(text: string): boolean {
  return /^(?:\+\+\+ |--- |strace: |\[ Process |<pid changed |<detached | > | \| [0-9a-f]{5} | [*=] \d{1,20} (?:bytes|buffers) in )/.test(
    text,
  )
}
