import type { Consumer, ConsumerDefinition, ConsumerEnvironment } from '../consumer/consumer.ts'
import { type RegisteredConsumer, Registry } from '../consumer/registry.ts'
import { invariant } from '../invariant.ts'
import { replay } from '../replay/replay.ts'
import type { LaneReport } from '../report/report.ts'
import { openTrace } from '../trace/open-trace.ts'
import { inOnePiece } from './in-one-piece.ts'
import type { RowsOptions } from './replay-rows.ts'
import { type TestRow, traceText } from './trace-row.ts'

const PACKAGE = 'the tested package'

/** Whether what a consumer declares as its `operationShape` holds for some rows. */
export interface ShapeCheck {
  /** How often an operation was handed to the consumer where each is done, and how many of these were counted instead. */
  readonly operations: number
  readonly counted: number
  /** Figures that differ, such as `counters.requests: 12, done 14`; none where the declaration holds. */
  readonly differences: readonly string[]
}

/**
 * Replays rows `times` times over, each time later, with the operations that repeat counted and with each of them done: a
 * consumer that declares `operationShape` must give the same figures. Rows that are operations of one segment of user memory
 * are those that can be counted; `counted` tells whether there were any.
 */
export async function checkOperationShape(
  definition: ConsumerDefinition,
  rows: readonly TestRow[],
  options: RowsOptions = {},
  times = 8,
): Promise<ShapeCheck> {
  const text = traceText(repeated(rows, times), options.header)
  const counted = await figuresOf(definition, text, options, false)
  const done = await figuresOf(definition, text, options, true)
  return {
    operations: done.submitted,
    counted: done.submitted - counted.submitted,
    differences: differences(counted.report, done.report, ''),
  }
}

function repeated(rows: readonly TestRow[], times: number): TestRow[] {
  const at = rows.map(({ ts }, row) => Number(ts ?? row))
  const spanNs = Math.max(0, ...at) + 1
  const later = (cell: TestRow['ts'], ns: number) => (cell === '' || cell === 'never' ? cell : Number(cell) + ns)
  return Array.from({ length: times }, (_, time) =>
    rows.map((row, n) => ({
      ...row,
      ts: at[n]! + time * spanNs,
      ...(row.end === undefined ? {} : { end: later(row.end, time * spanNs) ?? '' }),
    })),
  ).flat()
}

async function figuresOf(
  definition: ConsumerDefinition,
  text: string,
  { kernel, policy, quirks, options, inFlight, header }: RowsOptions,
  everyOperation: boolean,
): Promise<{ readonly submitted: number; readonly report: LaneReport }> {
  const registry = new CountingRegistry(definition)
  const trace = await openTrace(inOnePiece(new TextEncoder().encode(text)), 'rows.csv')
  const { lanes } = await replay(trace, {
    registry,
    policies: policy === undefined ? null : [policy],
    consumers: [definition.name],
    kernel: kernel ?? (header?.some((line) => line.startsWith('kernel ')) ? null : 'mainline'),
    quirks: quirks ?? [],
    consumerOptions: { [definition.name]: options ?? {} },
    inFlight: inFlight ?? false,
    everyOperation,
  })
  const [report] = lanes
  invariant(report !== undefined, 'checkOperationShape: one consumer and one policy make a lane')
  return { submitted: registry.submitted, report }
}

/** A registry whose only use is the tested consumer, which counts the operations that are handed to it. */
class CountingRegistry extends Registry {
  submitted = 0
  private readonly tested: RegisteredConsumer

  constructor(definition: ConsumerDefinition) {
    super()
    const create = (environment: ConsumerEnvironment): Consumer => {
      const consumer = definition.create(environment)
      const submit = consumer.submit.bind(consumer)
      consumer.submit = (io) => {
        this.submitted++
        return submit(io)
      }
      return consumer
    }
    this.tested = { packageName: PACKAGE, definition: { ...definition, create } }
  }

  override find(): RegisteredConsumer {
    return this.tested
  }
}

/** Where two values differ, by path. */
function differences(counted: unknown, done: unknown, path: string): string[] {
  if (typeof counted !== 'object' || typeof done !== 'object' || counted === null || done === null) {
    return Object.is(counted, done) ? [] : [`${path}: ${String(counted)}, done ${String(done)}`]
  }
  const values = [counted, done] as readonly Readonly<Record<string, unknown>>[]
  const names = new Set(values.flatMap((value) => Object.keys(value)))
  return [...names].flatMap((name) =>
    differences(values[0]![name], values[1]![name], path === '' ? name : `${path}.${name}`),
  )
}
