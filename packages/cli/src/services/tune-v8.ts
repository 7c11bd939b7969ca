import { setFlagsFromString } from 'node:v8'

/** What {@link tuneV8} sets. */
export const V8_FLAGS = ['--max-inlined-bytecode-size=1500', '--max-inlined-bytecode-size-cumulative=4000'] as const

/**
 * Lets V8 inline more into one function than its default of 920 bytes of bytecode: the replay of one row is a deep tree
 * of small functions, and inlined into one it takes about two thirds of the time (bench/RESULTS.md). Nothing depends on
 * it but speed. To be called before the first row; not for a library to do to its host.
 */
export function tuneV8(): void {
  for (const flag of V8_FLAGS) setFlagsFromString(flag)
}
