import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ROOT } from './sources.ts'

// What a row costs, counted and never timed: the standard workloads of `pinscope bench`, read from memory, CSV and Arrow.
// Single consumers, and calls that are not inlined: packages/core/test/allocation.test.ts and plugin-allocation.test.ts.

const WORKLOADS = ['null', 'bio', 'held', 'folio', 'csv', 'arrow', 'read-csv', 'read-arrow']
const run = promisify(execFile)

describe('no garbage collection while 200,000 operations are read and replayed', () => {
  const RUNS = 4

  interface Outcome {
    readonly collections: number
    readonly operations: number
    readonly pins: number
    /** All that there were in the process: it does see them. */
    readonly seen: number
  }

  async function count(workload: string, work = 'measure'): Promise<Outcome> {
    const script = join(ROOT, 'test/support/count-collections.mjs')
    // One megabyte for young objects: 200,000 rows with 16 bytes each would fill it three times.
    const args = ['--expose-gc', '--max-semi-space-size=1', script, workload, work]
    return JSON.parse((await run(process.execPath, args)).stdout)
  }

  it.each(WORKLOADS)('%s', async (workload) => {
    // What allocates in each row collects in every run; code that V8 compiles anew on a busy machine only in some.
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < RUNS && least > 0; i++) {
      const outcome = await count(workload)
      expect(outcome.operations).toBeGreaterThanOrEqual(200_000)
      expect(outcome.pins > 0).toBe(!workload.startsWith('read'))
      expect(outcome.seen).toBeGreaterThan(0)
      least = Math.min(least, outcome.collections)
    }
    expect(least).toBe(0)
  })

  it('the measurement sees one small object a row', async () => {
    expect((await count('null', 'allocate')).collections).toBeGreaterThan(0)
  })
})

describe('steps of a row: functions, branches and loop bodies begun, as V8 counts them in its interpreter', () => {
  /** How far a row may be from what was counted when the file was written. */
  const FACTOR = 1.5
  const recorded: Readonly<Record<string, number>> = JSON.parse(
    readFileSync(join(ROOT, 'test/row-steps.json'), 'utf8'),
  ).stepsPerRow

  it.each(WORKLOADS)('%s', async (workload) => {
    const script = join(ROOT, 'test/support/count-steps.mjs')
    const { stdout } = await run(process.execPath, ['--jitless', script, workload])
    const { perRow, most } = JSON.parse(stdout) as { perRow: [number, number]; most: [string, number][] }
    // The same operations 65,536 rows later. Times have more digits then, which CSV is read by.
    expect(perRow[1], 'a row costs more the longer the trace').toBeLessThan(1.03 * perRow[0])
    const where = `${perRow[0].toFixed(1)} steps, recorded ${recorded[workload]}: most in ${most.map(([name, steps]) => `${name} ${steps.toFixed(1)}`).join(', ')}. If that is meant: node scripts/row-steps.mjs`
    expect(perRow[0], where).toBeLessThan(FACTOR * recorded[workload])
    expect(perRow[0], where).toBeGreaterThan(recorded[workload] / FACTOR)
  })
})
