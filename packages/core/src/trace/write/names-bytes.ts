import type { Dictionary } from '../dictionary.ts'

/** Names whose bytes are kept; those beyond it are made each time. */
const KEPT_MAX = 1 << 16

/** The bytes that stand for each name of a column, made once. */
export class NamesBytes {
  private readonly kept: (Uint8Array | undefined)[] = []
  private readonly names: Dictionary
  private readonly make: (bytes: Uint8Array) => Uint8Array

  constructor(names: Dictionary, make: (bytes: Uint8Array) => Uint8Array) {
    this.names = names
    this.make = make
  }

  of(id: number): Uint8Array {
    const kept = this.kept[id]
    if (kept !== undefined) return kept
    const made = this.make(this.names.bytes(id))
    if (id < KEPT_MAX) this.kept[id] = made
    return made
  }
}
