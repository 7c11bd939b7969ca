import fc from 'fast-check'
import { Scatterlists } from '../../src/build/scatterlist.ts'
import { SgAllocator } from '../../src/build/sg-allocator.ts'
import { PagesToAppend, SgAppender, SgAppendTable } from '../../src/build/sg-append.ts'
import { kernelOf } from '../../src/kernel/kernel.ts'
import { Memory } from '../../src/memory/memory.ts'
import { PAGE_SIZE as P } from '../../src/units.ts'
import { appendFromPages, createAppendTable } from '../model/iov/index.ts'
import { IovDifference } from './iov-difference.ts'

/** One call of sg_alloc_append_table_from_pages(); the pages of later calls are told to it. */
export interface AppendCall {
  readonly pfns: readonly number[]
  readonly offset: number
  readonly size: number
}

/** Calls that build one table. */
export interface AppendCase {
  readonly maxSegment: number
  readonly calls: readonly AppendCall[]
}

const frame = fc.nat(7)

export const appendCases: fc.Arbitrary<AppendCase> = fc.record({
  maxSegment: fc.constantFrom(0xffff_ffff, 0, P - 1, P, P + 1, 2 * P, 3 * P),
  calls: fc.array(
    fc
      .tuple(fc.array(frame, { minLength: 1, maxLength: 6 }), fc.boolean(), fc.nat(8), fc.nat(7))
      .map(([frames, inOrder, size, offset]) => ({
        // Runs of frames merge: every other list is one.
        pfns: inOrder ? frames.map((_, i) => frames[0]! + i) : frames,
        offset: [0, 0, 0, 0, 0, 1, 511, 4095][offset]!,
        size: [frames.length * P, 1, P, frames.length * P - 5, 2 * P, P - 1, 3 * P, 0x1_0000_0000, P + 1][size]!,
      })),
    { minLength: 1, maxLength: 4 },
  ),
})

/** Builds tables in one store of entries, and compares each with the twin's. */
export class AppendBench {
  private readonly memory = new Memory()
  private readonly lists = new Scatterlists()
  private readonly appender = new SgAppender(new SgAllocator(this.lists), this.memory.pages, kernelOf('mainline'))
  private readonly table = new SgAppendTable()
  private readonly asked = new PagesToAppend()

  run({ maxSegment, calls }: AppendCase): void {
    const { appender, asked, table } = this
    const slow = createAppendTable()
    table.clear()
    for (const [i, { pfns, offset, size }] of calls.entries()) {
      const leftPages = calls.slice(i + 1).reduce((sum, call) => sum + call.pfns.length, 0)
      asked.page = Int32Array.from(pfns, (pfn) => this.memory.pages.pageOfFrame(pfn))
      asked.nPages = pfns.length
      asked.offsetBytes = offset
      asked.sizeBytes = size
      asked.maxSegmentBytes = maxSegment
      asked.leftPages = leftPages
      const found = appender.allocAppendTableFromPages(table, asked)
      const expected = appendFromPages(slow, { pfns, offset, size, maxSegment, leftPages })
      compare(`call ${i + 1}: result`, found, expected)
      compare(`call ${i + 1}: nents`, table.sgt.nents, slow.nents)
      compare(`call ${i + 1}: orig_nents`, table.sgt.origNents, slow.origNents)
      const entries = slow.entries.map(({ pfn, offset: from, length }) => [pfn, from, length])
      compare(`call ${i + 1}: entries`, this.entries(), entries)
      if (found === 0 && leftPages === 0) {
        compare('end mark', this.lists.isLast(table.prv), slow.entries.at(-1)!.isEnd)
      }
    }
    appender.freeAppendTable(table)
  }

  /** Frame, offset and length of the entries in use. */
  private entries(): number[][] {
    const { lists, memory } = this
    const { sgt } = this.table
    const found: number[][] = []
    for (let i = 0, sg = sgt.sgl; i < sgt.nents; i++, sg = lists.next(sg)) {
      found.push([memory.pages.frameOf(lists.page[sg]!), lists.offsetBytes[sg]!, lists.lengthBytes[sg]!])
    }
    return found
  }
}

function compare(what: string, fast: unknown, slow: unknown): void {
  const [found, expected] = [JSON.stringify(fast), JSON.stringify(slow)]
  if (found !== expected) throw new IovDifference(`${what}: fast ${found}, twin ${expected}`)
}
