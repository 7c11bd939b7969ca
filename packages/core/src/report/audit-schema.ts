import { z } from 'zod'
import { FAULT_NAMES } from '../consumer/faults.ts'
import { ASSERT_OUTCOMES, FOLIO_CHECKS, type FolioCheck } from '../lifetime/folio-asserts.ts'
import { SEVERITIES, VERDICTS } from '../lifetime/verdict.ts'
import { AUDIT_SCHEMA } from './audit-report.ts'
import { layoutSchema } from './report-schema.ts'

const count = z.number().int().nonnegative()
const row = count.describe('row in the trace, from 1: the header is not a row')
const line = count.describe('line in that trace, from 1; 0 where it is not known')
const rule = z.string().describe('id of the rule; `pinscope rules ID` tells what it says')

/** A finding, as JSON. */
export const findingSchema = z
  .strictObject({
    rule,
    name: z.string().describe('of the rule, in a few words'),
    verdict: z.enum(VERDICTS).describe('what a broken rule means'),
    severity: z.enum(SEVERITIES),
    file: z.string().describe('trace as given on the command line'),
    row: row.describe('row that it is about: the one that broke the rule, or for a leak the one that took'),
    line,
    page: count.nullable().describe('number of the first page in the model; null where it is about no page'),
    pageName: z
      .string()
      .nullable()
      .describe('that page as the trace names it: by address, by file and index, or by frame; null where it does not'),
    pages: count.describe('pages concerned'),
    backing: z
      .string()
      .nullable()
      .describe(
        'what the page is: anon, file, …; frame: one that the trace names by its frame alone; null where it is about no page',
      ),
    holder: z.string().nullable().describe('whose reference it is about; null where it is about none'),
    takenRow: count.describe('row that took that reference; 0 when no row did'),
    since: z
      .strictObject({ row: count, what: z.string().describe('locked, leased, reserved, listed, …') })
      .nullable()
      .describe('what it goes back to besides a reference, and in which row; null: nothing'),
    history: z
      .array(z.strictObject({ row: count, what: z.string() }))
      .describe('what happened to the page before, in the order of the rows'),
    detail: z.string(),
    advice: z.string().describe('of the rule: what to do about it'),
  })
  .describe('A hazard rule that was broken')

const refusalSchema = z
  .strictObject({
    rule: rule.nullable().describe('null: pages that get_user_pages does not give'),
    row,
    line,
    detail: z.string(),
  })
  .describe('What the rule forbids was tried, and the kernel refused it: no finding')

const assertedSchema = z
  .strictObject({
    check: z.enum(Object.keys(FOLIO_CHECKS) as [FolioCheck, ...FolioCheck[]]),
    outcome: z
      .enum(ASSERT_OUTCOMES)
      .describe('what the kernel does: stops, stops with CONFIG_DEBUG_VM only, warns, takes no notice'),
    severity: z.enum(SEVERITIES),
    row,
    line: count.describe('line in the trace, from 1'),
    page: count.describe('number of the first page in the model'),
    folios: count,
    detail: z.string(),
  })
  .describe('A state of folios that the kernel asserts never comes')

const waitsSchema = z
  .strictObject({
    store: count.describe('stores and write(2), for stable pages'),
    truncate: count.describe('truncations of folios under writeback'),
    invalidate: count.describe('invalidations of such'),
  })
  .describe('How often somebody waited for a writeback to end')

const referenceWaySchema = z
  .strictObject({
    holder: z.string().describe('consumer, or kind of the row, that took them'),
    retention: z.enum(['pin', 'ref']),
    taken: z.string().describe('what ran when they were taken: submit, register, event (a row of the trace), …'),
    dropped: z.string().nullable().describe('what ran when they were dropped; null: still held at the end'),
    pages: count,
  })
  .describe('Where the references of one holder went')

const iteratorPagesSchema = z
  .strictObject({
    iterator: z.string(),
    keptBy: z
      .enum(['pin', 'ref', 'lock', 'registration', 'owner'])
      .describe('owner: nothing but whoever made the iterator; registration: of an io_uring buffer'),
    operations: count,
    pages: count,
  })
  .describe('What kernel iterators named, and what kept it alive')

/** One lane, as JSON. */
export const auditLaneSchema = z
  .strictObject({
    consumer: z.string(),
    policy: z.string(),
    kernel: z.string(),
    quirks: z
      .array(z.string())
      .optional()
      .describe('quirks switched on, or off (with a dash before), against what the version has'),
    faults: z
      .strictObject({
        fault: z.enum(FAULT_NAMES),
        at: count.describe('which step of that kind fails, from 1'),
        injected: count.describe('1 where the lane came to that step'),
      })
      .optional()
      .describe('the step that was made to fail'),
    operations: count.describe('io rows replayed in this lane'),
    counters: z.record(z.string(), count).describe("the consumer's own counters: what it cost"),
    findingsTotal: count.describe('findings; `findings` lists the first 1,000 of each rule and verdict'),
    findingsByRule: z.record(z.string(), count).describe('of all of them, by id of the rule'),
    findings: z.array(findingSchema),
    refusedTotal: count.describe('steps that the kernel refused; `refused` lists the first 1,000'),
    refused: z.array(refusalSchema),
    asserted: z.array(assertedSchema),
    waits: waitsSchema,
    references: z.array(referenceWaySchema),
    iterators: z.array(iteratorPagesSchema),
  })
  .describe('One policy with one consumer')

/** The whole of `pinscope audit --json`: strict, a key that is not known is refused. */
export const auditSchema = z
  .strictObject({
    schema: z.literal(AUDIT_SCHEMA),
    rules: z.array(z.string()).describe('ids of the rules that listened'),
    traces: z.array(
      z.strictObject({
        file: z.string().describe('as given on the command line'),
        rows: count,
        layout: layoutSchema,
        lanes: z.array(auditLaneSchema),
        warnings: z.array(z.string()),
      }),
    ),
  })
  .describe('Report of `pinscope audit --json`')
