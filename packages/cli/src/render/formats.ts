import type { Report } from '@pinscope/core'
import type { Verdict } from '../services/gate.ts'
import { jsonText } from './json.ts'
import type { Terminal } from './terminal.ts'

/** Renders a report in one of the formats of `--format`. */
export type Renderer = (terminal: Terminal, report: Report, verdict: Verdict) => string

/** The formats of `--format`, by name, each loaded when asked for. A new one is a file here and a line in this list. */
export const FORMATS = {
  table: async () => (await import('./report.ts')).reportText,
  json: async () => (_terminal, report) => jsonText(report),
} as const satisfies Readonly<Record<string, () => Promise<Renderer>>>

/** Names for `--format`. */
export const FORMAT_NAMES = Object.keys(FORMATS) as readonly (keyof typeof FORMATS)[]
