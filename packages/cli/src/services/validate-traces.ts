import { type OpenOptions, TraceError } from '@pinscope/core'
import { type Failure, failureOf } from './failure.ts'
import { openInput } from './input.ts'
import { openInputTrace } from './open-input.ts'

/** One file of `pinscope trace validate`. */
export interface Validation {
  readonly file: string
  readonly ok: boolean
  /** Rows read: all of them, or those before the first bad one. */
  readonly rows: number
  /** The first thing that is wrong; null when nothing is. */
  readonly error: Failure | null
}

/** Reads each file to its end or its first fault. */
export async function validateTraces(names: readonly string[], options: OpenOptions): Promise<Validation[]> {
  const validations: Validation[] = []
  for (const name of names) validations.push(await validateTrace(name, options))
  return validations
}

async function validateTrace(file: string, options: OpenOptions): Promise<Validation> {
  let rows = 0
  try {
    const reader = await openInputTrace(openInput(file), options)
    for await (const batch of reader.batches()) rows += batch.length
    return { file, ok: true, rows, error: null }
  } catch (error) {
    if (!(error instanceof TraceError)) throw error
    return { file, ok: false, rows, error: failureOf(error) }
  }
}
