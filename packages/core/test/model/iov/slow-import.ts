import { createIovec, createUbuf, type SlowSetup } from './slow-create.ts'
import { accessOk } from './slow-memory.ts'
import {
  EFAULT,
  EINVAL,
  ENOMEM,
  MAX_RW_COUNT,
  type SlowIov,
  type SlowRange,
  type SlowWorld,
  UIO_MAXIOV,
} from './slow-types.ts'

export interface SlowImport {
  /** Bytes imported, or a negative errno. */
  readonly result: number
  /** Null where it failed. */
  readonly iter: SlowIov | null
  /** Whether the caller has an array to free. */
  readonly heap: boolean
}

/** `null` in `uvec`: that entry of the user's array cannot be read. `noMemory`: the array cannot be allocated. */
export interface SlowImportOptions {
  readonly fastSegs?: number
  readonly noMemory?: boolean
}

/** A length that is negative as ssize_t is given as a negative number. @kernel lib/iov_iter.c: __import_iovec */
export function importIovec(
  world: SlowWorld,
  setup: SlowSetup,
  uvec: readonly (SlowRange | null)[],
  { fastSegs = 8, noMemory = false }: SlowImportOptions = {},
): SlowImport {
  if (uvec.length === 1 && setup.kernel !== '6.1') return importOne(world, setup, uvec)
  const iov = iovecFromUser(setup, uvec, fastSegs, noMemory)
  if (typeof iov === 'number') return failed(iov)
  let total = 0
  const clipped: SlowRange[] = []
  for (const { base, len } of iov) {
    if (!accessOk(world, base, len)) return failed(EFAULT)
    const kept = Math.min(len, MAX_RW_COUNT - total)
    clipped.push({ base, len: kept })
    total += kept
  }
  return { result: total, iter: createIovec(setup, clipped, total), heap: uvec.length > fastSegs }
}

/** @kernel lib/iov_iter.c: __import_iovec_ubuf */
function importOne(world: SlowWorld, setup: SlowSetup, uvec: readonly (SlowRange | null)[]): SlowImport {
  const iov = copyIovec(setup, uvec)
  if (typeof iov === 'number') return failed(iov)
  const { result, iter } = importUbuf(world, setup, iov[0]!.base, iov[0]!.len)
  return { result: iter === null ? result : iter.count, iter, heap: false }
}

/** @kernel lib/iov_iter.c: import_ubuf; 6.1: import_single_range. The result is 0, not the bytes. */
export function importUbuf(world: SlowWorld, setup: SlowSetup, base: number, wanted: number): SlowImport {
  const len = Math.min(wanted, MAX_RW_COUNT)
  if (!accessOk(world, base, len)) return failed(EFAULT)
  const iter = setup.kernel === '6.1' ? createIovec(setup, [{ base, len }]) : createUbuf(setup, base, len)
  return { result: 0, iter, heap: false }
}

/** @kernel lib/iov_iter.c: iovec_from_user */
function iovecFromUser(
  setup: SlowSetup,
  uvec: readonly (SlowRange | null)[],
  fastSegs: number,
  noMemory: boolean,
): readonly SlowRange[] | number {
  if (uvec.length === 0) return []
  if (uvec.length > UIO_MAXIOV) return EINVAL
  if (uvec.length > fastSegs && noMemory) return ENOMEM
  return copyIovec(setup, uvec)
}

/** 6.1 copies all before it looks at a length; later kernels go entry by entry. @kernel copy_iovec_from_user */
function copyIovec({ kernel }: SlowSetup, uvec: readonly (SlowRange | null)[]): readonly SlowRange[] | number {
  if (kernel === '6.1' && uvec.includes(null)) return EFAULT
  const iov: SlowRange[] = []
  for (const entry of uvec) {
    if (entry === null) return EFAULT
    if (entry.len < 0) return EINVAL
    iov.push(entry)
  }
  return iov
}

function failed(result: number): SlowImport {
  return { result, iter: null, heap: false }
}
