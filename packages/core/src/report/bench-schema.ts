import { z } from 'zod'

const count = z.number().int().nonnegative()
const figure = z.number().nonnegative()

/** How a figure came out in the rounds, as JSON. */
export const benchSpreadSchema = z
  .strictObject({
    median: figure,
    mad: figure.describe('median of the distances from the median'),
    min: figure,
    max: figure,
    rounds: z.array(figure).min(1).describe('one of each round, in order'),
  })
  .describe('A figure as it came out in the rounds')

/** What a workload does: the same on every machine, as JSON. */
export const benchWorkSchema = z
  .strictObject({
    operations: count,
    pages: count.describe('pages of 4 KiB that the operations span'),
    bytes: count.describe('payload of the operations'),
    inputBytes: count.describe('bytes of the trace that is read; 0 where the operations are in memory'),
    pins: count.describe('pins acquired'),
    references: count.describe('plain references acquired'),
    entries: count.describe('elements of the lists that the consumer builds'),
    errors: count.describe('operations that ended with an errno'),
  })
  .describe('What is done in a round. No time is in it: on two machines that differ here, times cannot be compared')

/** One workload, as JSON. */
export const benchWorkloadSchema = z
  .strictObject({
    name: z.string(),
    summary: z.string(),
    consumer: z.string().nullable().describe('null: the rows are only read'),
    policy: z.string().nullable(),
    work: benchWorkSchema,
    operationsPerSecond: figure.describe('by the median'),
    nsPerOperation: benchSpreadSchema,
    cost: benchSpreadSchema.describe(
      'time of an operation in bare loops: nsPerOperation divided by what `bare` took right before it, in each round',
    ),
  })
  .describe('One workload')

/** What differs from a baseline, as JSON. */
export const benchComparisonSchema = z
  .strictObject({
    baseline: z.string().describe('file as given on the command line'),
    thresholdPercent: figure.describe('less than this is the same'),
    differs: z.array(z.string()).describe('what else differs: the processor, the version of Node'),
    missing: z.array(z.string()).describe('workloads of the baseline that were not run'),
    workloads: z.array(
      z.strictObject({
        name: z.string(),
        verdict: z
          .enum(['slower', 'faster', 'same', 'other-work', 'new'])
          .describe('other-work: it does not do what it did for the baseline; new: the baseline does not have it'),
        ratio: figure.nullable().describe('cost now by cost in the baseline, medians; above 1 is slower'),
      }),
    ),
  })
  .describe('The costs against those of an earlier run')

/** The whole of `pinscope bench --json`: strict, a key that is not known is refused. */
export const benchSchema = z
  .strictObject({
    schema: z.literal('pinscope-bench/1'),
    machine: z.strictObject({
      cpu: z.string(),
      cores: count,
      memoryBytes: count,
      platform: z.string().describe('such as linux x64'),
      kernel: z.string().describe('release of the operating system'),
      node: z.string(),
      v8: z.string(),
      v8Flags: z.array(z.string()).describe('those that were set, by pinscope and on the command line of Node'),
      pinscope: z.string(),
    }),
    settings: z.strictObject({
      seed: count,
      operations: count.describe('of each workload in each round'),
      rounds: count,
      processes: count.describe('the rounds are shared out among so many, one after the other'),
    }),
    bare: benchSpreadSchema.describe(
      'ns of one count going up by one and down again, in a bare loop over a typed array',
    ),
    workloads: z.array(benchWorkloadSchema),
    comparison: benchComparisonSchema.nullable().describe('null without --baseline'),
  })
  .describe('Report of `pinscope bench --json`')
