import { explainRow, openTrace, Registry, type ReplayOptions, replay } from '@pinscope/core'
import { describe, expect, it } from 'vitest'
import register from '../src/register.ts'

// The worked examples VS1 to VS4 of drivers/vhost/scsi.c: what a command's guest memory becomes.

const A = 0x7f0000000000
const B = 0x7f1000000000
const P = 4096

function traceOf(...rows: string[]) {
  const lines = ['# pinscope-trace 1', 'ts,end,op,iter,segs,consumer', ...rows]
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`)
  return openTrace(
    (async function* () {
      yield bytes
    })(),
    'command.csv',
  )
}

async function options(kernel: string): Promise<ReplayOptions> {
  const registry = new Registry()
  registry.register('@pinscope/plugin-vhost', await register())
  return { registry, policies: null, consumers: null, kernel, consumerOptions: {}, inFlight: false }
}

function row(op: 'read' | 'write', segs: readonly (readonly [number, number])[], end = ''): string {
  const cell = segs.map(([address, length]) => `0x${address.toString(16)}+${length}`).join(';')
  return `0,${end},${op},iovec,${cell},vhost-scsi`
}

async function laneOf(kernel: string, ...rows: string[]) {
  const report = await replay(await traceOf(...rows), await options(kernel))
  return report.lanes[0]!
}

/** {offset, length} of the scatterlist's elements, and how many pages each has. */
async function elementsOf(kernel: string, command: string) {
  const { steps } = await explainRow(await traceOf(command), 1, await options(kernel))
  return steps.flatMap((step) =>
    step.kind === 'list'
      ? step.entries.map(({ offsetBytes, lengthBytes, pages }) => [offsetBytes, lengthBytes, pages])
      : [],
  )
}

describe('vhost_scsi_mapal', () => {
  const VS1 = row('read', [
    [A, 0x3000],
    [B + 0x100, 0x1f00],
  ])

  it.each(['6.1', '6.12', '6.18', 'mainline'])(
    'VS1 on %s: an element a page, in the order of the iovec',
    async (kernel) => {
      expect(await elementsOf(kernel, VS1)).toEqual([
        [0, 4096, 1],
        [0, 4096, 1],
        [0, 4096, 1],
        [256, 3840, 1],
        [0, 4096, 1],
      ])
      const lane = await laneOf(kernel, VS1)
      expect(lane).toMatchObject({ policy: 'get-pages', errors: 0, bytes: 0x4f00, pins: { acquired: 0 } })
      expect(lane.refs).toEqual({ acquired: 5, released: 5, open: 0, longTerm: 0, peak: 5 })
      expect(lane.entries).toEqual({ built: 5, perOperationMax: 5, limitHits: 0 })
      expect(lane.data).toEqual({ zeroCopyBytes: 0x4f00, copiedBytes: 0 })
      expect(lane.counters).toEqual({ commands: 1, bouncedCommands: 0, bouncePages: 0 })
    },
  )

  it('VS1: the references stay until the command ends', async () => {
    const open = row('read', [[A, 0x3000]], 'never')
    const lane = await laneOf('6.12', open)
    expect(lane.refs).toMatchObject({ acquired: 3, released: 0, open: 3 })
    expect(lane.leaks).toMatchObject([{ retention: 'ref', pages: 3, consumer: 'vhost-scsi' }])
  })

  const LONG = 300 * P - 0x200
  const VS2 = row('write', [[A + 0x100, LONG]])

  it.each(['6.12', '6.18', 'mainline'])(
    'VS2 on %s: over 256 misaligned elements: 300 put, and copied',
    async (kernel) => {
      const lane = await laneOf(kernel, VS2)
      expect(lane.refs).toEqual({ acquired: 300, released: 300, open: 0, longTerm: 0, peak: 300 })
      expect(lane).toMatchObject({ errors: 0, bytes: 1_228_288 })
      expect(lane.data).toEqual({ zeroCopyBytes: 0, copiedBytes: 299 * P + 3584 })
      expect(lane.counters).toEqual({ commands: 1, bouncedCommands: 1, bouncePages: 300 })
    },
  )

  it('VS2 as a read: copied when the command ends, not before', async () => {
    const long = [[A + 0x100, LONG]] as const
    const done = await laneOf('6.12', row('read', long, '5'))
    const open = await laneOf('6.12', row('read', long, 'never'))
    expect([done.data.copiedBytes, open.data.copiedBytes]).toEqual([LONG, 0])
    expect([done.refs.open, open.refs.open]).toEqual([0, 0])
  })

  it('VS3: 6.1 passes the same on as it is', async () => {
    const lane = await laneOf('6.1', VS2)
    expect(lane.refs).toEqual({ acquired: 300, released: 300, open: 0, longTerm: 0, peak: 300 })
    expect(lane.data).toEqual({ zeroCopyBytes: LONG, copiedBytes: 0 })
    const elements = await elementsOf('6.1', VS2)
    expect(elements).toHaveLength(300)
    // It begins 256 bytes into a page and ends 256 bytes before the end of one.
    expect([elements.at(0), elements.at(1), elements.at(-1)]).toEqual([
      [256, 3840, 1],
      [0, 4096, 1],
      [0, 3840, 1],
    ])
  })

  it('256 misaligned elements are passed on, by every version', async () => {
    const lane = await laneOf('6.12', row('write', [[A + 0x100, 256 * P - 0x200]]))
    expect(lane.counters).toEqual({ commands: 1, bouncedCommands: 0, bouncePages: 0 })
    expect(lane.refs).toMatchObject({ acquired: 256, peak: 256 })
  })

  it.each(['6.1', '6.12', 'mainline'])('VS4 on %s: 2049 pages: -EINVAL before any reference', async (kernel) => {
    const lane = await laneOf(kernel, row('read', [[A, 2049 * P]]))
    expect(lane).toMatchObject({ errors: 1, bytes: 0, refs: { acquired: 0 }, entries: { built: 0, limitHits: 1 } })
    expect(await laneOf(kernel, row('read', [[A, 2048 * P]]))).toMatchObject({ errors: 0, refs: { acquired: 2048 } })
  })
})
