import { type Entry, type IterName, isUser, PAGE, type Piece, type Row, userKey } from './slow-rows.ts'
import type { World } from './slow-world.ts'

/** Files in these tests are no longer, pages. */
const FILE_PAGES_MAX = 256

/** An iterator: all pieces, and a position in bytes. */
export class Iter {
  readonly type: IterName
  readonly isDest: boolean
  position = 0
  end: number
  private readonly world: World
  private readonly row: Row
  private pieces: readonly Piece[]

  constructor(world: World, row: Row) {
    this.world = world
    this.row = row
    this.type = row.iter ?? 'ubuf'
    this.isDest = row.op === 'read'
    // Of a file only the first segment is looked at; a queue has them all.
    const segs = this.type === 'xarray' ? row.segs.slice(0, 1) : row.segs
    const total = segs.reduce((sum, seg) => sum + seg.at(-1)!, 0)
    this.end = this.type === 'discard' ? row.len! : Math.min(row.len ?? total, total)
    this.pieces = this.type === 'discard' ? [] : segs.flatMap((seg, i) => piecesOf(this.type, seg, i))
    if (!isUser(this.type)) for (const { key } of this.left()) world.cached.add(key)
  }

  get count(): number {
    return this.end - this.position
  }

  /** What is left, piece by piece, the first and the last clipped. */
  left(to = this.end): Piece[] {
    const rest: Piece[] = []
    let start = 0
    for (const piece of this.pieces) {
      const from = Math.max(this.position - start, 0)
      const until = Math.min(piece.length, to - start)
      if (until > from) rest.push({ ...piece, offset: piece.offset + from, length: until - from })
      start += piece.length
    }
    return rest
  }

  /** What is left of the segments, whatever the count says; of a queue, whole folios. */
  rest(): Piece[] {
    const isQueue = this.type === 'folioq'
    return this.left(Number.POSITIVE_INFINITY).map((piece) =>
      isQueue ? { ...piece, length: PAGE - piece.offset } : piece,
    )
  }

  /** Pages of a file that the page cache has, from the next byte's on; and where that byte is in its page. */
  cachedFrom(): { keys: string[]; offset: number } {
    const [base, file] = this.row.segs[0]! as [number, number]
    const first = Math.floor((base + this.position) / PAGE)
    const keys: string[] = []
    for (let index = first; index < FILE_PAGES_MAX; index++) {
      const key = keyOf(this.type, index, base, file)
      if (this.world.cached.has(key)) keys.push(key)
    }
    return { keys, offset: (base + this.position) % PAGE }
  }

  /** iov_iter_npages: a page that two segments share counts twice. */
  npages(bytes = this.count): number {
    return this.left(this.position + Math.min(bytes, this.count)).length
  }

  /** The pieces of the current segment; of a file or a queue, of all. */
  segment(bytes = this.count): Piece[] {
    const rest = this.left(this.position + Math.min(bytes, this.count))
    const isWhole = this.type === 'xarray' || this.type === 'folioq'
    return isWhole ? rest : rest.filter(({ segment }) => segment === rest[0]!.segment)
  }

  /** The CPU copies up to `bytes` bytes: as far as memory can be had. */
  copy(bytes: number): number {
    let copied = 0
    const wanted = Math.min(bytes, this.count)
    for (const piece of this.left(this.position + wanted)) {
      if (!this.canHave(piece)) break
      copied += piece.length
    }
    if (this.type === 'discard') copied = wanted
    this.position += copied
    this.world.data.copiedBytes += copied
    return copied
  }

  canHave(piece: Piece): boolean {
    return this.canRead(piece) && (!this.isDest || this.world.accessOf(piece.key) === 'write')
  }

  canRead({ key }: Piece): boolean {
    return this.world.accessOf(key) !== 'none'
  }

  /** iov_offset of a vector: bytes of the current segment that are used up. */
  skip(): number {
    let start = 0
    let segmentStart = 0
    let segment = -1
    for (const piece of this.pieces) {
      if (piece.segment !== segment) segmentStart = start
      segment = piece.segment
      if (start + piece.length > this.position) break
      start += piece.length
    }
    return this.position - segmentStart
  }

  /** A mixed iterator as a caller must split it today: one for each run of segments of one kind. */
  static parts(world: World, row: Row): Iter[] {
    const runs: { iter: IterName; segs: (readonly number[])[] }[] = []
    let left = row.len ?? Number.POSITIVE_INFINITY
    for (const seg of row.segs) {
      const length = Math.min(seg.at(-1)!, left)
      if (length === 0) continue
      left -= length
      const iter = kindOf('mixed', seg)
      const cut = [...seg.slice(0, -1), length]
      if (runs.at(-1)?.iter === iter) runs.at(-1)!.segs.push(cut)
      else runs.push({ iter, segs: [cut] })
    }
    const { len: _, ...rest } = row
    return runs.map((run) => new Iter(world, { ...rest, ...run }))
  }

  /** dup_iter */
  dup(): Iter {
    const copy = new Iter(this.world, this.row)
    copy.pieces = this.pieces
    copy.position = this.position
    copy.end = this.end
    return copy
  }

  toEntry({ key, page, offset, length }: Piece): Entry {
    return { page: page ?? this.world.page(key), offset, length }
  }

  /** A bvec iterator over pages that were taken: one bvec each. */
  static ofEntries(world: World, isDest: boolean, entries: readonly Entry[]): Iter {
    const iter = new Iter(world, { op: isDest ? 'read' : 'write', iter: 'bvec', segs: [] })
    iter.pieces = entries.map((entry, segment) => ({ segment, key: '', ...entry }))
    iter.end = entries.reduce((sum, { length }) => sum + length, 0)
    return iter
  }
}

/** A segment page by page. */
export function piecesOf(type: IterName, seg: readonly number[], segment: number): Piece[] {
  const [base, middle] = seg as [number, number]
  const length = seg.at(-1)!
  const kind = kindOf(type, seg)
  const start = kind === 'bvec' ? middle : base
  const pieces: Piece[] = []
  for (let at = 0; at < length; ) {
    const offset = (start + at) % PAGE
    const part = Math.min(PAGE - offset, length - at)
    const index = Math.floor((start + at) / PAGE)
    const key = keyOf(kind, index, base, middle)
    pieces.push({ segment, key, offset, length: part })
    at += part
  }
  return pieces
}

/** A segment of a mixed iterator is a kvec or a bvec. */
function kindOf(type: IterName, { length }: readonly number[]): IterName {
  if (type !== 'mixed') return type
  return length === 2 ? 'kvec' : 'bvec'
}

function keyOf(type: IterName, index: number, base: number, file: number): string {
  if (isUser(type)) return userKey(index)
  if (type === 'kvec') return `kernel ${index}`
  return type === 'bvec' ? `frame ${base + index}` : `file ${file} ${index}`
}
