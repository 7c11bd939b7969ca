import { ZERO_PAGE } from '../memory/page-store.ts'
import type { Audit } from './audit.ts'

/** How often a token has the zero page, which pins and unpins pass over. @kernel mm/gup.c: is_zero_folio (try_grab_folio, gup_put_folio) */
export function zeroPagesOf({ lane }: Audit, token: number): number {
  let pages = 0
  lane.ledger.eachRun(token, (first, count) => {
    if (first === ZERO_PAGE) pages += count
  })
  return pages
}
