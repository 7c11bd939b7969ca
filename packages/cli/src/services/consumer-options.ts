import { type ConsumerOption, type ConsumerOptionValues, type Registry, UsageError } from '@pinscope/core'
import { unknown } from './select.ts'

const ASSIGNMENT = /^([^.=]+)\.([^.=]+)=(.*)$/

/** Reads `-O bio.logical-block-size=4096`: names exist, values are whole numbers that the option allows. */
export function consumerOptionValues(typed: readonly string[] | undefined, registry: Registry): ConsumerOptionValues {
  const values: Record<string, Record<string, number>> = {}
  for (const text of typed ?? []) {
    const [, consumer, name, value] = ASSIGNMENT.exec(text) ?? []
    if (consumer === undefined || name === undefined || value === undefined) {
      throw new UsageError(
        `"${text}" is not an option: expected NAME.OPTION=VALUE`,
        'For example: -O bio.logical-block-size=4096',
      )
    }
    const option = findOption(registry, consumer, name)
    values[consumer] = { ...values[consumer], [name]: checkedValue(`${consumer}.${name}`, option, value) }
  }
  return values
}

function findOption(registry: Registry, consumer: string, name: string): ConsumerOption {
  const registered = registry.find(consumer)
  if (registered === undefined) {
    const names = registry.consumers().map(({ definition }) => definition.name)
    throw unknown('consumer', consumer, names, 'pinscope consumers')
  }
  const options = registered.definition.options ?? []
  const option = options.find((candidate) => candidate.name === name)
  if (option !== undefined) return option
  const names = options.map((candidate) => `${consumer}.${candidate.name}`)
  throw unknown('consumer option', `${consumer}.${name}`, names, 'pinscope consumers')
}

function checkedValue(what: string, option: ConsumerOption, text: string): number {
  const { min, max, powerOfTwo, unit, words } = option
  if (words !== undefined) return wordValue(what, words, text)
  const value = Number(text)
  const kind = powerOfTwo ? 'a power of two' : 'a whole number'
  const fits = /^\d+$/.test(text) && value >= min && value <= max && (!powerOfTwo || Number.isInteger(Math.log2(value)))
  if (fits) return value
  throw new UsageError(`${what} is "${text}", expected ${kind} from ${min} to ${max}${unit === '' ? '' : ` (${unit})`}`)
}

function wordValue(what: string, words: readonly string[], text: string): number {
  const value = words.indexOf(text)
  if (value < 0) throw unknown(`value of ${what}`, text, words, 'pinscope consumers')
  return value
}
