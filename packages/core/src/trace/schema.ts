import { z } from 'zod'
import { ITER_TYPE_NAMES } from '../iter/iter-type.ts'
import type { ColumnName } from './columns.ts'
import {
  ERRNO_MAX,
  FOLIO_ORDER_MAX,
  HEADER_SIZE_BYTES_MAX,
  INTEGER_MAX,
  MM_MAX,
  NAME_BYTES_MAX,
  ORDER_MAX,
  PINS_MAX,
  SEGMENTS_PAGES_MAX,
} from './limits.ts'
import { BACKING_NAMES, EVENT_NAMES, FLAG_NAMES, OP_NAMES } from './op-batch.ts'

// The definition of a trace as plain objects: what a cell means, not how it is scanned. Nothing that opens a trace
// imports this file: zod takes longer to load than a small trace to read.

const integer = z.int().min(0).max(INTEGER_MAX)
const name = z.string().min(1).max(NAME_BYTES_MAX)
const sizeBytes = z
  .int()
  .min(1)
  .max(HEADER_SIZE_BYTES_MAX)
  .refine((bytes) => Number.isInteger(Math.log2(bytes)), 'a power of two')

/** One segment, as text. Which form it has, the iterator type says. */
const segment = z.union([
  z
    .string()
    .regex(/^0x[0-9a-fA-F]+\+[0-9]+$/)
    .describe('ubuf, iovec, kvec: 0xADDR+LEN'),
  z
    .string()
    .regex(/^(0x[0-9a-fA-F]+|[0-9]+):[0-9]+\+[0-9]+$/)
    .describe('bvec: PFN:OFF+LEN'),
  z
    .string()
    .regex(/^.+:[0-9]+\+[0-9]+$/s)
    .describe('folioq, xarray: FILE:POS+LEN'),
])

const flag = z.union([
  z.enum(FLAG_NAMES),
  z
    .string()
    .regex(/^order=[0-9]+$/)
    .refine((text) => Number(text.slice('order='.length)) <= ORDER_MAX),
  z.string().regex(/^hole=[0-9]+\+[0-9]+$/),
  z.string().regex(/^x_/),
])

/** The columns, each by what its cell means. A key that is absent is an empty cell. */
const COLUMNS = {
  ts: integer.describe('Submission, ns since the trace began. Rows are sorted by it.'),
  end: z
    .union([integer, z.literal('never')])
    .optional()
    .describe(
      'Completion, ns, not before `ts`. Empty: synchronous, completes at `ts`. `never`: no completion was recorded.',
    ),
  event: z.enum(EVENT_NAMES).optional().describe('What happened. Empty: `io`, an operation.'),
  id: name.optional().describe('Names a registration or a request that a later row refers to.'),
  mm: z.int().min(0).max(MM_MAX).optional().describe('Address space (pid). Empty: 0.'),
  op: z
    .enum(OP_NAMES)
    .optional()
    .describe('Direction, as the system call: `read` has a data-destination iterator, `write` a data source.'),
  call: name.optional().describe('The system call or kernel entry it was recorded at, free text.'),
  iter: z
    .enum(ITER_TYPE_NAMES)
    .optional()
    .describe('Iterator type. Empty: `ubuf` for at most one segment, `iovec` for more.'),
  segs: z
    .array(segment)
    .min(1)
    .max(SEGMENTS_PAGES_MAX)
    .optional()
    .describe(
      'Segments, joined by `;`. ubuf, iovec, kvec: `0xADDR+LEN`. bvec: `PFN:OFF+LEN`, the frame number decimal or `0x`. mixed: both. ' +
        'folioq, xarray: `FILE:POS+LEN`. discard and pipe have none. Lengths are decimal and may be 0.',
    ),
  backing: z.enum(BACKING_NAMES).optional().describe('Of a `map` row: what backs the memory.'),
  file: name.optional().describe('The file.'),
  offset: integer.optional().describe('Position in the file, bytes. Of a `truncate` row: the new size; empty: 0.'),
  len: integer
    .optional()
    .describe('Bytes in all, at most what the segments hold. Empty: their sum. `discard` and `pipe` need it.'),
  result: z
    .int()
    .min(-ERRNO_MAX)
    .max(INTEGER_MAX)
    .optional()
    .describe('Bytes, or -errno. Empty: unknown, taken as `len`.'),
  flags: z
    .array(flag)
    .min(1)
    .optional()
    .describe(
      'Words between spaces (in a quoted cell, commas too), `order=N` in `map` rows (folios of 2^N pages), ' +
        '`hole=OFFSET+LENGTH` in `io` rows (bytes from the operation’s start), and `x_…` words of your own.',
    ),
  consumer: name.optional().describe('The consumer this row was recorded at; the command line overrides.'),
  pins_acquired: z
    .int()
    .min(0)
    .max(PINS_MAX)
    .optional()
    .describe('Ground truth: what the kernel counted for this row (`nr_foll_pin_acquired`).'),
  pins_released: z
    .int()
    .min(0)
    .max(PINS_MAX)
    .optional()
    .describe('Ground truth: what the kernel counted for this row (`nr_foll_pin_released`).'),
  stack: name
    .optional()
    .describe('Who called, of a reference event: frames from the outermost to the innermost, joined by `;`.'),
} satisfies Record<ColumnName, z.ZodType>

