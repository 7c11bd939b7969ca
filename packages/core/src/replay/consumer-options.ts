import type { ConsumerDefinition, ConsumerOption } from '../consumer/consumer.ts'
import type { TraceHeader } from '../trace/trace-reader.ts'
import type { ConsumerOptionValues } from './replay-options.ts'
import { UsageError } from './usage-error.ts'

/** The value of each option of a consumer: the caller's, else the trace header's, else its default. */
export function consumerOptions(
  definition: ConsumerDefinition,
  header: TraceHeader,
  given: ConsumerOptionValues,
): Record<string, number> {
  const values: Record<string, number> = {}
  const own = given[definition.name] ?? {}
  for (const name of Object.keys(own)) refuseUnknown(definition, name)
  for (const option of definition.options ?? []) {
    const value = own[option.name] ?? headerValue(header, option) ?? option.default
    const told = own[option.name] === undefined ? headerText(header, option) : undefined
    check(definition, option, value, told === undefined ? String(value) : `"${told}" (# ${option.header})`)
    values[option.name] = value
  }
  return values
}

function refuseUnknown(definition: ConsumerDefinition, name: string): void {
  const names = (definition.options ?? []).map((option) => option.name)
  if (names.includes(name)) return
  const hint = names.length === 0 ? 'it has no options' : `its options: ${names.join(', ')}`
  throw new UsageError(`consumer "${definition.name}" has no option "${name}"`, hint)
}

function headerText(header: TraceHeader, option: ConsumerOption): string | undefined {
  return option.header === null ? undefined : header.attributes.get(option.header)
}

function headerValue(header: TraceHeader, option: ConsumerOption): number | undefined {
  const text = headerText(header, option)
  if (text === undefined) return undefined
  const word = option.words?.indexOf(text) ?? -1
  return word >= 0 ? word : Number(text)
}

/** `told`: the value as it was written. */
function check(definition: ConsumerDefinition, option: ConsumerOption, value: number, told: string): void {
  const isPower = Number.isInteger(Math.log2(value))
  if (Number.isInteger(value) && value >= option.min && value <= option.max && (isPower || !option.powerOfTwo)) return
  const kind = option.powerOfTwo ? 'a power of two' : 'a whole number'
  const expected =
    option.words === undefined
      ? `expected ${kind} from ${option.min} to ${option.max} (${option.unit}); the default is ${option.default}`
      : `expected one of ${option.words.join(', ')}; the default is ${option.words[option.default]}`
  throw new UsageError(`${definition.name}.${option.name} is ${told}`, expected)
}
