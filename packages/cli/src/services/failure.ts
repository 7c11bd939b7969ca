import { didYouMean } from './did-you-mean.ts'

/** What the user did wrong, what the file has wrong, what a plugin did wrong, or what we did. */
export type FailureKind = 'usage' | 'trace' | 'plugin' | 'internal'

/** A failure as `--json` prints it, under `error`. Every key is always there. */
export interface Failure {
  readonly kind: FailureKind
  /** One clause, without the place. */
  readonly message: string
  /** What to do about it; empty when the message says it all. */
  readonly hint: string
  readonly exitStatus: number
  /** Where, when the input is to blame; line and column from 1. */
  readonly file: string | null
  readonly line: number | null
  readonly column: number | null
  /** The npm package that is to blame. */
  readonly package: string | null
}

/** Value of `schema` in the JSON of a failure. */
export const ERROR_SCHEMA = 'pinscope-error/1'

/** Prints a failure, on stderr as text and with --json on stdout too, and returns the exit status. */
export function reportFailure(error: unknown, argv: readonly string[]): number {
  if (isExit(error)) return error.oclif.exit
  const failure = failureOf(error)
  if (wantsJson(argv)) {
    process.stdout.write(`${JSON.stringify({ schema: ERROR_SCHEMA, error: failure }, null, 2)}\n`)
  }
  process.stderr.write(failureText(failure))
  return failure.exitStatus
}

/** `--json`, `--format json` or `--format=json` before a `--`: asked of the raw words, because parsing may be what failed. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  const words = end === -1 ? argv : argv.slice(0, end)
  return words.some(
    (word, at) => word === '--json' || word === '--format=json' || (word === '--format' && words[at + 1] === 'json'),
  )
}

/** A failure in the order of keys in which the JSON shows it. */
function made(kind: FailureKind, message: string, rest: Partial<Failure> = {}): Failure {
  return { kind, message, hint: '', exitStatus: 2, file: null, line: null, column: null, package: null, ...rest }
}

/**
 * Errors are told apart by name and shape, not by class: a plugin may carry its own copy of @pinscope/core, and a fault
 * in reading the command line must not load core.
 */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return made('internal', `something threw ${String(error)}`)
  if (error.name === 'TraceError' && 'detail' in error) return traceFailure(error.detail as TraceDetail)
  if (error.name === 'UsageError') {
    return made('usage', error.message, { hint: 'hint' in error ? capital(String(error.hint)) : '' })
  }
  if (error.name === 'PluginError' && 'packageName' in error) {
    const packageName = String(error.packageName)
    const message = error.message.startsWith(`${packageName}: `)
      ? error.message.slice(packageName.length + 2)
      : error.message
    return made('plugin', message, { exitStatus: 3, package: packageName })
  }
  if ('oclif' in error) return oclifFailure(error)
  if ('syscall' in error && 'code' in error) return systemFailure(error)
  return made('internal', error.stack ?? error.message, {
    hint: 'This is a bug in pinscope. Please report it with the command line and, if you can, the trace.',
  })
}

/** The text of a failure: the place first on the line where there is one, then what to do. */
export function failureText(failure: Failure): string {
  return failure.hint === '' ? `${headline(failure)}\n` : `${headline(failure)}\n${failure.hint}\n`
}

function headline({ kind, message, file, line, column, package: packageName }: Failure): string {
  if (file !== null) return `${[file, line, column].filter((part) => part !== null).join(':')}: ${message}`
  if (kind === 'plugin') return `pinscope: broken plugin ${packageName}: ${message}`
  return kind === 'internal' ? `pinscope: internal error: ${message}` : `pinscope: ${message}`
}

interface TraceDetail {
  readonly file: string
  readonly line: number
  readonly column: number
  readonly problem: string
  readonly hint: string
}

function traceFailure({ file, line, column, problem, hint }: TraceDetail): Failure {
  const known = (position: number) => (position === 0 ? null : position)
  return made('trace', problem, { hint, file, line: known(line), column: known(column) })
}

/** oclif refused the command line: the first line says what, a tabbed one goes on, the rest is how to get help. */
function oclifFailure(error: Error): Failure {
  const flags = unknownFlags(error)
  if (flags !== null) {
    const guess = didYouMean(flags.unknown, flags.known, '')
    return made('usage', `unknown flag ${flags.unknown}`, {
      hint: `${guess === '' ? '' : `${capital(guess)} `}See --help.`,
    })
  }
  // The note on flags with several values does not hold here: ours take one value each.
  const [text = ''] = error.message.replace('See more help with --help', '').split('\n\nNote:')
  const [first = '', ...rest] = text.trim().split('\n')
  const goesOn = rest[0]?.startsWith('\t') === true ? `: ${rest.shift()?.trim()}` : ''
  const hint = [...rest, 'parse' in error ? 'See --help.' : ''].join('\n').trim()
  return made('usage', `${uncapital(first.trim().replace(/^Parsing /, ''))}${goesOn}`, { hint })
}

function unknownFlags(error: Error): { unknown: string; known: string[] } | null {
  if (!('flags' in error) || !Array.isArray(error.flags) || error.flags.length === 0) return null
  const { parse } = error as { parse?: { input?: { flags?: object } } }
  return { unknown: String(error.flags[0]), known: Object.keys(parse?.input?.flags ?? {}).map((name) => `--${name}`) }
}

/** The disk is full, the folder is not there: nothing of ours, and nothing that a stack trace explains. */
function systemFailure(error: Error): Failure {
  const path = 'path' in error && typeof error.path === 'string' ? error.path : null
  return made('usage', error.message, { file: path })
}

function isExit(error: unknown): error is Error & { oclif: { exit: number } } {
  return error instanceof Error && 'code' in error && error.code === 'EEXIT' && 'oclif' in error
}

const uncapital = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1)
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
