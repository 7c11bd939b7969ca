import type { KernelVersion } from '@pinscope/core'

const PAGE = 4096
const EFAULT = -14
const ENOSPC = -28
/** What a byte in memory is. */
const OLD = 0
const GOOD = 1
const COUNTED = 2

/** A page of the source: mapped, mapped and never touched, or not mapped. */
export type SourcePage = 'there' | 'absent' | 'gone'

export interface SlowSetup {
  readonly scheme: 'write-classic' | 'write-multipage' | 'write-iomap' | 'recvfile'
  readonly kernel: KernelVersion
  readonly isLarge?: boolean
  readonly isPrototype?: boolean
  readonly freeBlocks?: number
  readonly extentBlocks?: number
  readonly fileBytes?: number
  readonly holePages?: number
  /** Part of each file that is preallocated, bytes. */
  readonly unwritten?: readonly [from: number, length: number]
}

export interface SlowWriteRow {
  readonly position: number
  readonly length: number
  /** Bytes of the first page of the source before it begins. */
  readonly skip: number
  readonly source: SourcePage[]
  /** Part of the row that is a hole; the rest was there before. */
  readonly hole?: readonly [offset: number, length: number]
}

type Space = 'hole' | 'delalloc' | 'mapped' | 'unwritten'

class SlowFolio {
  readonly first: number
  readonly pages: number
  readonly uptodate: boolean[]
  readonly read: boolean[]
  dirty = new Set<number>()
  /** By byte: GOOD where it was copied, zeroed or read. */
  readonly good: Uint8Array

  constructor(first: number, pages: number) {
    this.first = first
    this.pages = pages
    this.uptodate = new Array(pages).fill(false)
    this.read = new Array(pages).fill(false)
    this.good = new Uint8Array(pages * PAGE)
  }

  get start() {
    return this.first * PAGE
  }
  get end() {
    return (this.first + this.pages) * PAGE
  }
  isUptodate() {
    return this.uptodate.every(Boolean)
  }
  /** The bytes of [from, to) of the file are what they should be. */
  fill(from: number, to: number) {
    this.good.fill(GOOD, Math.max(from, this.start) - this.start, Math.min(to, this.end) - this.start)
  }
}

export type SlowCounts = Record<string, number>

/** lifetime.md 13 to 15, and the loops of 6.1, 6.12 and 7.3 as they are written, one after the other. */
export class SlowBufferedWrite {
  readonly counts: SlowCounts = {}
  private readonly setup: SlowSetup
  private readonly space = new Map<number, Space>()
  private folios: SlowFolio[] = []
  /** Blocks that a write took and left: what each byte of them is on disk, and whether anything was written since. */
  private readonly leaks = new Map<number, { bytes: Uint8Array; isWritten: boolean }>()
  private size: number
  private free: number
  // The write at work.
  private position = 0
  private left = 0
  private cursor = 0
  private source: SourcePage[] = []
  private held = 0

  constructor(setup: SlowSetup) {
    this.setup = setup
    this.size = setup.fileBytes ?? 0
    this.free = setup.freeBlocks ?? 0x7fffffff
  }

  write(row: SlowWriteRow): number {
    const { size } = this
    this.position = row.position
    this.left = row.length
    this.cursor = row.skip
    this.source = row.source
    this.declare(row)
    this.zeroGap(size)
    this.countOldBytes()
    this.count('writes')
    const { scheme } = this.setup
    let result = 0
    if (scheme === 'write-classic') result = this.classic()
    if (scheme === 'write-multipage') result = this.multipage()
    if (scheme === 'write-iomap') result = this.xfs()
    if (scheme === 'recvfile') result = this.recvfile()
    this.countOldBytes()
    return result
  }

  // ---- What a write does to the file.

