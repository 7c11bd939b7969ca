// Seeded batches of operations for the benchmarks: what the reader would have filled.
import { OpBatch } from '../packages/core/dist/trace/op-batch.js'

const PAGE = 4096
const BASE = 0x7f0000000000

/** Deterministic 32-bit generator (mulberry32). */
export function seeded(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** One batch of synchronous direct reads and writes of `pages` pages, in order through an arena or at random in it. */
export function batchOf({ rows = 4096, pages = 16, arenaPages = 65536, order = 'sequential', seed = 1 }) {
  const random = seeded(seed)
  const batch = new OpBatch()
  const slots = Math.floor(arenaPages / pages)
  for (let r = 0; r < rows; r++) {
    const slot = order === 'sequential' ? r % slots : Math.floor(random() * slots)
    fill(batch, r, BASE + slot * pages * PAGE, pages * PAGE)
  }
  batch.length = rows
  return batch
}

function fill(batch, r, address, length) {
  batch.line[r] = r + 3
  batch.tsNs[r] = 1e12 + r * 1000
  batch.endNs[r] = -1
  batch.direction[r] = r & 1
  batch.order[r] = -1
  batch.flags[r] = 1
  batch.holeLengthBytes[r] = -1
  batch.offsetBytes[r] = 0
  batch.lengthBytes[r] = length
  batch.resultBytes[r] = Number.NaN
  batch.segmentFirst[r] = r
  batch.segmentCount[r] = 1
  batch.segments.push(address, 0, length)
  batch.id[r] = -1
  batch.call[r] = -1
  batch.file[r] = -1
  batch.consumer[r] = -1
  batch.pinsAcquired[r] = -1
  batch.pinsReleased[r] = -1
}

/** A trace reader over nothing: lanes need its header. */
export const emptyTrace = {
  header: {
    version: 1,
    format: 'pinscope',
    name: 'bench',
    kernel: '6.18',
    filesystem: null,
    logicalBlockSizeBytes: null,
    dmaAlignmentBytes: null,
    attributes: new Map(),
    columns: [],
  },
  files: { size: 0, text: () => '' },
  calls: { size: 0, text: () => '' },
  ids: { size: 0, text: () => '' },
  consumers: { size: 0, text: () => '' },
  bytesRead: 0,
  async *batches() {},
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}