/** One row. Columns that begin with `x_` are anybody's. */
export const traceRowSchema = z
  .object(COLUMNS)
  .catchall(z.string())
  .refine(
    (row) => Object.keys(row).every((key) => key in COLUMNS || key.startsWith('x_')),
    'an unknown column begins with x_',
  )
  .describe('One row of a trace')
export type TraceRow = z.infer<typeof traceRowSchema>

/** The lines above the header row. */
export const traceHeaderSchema = z
  .object({
    version: z.literal(1).describe('Of `# pinscope-trace 1`, the first line.'),
    kernel: z.string().min(1).optional().describe('Version of the kernel that was recorded: `6.18.44`.'),
    filesystem: z.string().min(1).optional().describe('File system of the files. Absent: a raw block device.'),
    recorder: z.string().min(1).optional().describe('The program that recorded.'),
    'logical-block-size': sizeBytes.optional().describe('Of the block device, bytes: a power of two.'),
    'dma-alignment': sizeBytes.optional().describe('Of the block device, bytes: a power of two.'),
    'folio-order': z
      .number()
      .int()
      .min(0)
      .max(FOLIO_ORDER_MAX)
      .optional()
      .describe(
        'Pages of files (folioq, xarray) lie in folios of 2^N pages where a whole one fits. Absent: small ones.',
      ),
    'stable-writes': z
      .enum(['yes', 'no'])
      .optional()
      .describe(
        'A store to a page under writeback waits until it is over (AS_STABLE_WRITES). Absent: `yes` on btrfs, else `no`.',
      ),
    layout: z
      .string()
      .regex(/^L[012] \S+$/)
      .optional()
      .describe(
        'The recording had no addresses: what it told of the buffers (L0 a byte count, L1 a segment count, L2 the length ' +
          'of every segment) and the policy that laid them out: `L0 aligned`. Rows with the flag `assumed` are concerned.',
      ),
  })
  .catchall(z.string())
  .describe('What the first lines say about the recording; other keys are carried through')

/** A whole trace. */
export const traceSchema = z
  .strictObject({ header: traceHeaderSchema, rows: z.array(traceRowSchema) })
  .describe('A recorded I/O trace, as objects. On disk it is CSV: docs/trace-format.md')

/** What every column means, by name. */
export function columnDescriptions(): Readonly<Record<ColumnName, string>> {
  return Object.fromEntries(
    Object.entries(COLUMNS).map(([column, schema]) => [column, schema.description ?? '']),
  ) as Record<ColumnName, string>
}

/** What every known header key means, by key. */
export function headerDescriptions(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(traceHeaderSchema.shape).map(([key, schema]) => [key, schema.description ?? '']),
  )
}

/** The JSON Schema that ships as pinscope-trace-1.schema.json. */
export function traceJsonSchema(): object {
  return { $id: 'pinscope-trace-1.schema.json', title: 'pinscope-trace 1', ...z.toJSONSchema(traceSchema) }
}
