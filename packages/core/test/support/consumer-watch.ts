import {
  type Consumer,
  type ConsumerDefinition,
  type ConsumerEnvironment,
  type IovIter,
  ITER_SOURCE,
  ITER_TYPE_NAMES,
  type Ledger,
  type Memory,
  type Operation,
  PAGE_SIZE,
  type PageList,
  pageNumberOf,
  RETAIN_PIN,
} from '@pinscope/core'
import type { ExtractListener } from './extract-watch.ts'

/** A page of a list just after it was taken: its folio's live counts; `pincount` is null for a small page. */
interface CountedPage {
  readonly page: number
  readonly refcount: number
  readonly pincount: number | null
}

/** One extraction that a consumer made. */
export interface MadeCall {
  readonly policy: string
  readonly type: string
  readonly direction: 'dst' | 'src'
  readonly iovOffsetBytes: number
  readonly countBytes: number
  readonly segments: number
  /** The current segment: its address, or of a bvec its first page (a row of the page store) and offset. */
  readonly baseAddress: number
  readonly basePage: number
  readonly segmentBytes: number
  readonly maxsizeBytes: number
  readonly maxpages: number
  ret: number
  startBytes: number
  leftBytes: number
  pages: readonly CountedPage[]
  /** What get_user_pages was asked for. */
  request: { readonly address: number; readonly pages: number; readonly foll: number } | null
}

/** One operation in the model. */
export interface MadeOperation {
  /** Of its lane. */
  readonly memory: Memory
  readonly calls: MadeCall[]
  /** Pages pinned, and as negative numbers unpinned, in order. */
  readonly pins: number[]
  /** Bytes, or -errno. */
  result: number
  recordedResult: number
  /** Folios listed, by first page, whose counts are not as they were before the operation, once it is complete. */
  heldAfter: readonly number[]
}

/** Everything that the consumers of a replay take and let go of, operation by operation. */
export class ConsumerWatch implements ExtractListener {
  /** By number of the operation in the trace, from 1. */
  readonly operations = new Map<number, MadeOperation>()
  private current: MadeOperation | null = null
  private open: MadeCall | null = null
  /** By first page of a folio: its counts before the operation listed a page of it. */
  private readonly before = new Map<number, string>()
  private memory: Memory | null = null

  /** The consumer in a lane of its own, watched. */
  wrap(definition: ConsumerDefinition): ConsumerDefinition {
    return {
      ...definition,
      create: (environment) => {
        this.watchLane(environment)
        return this.wrapConsumer(definition.create(environment), environment.memory)
      },
    }
  }

  called(iter: IovIter, policy: { readonly name: string }, memory: Memory, pagesMax: number, bytesMax: number): void {
    const { table, segment } = iter
    const type = ITER_TYPE_NAMES[iter.type]!
    const base = table.addressBytes[segment] ?? Number.NaN
    const byPage = type === 'bvec'
    this.open = {
      policy: policy.name,
      type,
      direction: iter.direction === ITER_SOURCE ? 'src' : 'dst',
      iovOffsetBytes: iter.iovOffsetBytes,
      countBytes: iter.countBytes,
      segments: type === 'ubuf' ? 1 : iter.segmentsLeft,
      baseAddress: byPage ? table.offsetBytes[segment]! : base,
      basePage: byPage ? (iter.byRow ? base : memory.pages.pageOfFrame(base)) : -1,
      // Of a ubuf the recorder gives the count.
      segmentBytes: type === 'ubuf' ? iter.countBytes : (table.lengthBytes[segment] ?? 0),
      maxsizeBytes: bytesMax,
      maxpages: pagesMax,
      ret: 0,
      startBytes: 0,
      leftBytes: 0,
      pages: [],
      request: null,
    }
    this.current?.calls.push(this.open)
  }

