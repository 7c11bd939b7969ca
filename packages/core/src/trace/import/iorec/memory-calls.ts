import { PAGE_SIZE } from '../../../units.ts'
import { EVENT_FORK, EVENT_UNMAP } from '../../op-batch.ts'
import type { ImportRows } from '../import-rows.ts'
import { type Call, decimalArgument, hexArgument } from './call.ts'
import type { Space, Spaces } from './spaces.ts'

/** @kernel include/uapi/asm-generic/mman-common.h, include/uapi/linux/mman.h */
const PROT_READ = 0x1
const PROT_WRITE = 0x2
const MAP_SHARED = 0x1
const MAP_ANONYMOUS = 0x20
const MAP_HUGETLB = 0x40000
/** End of the memory of a process. @kernel arch/x86/include/asm/page_64_types.h: TASK_SIZE_MAX */
const SPACE_BYTES = 0x7fff_ffff_f000

/** Calls that change an address space, and what else does. */
const MEMORY_CALLS: Readonly<Record<string, (memory: MemoryCalls, call: Call) => void>> = {
  mmap: (memory, call) => memory.map(call),
  vma: (memory, call) => memory.map(call),
  munmap: (memory, call) => memory.unmapAll(call, call.segments),
  mremap: (memory, call) => memory.move(call),
  brk: (memory, call) => memory.moveBreak(call),
  mprotect: (memory, call) => memory.protect(call),
  fork: (memory, call) => memory.fork(call),
  exec: (memory, call) => memory.leave(call),
  exit: (memory, call) => memory.leave(call),
}

/**
 * Follows what is mapped where. Rows of the trace come of it only where an operation used the memory before: `unmap`, and
 * `fork` with what the processes share from then on.
 */
export class MemoryCalls {
  private readonly rows: ImportRows
  private readonly spaces: Spaces
  /** What a mapping allows is recorded whenever it changes. */
  private readonly isExact: boolean

  constructor(rows: ImportRows, spaces: Spaces, isExact: boolean) {
    this.rows = rows
    this.spaces = spaces
    this.isExact = isExact
  }

  static concerns({ op }: Call): boolean {
    return Object.hasOwn(MEMORY_CALLS, op)
  }

  /** A process begins, ends, or becomes another program: nothing of it holds where address spaces are not those recorded. */
  static isOfProcess({ op }: Call): boolean {
    return op === 'fork' || op === 'exec' || op === 'exit'
  }

  run(call: Call): void {
    if (call.result < 0 && call.result >= -4095) return
    MEMORY_CALLS[call.op]!(this, call)
  }

  /** @kernel mmap(2) */
  map(call: Call): void {
    const [addressBytes, lengthBytes] = call.segments
    if (addressBytes === undefined) return
    const flags = hexArgument(call, 'fl')
    const protection = hexArgument(call, 'prot')
    const isAnonymous = (flags & MAP_ANONYMOUS) !== 0 || !call.file.target.startsWith('/')
    const space = this.spaces.of(call.mm)
    const firstPage = Math.floor(addressBytes / PAGE_SIZE)
    const endPage = firstPage + Math.ceil(lengthBytes! / PAGE_SIZE)
    space.known.forget(firstPage, endPage)
    space.mappings.put({
      firstPage,
      endPage,
      isShared: (flags & MAP_SHARED) !== 0,
      isHugetlb: (flags & MAP_HUGETLB) !== 0,
      file: isAnonymous ? null : call.file,
      filePage: Math.floor((hexArgument(call, 'off') || 0) / PAGE_SIZE),
      isReadable: (protection & PROT_READ) !== 0,
      isWritable: (protection & PROT_WRITE) !== 0,
      isExact: this.isExact,
      whole: 0,
    })
    this.spaces.weigh(space)
  }

  /** @kernel munmap(2) */
  unmapAll(call: Call, segments: readonly number[]): void {
    for (let i = 0; i < segments.length; i += 2) this.unmap(call, segments[i]!, segments[i + 1]!)
  }

