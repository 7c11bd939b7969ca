import type { Config } from '@oclif/core/interfaces'
import { NATIVE_FORMAT, type TraceFormat, UsageError } from '@pinscope/core'
import { LAYOUT_POLICIES, TRACE_FORMATS } from '@pinscope/core/formats'
import { didYouMean } from './did-you-mean.ts'
import { loadPlugins } from './load-plugins.ts'
import { print } from './print.ts'

/** The flags of `pinscope formats`, as oclif parsed them. */
export interface FormatsFlags {
  readonly plugin?: readonly string[] | undefined
  readonly json: boolean
}

/** A format as `pinscope formats --json` prints it. */
export interface ListedFormat {
  readonly name: string
  readonly title: string
  readonly level: string
  readonly record: string
  readonly clock: string
  readonly options: NonNullable<TraceFormat['options']>
  /** The package that brings it. */
  readonly package: string
}

/** A layout as `pinscope formats --json` prints it. */
export interface ListedLayout {
  readonly usage: string
  readonly summary: string
}

const CORE = '@pinscope/core'
const NATIVE: ListedFormat = {
  name: NATIVE_FORMAT,
  title: 'the text format of pinscope',
  level: 'L3',
  record: 'pinscope trace record -- COMMAND; docs/trace-format.md describes it',
  clock: 'ns since the trace began',
  options: [],
  package: CORE,
}

/** `pinscope formats`: every format, or one of them. */
export async function formatsCommand(config: Config, name: string | undefined, flags: FormatsFlags): Promise<void> {
  const registry = await loadPlugins(config, flags.plugin)
  const own = TRACE_FORMATS.map((format) => listed(CORE, format))
  const brought = registry.formats().map(({ packageName, format }) => listed(packageName, format))
  const all = [NATIVE, ...own, ...brought]
  const formats = name === undefined ? all : [named(name, all)]
  const layouts = LAYOUT_POLICIES.map(({ usage, summary }) => ({ usage, summary }))
  await print(flags.json, { formats, layouts }, async (terminal) => {
    const { formatText, formatsText } = await import('../render/trace-formats.ts')
    return name === undefined ? formatsText(terminal, formats, layouts) : formatText(terminal, formats[0])
  })
}

function listed(packageName: string, { name, title, level, record, clock, options = [] }: TraceFormat): ListedFormat {
  return { name, title, level, record, clock, options, package: packageName }
}

function named(name: string, formats: readonly ListedFormat[]): ListedFormat {
  const format = formats.find((one) => one.name === name)
  if (format !== undefined) return format
  const names = formats.map((one) => one.name)
  const guess = didYouMean(name, names)
  const hint = guess === '' ? `formats: ${names.join(', ')}` : guess
  throw new UsageError(`there is no trace format "${name}"`, hint)
}
