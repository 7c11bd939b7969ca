// What the slow twins have in common: pages as objects, an iterator as the plain list of its pieces, and a run of rows.
// Every folio is one small page; nothing is cached, merged or reused.

export const PAGE = 4096
export const EIO = -5
export const EAGAIN = -11
export const ENOMEM = -12
export const EBUSY = -16
export const EFAULT = -14
export const EINVAL = -22
export const ENOSPC = -28
export const EOPNOTSUPP = -95

export type IterName = 'ubuf' | 'iovec' | 'kvec' | 'bvec' | 'xarray' | 'folioq' | 'discard'
export type Version = '6.1' | '6.12' | '6.18' | 'mainline'
export type Policy = 'get-pages' | 'viro-2022' | 'extract' | 'folio'
export type Flag = 'more' | 'splice' | 'eor' | 'nowait'
export type Kind = 'pin' | 'ref'

/** A row in plain words. `map` rows make memory that cannot be had; segments as in a trace. */
export interface Row {
  readonly event?: 'map'
  readonly access?: 'none' | 'read' | 'write'
  readonly op?: 'read' | 'write'
  readonly iter?: IterName
  readonly segs: readonly (readonly number[])[]
  readonly flags?: readonly Flag[]
  readonly file?: string
  /** ns after the row; absent: at once. */
  readonly end?: number | 'never'
  readonly result?: number
  /** Bytes asked for, where it is less than the segments hold; `discard` has nothing else. */
  readonly len?: number
}

/** What one lane is made of. */
export interface Setup {
  readonly version: Version
  readonly policy: Policy
  readonly options: Readonly<Record<string, number>>
  readonly quirks: Readonly<Record<string, boolean>>
}

export interface Page {
  /** 1 for the reference of who has it without the I/O: the mapping, the page cache, the kernel. 0 once it was unmapped. */
  owned: 0 | 1
  /** References and pins of operations. */
  held: number
}

export interface Entry {
  readonly page: Page
  readonly offset: number
  readonly length: number
}

/** References of one kind on pages, taken together. */
export interface Hold {
  readonly kind: Kind
  readonly pages: readonly Page[]
}

interface Piece {
  readonly segment: number
  readonly key: string
  /** A page that was taken before; absent: the one of that name. */
  readonly page?: Page
  readonly offset: number
  readonly length: number
}

const ORDER: readonly Version[] = ['6.1', '6.12', '6.18', 'mainline']

export function since(version: Version, first: Version): boolean {
  return ORDER.indexOf(version) >= ORDER.indexOf(first)
}

export function isUser(type: IterName): boolean {
  return type === 'ubuf' || type === 'iovec'
}

/** Every page, and every sum of the report. */
export class World {
  readonly setup: Setup
  readonly pins = { acquired: 0, released: 0, open: 0, peak: 0 }
  readonly refs = { acquired: 0, released: 0, open: 0, peak: 0 }
  readonly data = { zeroCopyBytes: 0, copiedBytes: 0 }
  readonly entries = { built: 0, perOperationMax: 0, limitHits: 0 }
  readonly allocations = { made: 0, freed: 0 }
  readonly sums = { operations: 0, errors: 0, bytes: 0 }
  bare = 0
  /** Entries built for the operation at work. */
  builtNow = 0
  /** Pages of files that the page cache has. */
  readonly cached = new Set<string>()
  private readonly pages: Page[] = []
  private readonly current = new Map<string, Page>()
  private readonly access = new Map<string, 'none' | 'read' | 'write'>()

  constructor(setup: Setup) {
    this.setup = setup
  }

  page(key: string): Page {
    const known = this.current.get(key)
    if (known !== undefined) return known
    const page: Page = { owned: 1, held: 0 }
    this.pages.push(page)
    this.current.set(key, page)
    return page
  }

