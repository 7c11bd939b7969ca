import { errnoName } from '../../src/errno.ts'
import { extractPages } from '../../src/extract/extract-pages.ts'
import { PageList } from '../../src/extract/page-list.ts'
import { findPolicy, type PolicyName } from '../../src/extract/policy.ts'
import { RETENTION_NAMES } from '../../src/extract/retention.ts'
import { FOLIOQ_SLOTS, FolioQueue } from '../../src/iter/folio-queue.ts'
import { IovIter } from '../../src/iter/iov-iter.ts'
import type { IterReport, IterRule } from '../../src/iter/iter-report.ts'
import {
  ITER_BVEC,
  ITER_DEST,
  ITER_FOLIOQ,
  ITER_KVEC,
  ITER_PIPE,
  ITER_SOURCE,
  ITER_TYPE_NAMES,
  ITER_XARRAY,
  type IterType,
} from '../../src/iter/iter-type.ts'
import { PipeRing } from '../../src/iter/pipe-ring.ts'
import { SegmentTable } from '../../src/iter/segment-table.ts'
import { type Kernel, kernelOf } from '../../src/kernel/kernel.ts'
import type { QuirkName } from '../../src/kernel/quirks.ts'
import type { KernelVersion } from '../../src/kernel/version.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { KERNEL_MM } from '../../src/memory/address-spaces.ts'
import { gupRules } from '../../src/memory/gup-rules.ts'
import { MAPPING_NO_ACCESS, MAPPING_UNTOUCHED } from '../../src/memory/mapping.ts'
import { Memory } from '../../src/memory/memory.ts'
import type { PageReferences } from '../../src/memory/page-references.ts'
import { PAGE_KINDS, type PageKindName } from '../../src/memory/page-store.ts'
import { PAGE_SIZE } from '../../src/units.ts'

type TypeName = (typeof ITER_TYPE_NAMES)[number]

/** A quirk to switch on, or with a dash before it off. */
export type Change = QuirkName | `-${QuirkName}`

/** A name, a position, a length: `name/position+length` in hex, with all but the length left out where there is none. */
const SEGMENT = /^([\da-f]+)(?:\/([\da-f]+))?\+([\da-f]+)$/

/** Counts by page row. */
export class CountingReferences implements PageReferences {
  readonly counts = new Map<number, number>()

  get(page: number): void {
    this.counts.set(page, this.of(page) + 1)
  }

  put(page: number): void {
    this.counts.set(page, this.of(page) - 1)
  }

  of(page: number): number {
    return this.counts.get(page) ?? 0
  }
}

/** Pages, address spaces, a ledger and one iterator: what an extraction needs, without a replay. */
export class World implements IterReport {
  readonly kernel: Kernel
  readonly memory = new Memory()
  readonly pages = this.memory.pages
  readonly spaces = this.memory.spaces
  readonly cache = this.memory.cache
  readonly ledger = new Ledger(this.pages)
  readonly list = new PageList()
  readonly iter = new IovIter()
  /** Rules that the iterator broke, in order. */
  readonly rules: IterRule[] = []
  /** The file of xarray iterators. */
  readonly file = 1
  readonly queue = new FolioQueue()
  /** Page rows of all folios ever put in {@link queue}, in order. */
  readonly queued: number[] = []
  /** References on pages that the ring borrowed, and (below zero) on those that it gave back. */
  readonly borrowed = new CountingReferences()
  readonly owned = new CountingReferences()
  ring = new PipeRing(this.pages, this.borrowed, this.owned)

  constructor(version: KernelVersion = 'mainline', ...changes: Change[]) {
    this.kernel = kernelOf(
      version,
      changes.map((change) => ({ name: change.replace(/^-/, ''), on: !change.startsWith('-') })),
    )
    this.spaces.rules = gupRules(version)
    this.spaces.references = this.ledger.mappingReferences
    this.iter.kernel = this.kernel
    this.iter.report = this
  }

  iterViolation(rule: IterRule): void {
    this.rules.push(rule)
  }

  /** Maps pages of address space 0. */
  map(firstPage: number, endPage: number, order = 0, flags = 0, kind: PageKindName = 'anon', mm = 0): void {
    this.spaces.map(mm, firstPage, endPage, PAGE_KINDS.indexOf(kind), order, flags)
  }

  untouched(firstPage: number, endPage: number): void {
    this.map(firstPage, endPage, 0, MAPPING_UNTOUCHED)
  }

  refuse(firstPage: number, endPage: number): void {
    this.map(firstPage, endPage, 0, MAPPING_NO_ACCESS)
  }

