import type { Hold, Page, Piece, World } from '../../../core/test/consumer-twin/slow-common.ts'

/** A folio of a directory, and what listings hold on it. */
export interface SlowFolio {
  readonly page: Page
  readonly holds: Hold[]
}

/** The page cache of directories. What was taken out of it and is looked for again is another folio. */
export class SlowDirectoryCache {
  private readonly world: World
  private readonly folios = new Map<string, SlowFolio>()
  private readonly generations = new Map<string, number>()

  constructor(world: World) {
    this.world = world
  }

  find(file: string, index: number): SlowFolio | undefined {
    return this.folios.get(nameOf(file, index))
  }

  findOrMake(file: string, index: number): { folio: SlowFolio; isMade: boolean } {
    const name = nameOf(file, index)
    const known = this.folios.get(name)
    if (known !== undefined) return { folio: known, isMade: false }
    const folio = { page: this.world.page(this.keyNow(name)), holds: [] }
    this.folios.set(name, folio)
    return { folio, isMade: true }
  }

  /** What the world calls the page that is there now. */
  keyNow(name: string): string {
    return `${name}${' again'.repeat(this.generations.get(name) ?? 0)}`
  }

  /** Takes pages out of the cache; returns the files that lost one. */
  remove(pieces: readonly Piece[]): Set<string> {
    const files = new Set<string>()
    for (const { key } of pieces) {
      const folio = this.folios.get(key)
      if (folio === undefined) continue
      folio.page.owned = 0
      this.folios.delete(key)
      this.generations.set(key, (this.generations.get(key) ?? 0) + 1)
      files.add(`f${key.split(' ')[1]}`)
    }
    return files
  }
}

/** As the world names pages of files. */
function nameOf(file: string, index: number): string {
  return `file ${file.slice(1)} ${index}`
}
