import { z } from 'zod'
import { LEAKS_SCHEMA } from './leaks-report.ts'

const count = z.number().int().nonnegative()

/** References that one call site took and nobody let go, as JSON. */
export const leakGroupSchema = z
  .strictObject({
    kind: z.enum(['pin', 'ref', 'object']).describe('a pin, a reference on a page, a reference on a kernel object'),
    stack: z.array(z.string()).describe('frames from the outermost to the innermost; empty where none was recorded'),
    call: z.string().nullable().describe('what the rows say of the call; null where they say nothing'),
    open: count.describe('references never let go; a page taken twice counts twice'),
    taken: count.describe('by this call site in all'),
    letGo: count,
    oldestNs: count.describe('when the oldest of those open was taken, ns since the trace began'),
    newestNs: count,
    oldestRow: count.describe('row that took it, from 1'),
    oldestLine: count.describe('line of the file'),
    oldestAgeNs: count.describe('from then to the last row of the trace'),
    longestHoldNs: count.nullable().describe('longest time that one of those let go was held; null where none was'),
    examples: z.array(z.string()).describe('the oldest ones: pfn 0x1a2b3c, mm 7 0x7f00..., id R=2a'),
  })
  .describe('References that one call site took and nobody let go')

/** The whole of `pinscope leaks --json`: strict, a key that is not known is refused. */
export const leaksSchema = z
  .strictObject({
    schema: z.literal(LEAKS_SCHEMA),
    trace: z.strictObject({
      file: z.string(),
      format: z.string(),
      rows: count,
      spanNs: count,
      events: z.record(z.string(), count).describe('reference events by name'),
    }),
    taken: count,
    letGo: count,
    open: z.strictObject({ pins: count, refs: count, objects: count }).describe('never let go'),
    unmatchedReleases: count.describe('of what nobody in this trace took: older than the recording, or once too often'),
    wrongKind: count.describe('pins let go as references, and the other way round'),
    ambiguous: count.describe('releases that may have been of any of several call sites'),
    framesAndAddresses: z
      .boolean()
      .describe(
        'some events name frames and some user addresses: what is open may have been let go under the other name',
      ),
    groups: z.array(leakGroupSchema).describe('oldest first'),
    warnings: z.array(z.string()),
  })
  .describe('Report of `pinscope leaks --json`')
