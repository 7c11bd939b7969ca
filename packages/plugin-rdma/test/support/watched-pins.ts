import { FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE, PAGE_SIZE } from '@pinscope/core'
import type { Lane } from '@pinscope/core/testing'

/** One call of pin_user_pages_fast: address, pages asked for, FOLL_WRITE, pages pinned or -errno. */
export interface PinCall {
  readonly address: number
  readonly pages: number
  readonly write: boolean
  readonly ret: number
}

/** What one lane pinned and unpinned, in order. */
export interface WatchedPins {
  readonly pins: PinCall[]
  /** Pages of each release. */
  readonly releases: number[]
}

/**
 * Watches a lane. `frameOf`: by virtual page number, the frame that its page has from its first pin on; left out, the
 * model's own, where no two folios are adjacent.
 */
export function watchPins(lane: Lane, frameOf?: (virtualPage: number) => number | undefined): WatchedPins {
  const watched: WatchedPins = { pins: [], releases: [] }
  const { spaces, ledger, pages } = lane
  const walk = spaces.walk.bind(spaces)
  const frames = new Map<number, number>()
  const ownFrame = pages.frameOf.bind(pages)
  pages.frameOf = (page) => frames.get(page) ?? ownFrame(page)
  spaces.walkRun = () => -1
  spaces.walk = (...args) => {
    const [, addresses, index, offsetBytes, count, foll, out] = args
    const ret = walk(...args)
    if ((foll & FOLL_PIN) === 0) return ret
    if ((foll & FOLL_LONGTERM) === 0) throw new Error('a registration pins for long')
    const first = Math.floor((addresses[index]! + offsetBytes) / PAGE_SIZE)
    watched.pins.push({ address: first * PAGE_SIZE, pages: count, write: (foll & FOLL_WRITE) !== 0, ret })
    for (let i = 0; i < ret; i++) frames.set(out[i]!, frameOf?.(first + i) ?? pages.frameOf(out[i]!))
    return ret
  }
  const { holds } = ledger
  const release = ledger.release.bind(ledger)
  ledger.release = (hold, as) => {
    const slot = holds.find(hold)
    if (slot > 0) watched.releases.push(holds.count[slot]!)
    release(hold, as)
  }
  return watched
}
