import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { WRITTEN_FORMATS } from '../../../src/trace/write/trace-writer.ts'
import { sampleOptions } from '../formats/sample-options.ts'
import { readAll, written } from './round-trip.ts'

const TRACES = fileURLToPath(new URL('../../../../../traces/', import.meta.url))

/** Recordings of other formats, and every file that is a trace. */
const SAMPLES = (readdirSync(TRACES, { recursive: true }) as string[]).filter((name) => {
  if (name.startsWith('formats/')) return !name.endsWith('.md')
  return name.endsWith('.csv') && readFileSync(TRACES + name).toString('latin1', 0, 16) === '# pinscope-trace'
})

describe('every sample, written and read again', () => {
  it('finds them', () => {
    expect(SAMPLES.filter((name) => name.startsWith('formats/')).length).toBeGreaterThan(20)
    expect(SAMPLES.length).toBeGreaterThan(100)
  })

  it.each(SAMPLES)('%s', async (name) => {
    const bytes = readFileSync(TRACES + name)
    const options = sampleOptions(name.replace('formats/', ''))
    const first = await readAll(bytes, options)
    for (const format of WRITTEN_FORMATS) {
      const again = await written(bytes, format, options)
      expect(await readAll(again), format).toEqual(first)
    }
  })
})

describe('compressed', () => {
  it.each(['sqlite3.csv', 'fio-uring-fixedbufs.csv'])('%s is the same in any form with gzip', async (name) => {
    const bytes = readFileSync(TRACES + name)
    const first = await readAll(bytes)
    for (const format of WRITTEN_FORMATS) {
      expect(await readAll(gzipSync(await written(bytes, format))), format).toEqual(first)
    }
  })
})
