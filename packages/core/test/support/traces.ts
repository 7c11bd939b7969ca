import { createReadStream, readdirSync, readFileSync } from 'node:fs'
import { openTrace } from '../../src/trace/open-trace.ts'
import type { TraceReader } from '../../src/trace/trace-reader.ts'

const FOLDER = new URL('../../../../traces/', import.meta.url)

/** The file as it is. */
export function textOf(name: string): string {
  return readFileSync(new URL(`${name}.csv`, FOLDER), 'utf8')
}

/** Names of all traces, such as `ground-truth/dio-anon`; those under `made/` were written by hand. */
export function traceNames(): string[] {
  return readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.csv'))
    .map((name) => name.slice(0, -'.csv'.length))
    .filter((name) => textOf(name).startsWith('# pinscope-trace'))
    .sort()
}

/** The traces that were recorded from running programs. */
export function recordedNames(): string[] {
  return traceNames().filter((name) => !name.startsWith('made/'))
}

export function openRecorded(name: string): Promise<TraceReader> {
  return openTrace(createReadStream(new URL(`${name}.csv`, FOLDER)), `${name}.csv`)
}
