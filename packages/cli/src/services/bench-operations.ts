import { BATCH_ROWS_MAX, OpBatch, pageOffsetOf, pagesSpanned } from '@pinscope/core'

/** Where the buffers of the operations lie: slots of 128 KiB, each operation in one of them. */
export const POOL_ADDRESS = 0x7f0000000000
const SLOT_BYTES = 128 * 1024
const SLOTS = 4096
/** Bytes of the whole pool. */
export const POOL_BYTES = SLOTS * SLOT_BYTES

/** Operations that are in flight at a time, where they have a completion. */
export const IN_FLIGHT = 64

/** The stream repeats after so many batches: too many operations for a branch predictor to know by heart. */
const BATCHES = 16
const GAP_NS_MAX = 1999
const SECTOR_BYTES = 512
/** Positions in a disk of 256 GiB. */
const DISK_SECTORS = 2 ** 29
const READS = 0.4

/**
 * Lengths of requests and how many of 1,000 have them: about those of the CloudPhysics recording that the peers are compared
 * over (bench/peers), 9 pages on average.
 */
const LENGTHS: readonly (readonly [bytes: number, of1000: number])[] = [
  [64 * 1024, 350],
  [8192, 175],
  [4096, 140],
  [68 * 1024, 100],
  [60 * 1024, 60],
  [512, 50],
  [16_384, 30],
  [2560, 25],
  [1536, 20],
  [3584, 15],
  [32_768, 15],
  [24_576, 10],
  [4608, 10],
]

/** Operations of a seed, as batches that a reader would have filled. */
export interface BenchOperations {
  /** Each ends when the 64th behind it begins, else at once. */
  readonly held: boolean
  readonly batches: readonly OpBatch[]
  /** From the first row of the first batch to where the first row of the next round is. */
  readonly spanNs: number
}

/** A deterministic generator of doubles below 1: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Makes the operations of a seed; with `held` each ends when the 64th behind it begins, else at once. */
export function benchOperations(seed: number, held: boolean): BenchOperations {
  const random = seeded(seed)
  const batches = Array.from({ length: BATCHES }, () => new OpBatch())
  const tsNs = new Float64Array(BATCHES * BATCH_ROWS_MAX)
  let nowNs = 0
  for (let at = 0; at < tsNs.length; at++) {
    tsNs[at] = nowNs
    nowNs += 1 + Math.floor(random() * GAP_NS_MAX)
  }
  const endNs = (at: number) => (at < tsNs.length ? tsNs[at]! : tsNs[at - tsNs.length]! + nowNs)
  for (const [index, batch] of batches.entries()) {
    for (let row = 0; row < BATCH_ROWS_MAX; row++) {
      const at = index * BATCH_ROWS_MAX + row
      fillRow(batch, row, random)
      batch.tsNs[row] = tsNs[at]!
      if (held) batch.endNs[row] = endNs(at + IN_FLIGHT)
    }
    batch.length = BATCH_ROWS_MAX
  }
  return { held, batches, spanNs: nowNs }
}

function fillRow(batch: OpBatch, row: number, random: () => number): void {
  emptyRow(batch, row)
  const lengthBytes = lengthOf(random() * 1000)
  batch.direction[row] = random() < READS ? 0 : 1
  batch.offsetBytes[row] = Math.floor(random() * DISK_SECTORS) * SECTOR_BYTES
  batch.lengthBytes[row] = lengthBytes
  batch.segmentFirst[row] = row
  batch.segmentCount[row] = 1
  batch.segments.push(bufferOf(lengthBytes, random), 0, lengthBytes)
}

/** A row as a reader leaves it whose columns are ts, op, offset and segs. */
export function emptyRow(batch: OpBatch, row: number): void {
  batch.line[row] = row + 3
  batch.endNs[row] = -1
  batch.order[row] = -1
  batch.holeLengthBytes[row] = -1
  batch.resultBytes[row] = Number.NaN
  for (const column of [batch.id, batch.call, batch.file, batch.consumer, batch.stack]) column[row] = -1
  batch.pinsAcquired[row] = -1
  batch.pinsReleased[row] = -1
}

function lengthOf(of1000: number): number {
  let from = 0
  for (const [bytes, share] of LENGTHS) {
    from += share
    if (of1000 < from) return bytes
  }
  return LENGTHS[0]![0]
}

/** 80 % of the buffers begin with a page, 12 % with a sector, 8 % anywhere. */
function bufferOf(lengthBytes: number, random: () => number): number {
  const slot = POOL_ADDRESS + Math.floor(random() * SLOTS) * SLOT_BYTES
  const kind = random()
  if (kind < 0.8) return slot
  const inSlot = Math.floor(random() * (SLOT_BYTES - lengthBytes))
  return slot + (kind < 0.92 ? inSlot - (inSlot % SECTOR_BYTES) : inSlot)
}

/** Pages and bytes of the first `operations` operations, the stream going round as often as it takes. */
export function workOf({ batches }: BenchOperations, operations: number): { pages: number; bytes: number } {
  let pages = 0
  let bytes = 0
  const rows = batches.length * BATCH_ROWS_MAX
  for (const [index, { segments }] of batches.entries()) {
    for (let row = 0; row < BATCH_ROWS_MAX; row++) {
      const at = index * BATCH_ROWS_MAX + row
      const times = Math.floor(operations / rows) + (at < operations % rows ? 1 : 0)
      const length = segments.lengthBytes[row]!
      pages += times * pagesSpanned(pageOffsetOf(segments.addressBytes[row]!), length)
      bytes += times * length
    }
  }
  return { pages, bytes }
}
