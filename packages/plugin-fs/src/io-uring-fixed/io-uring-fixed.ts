import {
  BIO_VEC_BYTES,
  type Consumer,
  type ConsumerEnvironment,
  countersOf,
  EFAULT,
  EINVAL,
  ENOMEM,
  GUARD_COUNT,
  grown,
  type Hold,
  ITER_BVEC,
  ITER_IOVEC,
  ITER_UBUF,
  MAX_RW_COUNT,
  type Operation,
  type OperationShape,
  PAGE_LIST_MAX,
  PAGE_SIZE,
} from '@pinscope/core'
import { BufferTables, type RegisteredTable } from './buffer-table.ts'
import { contains, type MappedBuffer, TableSlice } from './mapped-buffer.ts'
import {
  DEFERRED,
  FIXED_BVECS,
  FIXED_REQUESTS,
  ITER_SEGMENTS,
  PLAIN_REQUESTS,
  URING_COUNTERS,
} from './uring-counters.ts'
import { PAGES_UNLIMITED, type UringTraits, uringTraits } from './uring-sizes.ts'

/**
 * Buffers registered with io_uring. `register` and `unregister` rows are IORING_REGISTER_BUFFERS and
 * IORING_UNREGISTER_BUFFERS, a slot of the table for each segment. A request with the flag `fixed` gets a bvec iterator
 * over a slice of the table: nothing is extracted and nothing taken, whatever the policy; what is under it is the file
 * system's. Several segments in one request are READV_FIXED and its kin, which 6.1 and 6.12 do not have: -EINVAL.
 *
 * A request over other memory (READV, WRITEV) is imported as it is, and io_uring takes nothing: its pages are taken as direct
 * I/O under it takes them, by the lane's policy, and held until it completes, so that both ways can be compared.
 *
 * A table that is dropped while requests use it stays until the last of them is over. 6.1 and 6.12 wait for that, with
 * one node for all buffers; later each buffer has its own.
 * @kernel io_uring/rsrc.c; 6.18: see uring-sizes.ts
 */
export class IoUringFixed implements Consumer {
  /** Alone only: with tables that are registered and unregistered in between, none of this was looked at. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 1, aloneOnly: true }
  readonly defersUnregister = true
  private readonly traits: UringTraits
  private readonly tables: BufferTables
  private readonly counts = new Float64Array(URING_COUNTERS.length)
  private readonly slice = new TableSlice()
  /** By id of a registration: its tables, the last one first; others still have requests in flight. */
  private readonly registered: RegisteredTable[][] = []
  /** What an observer is told. */
  private toldPage = new Int32Array(64)
  private toldOffset = new Int32Array(64)
  private toldLength = new Int32Array(64)
  private told = 0

  constructor(environment: ConsumerEnvironment) {
    const { memlock } = environment.options
    const memlockPages = memlock === 0 ? PAGES_UNLIMITED : Math.floor(memlock / PAGE_SIZE)
    this.traits = uringTraits(environment.kernel)
    this.tables = new BufferTables(environment, this.traits, memlockPages, this.counts)
  }

  register(io: Operation): number {
    const { type } = io.iter
    if (type !== ITER_UBUF && type !== ITER_IOVEC) return EINVAL
    const made = this.tables.register(io)
    if (typeof made === 'number') return made
    while (this.registered.length <= io.registration) this.registered.push([])
    this.registered[io.registration].unshift(made)
    io.hold = made.hold
    return 0
  }

  unregister(io: Operation): void {
    const tables = this.registered[io.registration]
    const index = tables.findIndex(({ hold }: { hold: Hold }) => hold === io.hold)
    const [table] = tables.splice(index, 1)
    // Its own row has no operation: this is the completion of the last one that used it.
    if (io.number !== 0) this.counts[DEFERRED]++
    this.tables.unregister(io, table)
  }

  submit(io: Operation): number {
    const { iter, recordedResult } = io
    if (iter.countBytes === 0) return 0
    if (iter.type === ITER_BVEC && !iter.fixed) return EINVAL
    const result = iter.fixed ? this.submitFixed(io) : this.submitPlain(io)
    return recordedResult >= 0 && recordedResult < result ? recordedResult : result
  }

  abort(io: Operation): void {
    this.complete(io)
  }

  complete(io: Operation): void {
    io.letGoOfKept()
    if (io.scratch > 0) io.free(io.scratch)
    io.scratch = 0
  }

  counters(): Readonly<Record<string, number>> {
    return countersOf(URING_COUNTERS, this.counts)
  }

