import type { Config } from '@oclif/core/interfaces'
import { type OpenOptions, openTrace, type TraceFormat, type TraceReader, UsageError } from '@pinscope/core'
import type { TraceInput } from './input.ts'

/** The flags of `inputFlags`, as oclif parsed them. */
export interface InputFlags {
  readonly 'input-format'?: string | undefined
  readonly 'input-option'?: readonly string[] | undefined
  readonly columns?: string | undefined
  readonly layout?: string | undefined
}

/** Checks the flags and turns them into what core takes. `formats`: those of plugins. */
export function openOptions(flags: InputFlags, formats: readonly TraceFormat[] = []): OpenOptions {
  const options = new Map<string, string>()
  for (const text of flags['input-option'] ?? []) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? []
    if (name === undefined || value === undefined) {
      throw new UsageError(`--input-option ${text}: expected NAME=VALUE`, 'pinscope formats lists the options.')
    }
    options.set(name, value)
  }
  const format = flags['input-format']
  if (flags.columns !== undefined) {
    if (format !== undefined && format !== 'csv') {
      throw new UsageError(`--columns is for csv, not for --input-format ${format}`, 'Leave one of them out.')
    }
    options.set('columns', flags.columns)
  }
  return {
    format: flags.columns === undefined ? format : 'csv',
    layout: flags.layout,
    formatOptions: Object.fromEntries(options),
    formats,
  }
}

/** Opens one input as the flags say. */
export function openInputTrace(input: TraceInput, options: OpenOptions): Promise<TraceReader> {
  return openTrace(input.bytes, input.name, options)
}

/** Trace formats that plugins bring. Loads the plugins: only where a command needs nothing else of them. */
export async function formatsOfPlugins(config: Config, folders: readonly string[] = []): Promise<TraceFormat[]> {
  const { loadPlugins } = await import('./load-plugins.ts')
  return (await loadPlugins(config, folders)).formats().map(({ format }) => format)
}
