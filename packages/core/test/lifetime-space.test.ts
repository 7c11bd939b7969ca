import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventBus } from '../src/lifetime/event-bus.ts'
import {
  BLOCK_ALLOCATED,
  BLOCK_HOLE,
  BLOCK_RESERVED,
  BLOCK_UNKNOWN,
  type FileBlock,
  FileSpace,
} from '../src/lifetime/file-space.ts'

const PAGE_SIZE = 4096
const BLOCKS = 12

/** One block of the slow twin. */
interface SlowBlock {
  state: number
  isWritten: boolean
  isCopied: boolean
  isDirty: boolean
  row: number
  what: string
  write: number
}

/** {@link FileSpace} of one file as an array of blocks, each changed by itself. */
class SlowSpace {
  blocks: SlowBlock[] = Array.from({ length: BLOCKS + 4 }, newBlock)
  size: number | undefined
  /** Number of the write of the task at work. */
  write = 0
  last = 0
  readonly underWay = new Map<number, number>()
  task = 0

  /** The task is at work: its write begins where none of its is under way. */
  at(task: number): void {
    this.task = task
    if (!this.underWay.has(task)) this.underWay.set(task, ++this.last)
    this.write = this.underWay.get(task) ?? 0
  }

  reserve(row: number, position: number, length: number): void {
    for (const block of this.touched(position, length)) {
      if (block.state === BLOCK_HOLE || block.state === BLOCK_UNKNOWN) {
        Object.assign(block, { state: BLOCK_RESERVED, row, what: 'reserved', write: this.write })
      }
    }
  }

  unreserve(row: number, position: number, length: number): void {
    for (const block of this.givenBack(position, length)) {
      if (block.state === BLOCK_RESERVED) this.makeHole(block, row, 'given back')
    }
  }

  allocate(row: number, position: number, length: number): void {
    for (const block of this.touched(position, length)) {
      const isNew = (block.state === BLOCK_HOLE || block.state === BLOCK_UNKNOWN) && !block.isWritten
      if (isNew) Object.assign(block, { row, what: 'allocated', write: this.write })
      block.state = BLOCK_ALLOCATED
    }
  }

  copyIn(row: number, position: number, length: number): void {
    for (const block of this.touched(position, length)) {
      Object.assign(block, {
        isWritten: true,
        isCopied: true,
        isDirty: true,
        row,
        what: 'copied into',
        write: this.write,
      })
    }
  }

  zero(row: number, position: number, length: number): void {
    for (const block of this.touched(position, length)) {
      if (!block.isCopied) Object.assign(block, { isWritten: true, row, what: 'zeroed', write: this.write })
    }
  }

  punch(row: number, position: number, length: number): void {
    for (const block of this.givenBack(position, length))
      this.makeHole(block, row, block.state === BLOCK_RESERVED ? 'its reservation punched' : 'punched')
  }

  /** Blocks of whose space something was told are holes, of others nothing is known. */
  truncate(row: number, size: number): void {
    this.size = size
    this.blocks.forEach(({ state }, index) => {
      if (index * PAGE_SIZE < size) return
      this.blocks[index] =
        state === BLOCK_UNKNOWN ? newBlock() : { ...newBlock(), state: BLOCK_HOLE, row, what: 'cut off' }
    })
  }

  writeback(_row: number, position: number, length: number): void {
    for (const block of this.touched(position, length)) block.isDirty = false
  }

  extend(_row: number, size: number): void {
    this.size = size
  }

  writeEnd(): void {
    this.underWay.delete(this.task)
  }

  private touched(position: number, length: number): SlowBlock[] {
    return this.blocks.filter(
      (_, index) => length > 0 && index * PAGE_SIZE < position + length && (index + 1) * PAGE_SIZE > position,
    )
  }

  /** Whole blocks of the range, and cut ones that are known to have no data. */
  private givenBack(position: number, length: number): SlowBlock[] {
    return this.blocks.filter((block, index) => {
      const start = index * PAGE_SIZE
      if (length <= 0 || start >= position + length || start + PAGE_SIZE <= position) return false
      const isWhole = start >= position && start + PAGE_SIZE <= position + length
      return isWhole || (block.state !== BLOCK_UNKNOWN && !block.isWritten)
    })
  }

  private makeHole(block: SlowBlock, row: number, what: string): void {
    const keepsData = block.isCopied && block.write === this.write
    const isDirty = keepsData && block.isDirty
    Object.assign(block, { state: BLOCK_HOLE, isWritten: keepsData, isCopied: keepsData, isDirty, row, what })
    block.write = this.write
  }
}

function newBlock(): SlowBlock {
  return { state: BLOCK_UNKNOWN, isWritten: false, isCopied: false, isDirty: false, row: 0, what: '', write: 0 }
}

const RANGE_STEPS = ['reserve', 'unreserve', 'allocate', 'copyIn', 'zero', 'punch', 'writeback'] as const

interface Step {
  readonly name: (typeof RANGE_STEPS)[number] | 'truncate' | 'extend' | 'writeEnd'
  readonly position: number
  readonly length: number
  readonly task?: number
}

