import { ITER_BVEC, ITER_FOLIOQ, ITER_MIXED, ITER_XARRAY } from '../../iter/iter-type.ts'
import { KVEC_OFFSET } from '../../iter/segment-table.ts'
import { PAGE_SIZE } from '../../units.ts'
import type { Dictionary } from '../dictionary.ts'
import { HEADER_KEYS } from '../header.ts'
import { EVENT_FORK, type OpBatch } from '../op-batch.ts'
import { TraceError } from '../trace-error.ts'
import type { TraceHeader, TraceReader } from '../trace-reader.ts'
import { EditedReader } from './edited-reader.ts'
import { Granules } from './granules.ts'

/** User addresses move in pieces of 4 GiB, of 47 bits: most programs have three to ten of them. What lies above faults, and stays. */
const ADDRESS_GRANULE_BYTES = 2 ** 32
const ADDRESS_GRANULES = 2 ** 15
const ADDRESS_SPACING = 4
const USER_END = ADDRESS_GRANULE_BYTES * ADDRESS_GRANULES
/** Page frames move in pieces of 1 GiB. */
const FRAME_GRANULE = 2 ** 18
const FRAME_GRANULES = 2 ** 13
const FRAME_SPACING = 2

/**
 * A trace without what tells where it comes from: files, ids and address spaces are numbered in the order in which they
 * appear, addresses and page frames lie elsewhere. Offsets in pages, contiguity, huge page alignment, times, lengths and
 * positions in files are as they were; of the lines above the rows those stay that mean something to a replay.
 */
export function anonymizeTrace(trace: TraceReader): TraceReader {
  return new EditedReader(trace, anonymized, {
    header: headerOf(trace.header),
    files: new Numbered(trace.files, 'file'),
    ids: new Numbered(trace.ids, 'id'),
  })
}

function headerOf(header: TraceHeader): TraceHeader {
  const kept = HEADER_KEYS.filter((key) => header.attributes.has(key))
  return { ...header, attributes: new Map(kept.map((key) => [key, header.attributes.get(key)!])) }
}

/** The names of a dictionary by their numbers: `file-1`. */
class Numbered implements Dictionary {
  private readonly from: Dictionary
  private readonly word: string

  constructor(from: Dictionary, word: string) {
    this.from = from
    this.word = word
  }

  get size(): number {
    return this.from.size
  }

  text(id: number): string {
    return `${this.word}-${id + 1}`
  }

  bytes(id: number): Uint8Array {
    return new TextEncoder().encode(this.text(id))
  }
}

async function* anonymized(trace: TraceReader): AsyncGenerator<OpBatch> {
  const places = new Places(trace.header.name)
  for await (const batch of trace.batches()) {
    for (let row = 0; row < batch.length; row++) places.move(batch, row)
    yield batch
  }
}

/** Address spaces, addresses and page frames, each moved elsewhere. */
class Places {
  private readonly file: string
  private readonly spaces = new Map<number, number>([[0, 0]])
  /** Of all address spaces: a child has the addresses of its parent. */
  private readonly addresses = new Granules(ADDRESS_GRANULE_BYTES, ADDRESS_GRANULES, ADDRESS_SPACING)
  private readonly frames = new Granules(FRAME_GRANULE, FRAME_GRANULES, FRAME_SPACING)

  constructor(file: string) {
    this.file = file
  }

  move(batch: OpBatch, row: number): void {
    const type = batch.iterType[row]
    batch.mm[row] = this.spaceOf(batch.mm[row]!)
    if (batch.event[row] === EVENT_FORK && batch.resultBytes[row]! > 0) {
      batch.resultBytes[row] = this.spaceOf(batch.resultBytes[row]!)
    }
    if (type === ITER_FOLIOQ || type === ITER_XARRAY) return
    const { addressBytes, offsetBytes, lengthBytes } = batch.segments
    const first = batch.segmentFirst[row]!
    for (let i = first; i < first + batch.segmentCount[row]!; i++) {
      const isFrame = type === ITER_BVEC || (type === ITER_MIXED && offsetBytes[i] !== KVEC_OFFSET)
      const length = lengthBytes[i]!
      const to = isFrame
        ? this.frames.ofRange(addressBytes[i]!, Math.ceil((offsetBytes[i]! + length) / PAGE_SIZE))
        : addressBytes[i]! >= USER_END
          ? addressBytes[i]!
          : this.addresses.ofRange(addressBytes[i]!, length)
      if (to < 0) throw this.noRoom(batch.line[row]!)
      addressBytes[i] = to
    }
  }

  private spaceOf(space: number): number {
    const known = this.spaces.get(space)
    if (known !== undefined) return known
    const number = this.spaces.size
    this.spaces.set(space, number)
    return number
  }

  private noRoom(line: number): TraceError {
    const problem = 'its addresses lie in more places than can be moved apart from each other'
    return new TraceError({ file: this.file, line, column: 0, problem, hint: 'Is this a trace of one program?' })
  }
}