  /** Starts the iterator over segments {address, length} or {page, offset, length}: for xarray {position, file, length}. */
  start(name: TypeName, segs: readonly (readonly number[])[], count?: number, write = false): IovIter {
    const table = new SegmentTable()
    for (const seg of segs) table.push(seg[0]!, seg.length === 3 ? seg[1]! : 0, seg.at(-1)!)
    const total = segs.reduce((sum, seg) => sum + seg.at(-1)!, 0)
    const type = ITER_TYPE_NAMES.indexOf(name) as IterType
    this.iter.reset(type, write ? ITER_SOURCE : ITER_DEST, table, 0, segs.length, count ?? total)
    this.iter.mm = type === ITER_KVEC ? KERNEL_MM : 0
    return this.iter
  }

  /** Starts it over {@link queue}, after folios of these orders were put in, at a slot counted over all segments. */
  startFolioq(orders: readonly number[], count?: number, offset = 0, write = false, slot = 0): IovIter {
    for (const order of orders) this.append(order)
    const total = this.queued.length * PAGE_SIZE - offset
    this.iter.resetFolioq(write ? ITER_SOURCE : ITER_DEST, this.queue, slot, offset, count ?? total)
    return this.iter
  }

  /** Puts a folio at the end of {@link queue}. */
  append(order: number): void {
    const head = this.pages.allocateFolio(order, PAGE_KINDS.indexOf('file'))
    this.queue.append(head, order)
    for (let i = 0; i < 2 ** order; i++) this.queued.push(head + i)
  }

  startXarray(position: number, count: number, write = false): IovIter {
    return this.start('xarray', [[position, this.file, count]], count, write)
  }

  /** Puts a folio into {@link file} at an index; returns its head's row. */
  cached(index: number, order = 0, kind: PageKindName = 'file'): number {
    const head = this.pages.allocateFolio(order, PAGE_KINDS.indexOf(kind))
    this.cache.add(this.file, index, head)
    return head
  }

  startPipe(count: number, ringSize = 16): IovIter {
    this.ring = new PipeRing(this.pages, this.borrowed, this.owned, ringSize)
    this.iter.resetPipe(this.ring, count)
    return this.iter
  }

  /**
   * Starts an iterator as a line of a table names it, all numbers in hex: `ubuf 10000234+2000`, `bvec 500/800+1000
   * 700/0+1000`, `folioq 2 0*1f`, `xarray 1800+2800`, `pipe`; then `count:N`, `offset:N` (folioq), `in:0-2,4`
   * (indices present), `refused:10002`, `ring:N`, `source`, and `advance:N` at last.
   */
  begin(line: string): IovIter {
    const [name, ...words] = line.split(' ') as [TypeName, ...string[]]
    const option = (key: string) => words.find((word) => word.startsWith(`${key}:`))?.slice(key.length + 1)
    const number = (key: string) => (option(key) === undefined ? undefined : Number.parseInt(option(key)!, 16))
    const write = words.includes('source')
    for (const index of numbersIn(option('in') ?? '')) this.cached(index)
    for (const page of numbersIn(option('refused') ?? '')) this.refuse(page, page + 1)
    const segs = words.flatMap((word) => {
      const [, first, second, length] = SEGMENT.exec(word) ?? []
      if (length === undefined) return []
      const bytes = Number.parseInt(length, 16)
      const address = Number.parseInt(first!, 16)
      if (name === 'xarray') return [[address, this.file, bytes]]
      return [second === undefined ? [address, bytes] : [address, Number.parseInt(second, 16), bytes]]
    })
    const count = number('count')
    if (name === 'folioq') this.startFolioq(ordersIn(words), count, number('offset'), write)
    else if (name === 'pipe') this.startPipe(count!, number('ring'))
    else this.start(name, segs, count, write)
    const advanced = number('advance')
    if (advanced !== undefined) this.iter.advance(advanced)
    return this.iter
  }

  /** One extraction: what it listed, with pages told apart by their row. */
  extract(pagesMax = 16, policy: PolicyName = 'extract', bytesMax = 2 ** 40, flags = 0) {
    const { iter, list } = this
    const bytes = extractPages(iter, findPolicy(policy)!, this.memory, list, pagesMax, bytesMax, flags)
    const rows = bytes > 0 ? [...list.page.subarray(0, list.length)] : []
    const lengths = [...list.lengthBytes.subarray(0, rows.length)]
    const retention = bytes > 0 ? RETENTION_NAMES[list.retention] : 'nothing'
    return { bytes, pages: rows.length, rows, offset: rows.length > 0 ? list.offsetBytes[0] : 0, lengths, retention }
  }

