import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TraceError } from '../../src/trace/trace-error.ts'
import { comparable, scan } from './columns-as-rows.ts'
import { randomTrace } from './random-trace.ts'
import { readSimply } from './simple-reader.ts'

const TRACE = fileURLToPath(new URL('../../../../traces/python-preadv.csv', import.meta.url))

/** One change of one place: replace, insert, leave out, or copy a stretch from elsewhere. */
interface Mutation {
  readonly kind: 'replace' | 'insert' | 'cut' | 'copy'
  readonly at: number
  readonly byte: number
  readonly length: number
  readonly from: number
}

/** Bytes that mean something to a trace, more often than others. */
const byte = fc.oneof(fc.constantFrom(...Buffer.from('\0\r\n",;:+-#x0 9aFn_=')), fc.integer({ min: 0, max: 255 }))
const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom('replace', 'insert', 'cut', 'copy'),
  at: fc.nat(1_000_000),
  byte,
  length: fc.integer({ min: 1, max: 40 }),
  from: fc.nat(1_000_000),
})

/** Applies the mutations to what stands behind byte `first`. */
function mutated(bytes: Buffer, mutations: readonly Mutation[], first = 0): Buffer {
  return mutations.reduce((text, { kind, at, byte: value, length, from }) => {
    const span = text.length - first
    const place = first + (span > 0 ? at % span : 0)
    const before = text.subarray(0, place)
    if (kind === 'replace') return Buffer.concat([before, Buffer.of(value), text.subarray(place + 1)])
    if (kind === 'insert') return Buffer.concat([before, Buffer.of(value), text.subarray(place)])
    if (kind === 'cut') return Buffer.concat([before, text.subarray(place + length)])
    const source = first + (span > 0 ? from % span : 0)
    return Buffer.concat([before, text.subarray(source, source + length), text.subarray(place)])
  }, bytes)
}

/** The rows, or null for a trace that the scanner refuses; anything but a TraceError with a line is a failure. */
async function scanOrRefuse(bytes: Buffer, chunks: readonly number[]): Promise<object[] | null> {
  try {
    return await scan(bytes, chunks)
  } catch (error) {
    if (!(error instanceof TraceError)) throw error
    expect(error.detail.line).toBeGreaterThan(0)
    expect(error.detail.column).toBeGreaterThan(0)
    expect(error.detail.problem).not.toBe('')
    return null
  }
}

function readOrRefuse(text: string): object[] | null {
  try {
    return readSimply(text).map(comparable)
  } catch {
    return null
  }
}

describe('a damaged trace', () => {
  const chunks = fc.constantFrom([1], [13, 100], [65536])

  it('is read, or refused with a line: a recorded one, damaged anywhere', async () => {
    const good = readFileSync(TRACE)
    const property = fc.asyncProperty(
      fc.array(mutation, { minLength: 1, maxLength: 6 }),
      chunks,
      async (changes, sizes) => {
        await scanOrRefuse(mutated(good, changes), sizes)
      },
    )
    await fc.assert(property, { numRuns: 400, seed: 20_261_121 })
  })

  it('is read by the scanner and by its slow twin alike, or refused by both: any, damaged in its rows', async () => {
    let refused = 0
    let read = 0
    const changes = fc.array(mutation, { minLength: 1, maxLength: 2 })
    const property = fc.asyncProperty(randomTrace(4), changes, chunks, async ({ text }, list, sizes) => {
      const bytes = Buffer.from(text)
      const rowsAt = Buffer.byteLength(`${text.split('\n').slice(0, 3).join('\n')}\n`)
      fc.pre(bytes.length > rowsAt)
      const damaged = mutated(bytes, list, rowsAt)
      // The twin works on strings: what is not UTF-8 is another test's.
      const damagedText = damaged.toString('utf8')
      fc.pre(Buffer.from(damagedText).equals(damaged))
      const rows = await scanOrRefuse(damaged, sizes)
      expect(rows).toEqual(readOrRefuse(damagedText))
      if (rows === null) refused++
      else read++
    })
    await fc.assert(property, { numRuns: 1200, seed: 20_261_121 })
    // Both ways are taken often enough to mean something.
    expect(refused).toBeGreaterThan(200)
    expect(read).toBeGreaterThan(60)
  })

  it('is refused when it was cut, unless it ends with a row', async () => {
    const good = readFileSync(TRACE)
    const header = good.indexOf('\nts,') + 1
    const firstRow = good.indexOf('\n', header) + 1
    for (let end = firstRow + 1; end < firstRow + 400; end++) {
      const text = good.subarray(0, end).toString()
      const rows = await scanOrRefuse(Buffer.from(text), [64])
      expect(rows).toEqual(readOrRefuse(text))
    }
  })
})
