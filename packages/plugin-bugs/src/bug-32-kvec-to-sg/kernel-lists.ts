import {
  type Consumer,
  type ConsumerEnvironment,
  EIO,
  HOLD_NONE,
  ITER_SOURCE,
  IterToSg,
  type Kernel,
  kernelOf,
  type Operation,
  PAGE_KINDS,
  PAGE_SIZE,
  type PageStore,
  Scatterlists,
  SgTable,
  SgViolations,
} from '@pinscope/core'

/** Entries before those of the iterator: what a message has in front. @kernel fs/smb/client/smb2ops.c: smb2_get_aead_req */
const HEADER_ENTRIES = 1
const KIND_VMALLOC = PAGE_KINDS.indexOf('vmalloc')

/**
 * Kernel memory is encrypted, or sent, out of a scatterlist with few entries: as many lists as it takes.
 * @kernel lib/scatterlist.c: extract_iter_to_sg, extract_kvec_to_sg
 */
export class ListsOfKernelMemory implements Consumer {
  private readonly isFixed: boolean
  private readonly kernel: Kernel
  private readonly fixedKernel: Kernel
  private readonly pages: PageStore
  /** Entries that one call may make: 0 where the table is full. */
  private readonly sgMax: number
  private readonly lists = new Scatterlists()
  private readonly table = new SgTable()
  private readonly toSg: IterToSg

  constructor({ memory, ledger, kernel, options }: ConsumerEnvironment, isFixed: boolean) {
    this.isFixed = isFixed
    this.kernel = kernelOf(kernel, [{ name: 'sg-kvec-length', on: !isFixed }])
    this.fixedKernel = kernelOf(kernel, [{ name: 'sg-kvec-length', on: false }])
    this.pages = memory.pages
    this.sgMax = options['sg-max']
    this.toSg = new IterToSg(memory, ledger, this.lists, new SgViolations(ledger))
  }

  submit(io: Operation): number {
    const { audit, iter } = io
    const bytes = io.lengthBytes
    const entries = Math.ceil(bytes / PAGE_SIZE) + 2 * iter.segmentsLeft
    const sgl = this.lists.take(entries)
    const isSource = iter.direction === ITER_SOURCE
    const iterator = audit?.iterators.init(isSource, false, iter.mm, bytes, bytes, iter.type) ?? 0
    if (audit !== null) this.tellMemory(io, sgl, entries)
    let done = 0
    while (done < bytes) {
      audit?.iterators.use(iterator)
      const listed = this.list(io, sgl, bytes - done, entries)
      if (listed <= 0) break
      audit?.iterators.advance(iterator, listed)
      audit?.iterators.consume(iterator, this.tellEntries(io))
      done += listed
    }
    this.lists.give(sgl, entries)
    if (done < bytes) return EIO
    audit?.iterators.return(iterator, done)
    return done
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** One call. Before the fix the kernel makes an entry, and then looks how many are left: of 0 there is no end. */
  private list(io: Operation, sgl: number, bytes: number, entries: number): number {
    io.iter.kernel = this.kernel
    this.empty(sgl, entries)
    return this.toSg.extract(io, this.table, bytes, this.sgMax === 0 && !this.isFixed ? entries : this.sgMax)
  }

  /** Tells which pages the iterator has. */
  private tellMemory(io: Operation, sgl: number, entries: number): void {
    const { lists, table } = this
    io.iter.kernel = this.fixedKernel
    this.empty(sgl, entries)
    const bytes = this.toSg.extract(io, table, io.lengthBytes, entries)
    for (let sg = table.sgl; sg < table.sgl + table.nents; sg++) {
      io.audit?.listed.addPiece(lists.page[sg], lists.offsetBytes[sg], lists.lengthBytes[sg], 0)
    }
    io.iter.revert(bytes)
  }

  private empty(sgl: number, entries: number): void {
    this.table.clear()
    this.lists.initTable(sgl, entries)
    this.table.sgl = sgl
  }

  /** Tells of each entry. Returns the bytes of the iterator that the list has, those that it has twice included. */
  private tellEntries(io: Operation): number {
    const { lists, table } = this
    const objects = io.audit?.objects
    const sg = objects?.alloc('scatterlist', HEADER_ENTRIES + this.sgMax) ?? 0
    objects?.attach(sg, HOLD_NONE, -1, 0, PAGE_SIZE)
    let bytes = 0
    for (let entry = table.sgl; entry < table.sgl + table.nents; entry++) {
      const length = lists.lengthBytes[entry]
      const offset = lists.offsetBytes[entry]
      objects?.attach(sg, HOLD_NONE, lists.page[entry], offset, length)
      // Behind a page of kmalloc'ed memory lies the next one of the kvec.
      const isScattered = this.pages.kindOf(lists.page[entry]) === KIND_VMALLOC
      bytes += isScattered ? Math.min(length, PAGE_SIZE - offset) : length
    }
    objects?.free(sg)
    return bytes
  }
}
