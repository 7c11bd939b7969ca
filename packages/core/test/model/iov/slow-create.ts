import { pipeFull } from './slow-pipe.ts'
import { defaultQuirks } from './slow-quirks.ts'
import {
  type SlowBvec,
  type SlowDirection,
  type SlowFolio,
  type SlowIov,
  type SlowKernel,
  type SlowQueueSegment,
  type SlowQuirk,
  type SlowRange,
  type SlowRing,
  type SlowType,
  SlowViolation,
} from './slow-types.ts'

/** What all initialisers are told. `quirks` not given: those of the kernel. */
export interface SlowSetup {
  readonly kernel: SlowKernel
  readonly direction: SlowDirection
  readonly quirks?: ReadonlySet<SlowQuirk>
}

/** @kernel include/linux/uio.h: iov_iter_ubuf */
export function createUbuf(setup: SlowSetup, base: number, count: number): SlowIov {
  const nrSegs = setup.kernel === '6.1' ? 0 : 1
  return { ...blank(setup, 'ubuf', count), segs: [{ base, len: count }], nrSegs }
}

/** @kernel lib/iov_iter.c: iov_iter_init. `count` is not checked against the segments. */
export function createIovec(setup: SlowSetup, segs: readonly SlowRange[], count = total(segs)): SlowIov {
  return { ...blank(setup, 'iovec', count), segs, nrSegs: segs.length }
}

/** @kernel lib/iov_iter.c: iov_iter_kvec */
export function createKvec(setup: SlowSetup, segs: readonly SlowRange[], count = total(segs)): SlowIov {
  return { ...blank(setup, 'kvec', count), segs, nrSegs: segs.length }
}

/** @kernel lib/iov_iter.c: iov_iter_bvec */
export function createBvec(setup: SlowSetup, segs: readonly SlowBvec[], count = total(segs)): SlowIov {
  return { ...blank(setup, 'bvec', count), segs, nrSegs: segs.length }
}

/** @kernel lib/iov_iter.c: iov_iter_folio_queue (not in 6.1). The queue begins with the segment that is given. */
export function createFolioq(
  setup: SlowSetup,
  queue: readonly SlowQueueSegment[],
  firstSlot: number,
  offset: number,
  count: number,
): SlowIov {
  if (setup.kernel === '6.1') throw new SlowViolation('not-in-this-kernel')
  return { ...blank(setup, 'folioq', count), queue, slot: firstSlot, iovOffset: offset }
}

/** @kernel lib/iov_iter.c: iov_iter_xarray */
export function createXarray(
  setup: SlowSetup,
  folios: ReadonlyMap<number, SlowFolio>,
  start: number,
  count: number,
): SlowIov {
  return { ...blank(setup, 'xarray', count), folios, xarrayStart: start }
}

/** @kernel lib/iov_iter.c: iov_iter_discard: BUG unless it is a destination. */
export function createDiscard(setup: SlowSetup, count: number): SlowIov {
  if (setup.direction !== 'dest') throw new SlowViolation('bug')
  return blank(setup, 'discard', count)
}

/** @kernel lib/iov_iter.c: iov_iter_pipe (6.1 only): BUG unless it is a destination. */
export function createPipe(setup: SlowSetup, ring: SlowRing, count: number): SlowIov {
  if (setup.kernel !== '6.1') throw new SlowViolation('not-in-this-kernel')
  if (setup.direction !== 'dest') throw new SlowViolation('bug')
  const iter = { ...blank(setup, 'pipe', count), ring, head: ring.head, startHead: ring.head }
  if (pipeFull(ring, ring.ringSize)) iter.warnings.push('pipe-full')
  return iter
}

/**
 * `copied` is false where no array came back: types without one, a pipe (which warns).
 *
 * @kernel lib/iov_iter.c: dup_iter
 */
export function dup(old: SlowIov): { iter: SlowIov; copied: boolean } {
  const iter: SlowIov = { ...old, violations: [], warnings: [] }
  if (old.type === 'pipe') iter.warnings.push('dup-pipe')
  if (old.type !== 'bvec' && old.type !== 'kvec' && old.type !== 'iovec') return { iter, copied: false }
  return { iter: { ...iter, segs: old.segs.slice(old.index, old.index + old.nrSegs), index: 0 }, copied: true }
}

function blank({ kernel, direction, quirks }: SlowSetup, type: SlowType, count: number): SlowIov {
  return {
    kernel,
    quirks: quirks ?? defaultQuirks(kernel),
    type,
    direction,
    count,
    iovOffset: 0,
    nrSegs: 0,
    index: 0,
    segs: [],
    queue: [],
    queueSegment: 0,
    slot: 0,
    folios: new Map(),
    xarrayStart: 0,
    ring: null,
    startHead: 0,
    head: 0,
    lastOffset: 0,
    violations: [],
    warnings: [],
  }
}

function total(segs: readonly { readonly len: number }[]): number {
  return segs.reduce((sum, { len }) => sum + len, 0)
}
