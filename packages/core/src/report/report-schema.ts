import { z } from 'zod'
import { FAULT_NAMES } from '../consumer/faults.ts'

const count = z.number().int().nonnegative()
const file = z.string().describe('file as given on the command line')
const line = count.describe('line in that file, from 1')
const row = count.describe('row in that file, from 1: the header is not a row')

/** A hold still open at the end, as JSON. */
export const leakSchema = z
  .strictObject({
    file,
    line,
    row,
    op: count.describe('number of the operation in that file, from 1; 0 for a row that is not an operation'),
    retention: z.enum(['pin', 'ref']),
    pages: count.describe('pins or references still held'),
    sinceNs: count.describe('when they were taken, ns since the trace began'),
    consumer: z.string(),
    reason: z.string().describe('why they are still held'),
  })
  .describe('References still held at the end of the trace that nobody declared long-term')

/** A hold open at the end that was declared long-term, as JSON. */
export const longTermSchema = z
  .strictObject({
    file,
    line,
    row,
    retention: z.enum(['pin', 'ref']),
    pages: count.describe('pins or references held'),
    sinceNs: count.describe('when they were taken, ns since the trace began'),
    ageNs: count.describe('from then to the last row or completion of the trace'),
    consumer: z.string(),
  })
  .describe('Held at the end on purpose: registered memory, or a recorded long-term pin')

/** A broken rule, as JSON. */
export const violationSchema = z
  .strictObject({
    rule: z.enum([
      'double-release',
      'wrong-kind-release',
      'unknown-release',
      'registration-in-use',
      'registration-outlives-owner',
      'beyond-page',
      'beyond-table',
      'dma-map-leak',
      'dma-unmap-unmapped',
      'use-after-free',
      'truncate-in-use',
      'modified-in-use',
      'wrong-direction',
      'revert-past-start',
      'advance-past-pipe',
      'count-wrapped',
      'wrong-data',
    ]),
    file,
    line,
    row: row.describe('row that broke the rule'),
    takenRow: count.describe('row that took the references; 0 when no row did'),
    retention: z.enum(['pin', 'ref', 'none']).describe('what was held, or had been'),
    releasedAs: z.enum(['pin', 'ref', 'none']).describe('what the release took it for; none when nothing was released'),
    pages: count,
    consumer: z.string(),
    detail: z.string(),
  })
  .describe('A rule of reference counting, of iterators or of the data itself that was broken')

/** A row whose pins are not those of the kernel, as JSON. */
export const mismatchSchema = z
  .strictObject({
    file,
    line,
    row,
    expected: count.nullable().describe('pins_acquired that the kernel counted; null where the row does not tell'),
    got: count.describe('pins_acquired that the model counts'),
    expectedReleased: count
      .nullable()
      .describe('pins_released that the kernel counted; null where the row does not tell'),
    gotReleased: count.describe('pins_released that the model counts'),
  })
  .describe('A row whose modelled pins are not those that the kernel counted')

const undeterminedSchema = z.strictObject({
  file,
  line,
  row,
  expected: count.describe('pins_acquired that the kernel counted'),
  assumed: count.describe('pins_acquired that the model counts when no two folios are physically adjacent'),
  why: z.string(),
})