  /** The pages go with the mapping: at the new place nothing is known of them. @kernel mremap(2) */
  move(call: Call): void {
    const [address, length, newAddress, newLength] = call.segments
    if (newLength === undefined) return
    const space = this.spaces.of(call.mm)
    const firstPage = Math.floor(address! / PAGE_SIZE)
    const mapping = space.mappings.find(firstPage)
    if (newAddress !== address || newLength < length!) {
      const from = newAddress === address ? newLength : 0
      this.unmap(call, address! + from, length! - from)
    }
    const first = Math.floor(newAddress! / PAGE_SIZE)
    const grown = newAddress === address ? Math.ceil(length! / PAGE_SIZE) : 0
    const endPage = first + Math.ceil(newLength / PAGE_SIZE)
    if (mapping === null || first + grown >= endPage) return
    space.known.forget(first + grown, endPage)
    const filePage = mapping.filePage + firstPage - mapping.firstPage + grown
    space.mappings.put({ ...mapping, firstPage: first + grown, endPage, filePage, whole: 0 })
    this.spaces.weigh(space)
  }

  /** @kernel brk(2) */
  moveBreak(call: Call): void {
    if (call.args.has('shrink')) this.unmapAll(call, call.segments)
    else
      this.map({
        ...call,
        args: new Map([
          ['prot', '3'],
          ['fl', '22'],
        ]),
      })
  }

  /** @kernel mprotect(2) */
  protect(call: Call): void {
    const [addressBytes, lengthBytes] = call.segments
    if (addressBytes === undefined) return
    const protection = hexArgument(call, 'prot')
    const firstPage = Math.floor(addressBytes / PAGE_SIZE)
    const endPage = Math.ceil((addressBytes + lengthBytes!) / PAGE_SIZE)
    const space = this.spaces.of(call.mm)
    space.mappings.protect(firstPage, endPage, (protection & PROT_READ) !== 0, (protection & PROT_WRITE) !== 0)
    this.spaces.weigh(space)
  }

  /** @kernel fork(2), clone(2) without CLONE_VM */
  fork(call: Call): void {
    const child = decimalArgument(call, 'mm')
    if (call.args.get('copy') !== '1' || !(child > 0) || child === call.mm) return
    const parent = this.spaces.of(call.mm)
    this.spaces.fork(parent, child)
    // Where no row told of memory yet there is nothing that a replay could share.
    if (parent.known.size === 0) return
    const { rows } = this
    const row = rows.draft()
    row.event = EVENT_FORK
    row.tsNs = call.tsNs
    row.mm = call.mm
    row.call = rows.callName(call.op)
    row.resultBytes = child
    rows.put(row)
  }

  /** A process begins another program, or ends, and with it an address space that no other one has. */
  leave(call: Call): void {
    const gone = decimalArgument(call, 'gone')
    if (!(gone > 0)) return
    const space = this.spaces.of(gone)
    if (space.known.size > 0) {
      this.putUnmap(call, space, 0, SPACE_BYTES)
      space.wasUnmapped = true
    }
    this.spaces.remove(gone)
  }

  private unmap(call: Call, addressBytes: number, lengthBytes: number): void {
    const space = this.spaces.of(call.mm)
    const firstPage = Math.floor(addressBytes / PAGE_SIZE)
    const endPage = Math.ceil((addressBytes + lengthBytes) / PAGE_SIZE)
    if (endPage <= firstPage) return
    const wasWhole = space.mappings.within(firstPage, endPage).some(({ whole }) => whole !== 0)
    space.mappings.remove(firstPage, endPage)
    const wasKnown = space.known.forget(firstPage, endPage)
    this.spaces.weigh(space)
    if (!wasKnown && !wasWhole) return
    space.wasUnmapped = true
    this.putUnmap(call, space, firstPage * PAGE_SIZE, (endPage - firstPage) * PAGE_SIZE)
  }

  private putUnmap(call: Call, space: Space, addressBytes: number, lengthBytes: number): void {
    const { rows } = this
    const row = rows.draft()
    row.event = EVENT_UNMAP
    row.tsNs = call.tsNs
    row.mm = space.mm
    row.call = rows.callName(call.op)
    row.addSegment(addressBytes, lengthBytes)
    rows.put(row)
  }
}
