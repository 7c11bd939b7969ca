import { readFileSync } from 'node:fs'
import type { ConsumerDefinition, Memory } from '@pinscope/core'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText } from '@pinscope/core/testing'
import { expect, it } from 'vitest'
import { consumerOf } from '../src/bug.ts'
import { bug39 } from '../src/bug-39-iomap-nowait/bug.ts'

const PAGE_SIZE = 4096

const TRACE = readFileSync(new URL('../src/bug-39-iomap-nowait/trace.csv', import.meta.url), 'utf8')

/** Every page of user memory has bytes of its own, so the file tells which page of the buffers stands where. */
async function fileAfter(isFixed: boolean): Promise<readonly number[]> {
  const definition = consumerOf(bug39, bug39.cases[0], isFixed)
  let memory: Memory | null = null
  const watched: ConsumerDefinition = {
    ...definition,
    create: (environment) => {
      memory = environment.memory
      memory.holdBytes((page, bytes) => bytes.fill(page))
      return definition.create(environment)
    },
  }
  const options = { consumers: [watched], consumer: definition.name, inject: { fault: 'alloc', at: 3 } } as const
  await auditText(TRACE, HAZARD_RULES, options)
  return pagesOfFile(memory as unknown as Memory)
}

/** The file's pages as numbers of the pages of user memory whose bytes they have, counted from the first. */
function pagesOfFile(memory: Memory): readonly number[] {
  const buffer: number[] = []
  for (let i = 0; i < 6; i++) {
    const page = memory.spaces.pageAt(1, 0x10 + i)
    expect(page).toBeGreaterThanOrEqual(0)
    buffer.push(page % 256)
  }
  expect(new Set(buffer).size).toBe(buffer.length)
  const found: number[] = []
  memory.cache.visit(0, 0, Number.POSITIVE_INFINITY, (page, index) => {
    const bytes = memory.bytes?.bytesOf(page) ?? new Uint8Array()
    expect(bytes.length === PAGE_SIZE && bytes.every((byte) => byte === bytes[0])).toBe(true)
    found[index] = buffer.indexOf(bytes[0])
  })
  return found
}

// Rows 2 to 4 append the pages 0, then 1 2 3, then 4 5 of the memory at 0x10000; the second folio of row 3 is not to be had
// without waiting.
it('duplicates the first folio of the write in the file before the fix', async () => {
  expect(await fileAfter(false)).toEqual([0, 1, 1, 2, 3, 4, 5])
})

it('leaves each page in the file once, in order, after the fix', async () => {
  expect(await fileAfter(true)).toEqual([0, 1, 2, 3, 4, 5])
})
