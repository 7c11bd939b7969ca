import { HOLD_NONE, type Hold, RowPool } from '@pinscope/core'
import { DIR_PAGES_MAX } from './afs-sizes.ts'

/** No listing. */
export const LISTING_NONE = 0

/** One listing from its start to its end: which folios it found, and what it holds on them. @kernel fs/afs/internal.h: struct afs_read */
export class Listing {
  /** Of its operation, from 1. */
  readonly number: number
  file = -1
  directory = 0
  /** Folios in the order of the file: their head pages, and the indices at which they begin. */
  count = 0
  readonly head = new Int32Array(DIR_PAGES_MAX)
  readonly index = new Int32Array(DIR_PAGES_MAX)
  /** The contents are on their way from the server. */
  isFetched = false
  hold: Hold = HOLD_NONE

  constructor(number: number) {
    this.number = number
  }
}

/** Listings that are not over. */
export class Listings {
  private readonly all: Listing[] = []
  private readonly numbers = new RowPool(LISTING_NONE + 1)

  take(file: number, directory: number): Listing {
    const number = this.numbers.take()
    if (number > this.all.length) this.all.push(new Listing(number))
    const listing = this.at(number)
    listing.file = file
    listing.directory = directory
    listing.count = 0
    listing.isFetched = false
    listing.hold = HOLD_NONE
    return listing
  }

  at(number: number): Listing {
    return this.all[number - 1]
  }

  give(listing: Listing): void {
    this.numbers.give(listing.number)
  }
}
