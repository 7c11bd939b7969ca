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
  PAGE_SIZE,
  Scatterlists,
  SgTable,
  SgViolations,
} from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** Entries of the caller's table. */
const ENTRIES_MAX = 2

/**
 * Kernel memory is encrypted, or sent, out of a scatterlist with few entries: as many lists as it takes.
 * @kernel lib/scatterlist.c: extract_iter_to_sg, extract_kvec_to_sg
 */
class ListsOfKernelMemory implements Consumer {
  private readonly kernel: Kernel
  private readonly lists = new Scatterlists()
  private readonly table = new SgTable()
  private readonly toSg: IterToSg
  private readonly first: number

  constructor({ memory, ledger, kernel }: ConsumerEnvironment, isFixed: boolean) {
    this.kernel = kernelOf(kernel, [{ name: 'sg-kvec-length', on: !isFixed }])
    this.toSg = new IterToSg(memory, ledger, this.lists, new SgViolations(ledger))
    this.first = this.lists.take(ENTRIES_MAX)
  }

  submit(io: Operation): number {
    const { audit, iter } = io
    const bytes = io.lengthBytes
    iter.kernel = this.kernel
    const isSource = iter.direction === ITER_SOURCE
    const iterator = audit?.iterators.init(isSource, false, iter.mm, bytes, bytes, iter.type) ?? 0
    let done = 0
    while (done < bytes) {
      audit?.iterators.use(iterator)
      const listed = this.list(io, bytes - done)
      if (listed <= 0) return EIO
      audit?.iterators.advance(iterator, listed)
      audit?.iterators.consume(iterator, this.tellEntries(io))
      done += listed
    }
    audit?.iterators.return(iterator, done)
    return done
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  private list(io: Operation, bytes: number): number {
    this.table.clear()
    this.lists.initTable(this.first, ENTRIES_MAX)
    this.table.sgl = this.first
    return this.toSg.extract(io, this.table, bytes, ENTRIES_MAX)
  }

  /** Tells of each entry. Returns the bytes of the iterator that the list has: of each entry what lies in its page. */
  private tellEntries(io: Operation): number {
    const { lists, table } = this
    const sg = io.audit?.objects.alloc('scatterlist', ENTRIES_MAX) ?? 0
    let bytes = 0
    for (let entry = table.sgl; entry < table.sgl + table.nents; entry++) {
      const length = lists.lengthBytes[entry]
      const offset = lists.offsetBytes[entry]
      io.audit?.objects.attach(sg, HOLD_NONE, lists.page[entry], offset, length)
      bytes += Math.min(length, PAGE_SIZE - offset)
    }
    io.audit?.objects.free(sg)
    return bytes
  }
}

export const bug32 = defineBug({
  number: 32,
  title: 'a scatterlist of kernel memory reaches beyond its pages',
  summary:
    'Each entry of a kvec got the whole rest of the kvec as its length, and the rest counted as done where the list was full: other memory was encrypted or sent, and some of the own never was.',
  cases: [
    {
      name: 'extract-kvec',
      kernel: 'lib/scatterlist.c: extract_kvec_to_sg',
      commit: '07b7d66e65d9',
      cve: 'CVE-2026-46289',
      trace: 'trace.csv',
      rules: ['H-25', 'H-27'],
      row: 3,
      accepts: ['kvec'],
      entriesMax: ENTRIES_MAX,
      policy: () => 'extract',
      create: (environment, isFixed) => new ListsOfKernelMemory(environment, isFixed),
    },
  ],
})