  /** What was mapped there is not any more; whoever holds pages of it still has them. */
  map(row: Row): void {
    for (const [at, length] of row.segs) {
      for (let page = Math.floor(at! / PAGE); page < (at! + length!) / PAGE; page++) {
        this.access.set(userKey(page), row.access ?? 'write')
        const old = this.current.get(userKey(page))
        if (old !== undefined) old.owned = 0
        this.current.delete(userKey(page))
      }
    }
  }

  accessOf(key: string): 'none' | 'read' | 'write' {
    return this.access.get(key) ?? 'write'
  }

  take(kind: Kind, pages: readonly Page[]): Hold {
    const side = kind === 'pin' ? this.pins : this.refs
    for (const page of pages) page.held += kind === 'pin' ? 1024 : 1
    side.acquired += pages.length
    side.open += pages.length
    side.peak = Math.max(side.peak, side.open)
    return { kind, pages }
  }

  drop({ kind, pages }: Hold): void {
    const side = kind === 'pin' ? this.pins : this.refs
    for (const page of pages) page.held -= kind === 'pin' ? 1024 : 1
    side.released += pages.length
    side.open -= pages.length
  }

  allocate(): void {
    this.allocations.made++
  }

  /** alloc_page: a page of the consumer's own, with one reference. */
  allocPage(): Page {
    this.allocations.made++
    const page: Page = { owned: 1, held: 0 }
    this.pages.push(page)
    return page
  }

  /** put_page of one of those; the last reference frees it. */
  putOwn(page: Page): void {
    if (page.held > 0) page.held--
    else {
      page.owned = 0
      this.allocations.freed++
    }
  }

  free(): void {
    this.allocations.freed++
  }

  built(entries: number): void {
    this.entries.built += entries
    this.builtNow += entries
    this.entries.perOperationMax = Math.max(this.entries.perOperationMax, this.builtNow)
  }

  /** Reference counts above 1, page by page. */
  refcounts(): number[] {
    return this.pages
      .map(({ owned, held }) => owned + held)
      .filter((refcount) => refcount > 1)
      .sort((a, b) => a - b)
  }
}

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

export function userKey(page: number): string {
  return `user ${page}`
}

function piecesOf(type: IterName, seg: readonly number[], segment: number): Piece[] {
  const [base, middle] = seg as [number, number]
  const length = seg.at(-1)!
  const start = type === 'bvec' ? middle : base
  const pieces: Piece[] = []
  for (let at = 0; at < length; ) {
    const offset = (start + at) % PAGE
    const part = Math.min(PAGE - offset, length - at)
    const index = Math.floor((start + at) / PAGE)
    const key = keyOf(type, index, base, middle)
    pieces.push({ segment, key, offset, length: part })
    at += part
  }
  return pieces
}

function keyOf(type: IterName, index: number, base: number, file: number): string {
  if (isUser(type)) return userKey(index)
  if (type === 'kvec') return `kernel ${index}`
  return type === 'bvec' ? `frame ${base + index}` : `file ${file} ${index}`
}

export interface Extracted {
  readonly entries: readonly Entry[]
  readonly bytes: number
  readonly hold: Hold | null
}

/** What a policy takes on the pages of an iterator; null: it refuses. reference/iterators.md 4.1 */
export function kindOf(policy: Policy, type: IterName, isDest: boolean): Kind | 'bare' | null {
  if (type === 'discard') return null
  if (policy === 'get-pages') return type === 'kvec' ? null : 'ref'
  if (!isUser(type)) return 'bare'
  return policy === 'viro-2022' && !isDest ? 'ref' : 'pin'
}

/**
 * One call of iov_iter_get_pages2() or iov_iter_extract_pages(): one segment of user memory, of a kvec or of a bvec
 * array (since 6.16 several bvecs that meet at page ends), or all of a file. Bytes 0 or an error with nothing taken.
 */