  returned(iter: IovIter, list: PageList, bytes: number): void {
    const call = this.open
    if (call === null) return
    call.ret = bytes
    call.leftBytes = iter.countBytes
    if (bytes <= 0) {
      this.open = null
      return
    }
    call.startBytes = list.offsetBytes[0]!
    const { pages } = this.memory!
    for (const page of list.page.subarray(0, list.length)) {
      const folio = pages.headOf(page)
      if (!this.before.has(folio)) this.before.set(folio, this.countsText(folio))
    }
  }

  private watchLane({ memory, ledger }: ConsumerEnvironment): void {
    this.memory = memory
    const { spaces } = memory
    const walk = spaces.walk.bind(spaces)
    spaces.walkRun = () => -1
    spaces.walk = (...args) => {
      const [, addresses, index, offsetBytes, pages, foll] = args
      const address = pageNumberOf(addresses[index]! + offsetBytes) * PAGE_SIZE
      if (this.open !== null) this.open.request = { address, pages, foll }
      return walk(...args)
    }
    const acquire = ledger.acquire.bind(ledger)
    ledger.acquire = (list) => {
      const hold = acquire(list)
      this.taken(list)
      return hold
    }
    this.watchReleases(ledger)
  }

  /** Entries, not what was counted: an unpin of the zero page is a call too. */
  private watchReleases(ledger: Ledger): void {
    const { holds } = ledger
    const unpinned = (slot: number, entries: number) => {
      if (slot > 0 && holds.retention[slot] === RETAIN_PIN) this.current?.pins.push(-entries)
    }
    const release = ledger.release.bind(ledger)
    ledger.release = (hold, as) => {
      const slot = holds.find(hold)
      unpinned(slot, holds.count[slot] ?? 0)
      release(hold, as)
    }
    const letGoSlot = ledger.letGoSlot.bind(ledger)
    ledger.letGoSlot = (slot, operation) => {
      if (holds.open[slot] === 1) unpinned(slot, holds.count[slot]!)
      return letGoSlot(slot, operation)
    }
    const releaseFirst = ledger.releaseFirst.bind(ledger)
    ledger.releaseFirst = (hold) => {
      unpinned(holds.find(hold), 1)
      releaseFirst(hold)
    }
  }

  /** The pages of a list were taken, or only counted as bare. */
  private taken(list: PageList): void {
    if (list.retention === RETAIN_PIN) this.current?.pins.push(list.length)
    if (this.open === null) return
    this.open.pages = [...list.page.subarray(0, list.length)].map((page) => ({ page, ...this.countsOf(page) }))
    this.open = null
  }

  private wrapConsumer(consumer: Consumer, memory: Memory): Consumer {
    const { operations } = this
    return {
      submit: (io: Operation) => {
        this.memory = memory
        this.before.clear()
        this.current = { memory, calls: [], pins: [], result: 0, recordedResult: io.recordedResult, heldAfter: [] }
        operations.set(io.number, this.current)
        this.current.result = consumer.submit(io)
        return this.current.result
      },
      abort: (io) => {
        consumer.abort(io)
        this.over()
      },
      complete: (io) => {
        consumer.complete(io)
        this.over()
      },
      close: (io) => {
        this.current = null
        consumer.close?.(io)
      },
      ...(consumer.register === undefined ? {} : { register: (io: Operation) => consumer.register?.(io) ?? 0 }),
      ...(consumer.unregister === undefined ? {} : { unregister: (io: Operation) => consumer.unregister?.(io) }),
      counters: () => consumer.counters(),
    }
  }

  private over(): void {
    if (this.current !== null)
      this.current.heldAfter = [...this.before].flatMap(([page, counts]) =>
        counts === this.countsText(page) ? [] : [page],
      )
  }

  private countsOf(page: number): { refcount: number; pincount: number | null } {
    const { pages } = this.memory!
    const head = pages.headOf(page)
    return { refcount: pages.refcountOf(head), pincount: pages.orderOf(page) > 0 ? pages.pincountOf(head) : null }
  }

  private countsText(page: number): string {
    const { refcount, pincount } = this.countsOf(page)
    return `${refcount} ${pincount}`
  }
}
