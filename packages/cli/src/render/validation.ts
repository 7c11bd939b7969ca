import { failureText } from '../services/failure.ts'
import type { Validation } from '../services/validate-traces.ts'
import { counted } from './text.ts'

/** `traces/a.csv: ok, 1,000 rows` for each good file. The bad ones are told on stderr. */
export function validationText(validations: readonly Validation[]): string {
  return validations
    .filter(({ ok }) => ok)
    .map(({ file, rows }) => `${file}: ok, ${counted(rows, 'row')}\n`)
    .join('')
}

/** The first fault of each bad file, place first, as compilers do. */
export function faultText(validations: readonly Validation[]): string {
  return validations.flatMap(({ error }) => (error === null ? [] : [failureText(error)])).join('')
}
