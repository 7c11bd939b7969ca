import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { generator, mutated } from '../../../../../scripts/fuzz-input.mjs'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { TraceError } from '../../../src/trace/trace-error.ts'
import { chunked } from '../columns-as-rows.ts'

const SAMPLES = fileURLToPath(new URL('../../../../../traces/formats/', import.meta.url))
const names = readdirSync(SAMPLES).filter((name) => !name.endsWith('.md'))

/** Damaged files of each sample; scripts/fuzz-readers.mjs reads as many as there is time for. */
const INPUTS = 40

// What is asserted is that nothing but a TraceError comes out, short enough for a terminal, whatever the bytes.
describe('a damaged file of another format', () => {
  it.each(names)('%s: is read or refused, whether its format is named or found', async (name) => {
    const bytes = readFileSync(SAMPLES + name)
    const other = readFileSync(SAMPLES + names[(names.indexOf(name) + 1) % names.length]!)
    const format = await formatOf(bytes)
    for (let seed = 1; seed <= INPUTS; seed++) {
      const damaged = mutated(bytes, other, generator(seed))
      await readOrRefuse(damaged, seed % 2 === 0 ? format : undefined)
    }
  })
})

async function formatOf(bytes: Uint8Array): Promise<string | undefined> {
  try {
    return (await openTrace(chunked(bytes), 'x')).header.format
  } catch {
    // csv is read when it is named, and wants to know its columns.
    return undefined
  }
}

async function readOrRefuse(bytes: Uint8Array, format: string | undefined): Promise<void> {
  try {
    const reader = await openTrace(chunked(bytes), 'x', { format })
    for await (const batch of reader.batches()) expect(batch.length).toBeGreaterThan(0)
  } catch (error) {
    if (!(error instanceof TraceError)) throw error
    expect(error.message.length).toBeLessThan(1500)
    expect(error.detail.problem).not.toBe('')
  }
}
