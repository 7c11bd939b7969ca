import {
  CONSUMER_API_VERSION,
  type Consumer,
  type ConsumerCounter,
  type ConsumerEnvironment,
  type ConsumerOption,
  defineConsumer,
  ENOMEM,
  flagOption,
  ITER_DEST,
  KERNEL_ITER_TYPE_NAMES,
  numberOption,
  type Operation,
  type OperationShape,
  PAGE_SIZE,
  pagesSpanned,
  SCATTERLIST_BYTES,
  SG_NONE,
} from '@pinscope/core'
import { IterList } from './iter-list.ts'
import { SkcipherWalk, STEP_COPY, STEP_DIFF, STEP_FAST, STEP_SLOW } from './skcipher-walk.ts'

const STEP_NAMES = ['FAST', 'DIFF', 'COPY', 'SLOW']

const OPTIONS: readonly ConsumerOption[] = [
  {
    ...numberOption('block-size', 'block of the cipher: less than one at the end is -EINVAL', 'bytes', 16, 1, 256),
    powerOfTwo: true,
  },
  {
    ...numberOption('walk-size', 'worked on at a time; at least a block', 'bytes', 1, 1, PAGE_SIZE / 8),
    powerOfTwo: true,
  },
  numberOption('alignmask', 'alignment that the cipher wants, as a mask', 'bytes', 0, 0, 127),
  flagOption('in-place', '1: one list is both; 0: the other one is own pages', 1),
  numberOption('dst-offset', 'where the own pages begin to be used', 'bytes', 0, 0, PAGE_SIZE - 1),
]

const COUNTERS: readonly ConsumerCounter[] = [
  { name: 'walks', summary: 'walks that came to the end' },
  { name: 'fastSteps', summary: 'steps in one place, nothing copied' },
  { name: 'diffSteps', summary: 'steps from one place to another, nothing copied' },
  { name: 'copySteps', summary: 'misaligned steps, copied through a page of the walk' },
  { name: 'slowSteps', summary: 'blocks gathered and scattered, because no step reaches them whole' },
  { name: 'bouncePages', summary: 'pages allocated for copying' },
  { name: 'slowBuffers', summary: 'buffers allocated for gathered blocks' },
]

/**
 * A scatterlist of the iterator, and a synchronous cipher that walks it. In place the list is source and destination;
 * else pages of the cipher's user are the destination of a write and the source of a read. The pages are let go when the
 * walk is over.
 * @kernel crypto/skcipher.c: skcipher_walk_virt, as every software cipher calls it; the list as crypto/af_alg.c has it
 */
class SkcipherWalkConsumer implements Consumer {
  /** Holds because list, bounce page and buffers are gone when `submit` returns; where steps end depends on the place in the page. */
  readonly operationShape: OperationShape = { positionAlignmentBytes: 1, addressAlignmentBytes: 0 }
  private readonly list: IterList
  private readonly walk: SkcipherWalk
  private readonly isInPlace: boolean
  private readonly dstOffset: number
  private walks = 0
  /** List of the own pages: first entry and entries. */
  private own = SG_NONE
  private ownPages = 0

  constructor({ kernel, options, memory, ledger }: ConsumerEnvironment) {
    this.list = new IterList(memory, ledger)
    const blockBytes = options['block-size']
    const strideBytes = Math.max(options['walk-size'], blockBytes)
    this.walk = new SkcipherWalk(this.list.lists, kernel, { blockBytes, strideBytes, alignmask: options.alignmask })
    this.isInPlace = options['in-place'] === 1
    this.dstOffset = options['dst-offset']
  }

  submit(io: Operation): number {
    if (io.iter.countBytes === 0) return 0
    const bytes = this.list.build(io)
    if (bytes < 0) return bytes
    const { table } = this.list
    io.built(table.nents, SCATTERLIST_BYTES)
    let error = 0
    if (this.isInPlace) error = this.walkLists(io, table.sgl, table.sgl, bytes)
    else if (!this.allocate(io, bytes)) error = ENOMEM
    else if (io.iter.direction === ITER_DEST) error = this.walkLists(io, this.own, table.sgl, bytes)
    else error = this.walkLists(io, table.sgl, this.own, bytes)
    if (!this.isInPlace) this.free(io)
    this.list.drop(io)
    if (error < 0) return error
    this.walks++
    return bytes
  }

  abort(): void {}

  complete(): void {}

  counters(): Readonly<Record<string, number>> {
    const { steps, bouncePages, slowBuffers } = this.walk
    return {
      walks: this.walks,
      fastSteps: steps[STEP_FAST],
      diffSteps: steps[STEP_DIFF],
      copySteps: steps[STEP_COPY],
      slowSteps: steps[STEP_SLOW],
      bouncePages,
      slowBuffers,
    }
  }

  private walkLists(io: Operation, src: number, dst: number, bytes: number): number {
    const { observer } = io
    if (observer === null) return this.walk.run(io, src, dst, bytes)
    this.walk.onStep = (kind, offered, processed) =>
      observer.note(`${STEP_NAMES[kind]}: ${processed} of ${offered} bytes`)
    const error = this.walk.run(io, src, dst, bytes)
    this.walk.onStep = null
    return error
  }

  /** Own pages for `bytes` bytes, and their list; false when something cannot be had. */
  private allocate(io: Operation, bytes: number): boolean {
    const { lists } = this.list
    const pages = pagesSpanned(this.dstOffset, bytes)
    if (!io.allocate(SCATTERLIST_BYTES * pages)) return false
    this.own = lists.take(pages)
    lists.initTable(this.own, pages)
    this.ownPages = 0
    let offset = this.dstOffset
    let left = bytes
    while (left > 0) {
      const page = io.owned.alloc()
      if (page < 0) return false
      const length = Math.min(left, PAGE_SIZE - offset)
      lists.setPage(this.own + this.ownPages++, page, length, offset)
      left -= length
      offset = 0
    }
    io.built(pages, SCATTERLIST_BYTES)
    return true
  }

  private free(io: Operation): void {
    const { lists } = this.list
    if (this.own === SG_NONE) return
    const pages = lists.nents(this.own)
    for (let i = 0; i < this.ownPages; i++) io.owned.put(lists.page[this.own + i])
    lists.give(this.own, pages)
    io.free(SCATTERLIST_BYTES * pages)
    this.own = SG_NONE
  }
}

/** skcipher-walk. */
export const skcipherWalk = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'skcipher-walk',
  summary: 'a cipher walking a scatterlist of the iterator: which steps work in place, and which copy',
  kernel: 'crypto/skcipher.c: skcipher_walk_virt',
  accepts: KERNEL_ITER_TYPE_NAMES,
  // No limit: as many as the iterator has pages.
  entriesMax: 0x7fffffff,
  avoided:
    'copyBytes: data that the cipher reached where it lies, in FAST and DIFF steps. entries and allocations: none, ' +
    'since the list is what is walked.',
  options: OPTIONS,
  counters: COUNTERS,
  kernelPolicy: (kernel) => (kernel === '6.1' ? 'get-pages' : 'extract'),
  create: (environment) => new SkcipherWalkConsumer(environment),
})