  private declare({ position, length, hole }: SlowWriteRow) {
    if (hole === undefined) return
    const [from, to] = [position + hole[0], position + hole[0] + hole[1]]
    for (let index = Math.floor(position / PAGE); index * PAGE < position + length; index++) {
      const part = [Math.max(index * PAGE, position), Math.min((index + 1) * PAGE, position + length)] as const
      if (part[0] >= from && part[1] <= to) continue
      if (this.spaceOf(index) === 'hole') this.space.set(index, 'mapped')
      this.fillLeft(index * PAGE, (index + 1) * PAGE)
      this.size = Math.max(this.size, part[1])
    }
  }

  /** What lies between the end of the file and the write is zeroed by the file system. */
  private zeroGap(size: number) {
    const to = Math.max(this.size, this.position)
    for (const folio of this.folios) if (to > size) folio.fill(size, to)
  }

  /** Bytes inside the file that a reader finds in uptodate blocks, and that nobody has put there: each is counted once. */
  private countOldBytes() {
    for (const folio of this.folios) {
      for (let at = 0; at < folio.good.length && folio.start + at < this.size; at++) {
        if (!folio.uptodate[Math.floor(at / PAGE)] || folio.good[at] !== OLD) continue
        folio.good[at] = COUNTED
        this.count('staleBytes')
      }
    }
    for (const [index, { bytes }] of this.leaks) {
      if (this.spaceOf(index) !== 'mapped') continue
      for (let at = 0; at < PAGE && index * PAGE + at < this.size; at++) {
        if (bytes[at] !== OLD) continue
        bytes[at] = COUNTED
        this.count('staleBytes')
      }
    }
  }

  private leak(index: number) {
    this.leaks.set(index, { bytes: new Uint8Array(PAGE), isWritten: false })
    this.count('leakedBlocks')
  }

  /** Data, or zeros, in blocks that were leaked: they are no more. */
  private fillLeft(from: number, to: number) {
    for (const [index, block] of this.leaks) {
      const [first, end] = [Math.max(from - index * PAGE, 0), Math.min(to - index * PAGE, PAGE)]
      if (first >= end) continue
      block.bytes.fill(GOOD, first, end)
      if (block.isWritten) continue
      block.isWritten = true
      this.count('leakedBlocks', -1)
      this.count('filledLeaks')
    }
  }

  private spaceOf(index: number): Space {
    const [from, length] = this.setup.unwritten ?? [0, 0]
    const isUnwritten = length > 0 && (index + 1) * PAGE > from && index * PAGE < from + length
    return this.space.get(index) ?? (isUnwritten ? 'unwritten' : 'hole')
  }

  private count(name: string, by = 1) {
    this.counts[name] = (this.counts[name] ?? 0) + by
  }

  private take(index: number, as: Space, counter: string): boolean {
    if (this.free === 0) return false
    this.free--
    this.space.set(index, as)
    this.count(counter)
    return true
  }

  /** The end of what can be mapped at once from a block on. */
  private sameEnd(first: number, end: number) {
    const { extentBlocks = 0 } = this.setup
    let at = first
    while (at < end && this.spaceOf(at) === this.spaceOf(first)) {
      at++
      if (extentBlocks > 0 && at % extentBlocks === 0) break
    }
    return at
  }

  private giveBack(first: number, end: number, sparesDirty: boolean) {
    for (let index = first; index < end; index++) {
      if (sparesDirty && this.folioAt(index)?.dirty.has(index)) continue
      if (this.spaceOf(index) !== 'delalloc') continue
      this.space.set(index, 'hole')
      this.free++
      this.count('punchedBlocks')
    }
  }

  // ---- Source.

  private pageOf(at: number): SourcePage {
    return this.source[Math.floor(at / PAGE)] ?? 'gone'
  }

  /** fault_in_iov_iter_readable(): bytes that were not faulted in. */
  private faultIn(bytes: number) {
    let at = this.cursor
    const end = this.cursor + bytes
    while (at < end && this.pageOf(at) !== 'gone') {
      this.source[Math.floor(at / PAGE)] = 'there'
      at = Math.min(end, (Math.floor(at / PAGE) + 1) * PAGE)
    }
    return end - at
  }

