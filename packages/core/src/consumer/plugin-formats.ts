import type { TraceFormat } from '../trace/import/trace-format.ts'
import { PluginError } from './plugin-error.ts'

const FORMAT_NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/
const TEXTS = ['title', 'level', 'record', 'clock'] as const

/** Checks what a plugin brings as a trace format. Throws a PluginError that names the package. */
export function checkFormat(packageName: string, format: unknown): asserts format is TraceFormat {
  const { name, detect, options, ...rest } = (format ?? {}) as Partial<TraceFormat>
  if (typeof name !== 'string' || !FORMAT_NAME.test(name)) {
    throw new PluginError(packageName, `format name ${JSON.stringify(name)} is not of the form "perf-script"`)
  }
  const missing = TEXTS.find((text) => typeof rest[text] !== 'string' || rest[text] === '')
  const opens = [(rest as { open?: unknown }).open, (rest as { read?: unknown }).read]
  const problem =
    missing !== undefined
      ? `it has no ${missing}`
      : typeof detect !== 'function'
        ? 'it has no detect()'
        : opens.filter((open) => typeof open === 'function').length !== 1
          ? 'it has not one of open() and read()'
          : options !== undefined && !Array.isArray(options)
            ? 'its options are not an array'
            : null
  if (problem !== null) throw new PluginError(packageName, `format "${name}": ${problem}`)
}
