import type { PolicyName } from '../../src/extract/policy.ts'
import { POLICY_NAMES } from '../../src/extract/policy.ts'
import { KERNEL_VERSIONS, type KernelVersion } from '../../src/kernel/version.ts'
import { type TestRow, traceText } from '../../src/testing/trace-row.ts'

const P = 4096

/** Numbers from a seed: the same ones for the same seed. */
export class Seeded {
  private state: number

  constructor(seed: number) {
    this.state = Math.imul(seed + 1, 0x9e3779b1)
  }

  /** 0 to `end` - 1. */
  below(end: number): number {
    this.state = (this.state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end
  }

  /** One of the list; what stands there twice comes twice as often. */
  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!
  }

  /** True once in `n`. */
  rarely(n: number): boolean {
    return this.below(n) === 0
  }
}

/** A trace of few shapes that repeat, and how it is replayed. */
export interface ShapeCase {
  readonly text: string
  readonly kernel: KernelVersion
  readonly policies: readonly PolicyName[]
  readonly inFlight: boolean
  readonly bio: Readonly<Record<string, number>>
}

/** What a case may have. */
export interface ShapeWorld {
  /** Rows other than operations: a column `event`. */
  readonly hasEvents: boolean
  /** Operations that complete later, or never. */
  readonly isHeld: boolean
  /** Consumers that rows name; none: no such column. */
  readonly consumers: readonly string[]
  readonly operations: number
  /** All operations of a case are alike but for the place in their pages. */
  readonly isOneLength?: boolean
  /** Files that operations may name; empty: none. */
  readonly files?: readonly string[]
  /** Flags that an operation may have. */
  readonly flags?: readonly string[]
}

/** Memory that operations work on. */
interface Arena {
  readonly mm: number
  readonly start: number
  readonly pages: number
}

/** What comes again and again, over other pages of its arena. */
interface Template {
  readonly arena: Arena
  readonly op: 'read' | 'write'
  readonly bytes: number
  readonly place: number
  readonly stepPages: number
  readonly position: number | ''
  readonly flags: string
  readonly isHeld: boolean
  readonly hasResult: boolean
}

/** Within 2 MiB, across its end, across the end of 512 MiB, and at the end of what a process may map. */
const STARTS = [
  0x7f0000000000,
  0x7f0000000000,
  0x7f0000200000 - 5 * P,
  0x7f0020000000 - 40 * P,
  0x7ffffffff000 - 64 * P,
]
const BYTES = [512, 4096, 4096, 8192, 65536, 65536, 1, 100, 4095, 4097, 12288 - 512, 69632, 16 * P + 512]
const LONG = [255 * P, 256 * P, 256 * P - 512, 257 * P, 300 * P, 512 * P, 520 * P + 1024]
const PLACES = [0, 0, 0, 512, 1024, 4, 4092, 4095, 0x234]
const PLAIN_BACKINGS = ['anon', 'anon', 'thp', 'thp', 'hugetlb', 'shmem']
const OTHER_BACKINGS = ['file', 'pfn', 'p2pdma', 'fsdax', 'secretmem']

/** The case of a seed. */
export function shapeCase(seed: number, world: ShapeWorld): ShapeCase {
  const random = new Seeded(seed)
  const arenas = arenasOf(random, world)
  const made = Array.from({ length: 2 + random.below(4) }, () => templateOf(random, arenas, world))
  const { arena, bytes, op, flags, position } = made[0]!
  const templates = world.isOneLength ? made.map((one) => ({ ...one, arena, bytes, op, flags, position })) : made
  const rows: TestRow[] = []
  const eventEvery = random.one([15, 100, 400, 400])
  let ts = 0
  if (world.hasEvents) for (const arena of arenas) rows.push({ ts, ...mapOf(random, arena, arena.start, arena.pages) })
  for (let n = 0; n < world.operations; n++) {
    ts += random.one([0, 100, 1000, 3000])
    const isEvent = world.hasEvents && random.rarely(eventEvery)
    rows.push({ ts, ...(isEvent ? eventOf(random, arenas) : operationOf(random, templates, ts, world)) })
  }
  return {
    text: traceText(rows, headerOf(random)),
    kernel: random.one(KERNEL_VERSIONS),
    policies: POLICY_NAMES,
    inFlight: random.rarely(3),
    bio: {
      'logical-block-size': random.one([512, 512, 4096]),
      'dma-alignment': random.one([1, 4, 512, 4096]),
      'bvec-limit': random.one([256, 256, 16, 300]),
    },
  }
}