  /** copy_folio_from_iter_atomic() into [position, position + bytes) of a folio. */
  private copy(folio: SlowFolio, bytes: number, mayFault = false) {
    if (mayFault) this.faultIn(bytes)
    let copied = 0
    while (copied < bytes && this.pageOf(this.cursor) === 'there') {
      const part = Math.min(bytes - copied, PAGE - (this.cursor % PAGE))
      copied += part
      this.cursor += part
      this.left -= part
    }
    folio.fill(this.position, this.position + copied)
    return copied
  }

  private revert(bytes: number) {
    if (bytes === 0) return
    this.cursor -= bytes
    this.left += bytes
    this.count('iterReverts')
    this.count('wastedCopyBytes', bytes)
  }

  // ---- Page cache.

  private folioAt(index: number) {
    return this.folios.find(({ first, pages }) => index >= first && index < first + pages)
  }

  private lock(index: number, order: number): { folio: SlowFolio; isNew: boolean } {
    this.count('folioLocks')
    this.held++
    this.counts.locksHeldMax = Math.max(this.counts.locksHeldMax ?? 0, this.held)
    const known = this.folioAt(index)
    if (known !== undefined) return { folio: known, isNew: false }
    let fits = Math.min(order, 9)
    const clashes = (some: number) =>
      index % 2 ** some !== 0 || this.folios.some((one) => one.first < index + 2 ** some && one.first >= index)
    while (clashes(fits)) fits--
    const folio = new SlowFolio(index, 2 ** fits)
    this.folios.push(folio)
    this.count(`foliosOrder${fits}`)
    return { folio, isNew: true }
  }

  private unlock() {
    this.held--
  }

  private forget(folio: SlowFolio) {
    this.folios = this.folios.filter((one) => one !== folio)
  }

  /** truncate_pagecache_range(max(pos, i_size), pos + len - 1), where that is beyond the end of the file. */
  private writeFailed(length: number) {
    const to = this.position + length
    if (to <= this.size) return
    const from = Math.max(this.position, this.size)
    for (const folio of [...this.folios]) {
      if (folio.end <= from || folio.start >= to) continue
      if (folio.start >= from && folio.end <= to) {
        this.forget(folio)
        continue
      }
      folio.fill(from, to)
      if (folio.pages === 1 || folio.dirty.size > 0) continue
      this.forget(folio)
      const isUptodate = folio.isUptodate()
      for (let i = 0; i < folio.pages; i++) {
        const page = new SlowFolio(folio.first + i, 1)
        if (page.start >= from && page.end <= to) continue
        page.uptodate[0] = isUptodate
        page.good.set(folio.good.subarray(i * PAGE, (i + 1) * PAGE))
        this.folios.push(page)
      }
    }
  }

  /** Blocks that have data or zeros to write are no longer unwritten. */
  private convert(from: number, to: number) {
    for (let index = Math.floor(from / PAGE); index * PAGE < to; index++) {
      if (this.spaceOf(index) !== 'unwritten') continue
      this.space.set(index, 'mapped')
      this.count('convertedBlocks')
    }
  }

  private written(bytes: number) {
    this.convert(this.position, this.position + bytes)
    this.fillLeft(this.position, this.position + bytes)
    this.position += bytes
    this.size = Math.max(this.size, this.position)
    this.count('writtenBytes', bytes)
  }

  private isSince(...versions: KernelVersion[]) {
    return versions.includes(this.setup.kernel)
  }

  // ---- mm/filemap.c: generic_perform_write() over pages with buffers.

  private classic() {
    const result = this.perform(this.left, true, this.isSince('6.18', 'mainline'))
    return result.written > 0 ? result.written : result.status
  }