  /**
   * {@link extract} as a cell of a table: `10000-10002 @234 =2000 >1:2000` for the pages, the offset in the first, the
   * bytes, and {@link at}; an errno with {@link at} only where the iterator moved.
   */
  call(pagesMax?: number, policy?: PolicyName, bytesMax?: number): string {
    const before = this.at()
    const { bytes, rows, offset } = this.extract(pagesMax, policy, bytesMax)
    if (bytes < 0) return this.at() === before ? errnoName(bytes) : `${errnoName(bytes)} >${this.at()}`
    const listed = rows.length === 0 ? '' : `${this.namesOf(rows)} @${hex(offset!)} `
    return `${listed}=${hex(bytes)} >${this.at()}`
  }

  /** Where the iterator is, `A:B` in hex: segments left (folioq: slot, pipe: head) and iov_offset (pipe: last_offset). */
  at(): string {
    const { iter } = this
    if (iter.type === ITER_FOLIOQ)
      return `${hex(iter.queueSegment * FOLIOQ_SLOTS + iter.slot)}:${hex(iter.iovOffsetBytes)}`
    if (iter.type === ITER_PIPE) return `${hex(iter.pipeHead)}:${hex(iter.lastOffset)}`
    return `${hex(iter.segmentsLeft)}:${hex(iter.iovOffsetBytes)}`
  }

  /** {@link at}, and the count. */
  state(): string {
    return `${this.at()}/${hex(this.iter.countBytes)}`
  }

  /** The buffers of the ring as `offset+length` in hex, a star at those that it borrowed. */
  buffers(): string {
    const { ring } = this
    return Array.from({ length: ring.head - ring.tail }, (_, i) => {
      const at = ring.at(ring.tail + i)
      return `${ring.isOwn[at] === 1 ? '' : '*'}${hex(ring.offsetBytes[at]!)}+${hex(ring.lengthBytes[at]!)}`
    }).join(' ')
  }

  /**
   * Page rows by the numbers that the iterator's type has for them: virtual page, frame, index in the file, place in the
   * queue, buffer of the pipe. `7-9,c`.
   */
  namesOf(rows: readonly number[]): string {
    const names = this.rowNames()
    const numbers = rows.map((row) => names(row))
    const runs: number[][] = []
    for (const number of numbers) {
      const last = runs.at(-1)
      if (last !== undefined && last.at(-1)! + 1 === number) last.push(number)
      else runs.push([number])
    }
    return runs.map((run) => (run.length === 1 ? hex(run[0]!) : `${hex(run[0]!)}-${hex(run.at(-1)!)}`)).join(',')
  }

  /** Virtual page numbers of address space 0 (or of kernel memory) as page rows. */
  rowsOf(firstPage: number, count: number, mm = 0): number[] {
    const out = new Int32Array(count)
    this.spaces.walkPages(mm, firstPage, count, 0, out)
    return [...out]
  }

  frames(): number[] {
    return [...this.list.page.subarray(0, this.list.length)].map((row) => this.pages.frameOf(row))
  }

  refcount(row: number): number {
    return this.pages.refcountOf(this.pages.headOf(row)!)
  }

  pincount(row: number): number {
    return this.pages.pincountOf(this.pages.headOf(row)!)
  }

  private rowNames(): (row: number) => number {
    const { iter, ring } = this
    if (iter.type === ITER_BVEC) return (row) => this.pages.frameOf(row)
    if (iter.type === ITER_FOLIOQ) return (row) => this.queued.indexOf(row)
    if (iter.type === ITER_PIPE) return (row) => ring.page.indexOf(row)
    const rows = new Map<number, number>()
    const { addressBytes, lengthBytes } = iter.table
    for (let s = 0; s < iter.table.length; s++) {
      const end = Math.ceil((addressBytes[s]! + lengthBytes[s]!) / PAGE_SIZE)
      for (let page = Math.floor(addressBytes[s]! / PAGE_SIZE); page < end; page++) {
        rows.set(iter.type === ITER_XARRAY ? this.cache.find(this.file, page) : this.rowsOf(page, 1, iter.mm)[0]!, page)
      }
    }
    return (row) => rows.get(row)!
  }
}

/** The lines of a table as cells, which stand between bars. */
export function cellsOf(table: string): string[][] {
  return table
    .trim()
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
}

/** Lower case, without a prefix. */
export function hex(value: number): string {
  return value.toString(16)
}

/** `0-2,4` as numbers. */
function numbersIn(text: string): number[] {
  if (text === '') return []
  return text.split(',').flatMap((run) => {
    const [first, last = first] = run.split('-').map((word) => Number.parseInt(word, 16))
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i)
  })
}

/** `2 0*1f`: orders of folios, one of them repeated. */
function ordersIn(words: readonly string[]): number[] {
  return words.flatMap((word) => {
    const [, order, times = '1'] = /^(\d)(?:\*([\da-f]+))?$/.exec(word) ?? []
    return order === undefined ? [] : Array<number>(Number.parseInt(times, 16)).fill(Number(order))
  })
}