function headerOf(random: Seeded): string[] {
  const filesystem = random.one(['', '', 'ext4', 'ext4', 'btrfs', 'tmpfs'])
  return [
    ...(filesystem === '' ? [] : [`filesystem ${filesystem}`]),
    ...(random.rarely(6) ? ['extent-bytes 16384'] : []),
  ]
}

function arenasOf(random: Seeded, { hasEvents }: ShapeWorld): Arena[] {
  return Array.from({ length: 1 + random.below(4) }, () => ({
    mm: random.one([0, 0, 7, 9]),
    start: random.one(STARTS) + random.one([0, 0, P, 3 * P]) * (hasEvents ? 1 : 4),
    pages: random.one([16, 64, 1100, 2100]),
  }))
}

function templateOf(random: Seeded, arenas: readonly Arena[], { isHeld, flags = [] }: ShapeWorld): Template {
  const arena = random.one(arenas)
  return {
    arena,
    op: random.one(['read', 'write'] as const),
    bytes: random.rarely(4) && arena.pages > 600 ? random.one(LONG) : random.one(BYTES),
    place: random.one(PLACES),
    stepPages: random.one([1, 1, 3, 16, 128, 512]),
    position: random.one([0, 0, 4096, 512, 100, '']),
    flags: random.one(['direct', 'direct', 'direct', 'direct nowait', '', ...flags]),
    isHeld: isHeld && !random.rarely(4),
    hasResult: random.rarely(3),
  }
}

function operationOf(random: Seeded, templates: readonly Template[], ts: number, world: ShapeWorld): TestRow {
  const { arena, op, bytes, place, stepPages, position, flags, isHeld, hasResult } = random.one(templates)
  const page = random.below(4) * stepPages
  const address = arena.start + Math.min(page, arena.pages - 1) * P + place
  const odd = random.below(60)
  const result = odd === 0 ? random.one([0, 512, -5, -22, 1]) : hasResult ? bytes : ''
  const end = ts + random.one([0, 1000, 1000, 20_000])
  return {
    op,
    ...(address < 2 ** 53 ? { segs: `0x${address.toString(16)}+${bytes}` } : {}),
    mm: arena.mm,
    file: random.one(world.files ?? ['', 'f', 'f', 'g']),
    offset: position === '' ? '' : position + random.below(4) * 4096,
    flags,
    ...(world.isHeld ? { end: odd === 1 ? 'never' : isHeld ? end : '' } : {}),
    ...(result !== '' || hasResult ? { result: typeof result === 'number' ? Math.min(result, bytes) : result } : {}),
    ...(odd === 2 ? { iter: 'iovec' } : {}),
    ...(odd === 3 ? { id: random.one(['a', 'b']) } : {}),
    ...(world.consumers.length > 0 ? { consumer: random.one(['', ...world.consumers]) } : {}),
  }
}

function mapOf(random: Seeded, { mm }: Arena, start: number, pages: number): TestRow {
  const backing = random.one(random.rarely(6) ? OTHER_BACKINGS : PLAIN_BACKINGS)
  const order = backing === 'anon' && random.rarely(3) ? [`order=${random.one([1, 2, 4])}`] : []
  const may = random.one(['', '', '', '', '', '', 'untouched', 'prot_read', 'prot_read', 'prot_none'])
  const isFile = ['file', 'shmem', 'fsdax'].includes(backing)
  const flags = [...order, may, isFile && random.rarely(2) ? 'private' : ''].filter((word) => word !== '').join(' ')
  return { event: 'map', mm, segs: `0x${start.toString(16)}+${pages * P}`, backing, flags }
}

function eventOf(random: Seeded, arenas: readonly Arena[]): TestRow {
  const arena = random.one(arenas)
  const from = random.below(arena.pages)
  const pages = 1 + random.below(Math.min(arena.pages - from, random.one([4, 40, 600])))
  const segs = `0x${(arena.start + from * P).toString(16)}+${pages * P}`
  const { mm } = arena
  switch (random.below(8)) {
    case 0:
      return mapOf(random, arena, arena.start + from * P, pages)
    case 1:
      return { event: 'unmap', mm, segs }
    case 2:
    case 3:
      return { event: 'fork', mm, result: random.one([0, 7, 9, 11, -11]) }
    case 4:
      return { event: random.one(['free', 'dirty', 'writeback']), mm, iter: 'ubuf', segs }
    case 5:
      return { event: random.one(['pin', 'get']), mm, iter: 'ubuf', segs }
    default:
      return { event: random.one(['unpin', 'put']), id: random.one(['a', 'b']) }
  }
}