  private perform(length: number, asksForBlocks: boolean, faultsInLater: boolean) {
    let written = 0
    let again = 0
    while (this.left > 0 && written < length) {
      let bytes = Math.min(PAGE - (this.position % PAGE), this.left, length - written)
      if (again > 0) bytes = Math.min(bytes, again)
      again = 0
      if (!faultsInLater && this.faultIn(bytes) === bytes) return { written, status: EFAULT }
      const index = Math.floor(this.position / PAGE)
      const { folio, isNew } = this.lock(index, 0)
      if (asksForBlocks && (isNew || this.spaceOf(index) === 'hole')) {
        this.count('fsCalls')
        this.count('fsLockTrips')
        if (this.spaceOf(index) === 'hole' && !this.take(index, 'delalloc', 'reservedBlocks')) {
          this.unlock()
          this.count('noSpace')
          this.count('failedBegins')
          this.writeFailed(bytes)
          return { written, status: ENOSPC }
        }
        this.count('mappings')
      }
      this.count('beginEndPairs')
      const isFresh = ['delalloc', 'unwritten'].includes(this.spaceOf(index)) && !folio.uptodate[0]
      if (bytes < PAGE && !folio.uptodate[0]) this.fillRest(folio, index, bytes)
      const copied = this.copy(folio, bytes)
      if (copied < bytes && !folio.uptodate[0]) {
        if (isFresh) {
          folio.good.fill(GOOD)
          folio.uptodate[0] = true
          folio.dirty.add(index)
          this.convert(folio.start, folio.end)
          this.fillLeft(folio.start, folio.end)
        }
        this.unlock()
        this.revert(copied)
        again = copied
        if (copied === 0 && (!faultsInLater || this.faultIn(bytes) === bytes)) return { written, status: EFAULT }
        continue
      }
      if (copied === 0) {
        // A page that is uptodate takes whatever was copied, here nothing.
        this.unlock()
        if (!faultsInLater || this.faultIn(bytes) === bytes) return { written, status: EFAULT }
        continue
      }
      folio.uptodate[0] = true
      folio.dirty.add(index)
      this.written(copied)
      this.unlock()
      written += copied
    }
    return { written, status: 0 }
  }

  /** What a write of a part leaves of the block is zeroed where it is new, else read. */
  private fillRest(folio: SlowFolio, index: number, bytes: number) {
    const isRead = this.spaceOf(index) === 'mapped'
    if (isRead && !folio.read[0]) this.count('readBlocks')
    if (isRead) folio.read[0] = true
    if (isRead) folio.good.fill(GOOD)
    folio.fill(folio.start, this.position)
    folio.fill(this.position + bytes, folio.end)
  }

  // ---- The patch of 2010.

  private multipage() {
    let total = 0
    while (this.left > 0) {
      const first = Math.floor(this.position / PAGE)
      const most = Math.min(this.left, 1024 * PAGE)
      const end = this.sameEnd(first, Math.ceil((this.position + most) / PAGE))
      const length = Math.min(most, end * PAGE - this.position)
      const isHole = this.spaceOf(first) === 'hole'
      this.count('fsCalls')
      this.count('fsLockTrips')
      if (isHole) {
        this.count('fsCalls')
        if (this.free < end - first) {
          this.count('noSpace')
          return total > 0 ? total : ENOSPC
        }
        for (let index = first; index < end; index++) this.take(index, 'delalloc', 'reservedBlocks')
      }
      this.count('mappings')
      const { written, status } = this.perform(length, false, false)
      if (isHole && written > 0) {
        this.count('fsCalls')
        for (let index = first; index * PAGE < this.position; index++) {
          this.space.set(index, 'mapped')
          this.count('allocatedBlocks')
        }
      }
      if (isHole) this.unreserve(written > 0 ? Math.ceil(this.position / PAGE) : first, end, written)
      else if (this.setup.isPrototype) this.count('leftFsLocks')
      if (written === 0) return total > 0 ? total : status
      total += written
    }
    return total
  }

  private unreserve(first: number, end: number, written: number) {
    if (first === end) return
    if (this.setup.isPrototype && written > 0) {
      for (let index = first; index < end; index++) this.leak(index)
      return
    }
    this.count('fsCalls')
    this.giveBack(first, end, false)
  }

  // ---- fs/iomap under XFS.

  private xfs() {
    const result = this.bufferedWrite()
    if (result !== ENOSPC) return result
    this.count('spaceFlushes')
    return this.bufferedWrite()
  }