  /** @kernel io_uring/rsrc.c: io_import_reg_buf, io_import_reg_vec */
  private submitFixed(io: Operation): number {
    const { iter, observer } = io
    const bytes = iter.countBytes
    const { addressBytes, lengthBytes } = iter.table
    const tables = this.registered[io.registration]
    const isVector = iter.segmentsLeft > 1
    if (isVector && !this.traits.hasVectors) return EINVAL
    const first = lengthBytes[iter.segment] < bytes ? lengthBytes[iter.segment] : bytes
    const buffer = bufferOf(tables[0], addressBytes, iter.segment, first)
    if (buffer === null) return EFAULT
    const pages = iter.npages(0x7fffffff)
    let named = 0
    let left = bytes
    this.told = 0
    for (let s = iter.segment; left > 0; s++) {
      const length = lengthBytes[s] < left ? lengthBytes[s] : left
      // A vector may be empty in a trace, but not here; all must lie in one buffer.
      if (length === 0 || !contains(buffer, addressBytes, s, length)) return EFAULT
      this.slice.cut(buffer, addressBytes, s, length, this.traits)
      named += this.name(io, buffer, length)
      left -= length
    }
    if (isVector && !this.buildVector(io, named)) return ENOMEM
    this.counts[FIXED_REQUESTS]++
    this.counts[FIXED_BVECS] += named
    this.counts[ITER_SEGMENTS] += isVector ? named : this.slice.segments
    if (observer !== null) {
      const { toldPage, toldOffset, toldLength } = this
      observer.listBuilt('table', bytes, this.told, toldPage, toldOffset, toldLength, 'a slice: nothing extracted')
    }
    io.ledger.bare(pages)
    io.reachedInPlace(bytes)
    io.avoided(pages, 0)
    iter.advance(bytes)
    return bytes
  }

  /** The bvecs of several ranges are a list of the request's own. @kernel io_uring/rsrc.c: io_vec_fill_bvec, io_vec_realloc */
  private buildVector(io: Operation, bvecs: number): boolean {
    const bytes = bvecs * BIO_VEC_BYTES
    if (!io.allocate(bytes)) return false
    io.scratch = bytes
    io.built(bvecs, BIO_VEC_BYTES)
    return true
  }

  /** Lends the bvecs of the slice to the operation, `bytes` bytes of them; returns how many. */
  private name(io: Operation, buffer: MappedBuffer, bytes: number): number {
    const { page, offsetBytes, bvecBytes } = buffer
    const { first, skipBytes } = this.slice
    let skip = skipBytes[0]
    let left = bytes
    let i = first
    for (; left > 0; i++) {
      const rest = bvecBytes[i] - skip
      const length = rest < left ? rest : left
      io.borrow(page[i], offsetBytes[i] + skip, length, GUARD_COUNT)
      if (io.observer !== null) this.tell(page[i], offsetBytes[i] + skip, length)
      left -= length
      skip = 0
    }
    return i - first
  }

  private tell(page: number, offsetBytes: number, bytes: number): void {
    if (this.told === this.toldPage.length) {
      const capacity = 2 * this.told
      this.toldPage = grown(this.toldPage, capacity)
      this.toldOffset = grown(this.toldOffset, capacity)
      this.toldLength = grown(this.toldLength, capacity)
    }
    this.toldPage[this.told] = page
    this.toldOffset[this.told] = offsetBytes
    this.toldLength[this.told] = bytes
    this.told++
  }

  /** What direct I/O under READV and WRITEV takes: every page, up to one that cannot be had. */
  private submitPlain(io: Operation): number {
    let bytes = 0
    let pages = 0
    let error = 0
    while (io.iter.countBytes > 0 && error === 0) {
      const taken = io.extract(PAGE_LIST_MAX, MAX_RW_COUNT)
      if (taken <= 0) {
        error = taken === 0 ? EFAULT : taken
        break
      }
      bytes += taken
      pages += io.list.length
      io.keep(io.hold)
      io.borrowList(GUARD_COUNT)
    }
    if (bytes === 0) return error
    this.counts[PLAIN_REQUESTS]++
    io.built(pages, BIO_VEC_BYTES)
    io.reachedInPlace(bytes)
    return bytes
  }
}

/** The buffer of a table that has all of a range, `addresses[index]` and `bytes` bytes; null for none. */
function bufferOf(table: RegisteredTable, addresses: Float64Array, index: number, bytes: number): MappedBuffer | null {
  for (const buffer of table.buffers) {
    if (buffer !== null && contains(buffer, addresses, index, bytes)) return buffer
  }
  return null
}
