import { z } from 'zod'
import { laneSchema, reportSchema } from './report-schema.ts'

const number = z.number()
const { consumer, policy, kernel, quirks, faults } = laneSchema.shape

const laneIdSchema = z
  .strictObject({ consumer, policy, kernel, quirks, faults })
  .describe('which lane: as its report names it')

const figureSchema = z.strictObject({
  value: number,
  difference: number.describe('value - base'),
  relative: number.nullable().describe('difference / base: -0.5 is half; null where the base is 0'),
})

const metricSchema = z.strictObject({
  name: z.string().describe('where a lane of a report has the figure: entries.built'),
  unit: z.string(),
  better: z.enum(['less', 'more', 'neither']),
  base: number,
  with: z.array(figureSchema).describe('one for each lane of `with`, in that order'),
})

const counterSchema = z.strictObject({
  name: z.string(),
  base: number,
  with: z.array(figureSchema.nullable()).describe('null where the lane does not count it'),
})

const countersSchema = z.record(z.string(), number)

/** One lane against others, as JSON. */
export const laneComparisonSchema = z
  .strictObject({
    base: laneIdSchema,
    with: z.array(laneIdSchema),
    metrics: z.array(metricSchema).describe('the same figures in every comparison, in the same order'),
    counters: z.array(counterSchema).describe("the consumers' own counters that the base and some other lane have"),
    ownCounters: z
      .strictObject({
        base: countersSchema.describe('that no other lane has'),
        with: z.array(countersSchema).describe('of each other lane: that the base has not'),
      })
      .describe("the consumers' own counters that cannot be compared"),
  })
  .describe('One lane against others')

const sideSchema = z.strictObject({
  report: z.string().nullable().describe('file of the report; null where the traces were replayed'),
  trace: reportSchema.shape.trace,
})

/** The whole of `pinscope compare --json`: strict, a key that is not known is refused. */
export const comparisonSchema = z
  .strictObject({
    schema: z.literal('pinscope-compare/1'),
    base: sideSchema.describe('what the base lanes come from'),
    with: sideSchema.describe('what the other lanes come from'),
    comparisons: z.array(laneComparisonSchema),
    unpaired: z
      .strictObject({ base: z.array(laneIdSchema), with: z.array(laneIdSchema) })
      .describe('lanes of two reports that have no counterpart'),
    warnings: z.array(z.string()).describe('what makes figures hard to compare, then what the replays warned of'),
  })
  .describe('Comparison of `pinscope compare --json`')
