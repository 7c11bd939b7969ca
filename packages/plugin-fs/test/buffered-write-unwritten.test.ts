import type { ConsumerDefinition } from '@pinscope/core'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText, replayRows, type TestRow, traceText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { recvfile, writeClassic, writeIomap, writeMultipage } from '../src/buffered-write/definition.ts'

// Map records of the proposal of 2010 (lifetime.md 13.1): HOLE, DELALLOC, MAPPED, UNWRITTEN; space is needed for a HOLE alone.

const P = 4096
const KIB = 1024
const SOURCE = 0x7f0000000000
const ALL = [writeClassic, writeMultipage, writeIomap, recvfile]

const write = (bytes: number, offset = 0): TestRow => ({
  op: 'write',
  file: 'a',
  offset,
  iter: 'ubuf',
  segs: `0x${SOURCE.toString(16)}+${bytes}`,
})
const preallocated = (bytes: number, from = 0) => ({ 'unwritten-from': from, 'unwritten-bytes': bytes })

const replayed = (definition: ConsumerDefinition, rows: TestRow[], options: Record<string, number>) =>
  replayRows(definition, rows, { kernel: '6.12', options })

async function counted(definition: ConsumerDefinition, rows: TestRow[], options: Record<string, number>) {
  return (await replayed(definition, rows, options)).report.counters
}

describe('64 KiB over 16 preallocated blocks', () => {
  it.each(ALL)('$name reserves and allocates nothing, reads nothing, and needs no free block', async (definition) => {
    const { results, report } = await replayed(definition, [write(64 * KIB)], {
      ...preallocated(64 * KIB),
      'free-blocks': 0,
    })
    expect(results).toEqual([64 * KIB])
    expect(report.counters).toMatchObject({
      reservedBlocks: 0,
      allocatedBlocks: 0,
      convertedBlocks: 16,
      readBlocks: 0,
      noSpace: 0,
    })
  })

  it('is asked for page by page, once a segment, and with begin and end', async () => {
    const calls = async (definition: ConsumerDefinition, more = {}) =>
      (await counted(definition, [write(64 * KIB)], { ...preallocated(64 * KIB), ...more })).fsCalls
    expect(await calls(writeClassic)).toBe(16)
    expect(await calls(writeMultipage)).toBe(1)
    expect(await calls(writeIomap)).toBe(2)
    expect(await calls(recvfile)).toBe(16)
  })

  it('leaves the lock of the mapping in the prototype, which has no call for a segment that needs no space', async () => {
    const options = { ...preallocated(64 * KIB), prototype: 1 }
    expect(await counted(writeMultipage, [write(64 * KIB)], options)).toMatchObject({ fsCalls: 1, leftFsLocks: 1 })
  })
})

describe('twelve blocks, of which 4 to 7 are preallocated', () => {
  const options = preallocated(4 * P, 4 * P)

  it('are three segments: three calls over a hole, one between them', async () => {
    expect(await counted(writeMultipage, [write(12 * P)], options)).toMatchObject({
      mappings: 3,
      fsCalls: 3 + 1 + 3,
      reservedBlocks: 8,
      allocatedBlocks: 8,
      convertedBlocks: 4,
    })
  })

  it('are three extents', async () => {
    expect(await counted(writeIomap, [write(12 * P)], options)).toMatchObject({
      mappings: 3,
      fsCalls: 6,
      reservedBlocks: 8,
      convertedBlocks: 4,
    })
  })
})

describe('a preallocated block', () => {
  it.each(ALL)('of which $name writes a part is zeroed around it, not read', async (definition) => {
    const options = { ...preallocated(4 * P), 'file-bytes': 4 * P }
    const counters = await counted(definition, [write(100, 100)], options)
    expect(counters).toMatchObject({ readBlocks: 0, convertedBlocks: 1, writtenBytes: 100 })
    expect(await counted(definition, [write(100, 100), write(100, 300)], options)).toMatchObject({
      readBlocks: 0,
      convertedBlocks: 1,
    })
  })

  it('that recvfile locks and receives nothing into reads as zeros: no leak, nothing stale', async () => {
    const rows: TestRow[] = [
      { event: 'map', iter: 'ubuf', segs: `0x${SOURCE.toString(16)}+${9 * P}`, backing: 'anon' },
      { event: 'unmap', iter: 'ubuf', segs: `0x${(SOURCE + 9 * P).toString(16)}+${7 * P}` },
      write(64 * KIB),
    ]
    const options = { ...preallocated(64 * KIB), 'file-bytes': 64 * KIB }
    expect(await counted(recvfile, rows, options)).toMatchObject({ convertedBlocks: 9, leakedBlocks: 0, staleBytes: 0 })
    const lane = { consumers: [recvfile], consumer: 'recvfile', kernel: '6.12', options } as const
    const findings = await auditText(traceText(rows), HAZARD_RULES, lane)
    expect(findings.map(({ rule }) => rule)).toEqual(['H-30', 'H-33', 'H-34'])
  })
})