export function extract(world: World, iter: Iter, pagesMax: number, bytesMax: number): Extracted | number {
  const { policy } = world.setup
  if (iter.count === 0) return 0
  const kind = kindOf(policy, iter.type, iter.isDest)
  if (kind === null || (iter.type === 'folioq' && world.setup.version === '6.1')) return EFAULT
  if (pagesMax === 0) return policy === 'get-pages' ? 0 : ENOMEM
  const listed = list(world, iter, pagesMax, bytesMax)
  const bad = isUser(iter.type) ? listed.findIndex((piece) => !iter.canHave(piece)) : -1
  if (bad === 0) return EFAULT
  const entries = (bad < 0 ? listed : listed.slice(0, bad)).map((piece) => iter.toEntry(piece))
  const bytes = entries.reduce((sum, { length }) => sum + length, 0)
  iter.position += bytes
  if (kind === 'bare') world.bare += entries.length
  const pages = entries.map(({ page }) => page)
  return { entries, bytes, hold: kind === 'bare' ? null : world.take(kind, pages) }
}

function list(world: World, iter: Iter, pagesMax: number, bytesMax: number): Piece[] {
  const joins = iter.type === 'bvec' && world.setup.policy !== 'get-pages' && since(world.setup.version, '6.18')
  return joins ? joined(world, iter, pagesMax, bytesMax) : iter.segment(bytesMax).slice(0, pagesMax)
}

/** iov_iter_extract_bvec_pages() since 6.16, with the quirk `bvec-entries-short`. */
function joined(world: World, iter: Iter, pagesMax: number, bytesMax: number): Piece[] {
  const rest = iter.left(iter.position + Math.min(bytesMax, iter.count))
  const from = world.setup.quirks['bvec-entries-short'] === false ? rest[0]!.offset : iter.skip()
  const most = Math.min(pagesMax, Math.ceil((from + Math.min(bytesMax, iter.count)) / PAGE))
  const taken: Piece[] = []
  for (const piece of rest) {
    if (taken.length > 0 && piece.offset !== 0) break
    taken.push(piece)
    if (taken.length === most || piece.offset + piece.length !== PAGE) break
  }
  return taken
}

/** A consumer's twin. */
export interface Twin {
  /** Bytes, or -errno with nothing kept. */
  submit(op: Operation): number
  complete(op: Operation): void
  /** The trace is over. */
  close(): void
}

/** One operation between its submission and its completion. */
export interface Operation {
  readonly row: Row
  readonly number: number
  readonly iter: Iter
  result: number
}

/** The whole run of one lane. */
export function run(rows: readonly Row[], setup: Setup, make: (world: World) => Twin) {
  const world = new World(setup)
  const twin = make(world)
  const results: number[] = []
  let inFlight: { at: number; op: Operation }[] = []
  const completeUntil = (time: number) => {
    for (;;) {
      const due = inFlight.filter(({ at }) => at <= time).sort((a, b) => a.at - b.at || a.op.number - b.op.number)
      if (due.length === 0) return
      inFlight = inFlight.filter((one) => one !== due[0])
      twin.complete(due[0]!.op)
    }
  }
  rows.forEach((row, index) => {
    const ts = index * STEP
    completeUntil(ts)
    if (row.event === 'map') {
      world.map(row)
      return
    }
    const op: Operation = { row, number: ++world.sums.operations, iter: new Iter(world, row), result: 0 }
    world.builtNow = 0
    op.result = twin.submit(op)
    results.push(op.result)
    if (op.result < 0) world.sums.errors++
    else {
      world.sums.bytes += op.result
      if (row.end === undefined) twin.complete(op)
      else if (row.end !== 'never') inFlight.push({ at: ts + row.end, op })
    }
  })
  completeUntil(Number.POSITIVE_INFINITY)
  twin.close()
  return figures(world, results)
}

/** Time between two rows, ns. */
export const STEP = 1000

function figures(world: World, results: readonly number[]) {
  const { sums, pins, refs, data, entries, bare, allocations } = world
  return {
    results,
    ...sums,
    pins,
    refs,
    barePages: bare,
    data,
    entries,
    openAllocations: allocations.made - allocations.freed,
    refcounts: world.refcounts(),
  }
}

export type Figures = ReturnType<typeof figures>
