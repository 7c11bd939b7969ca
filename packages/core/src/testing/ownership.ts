import type { ConsumerDefinition } from '../consumer/consumer.ts'
import { errnoName } from '../errno.ts'
import type { ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import type { KernelVersion } from '../kernel/version.ts'
import { type RowsOptions, type RowsResult, replayRows } from './replay-rows.ts'
import type { TestRow } from './trace-row.ts'

/** Name of an iterator type. */
export type IterTypeName = (typeof ITER_TYPE_NAMES)[number]

/** One way to call a consumer: everything of a row but its iterator. */
export interface OwnershipShape {
  /** Cells of the row besides `iter`, `segs` and `len`. */
  readonly row: TestRow
  readonly bytes: number
  /** Rows that come before it: what was sent before it can be received. */
  readonly before?: readonly TestRow[]
  readonly options?: RowsOptions['options']
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
  if (!definition.accepts.includes(type) || !exists(kernel, type)) return 'n/a'
  const cells: string[] = []
  for (const shape of shapes) cells.push(await cellOf(definition, kernel, type, shape))
  return [...new Set(cells)].join(' or ')
}

async function cellOf(
  definition: ConsumerDefinition,
  kernel: KernelVersion,
  type: IterTypeName,
  shape: OwnershipShape,
): Promise<string> {
  const options = shape.options === undefined ? { kernel } : { kernel, options: shape.options }
  const row: TestRow = { ...shape.row, iter: type, ...segmentsOf(type, shape.bytes) }
  const before = shape.before ?? []
  const without = await replayRows(definition, before, options)
  return cell(without, await replayRows(definition, [...before, row], options))
}

/** What the last row added to the rows before it. */
function cell({ report: a }: RowsResult, { report: b, results }: RowsResult): string {
  const result = results.at(-1) ?? 0
  if (result < 0) return errnoName(result)
  const taken = [
    b.pins.acquired > a.pins.acquired ? 'pin' : '',
    b.refs.acquired > a.refs.acquired ? 'ref' : '',
    b.bare.pages > a.bare.pages ? 'bare' : '',
    b.data.copiedBytes > a.data.copiedBytes ? 'copy' : '',
  ].filter((word) => word !== '')
  return taken.length === 0 ? 'nothing' : taken.join(' + ')
}

function exists(kernel: KernelVersion, type: IterTypeName): boolean {
  if (type === 'folioq') return kernel !== '6.1'
  return type !== 'pipe' || kernel === '6.1'
}

/** Memory of the type: page-aligned, whole pages as far as `bytes` goes. */
function segmentsOf(type: IterTypeName, bytes: number): TestRow {
  switch (type) {
    case 'ubuf':
    case 'iovec':
      return { segs: `0x7f0000000000+${bytes}` }
    case 'kvec':
      return { segs: `0x100000000000+${bytes}` }
    case 'bvec':
      return { segs: `4096:0+${bytes}` }
    case 'folioq':
    case 'xarray':
      return { segs: `file:0+${bytes}` }
    default:
      return { len: bytes }
  }
}
