import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { TRACE_FORMATS } from '../../../src/trace/formats/formats.ts'
import { claimsOf } from './import-suite.ts'

const TRACES = fileURLToPath(new URL('../../../../../traces/', import.meta.url))

/** Samples that are not named after their format. */
const FORMAT_OF: Readonly<Record<string, string>> = {
  'synthetic.blktrace.0': 'blktrace',
  'fio-v3.iolog': 'fio-iolog',
  'page-ref.txt': 'ftrace',
  'trace-cmd-direct.txt': 'ftrace',
  'netfs-refs.txt': 'ftrace',
}

/** The format that the name of a sample begins with; the longest, since `perf-script` begins with no other. */
function formatOf(sample: string): string | undefined {
  const names = TRACE_FORMATS.map(({ name }) => name).filter((name) => sample.startsWith(name))
  return FORMAT_OF[sample] ?? names.sort((a, b) => b.length - a.length)[0]
}

describe('the content of a file tells its format', () => {
  const samples = readdirSync(`${TRACES}formats`).filter((name) => !name.endsWith('.md'))

  it.each(samples)('%s: is claimed by its format alone', async (sample) => {
    const expected = formatOf(sample)
    // `csv` is read only when it is named.
    const claims = expected === 'csv' ? [] : [expected]
    expect(await claimsOf(readFileSync(`${TRACES}formats/${sample}`))).toEqual(claims)
  })

  it.each(readdirSync(TRACES).filter((name) => /\.(csv|json|md)$/.test(name)))(
    '%s: is claimed by none',
    async (name) => {
      expect(await claimsOf(readFileSync(TRACES + name))).toEqual([])
    },
  )

  it('every format has a sample', () => {
    const sampled = new Set(samples.map(formatOf))
    expect(TRACE_FORMATS.map(({ name }) => name).filter((name) => !sampled.has(name))).toEqual([])
  })

  it('nothing claims an empty file, zeros, noise, or prose', async () => {
    const noise = Buffer.from(Array.from({ length: 70_000 }, (_, i) => Math.imul(i, 2654435761) >>> 13))
    const prose = Buffer.from(
      'Linux moves I/O data through iterators, and whoever consumes one must find its pages.\n'.repeat(40),
    )
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(70_000), noise, prose, Buffer.from('1,2,3\n4,5,6\n')]) {
      expect(await claimsOf(bytes)).toEqual([])
    }
  })
})
