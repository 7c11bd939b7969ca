import {
  EAGAIN,
  EFAULT,
  extract,
  type Hold,
  type Iter,
  type Operation,
  PAGE,
  type Page,
  since,
  type Twin,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import { type PipeBuffer, SlowPipe } from './slow-pipe.ts'

/** splice_to_socket presets its result with it. */
const ERESTARTSYS = -512
const BATCH_PAGES = 16
const BVEC_BYTES = 16
const FRAG_BYTES = 16
const POINTER_BYTES = 8

/** A page that goes along with data out of a pipe until the row ends. */
interface Moved {
  readonly own: Page | null
  readonly hold: Hold | null
}

/** fs/splice.c, fs/pipe.c, for callers that do not wait. consumers.md 12.1. */
export class SlowSplice implements Twin {
  private readonly world: World
  private readonly pipes = new Map<string, SlowPipe>()
  private readonly moved = new Map<number, Moved[]>()
  private readonly counts = {
    userPages: 0,
    giftedPages: 0,
    droppedPages: 0,
    filePages: 0,
    writtenPages: 0,
    mergedWrites: 0,
    handedOn: 0,
    waits: 0,
    buffersMax: 0,
  }

  constructor(world: World) {
    this.world = world
  }

  counters() {
    return this.counts
  }

  submit({ iter, row, number }: Operation): number {
    const pipe = this.pipe(row.file ?? '')
    const isSplice = row.flags?.includes('splice') === true
    if (iter.count === 0) return 0
    if (iter.isDest) {
      if (isSplice && iter.type === 'discard') return this.spliceOut(pipe, iter, number)
      return this.read(pipe, iter, isSplice)
    }
    if (!isSplice) return this.write(pipe, iter)
    if (pipe.isFull) {
      this.limitHit()
      return EAGAIN
    }
    const isGift = row.flags?.includes('gift') === true
    return iter.type === 'xarray' ? this.spliceFile(pipe, iter) : this.vmsplice(pipe, iter, isGift)
  }

  complete({ number }: Operation): void {
    for (const { own, hold } of this.moved.get(number) ?? []) {
      if (own !== null) this.world.putOwn(own)
      if (hold !== null) this.world.drop(hold)
    }
    this.moved.delete(number)
  }

  close(): void {
    for (const pipe of this.pipes.values()) pipe.close()
  }

  /** The pipe is full. */
  private limitHit(): void {
    this.world.entries.limitHits++
  }

  private pipe(file: string): SlowPipe {
    const known = this.pipes.get(file)
    if (known !== undefined) return known
    const pipe = new SlowPipe(this.world, this.world.setup.options['pipe-slots'] ?? 16)
    this.pipes.set(file, pipe)
    return pipe
  }

  private push(pipe: SlowPipe, buffer: PipeBuffer): void {
    pipe.push(buffer)
    this.counts.buffersMax = Math.max(this.counts.buffersMax, pipe.buffers.length)
  }

  /** vmsplice_to_pipe, iter_to_pipe */
  private vmsplice(pipe: SlowPipe, iter: Iter, isGift: boolean): number {
    const { world, counts } = this
    let total = 0
    while (iter.count > 0) {
      const got = extract(world, iter, BATCH_PAGES, Number.MAX_SAFE_INTEGER)
      if (typeof got === 'number') {
        return total > 0 ? total : got
      }
      world.built(got.entries.length, POINTER_BYTES)
      const each = got.entries.map(({ page }) => (got.hold === null ? null : { kind: got.hold.kind, pages: [page] }))
      for (const [i, { page, offset, length }] of got.entries.entries()) {
        if (pipe.isFull) {
          this.limitHit()
          const rest = got.entries.slice(i)
          for (const hold of each.slice(i)) if (hold !== null) world.drop(hold)
          counts.droppedPages += rest.length
          return total
        }
        this.push(pipe, { page, hold: each[i]!, isOwn: false, offset, length })
        counts.userPages++
        if (isGift) counts.giftedPages++
        total += length
        world.reachedInPlace(length)
      }
    }
    return total
  }

  /** filemap_splice_read; 6.1: copy_page_to_iter_pipe. A page is a folio. */
  private spliceFile(pipe: SlowPipe, iter: Iter): number {
    const { world, counts } = this
    const bytesMax = Math.min(iter.count, pipe.room * PAGE)
    let total = 0
    for (const piece of iter.left(iter.position + bytesMax)) {
      if (pipe.isFull) break
      const { page, offset, length } = iter.toEntry(piece)
      this.push(pipe, { page, hold: world.take('ref', [page]), isOwn: false, offset, length })
      counts.filePages++
      total += length
      world.reachedInPlace(length)
    }
    if (total < iter.count) this.limitHit()
    return total
  }

  /** pipe_write */
  private write(pipe: SlowPipe, iter: Iter): number {
    const { world, counts } = this
    const isPushedFirst = !since(world.setup.version, '6.18')
    pipe.startWrite(iter.count)
    let total = 0
    let error = 0
    const last = pipe.mergeable(iter.count)
    if (last !== null) {
      const odd = iter.count % PAGE
      const copied = iter.copy(odd)
      if (copied < odd) error = EFAULT
      else {
        counts.mergedWrites++
        last.length += copied
        total = copied
      }
    }
    while (error === 0 && iter.count > 0) {
      if (pipe.isFull) {
        this.limitHit()
        error = EAGAIN
        break
      }
      const page = pipe.ownPage()
      const wanted = Math.min(iter.count, PAGE)
      const copied = iter.copy(wanted)
      if (copied < wanted) {
        error = EFAULT
        if (isPushedFirst) this.push(pipe, { page, hold: null, isOwn: true, offset: 0, length: 0 })
        else pipe.keep(page)
        break
      }
      counts.writtenPages++
      this.push(pipe, { page, hold: null, isOwn: true, offset: 0, length: copied })
      total += copied
    }
    pipe.end()
    return total > 0 ? total : error
  }

  /** pipe_read, and vmsplice_to_user, which stops at a buffer without bytes. */
  private read(pipe: SlowPipe, iter: Iter, isSplice: boolean): number {
    let total = 0
    let error = 0
    let isFirst = true
    while (iter.count > 0 && pipe.buffers.length > 0) {
      const buffer = pipe.buffers[0]!
      if (buffer.length === 0) {
        if (isSplice && !isFirst) break
        pipe.release()
        continue
      }
      isFirst = false
      const wanted = Math.min(buffer.length, iter.count)
      if (iter.copy(wanted) < wanted) {
        error = EFAULT
        break
      }
      total += wanted
      this.use(pipe, wanted)
    }
    if (!isSplice) pipe.end()
    return total > 0 ? total : error < 0 ? error : EAGAIN
  }

  private use(pipe: SlowPipe, bytes: number): void {
    const buffer = pipe.buffers[0]!
    buffer.offset += bytes
    buffer.length -= bytes
    if (buffer.length === 0) pipe.release()
    else pipe.lend(buffer)
  }

  /** splice_to_socket; 6.1: generic_splice_sendpage; iter_file_splice_write */
  private spliceOut(pipe: SlowPipe, iter: Iter, number: number): number {
    const { world, counts } = this
    const { version, options } = world.setup
    const isFile = options.out === 1
    const isOld = version === '6.1' && !isFile
    const moved: Moved[] = []
    const skipsEmpty = !isFile && version !== '6.1'
    if (isFile) world.allocate()
    let total = 0
    let left = iter.count
    if (skipsEmpty && pipe.buffers.length > 0 && bytesOf(pipe) === 0) return ERESTARTSYS
    while (!skipsEmpty && pipe.buffers[0]?.length === 0) pipe.release()
    while (left > 0 && pipe.buffers.length > 0) {
      const buffer = pipe.buffers[0]!
      if (buffer.length === 0) {
        if (isOld || (skipsEmpty && bytesOf(pipe) === 0)) break
        pipe.release()
        continue
      }
      const bytes = Math.min(buffer.length, left)
      counts.handedOn++
      world.built(1, FRAG_BYTES)
      // The receiver reads it until the row ends.
      if (!buffer.isOwn) world.borrow([{ ...buffer, length: bytes }], 'count', true)
      if (isFile) this.goesAlong(pipe, buffer, bytes, moved)
      else {
        if (!isOld) world.built(1, BVEC_BYTES)
        moved.push(this.reference(buffer))
        this.use(pipe, bytes)
      }
      total += bytes
      left -= bytes
      if (isFile) world.data.copiedBytes += bytes
      else world.reachedInPlace(bytes)
    }
    if (isFile) world.free()
    iter.position += total
    this.moved.set(number, moved)
    return total > 0 ? total : EAGAIN
  }

  /** get_page for a fragment of a socket. */
  private reference({ page, isOwn }: PipeBuffer): Moved {
    if (!isOwn) return { own: null, hold: this.world.take('ref', [page]) }
    page.held++
    return { own: page, hold: null }
  }

  /** The buffer is written to a file as it is. */
  private goesAlong(pipe: SlowPipe, buffer: PipeBuffer, bytes: number, moved: Moved[]): void {
    buffer.offset += bytes
    buffer.length -= bytes
    pipe.lend(buffer)
    if (buffer.length > 0) return
    pipe.buffers.shift()
    moved.push(buffer.isOwn ? { own: buffer.page, hold: null } : { own: null, hold: buffer.hold })
  }
}

function bytesOf({ buffers }: SlowPipe): number {
  return buffers.reduce((sum, { length }) => sum + length, 0)
}
