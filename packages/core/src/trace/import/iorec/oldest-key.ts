/**
 * The keys of a map in the order in which they were added, for a map that forgets its oldest ones. A new iterator for each
 * would pass over the places of all that were deleted before: quadratic.
 */
export class OldestKey<Key> {
  private readonly map: ReadonlyMap<Key, unknown>
  private keys: Iterator<Key>

  constructor(map: ReadonlyMap<Key, unknown>) {
    this.map = map
    this.keys = map.keys()
  }

  /** A key that was added before most others; the map must have one besides `except`. The caller deletes it. */
  next(except?: Key): Key {
    for (;;) {
      const { done, value } = this.keys.next()
      if (done === true) this.keys = this.map.keys()
      else if (value !== except) return value
    }
  }
}
