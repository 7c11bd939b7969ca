import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

const SCRIPT = fileURLToPath(new URL('support/count-collections.mjs', import.meta.url))
const run = promisify(execFile)

interface Outcome {
  /** Garbage collections during the 200,000 operations. */
  readonly collections: number
  readonly pins: number
  /** Collections seen at all: the forced one before the measurement is among them. */
  readonly seen: number
}

async function count(consumer: string, timing: string, work: string, inlining = '--turbo-inlining'): Promise<Outcome> {
  // One megabyte for young objects: 200,000 rows with 16 bytes each would fill it three times.
  const { stdout } = await run(process.execPath, [
    '--expose-gc',
    '--max-semi-space-size=1',
    inlining,
    SCRIPT,
    consumer,
    timing,
    work,
  ])
  return JSON.parse(stdout) as Outcome
}

describe('a replay allocates nothing per row: 200,000 operations of 16 pages', () => {
  it.each([
    ['null', 'sync'],
    ['null', 'async'],
    ['bio', 'sync'],
    ['bio', 'async'],
  ])('%s, %s: as few collections as a loop that does nothing', async (consumer, timing) => {
    const idle = await count(consumer, timing, 'idle')
    const replayed = await count(consumer, timing, 'replay')
    expect(replayed.pins).toBeGreaterThanOrEqual(200_000 * 16)
    expect(replayed.seen).toBeGreaterThan(0)
    expect(replayed.collections).toBeLessThanOrEqual(idle.collections)
  })

  // Without inlining a double that is passed or returned is a heap object: what V8 inlines must not matter.
  it.each([['sync'], ['async']])('bio, %s, with nothing inlined', async (timing) => {
    const idle = await count('bio', timing, 'idle', '--no-turbo-inlining')
    const replayed = await count('bio', timing, 'replay', '--no-turbo-inlining')
    expect(replayed.pins).toBeGreaterThanOrEqual(200_000 * 16)
    expect(replayed.collections).toBeLessThanOrEqual(idle.collections)
  })

  it('the measurement sees one small object a row', async () => {
    expect((await count('null', 'sync', 'allocate')).collections).toBeGreaterThan(0)
  })
})