  private bufferedWrite() {
    const { holePages = 1024 } = this.setup
    const start = this.position
    for (;;) {
      const first = Math.floor(this.position / PAGE)
      const isNew = this.spaceOf(first) === 'hole'
      this.count('fsCalls')
      this.count('fsLockTrips')
      const most = isNew && holePages > 0 ? Math.min(this.left, holePages * PAGE) : this.left
      const end = this.sameEnd(first, Math.ceil((this.position + most) / PAGE))
      if (isNew && this.free < end - first) {
        this.count('noSpace')
        return this.position > start ? this.position - start : ENOSPC
      }
      for (let index = first; isNew && index < end; index++) this.take(index, 'delalloc', 'reservedBlocks')
      this.count('mappings')
      const length = Math.min(this.left, end * PAGE - this.position)
      const from = this.position
      const status = this.setup.isLarge ? this.writeIterLarge(length) : this.writeIterSmall(length)
      this.count('fsCalls')
      const done = this.position - from
      const punchFrom = done === 0 ? first : Math.ceil(this.position / PAGE)
      const punchEnd = Math.ceil((from + length) / PAGE)
      if (isNew && punchFrom < punchEnd) {
        this.count('fsLockTrips')
        this.giveBack(punchFrom, punchEnd, true)
      }
      // Before 7.3 iomap_write_iter() tells only of what was written, and the error is forgotten.
      const seen = this.isSince('6.1', '6.12', '6.18') && done > 0 ? 0 : status
      if (this.left === 0 || done === 0 || seen < 0) {
        return this.position > start ? this.position - start : status
      }
    }
  }

  /** 6.1: pages. */
  private writeIterSmall(length: number) {
    let left = length
    let again = 0
    while (this.left > 0 && left > 0) {
      const bytes = again > 0 ? again : Math.min(PAGE - (this.position % PAGE), this.left, left)
      again = 0
      if (this.faultIn(bytes) === bytes) return EFAULT
      const { folio } = this.lock(Math.floor(this.position / PAGE), 0)
      const done = this.oneFolio(folio, bytes)
      left -= done.taken
      again = done.taken === 0 ? done.copied : 0
    }
    return 0
  }

  /** 6.12 and later: as large as the piece. */
  private writeIterLarge(length: number) {
    let left = length
    let chunk = 512 * PAGE
    let wanted = this.left
    while (this.left > 0 && left > 0) {
      const bytes = Math.min(chunk - (this.position % chunk), wanted, left)
      if (this.faultIn(bytes) === bytes) return EFAULT
      const order = Math.max(0, Math.floor(Math.log2(bytes)) - 12)
      const index = Math.floor(this.position / PAGE)
      const { folio } = this.lock(index, order)
      const done = this.oneFolio(folio, Math.min(bytes, folio.end - this.position))
      left -= done.taken
      wanted = this.left
      if (done.taken > 0) continue
      if (chunk > PAGE) chunk /= 2
      if (done.copied > 0) wanted = done.copied
    }
    return 0
  }

  private oneFolio(folio: SlowFolio, bytes: number) {
    this.count('beginEndPairs')
    this.beginIomap(folio, bytes)
    const copied = this.copy(folio, bytes)
    if (copied < bytes && !folio.isUptodate()) {
      this.unlock()
      this.writeFailed(bytes)
      this.revert(copied)
      return { taken: 0, copied }
    }
    for (let at = this.position; at < this.position + bytes; at = (Math.floor(at / PAGE) + 1) * PAGE) {
      const index = Math.floor(at / PAGE)
      folio.uptodate[index - folio.first] = true
      if (at < this.position + copied) folio.dirty.add(index)
    }
    this.written(copied)
    this.unlock()
    return { taken: copied, copied }
  }