/** One policy with one consumer, as JSON. */
export const laneSchema = z
  .strictObject({
    policy: z.string(),
    kernel: z.string(),
    quirks: z
      .array(z.string())
      .optional()
      .describe('quirks switched on, or off (with a dash before), against what the version has'),
    faults: z
      .strictObject({
        fault: z.enum(FAULT_NAMES),
        at: count.describe('which step of that kind fails, from 1, in each trace'),
        injected: count.describe('traces of the report in which the lane came to that step'),
      })
      .optional()
      .describe('the step that was made to fail; such a lane is not compared with what a kernel counted'),
    consumer: z.string(),
    operations: count.describe('io rows replayed in this lane'),
    errors: count.describe('operations that ended with an errno in the model'),
    bytes: count.describe('payload bytes of the operations that did not fail'),
    pins: z.strictObject({
      acquired: count.describe('per 4 KiB page, as nr_foll_pin_acquired'),
      released: count.describe('as nr_foll_pin_released'),
      open: count.describe('held at the end, the long-term ones included'),
      longTerm: count.describe('held at the end on purpose'),
      peak: count.describe('most held at one time'),
    }),
    refs: z
      .strictObject({ acquired: count, released: count, open: count, longTerm: count, peak: count })
      .describe('plain references (FOLL_GET, get_page), per 4 KiB page'),
    bare: z.strictObject({ pages: count.describe('pages listed with nothing taken') }),
    refOps: count.describe('reference operations on folio counts: one a page, one a run of a folio under `folio`'),
    data: z.strictObject({
      zeroCopyBytes: count.describe('payload that the consumer reached in place'),
      copiedBytes: count.describe('payload that the CPU copied'),
    }),
    avoided: z.strictObject({
      copyBytes: count.describe('payload that the bounce path would have copied'),
      entries: count.describe('elements of intermediate lists that the two-stage path would have built'),
      allocations: count.describe('intermediate tables that the two-stage path would have allocated'),
    }),
    entries: z.strictObject({
      built: count.describe(
        'elements of the lists that the consumer builds (bio_vec, scatterlist, ib_sge, …), all of them',
      ),
      bytes: count.describe('of those elements'),
      perOperationMax: count,
      limitHits: count.describe('times that a list of the consumer was full before the data ended'),
    }),
    allocations: z
      .strictObject({
        made: count,
        freed: count,
        bytes: count.describe('of all that were made'),
        openBytes: count.describe('not freed at the end, the long-term ones included'),
        peakBytes: count,
        longTerm: count.optional().describe('allocations not freed at the end on purpose: of registered memory'),
        longTermBytes: count.optional(),
      })
      .optional()
      .describe('tables, requests and pages that the consumer allocated for its own, where it made any'),
    dma: z
      .strictObject({
        maps: count.describe('calls that mapped'),
        mappedEntries: count.describe('entries of lists that they mapped'),
        unmappedEntries: count,
        openEntries: count.describe('mapped at the end, the long-term ones included'),
        peakEntries: count,
        longTermEntries: count.optional().describe('mapped at the end on purpose: of registered memory'),
      })
      .optional()
      .describe('DMA mappings that the consumer made, where it made any'),
    mixed: z
      .strictObject({
        operations: count.describe('operations whose segments mix kernel buffers and pages'),
        refused: count.describe(
          'of those, refused with -EINVAL: the consumer takes no such iterator, no kernel has one',
        ),
        parts: count.describe(
          'KVEC and BVEC iterators that splitting all of them takes: a run of segments of one kind each',
        ),
        extraCalls: count.describe('calls more than one an operation that this means'),
        kernelBytes: count.describe('of them in kernel buffers'),
        pageBytes: count.describe('of them in pages'),
        kmaps: count.describe('pages to be mapped if all were made one KVEC iterator instead'),
      })
      .optional()
      .describe('heterogeneous buffers and what splitting them costs, where there were any'),
    counters: z.record(z.string(), count).describe("the consumer's own counters"),
    leaksTotal: count.describe('leaks found; `leaks` lists the first of them'),
    leaks: z.array(leakSchema),
    longTermTotal: count.optional().describe('holds open at the end on purpose; `longTerm` lists the first of them'),
    longTerm: z.array(longTermSchema).optional(),
    violationsTotal: count,
    violations: z.array(violationSchema),
    inFlight: count.describe('operations without a recorded completion that --in-flight took as cut off, not leaked'),
    verified: z
      .strictObject({
        operations: count.describe('operations whose data was moved and compared'),
        bytes: count.describe('bytes compared'),
      })
      .optional()
      .describe('with --verify-data: what was compared; a difference is a `wrong-data` violation'),
    groundTruth: z
      .strictObject({
        rows: count.describe('rows with a kernel count that this lane could compare'),
        matched: count,
        mismatchedTotal: count,
        mismatched: z.array(mismatchSchema),
        undeterminedTotal: count.describe('rows whose count depends on something that the trace does not tell'),
        undetermined: z.array(undeterminedSchema),
      })
      .describe('rows = matched + mismatchedTotal + undeterminedTotal'),
  })
  .describe('One policy with one consumer')

/** What is known of the buffers of a trace. */
export const layoutSchema = z.strictObject({
  level: z.enum(['L0', 'L1', 'L2', 'L3', 'R']).describe('what the trace tells of the buffers'),
  assumed: z.string().nullable().describe('the policy that laid the buffers out where the trace has no addresses'),
  pins: z
    .strictObject({
      min: count.describe('every buffer begins where it touches the fewest pages'),
      expected: z.number().min(0).describe('mean over every byte of a page where a buffer may begin'),
      max: count.describe('every buffer begins where it touches the most pages'),
    })
    .optional()
    .describe('below L3: what pinning every page of every operation takes, whatever the layout'),
})

/** The whole of `pinscope replay --json`: strict, a key that is not known is refused. */
export const reportSchema = z
  .strictObject({
    schema: z.literal('pinscope-report/1'),
    trace: z.strictObject({
      files: z.array(z.string()),
      format: z.string(),
      rows: count,
      operations: count.describe('io rows'),
      spanNs: count.describe('first submission to last submission or completion, summed over the files'),
      layout: layoutSchema,
    }),
    lanes: z.array(laneSchema),
    warnings: z.array(z.string()),
  })
  .describe('Report of `pinscope replay --json`')
