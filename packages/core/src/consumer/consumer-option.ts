import type { ConsumerOption } from './consumer.ts'

/** An option that is a number from `min` to `max`, which no header of a trace sets. */
export function numberOption(
  name: string,
  summary: string,
  unit: string,
  byDefault: number,
  min: number,
  max: number,
): ConsumerOption {
  return { name, summary, unit, default: byDefault, min, max, powerOfTwo: false, header: null }
}

/** An option that is on (1) or off (0). */
export function flagOption(name: string, summary: string, byDefault: 0 | 1 = 0): ConsumerOption {
  return numberOption(name, summary, '0 or 1', byDefault, 0, 1)
}

/** An option with a name for each of its values: `words[0]` is 0. */
export function wordOption(name: string, summary: string, words: readonly string[], byDefault = 0): ConsumerOption {
  return { ...numberOption(name, summary, words.join(', '), byDefault, 0, words.length - 1), words }
}