/** Runs the steps in both, each in a row of its own, and compares block by block after every one. */
function compare(steps: readonly Step[], sameRow = false): void {
  const bus = new EventBus()
  const space = new FileSpace(bus)
  const slow = new SlowSpace()
  steps.forEach(({ name, position, length, task = 1 }, at) => {
    bus.row = sameRow ? 1 : at + 1
    bus.task = task
    slow.at(task)
    if (space.writeNumber(7) !== slow.write) expect(space.writeNumber(7), JSON.stringify(steps)).toBe(slow.write)
    if (name === 'writeEnd') space.writeEnd(7, position, length, 0)
    else if (name === 'extend' || name === 'truncate') space[name](7, position)
    else space[name](7, position, length)
    slow[name](bus.row, position, length)
    const fast = slow.blocks.map((_, index) => seen(space.block(7, index), slow.underWay))
    const expected = slow.blocks.map((block) => seen(block, slow.underWay))
    if (JSON.stringify(fast) !== JSON.stringify(expected)) expect(fast, JSON.stringify(steps)).toEqual(expected)
    if (space.sizeBytes(7) !== slow.size) expect(space.sizeBytes(7), JSON.stringify(steps)).toBe(slow.size)
    checkRuns(space, slow)
  })
}

/** What rules see, while these writes are under way: who wrote what is written is of no interest when that write is over. */
function seen(block: FileBlock | undefined, underWay: ReadonlyMap<number, number>): string {
  if (block === undefined || block.state === BLOCK_UNKNOWN)
    return block?.isWritten === true ? 'unknown, written' : 'unknown'
  const { state, isWritten, isCopied, isDirty, row, what, write } = block
  if (isWritten && ![...underWay.values()].includes(write)) return `${state} written ${isCopied} ${isDirty} before`
  return `${state} ${isWritten} ${isCopied} ${isDirty} ${what} in row ${row}, write ${write}`
}

/** The runs cover each block that something is known of once, in order, and a range cuts them. */
function checkRuns(space: FileSpace, slow: SlowSpace): void {
  const covered = slow.blocks.map(() => 0)
  let end = -1
  space.eachRun(7, 0, slow.blocks.length * PAGE_SIZE, (run) => {
    if (run.first < end || run.end <= run.first) throw new Error('runs are in order and not empty')
    end = run.end
    for (let index = run.first; index < run.end; index++) covered[index]++
  })
  slow.blocks.forEach((_, index) => {
    if (covered[index] !== (space.block(7, index) === undefined ? 0 : 1)) throw new Error(`block ${index}`)
  })
  let inTwo = 0
  space.eachRun(7, PAGE_SIZE + 1, PAGE_SIZE, (_run, blocks) => {
    inTwo += blocks
  })
  if (inTwo !== covered[1] + covered[2]) throw new Error('the part of a run in a range')
}

/** Ranges over three blocks: whole ones, cut at either end, and inside one. */
const RANGES = [
  [0, 4096],
  [0, 12288],
  [4096, 4096],
  [100, 8192],
  [4096, 6000],
  [4200, 100],
] as const

const STEPS: readonly Step[] = [
  ...RANGE_STEPS.flatMap((name) => RANGES.map(([position, length]) => ({ name, position, length }))),
  { name: 'truncate', position: 4096, length: 0 },
  { name: 'truncate', position: 5000, length: 0 },
  { name: 'extend', position: 8192, length: 0 },
  { name: 'writeEnd', position: 0, length: 12288 },
]

describe('the space of files, against its slow twin', () => {
  it('is the same over all sequences of three steps', () => {
    for (const a of STEPS) for (const b of STEPS) for (const c of STEPS) compare([a, b, c])
  }, 60_000)

  it('is the same over random sequences', () => {
    const position = fc.oneof(
      fc.nat(BLOCKS).map((block) => block * PAGE_SIZE),
      fc.nat(BLOCKS * PAGE_SIZE),
    )
    const length = fc.oneof(
      fc.nat(4).map((blocks) => blocks * PAGE_SIZE),
      fc.nat(3 * PAGE_SIZE),
    )
    const name = fc.constantFrom(...RANGE_STEPS, 'truncate' as const, 'extend' as const, 'writeEnd' as const)
    const task = fc.constantFrom(1, 1, 2)
    const steps = fc.array(fc.record({ name, position, length, task }), { maxLength: 50 })
    const sequence = fc.tuple(steps, fc.boolean())
    fc.assert(
      fc.property(sequence, ([all, sameRow]) => compare(all, sameRow)),
      { seed: 7, numRuns: 1500 },
    )
  }, 60_000)

  it('takes ranges of any length as they come', () => {
    const space = new FileSpace(new EventBus())
    space.punch(1, 0, Number.MAX_SAFE_INTEGER)
    space.reserve(1, 2 ** 40, 2 ** 50)
    space.copyIn(1, 2 ** 41, 4096)
    expect(space.block(1, 0)?.state).toBe(BLOCK_HOLE)
    expect(space.block(1, 2 ** 29)?.isCopied).toBe(true)
    expect(space.block(1, 2 ** 29 + 1)).toMatchObject({ state: BLOCK_RESERVED, isCopied: false })
  })

  it('says nothing of a file that no event was about', () => {
    const space = new FileSpace(new EventBus())
    space.copyIn(1, 0, 4096)
    expect(space.block(2, 0)).toBeUndefined()
    expect(space.sizeBytes(2)).toBeUndefined()
    expect(space.block(1, 0)?.state).toBe(BLOCK_UNKNOWN)
  })

  it('is one run where a file was written from end to end, write by write', () => {
    const space = new FileSpace(new EventBus())
    for (let block = 0; block < 1000; block++) {
      space.reserve(1, block * PAGE_SIZE, PAGE_SIZE)
      space.copyIn(1, block * PAGE_SIZE, PAGE_SIZE)
      space.writeEnd(1, block * PAGE_SIZE, PAGE_SIZE, PAGE_SIZE)
    }
    let runs = 0
    space.eachRun(1, 0, 1000 * PAGE_SIZE, () => runs++)
    expect(runs).toBeLessThanOrEqual(3)
  })
})
