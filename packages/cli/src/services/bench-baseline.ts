import { readFileSync } from 'node:fs'
import { BENCH_SCHEMA, type BenchReport, UsageError } from '@pinscope/core'
import type { BenchSettings } from './bench-measure.ts'

const MAKE_ONE = 'pinscope bench --json -o before.json writes a baseline.'

/** Reads what an earlier run wrote. Throws a UsageError that says what the file is instead, or that it is of other operations. */
export async function readBaseline(file: string, { seed, operations }: BenchSettings): Promise<BenchReport> {
  const value = parsed(file)
  const { schema } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>
  if (schema !== BENCH_SCHEMA) {
    const what = typeof schema === 'string' ? `is a ${schema}` : `has no "schema": "${BENCH_SCHEMA}"`
    throw unusable(file, `${what}; a baseline is a ${BENCH_SCHEMA}`)
  }
  const { benchSchema } = await import('@pinscope/core/schema')
  const { success, data, error } = benchSchema.safeParse(value)
  if (!success) {
    const [{ path, message }] = error.issues
    throw unusable(
      file,
      `is no ${BENCH_SCHEMA} of this pinscope: ${path.map(String).join('.') || 'the whole'}: ${message}`,
    )
  }
  const { settings } = data
  if (settings.seed !== seed || settings.operations !== operations) {
    throw new UsageError(
      `--baseline ${file}: it is of other operations, and cannot be compared`,
      `Run with --seed ${settings.seed} --operations ${settings.operations}, as it was.`,
    )
  }
  return data
}

function parsed(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw unusable(file, 'no such file')
    throw unusable(file, code === undefined ? `is no JSON: ${message}` : message)
  }
}

function unusable(file: string, problem: string): UsageError {
  return new UsageError(`--baseline ${file}: ${problem}`, MAKE_ONE)
}
