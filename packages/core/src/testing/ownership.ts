import type { ConsumerDefinition } from '../consumer/consumer.ts'
import { COPIED_BYTES, ZERO_COPY_BYTES } from '../consumer/figures.ts'
import { errnoName } from '../errno.ts'
import type { ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import type { KernelVersion } from '../kernel/version.ts'
import { BARE_PAGES, PINS_ACQUIRED, PINS_OPEN, REFS_ACQUIRED, REFS_OPEN } from '../ledger/totals.ts'
import type { Lane } from '../replay/lane.ts'
import { type RowsOptions, replayRows } from './replay-rows.ts'
import type { TestRow } from './trace-row.ts'

/** Name of an iterator type. */
export type IterTypeName = (typeof ITER_TYPE_NAMES)[number]

/** One way to call a consumer: everything of a row but its iterator. */
export interface OwnershipShape {
  /** Cells of the row besides `iter`, `segs` and `len`. */
  readonly row: TestRow
  readonly bytes: number
  /** Where in its first page the memory begins; 0 when left out. */
  readonly offsetBytes?: number
  /** Rows that come before it: what was sent before it can be received. */
  readonly before?: readonly TestRow[]
  readonly options?: NonNullable<RowsOptions['options']>
  readonly quirks?: NonNullable<RowsOptions['quirks']>
}

/**
 * What a consumer takes on the pages of an iterator of that type: `pin`, `ref`, `bare`, `copy` or an errno, joined by
 * ` + ` where one operation does several, and by ` or ` where shapes differ. `n/a`: such an iterator cannot arrive there.
 */
export async function ownershipCell(
  definition: ConsumerDefinition,
  kernel: KernelVersion,
  type: IterTypeName,
  shapes: readonly OwnershipShape[],
): Promise<string> {
  const cells: string[] = []
  for (const shape of shapes) cells.push(await cellOf(definition, kernel, type, shape))
  const arriving = [...new Set(cells)].filter((cell) => cell !== CANNOT_ARRIVE)
  return arriving.length === 0 ? CANNOT_ARRIVE : arriving.join(' or ')
}

const CANNOT_ARRIVE = 'n/a'

async function cellOf(
  definition: ConsumerDefinition,
  kernel: KernelVersion,
  type: IterTypeName,
  shape: OwnershipShape,
): Promise<string> {
  if (!definition.accepts.includes(type) || !exists(kernel, type, shape.row.op)) return CANNOT_ARRIVE
  const { row, bytes, offsetBytes = 0, before = [], options = {}, quirks = [] } = shape
  let start = NOTHING
  let submitted = NOTHING
  const { lane, results } = await replayRows(
    definition,
    [...before, { end: LATER_NS, ...row, iter: type, ...segmentsOf(type, offsetBytes, bytes) }],
    {
      kernel,
      options,
      quirks,
      afterRow: (now, rowNumber) => {
        if (rowNumber === before.length) start = figuresOf(now)
        else if (rowNumber > before.length) submitted = figuresOf(now)
      },
    },
  )
  const result = results.at(-1) ?? 0
  return result < 0 ? errnoName(result) : wordsFor(start, submitted, figuresOf(lane))
}

/** Long after the last row. */
const LATER_NS = 1e6

/** Pages and bytes of a lane so far. */
interface Figures {
  readonly pins: number
  readonly pinsOpen: number
  readonly refs: number
  readonly refsOpen: number
  readonly bare: number
  readonly copied: number
  readonly inPlace: number
}

const NOTHING: Figures = { pins: 0, pinsOpen: 0, refs: 0, refsOpen: 0, bare: 0, copied: 0, inPlace: 0 }

function figuresOf({ ledger: { totals }, io: { figures } }: Lane): Figures {
  return {
    pins: totals[PINS_ACQUIRED],
    pinsOpen: totals[PINS_OPEN],
    refs: totals[REFS_ACQUIRED],
    refsOpen: totals[REFS_OPEN],
    bare: totals[BARE_PAGES],
    copied: figures[COPIED_BYTES],
    inPlace: figures[ZERO_COPY_BYTES],
  }
}
/**
 * What an operation did, in words. Where it copied everything, what it had taken before counts only if it is still held
 * when the operation is submitted; a page that is listed bare and then referenced counts as referenced.
 */
function wordsFor(start: Figures, submitted: Figures, end: Figures): string {
  const isCopied = end.copied > start.copied
  const isTransient = isCopied && end.inPlace === start.inPlace
  const pins = isTransient ? submitted.pinsOpen - start.pinsOpen : end.pins - start.pins
  const refs = isTransient ? submitted.refsOpen - start.refsOpen : end.refs - start.refs
  const bare = isTransient ? 0 : end.bare - start.bare - refs
  const words = [pins > 0 ? 'pin' : '', refs > 0 ? 'ref' : '', bare > 0 ? 'bare' : '', isCopied ? 'copy' : '']
  return words.filter((word) => word !== '').join(' + ') || 'nothing'
}

/** An iterator of the type can be made: that version has it, and for a source it is one that has data. */
function exists(kernel: KernelVersion, type: IterTypeName, op: TestRow['op']): boolean {
  if (type === 'folioq') return kernel !== '6.1'
  // @kernel lib/iov_iter.c: iov_iter_discard, iov_iter_pipe (BUG_ON(direction != READ))
  if (type === 'discard') return op === 'read'
  return type !== 'pipe' || (kernel === '6.1' && op === 'read')
}

/** Memory of the type: `bytes` bytes that begin `offsetBytes` into a page. */
function segmentsOf(type: IterTypeName, offsetBytes: number, bytes: number): TestRow {
  switch (type) {
    case 'ubuf':
    case 'iovec':
      return { segs: `0x${(USER_ADDRESS + offsetBytes).toString(16)}+${bytes}` }
    case 'kvec':
      return { segs: `0x${(KERNEL_ADDRESS + offsetBytes).toString(16)}+${bytes}` }
    case 'bvec':
      return { segs: `4096:${offsetBytes}+${bytes}` }
    case 'folioq':
    case 'xarray':
      return { segs: `file:${offsetBytes}+${bytes}` }
    default:
      return { len: bytes }
  }
}

const USER_ADDRESS = 0x7f0000000000
/** Of the direct map, less what addresses of a trace have no room for. */
const KERNEL_ADDRESS = 0x888000000000
