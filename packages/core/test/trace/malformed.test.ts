import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { TraceError, type TraceErrorDetail } from '../../src/trace/trace-error.ts'
import { scan } from './columns-as-rows.ts'

const FOLDER = fileURLToPath(new URL('../malformed/', import.meta.url))
const EXPECTED = join(FOLDER, 'expected.json')

const names = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.csv'))
  .sort()

/** What is wrong with a file, without its name; null when nothing is. */
async function faultOf(bytes: Uint8Array, chunks?: readonly number[]): Promise<Omit<TraceErrorDetail, 'file'> | null> {
  try {
    await scan(bytes, chunks, 'trace.csv')
    return null
  } catch (error) {
    if (!(error instanceof TraceError)) throw error
    const { file, ...detail } = error.detail
    expect(file).toBe('trace.csv')
    const where =
      detail.line === 0
        ? file
        : detail.column === 0
          ? `${file}:${detail.line}`
          : `${file}:${detail.line}:${detail.column}`
    expect(error.message).toBe(
      detail.hint === '' ? `${where}: ${detail.problem}` : `${where}: ${detail.problem}\n${detail.hint}`,
    )
    return detail
  }
}

/**
 * One file, one fault. test/malformed/expected.json has the exact messages; read its diff after `npm test -- -u`. A
 * file that is not in it makes the two differ.
 */
describe('malformed traces', () => {
  it('are there', () => {
    expect(names.length).toBeGreaterThanOrEqual(40)
  })

  it('each gets the message of expected.json, and no other', async () => {
    const found: Record<string, unknown> = {}
    for (const name of names) found[name] = await faultOf(readFileSync(join(FOLDER, name)))
    await expect(`${JSON.stringify(found, null, 2)}\n`).toMatchFileSnapshot(EXPECTED)
  })

  it.each(names)('%s: says the same whatever the chunks', async (name) => {
    const bytes = readFileSync(join(FOLDER, name))
    const whole = await faultOf(bytes)
    expect(whole).not.toBeNull()
    expect(await faultOf(bytes, [1])).toEqual(whole)
    expect(await faultOf(bytes, [7, 64, 3])).toEqual(whole)
  })

  it.each(names)('%s: has that one fault', async (name) => {
    const text = readFileSync(join(FOLDER, name), 'utf8')
    const lines = text.split('\n')
    const header = lines.findIndex((line, index) => index > 0 && !/^(#.*)?\r?$/.test(line)) + 1
    const fault = await faultOf(Buffer.from(text))
    // A file that is no trace, or has a wrong header row, cannot be mended by leaving out a line.
    if (fault === null || fault.line === 1 || header === 0 || fault.line === header) return
    // A fault of the form of the header's columns shows in the first row and cannot be mended either.
    if (lines.length <= header + 2) return
    const record = recordAround(lines, header, fault.line)
    expect(await faultOf(Buffer.from(lines.filter((_, index) => !record(index + 1)).join('\n')))).toBeNull()
  })

  it.each(names)('%s: the message is short, printable and points into the file', async (name) => {
    const bytes = readFileSync(join(FOLDER, name))
    const fault = (await faultOf(bytes))!
    const lines = bytes.toString('latin1').split('\n')
    expect(fault.problem).toMatch(/^[\x20-\x7e…\uFFFD]+$/)
    expect(fault.hint).toMatch(/^[\x20-\x7e…]*$/)
    expect(fault.problem.length).toBeLessThan(320)
    expect(fault.line).toBeGreaterThan(0)
    expect(fault.line).toBeLessThanOrEqual(lines.length)
    expect(fault.column).toBeGreaterThan(0)
    expect(fault.column).toBeLessThanOrEqual(lines[fault.line - 1]!.length + 1)
  })
})

/** Whether a line belongs to the record, quoted or not, that `line` is in. */
function recordAround(lines: readonly string[], header: number, line: number): (line: number) => boolean {
  let from = header + 1
  for (let at = header + 1; at <= line; at++) {
    const open =
      lines
        .slice(from - 1, at - 1)
        .join('')
        .split('"').length %
        2 ===
      0
    if (!open) from = at
  }
  let to = from
  while (
    to < lines.length &&
    lines
      .slice(from - 1, to)
      .join('')
      .split('"').length %
      2 ===
      0
  )
    to++
  return (number) => number >= from && number <= to
}
