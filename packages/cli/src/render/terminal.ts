import { styleText } from 'node:util'

/** What the place that text goes to can show. */
export interface Terminal {
  readonly columns: number
  readonly color: boolean
  /** Box characters beyond ASCII. */
  readonly unicode: boolean
}

const COLUMNS = 80
const COLUMNS_MIN = 60
const COLUMNS_MAX = 160

/** A file, a pipe, a mail to a list: 80 columns of plain ASCII, or what COLUMNS says. */
export const PLAIN: Terminal = { columns: COLUMNS, color: false, unicode: false }

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Reads what the user's environment says; NO_COLOR and FORCE_COLOR win over what we would guess. */
export function terminalOf(stream: Stream, env: NodeJS.ProcessEnv): Terminal {
  if (stream.isTTY !== true) return { ...PLAIN, columns: columnsOf(env), color: forcedColor(env) ?? false }
  return {
    columns: withinBounds(stream.columns ?? COLUMNS),
    color: forcedColor(env) ?? env.TERM !== 'dumb',
    unicode: env.TERM !== 'dumb' && /utf-?8/i.test(env.LC_ALL || env.LC_CTYPE || env.LANG || ''),
  }
}

/** COLUMNS, for `| less -S`: shells set it for themselves and export it only when told to. */
function columnsOf({ COLUMNS: text = '' }: NodeJS.ProcessEnv): number {
  return /^\d+$/.test(text) ? withinBounds(Number(text)) : COLUMNS
}

function withinBounds(columns: number): number {
  return Math.min(COLUMNS_MAX, Math.max(COLUMNS_MIN, columns))
}

/** NO_COLOR wins: who sets both wants no surprise in a log. */
function forcedColor(env: NodeJS.ProcessEnv): boolean | null {
  if ((env.NO_COLOR ?? '') !== '') return false
  if ((env.FORCE_COLOR ?? '') === '') return null
  return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false'
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** Text in a style where the terminal shows colour. */
export function styled(terminal: Terminal, style: Style, text: string): string {
  return terminal.color ? styleText(style, text, { validateStream: false }) : text
}