  /** __iomap_write_begin() */
  private beginIomap(folio: SlowFolio, bytes: number) {
    const from = this.position
    const to = this.position + bytes
    if (this.setup.kernel !== '6.1' && from <= folio.start && to >= folio.end) return
    if (folio.isUptodate()) return
    const isUptodate = (index: number) => folio.uptodate[index - folio.first]
    let index = Math.floor(from / PAGE)
    const end = Math.ceil(to / PAGE)
    for (;;) {
      const start = index
      while (index < end && isUptodate(index)) index++
      if (index >= end) return
      let stop = index
      while (stop < end && !isUptodate(stop)) stop++
      const reachesOver = start * PAGE <= this.size && end * PAGE > this.size
      const sizeEnd = Math.ceil(this.size / PAGE)
      if (reachesOver && this.size > folio.start && index < sizeEnd && sizeEnd < stop) stop = sizeEnd
      this.beginRun(folio, index, stop, from, to)
      index = stop
      if (index >= end) return
    }
  }

  private beginRun(folio: SlowFolio, first: number, stop: number, from: number, to: number) {
    if (from <= first * PAGE && to >= stop * PAGE) return
    const isZeroed = this.spaceOf(first) !== 'mapped' || first * PAGE >= this.size
    if (isZeroed) {
      folio.fill(first * PAGE, Math.min(from, stop * PAGE))
      folio.fill(Math.max(to, first * PAGE), stop * PAGE)
    } else {
      folio.fill(first * PAGE, stop * PAGE)
      this.count('readBlocks', stop - first)
    }
    if (isZeroed && this.setup.kernel === 'mainline') return
    for (let index = first; index < stop; index++) folio.uptodate[index - folio.first] = true
  }

  // ---- recvfile.

  private recvfile() {
    let total = 0
    while (this.left > 0) {
      const first = Math.floor(this.position / PAGE)
      const length = Math.min(this.left, 32 * PAGE - (this.position % PAGE))
      const end = Math.ceil((this.position + length) / PAGE)
      this.count('fsLockTrips')
      const batch: { folio: SlowFolio; index: number; wasHole: boolean }[] = []
      for (let index = first; index < end; index++) {
        const { folio } = this.lock(index, 0)
        const wasHole = this.spaceOf(index) === 'hole'
        this.count('fsCalls')
        if (wasHole && !this.take(index, 'mapped', 'allocatedBlocks')) {
          this.count('noSpace')
          this.count('failedBegins')
          this.unlock()
          if (!folio.uptodate[0]) this.forget(folio)
          for (const page of batch) this.abandon(page)
          return total
        }
        this.count('mappings')
        batch.push({ folio, index, wasHole })
        const isWhole = this.position <= folio.start && this.position + length >= folio.end
        if (!isWhole && this.spaceOf(index) === 'mapped' && !wasHole && !folio.uptodate[0] && !folio.read[0]) {
          folio.read[0] = true
          this.count('readBlocks')
        }
      }
      const received = this.receive(batch, length)
      total += received
      if (received < length) return total
    }
    return total
  }

  private receive(batch: { folio: SlowFolio; index: number; wasHole: boolean }[], length: number) {
    let left = length
    let isOver = false
    for (const page of batch) {
      const { folio } = page
      this.count('beginEndPairs')
      const bytes = Math.min(PAGE - (this.position % PAGE), left)
      const copied = isOver ? 0 : this.copy(folio, bytes, true)
      if (copied < bytes) isOver = true
      if (copied === 0) {
        this.abandon(page)
        continue
      }
      this.unlock()
      if (copied < bytes && !folio.uptodate[0]) {
        this.count('wastedCopyBytes', copied)
        if (page.wasHole || this.spaceOf(page.index) === 'unwritten') {
          this.convert(folio.start, folio.end)
          folio.uptodate[0] = true
          folio.dirty.add(page.index)
          folio.good.fill(GOOD)
        }
        continue
      }
      folio.good.fill(GOOD)
      folio.uptodate[0] = true
      folio.dirty.add(page.index)
      this.written(copied)
      left -= copied
    }
    return length - left
  }

  private abandon({ folio, index, wasHole }: { folio: SlowFolio; index: number; wasHole: boolean }) {
    this.unlock()
    if (folio.uptodate[0]) return
    this.forget(folio)
    if (wasHole) this.leak(index)
  }
}
