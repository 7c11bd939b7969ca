import { RETAIN_PIN, RETAIN_REF } from '../extract/retention.ts'
import type { KeptBy } from '../lifetime/where-references-go.ts'
import type { Operation } from './operation.ts'

/** By `GUARD_*`. */
const KEPT_BY: readonly KeptBy[] = ['owner', 'ref', 'lock']

/**
 * Tells an audit that pages of the operation are put into an iterator that takes nothing: its own, or one of `type` that its
 * consumer makes for the layer below, once that has kept its holds and borrowed its list. What keeps them is what the
 * operation keeps, pins first; else what its consumer said that guards its list, or nothing but the owner. Does nothing
 * while no audit listens. `pages`: how many it names.
 * @kernel include/linux/uio.h: iov_iter_bvec, iov_iter_xarray, iov_iter_folio_queue, iov_iter_kvec
 */
export function tellIterator(io: Operation, type: string, pages: number): void {
  const { audit } = io
  if (audit === null) return
  let left = pages
  for (const retention of [RETAIN_PIN, RETAIN_REF]) {
    const part = Math.min(pagesHeld(io, retention), left)
    if (part > 0) audit.references.iterated(type, retention === RETAIN_PIN ? 'pin' : 'ref', part)
    left -= part
  }
  if (left === 0) return
  const guard = io.borrowed === 0 ? 0 : io.borrows.guard[io.borrowed]
  audit.references.iterated(type, io.iter.fixed ? 'registration' : KEPT_BY[guard], left)
}

/** Pages on which an operation keeps pins, or references. */
export function pagesHeld({ kept, ledger }: Operation, retention: number): number {
  const { holds } = ledger
  let pages = 0
  for (let slot = kept.first; slot !== 0; slot = holds.nextOfOperation[slot]) {
    if (holds.retention[slot] === retention) pages += holds.counted[slot]
  }
  return pages
}
