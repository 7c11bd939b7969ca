import { describe, expect, it } from 'vitest'
import { pinscope } from './run.ts'

const CLEAN = 'traces/fio-libaio-randrw.csv'

async function json(...args: string[]) {
  const { status, stdout } = await pinscope([...args, '--json'])
  expect(status).toBe(0)
  return JSON.parse(stdout)
}

describe('--faults', () => {
  it('is in the report of every lane, and such a lane is not compared', async () => {
    const { lanes } = await json('replay', CLEAN, '-c', 'bio', '-c', 'buffered', '--faults', 'page@9')
    // Buffered I/O is copied: it takes no page.
    expect(lanes.map(({ faults }: { faults: object }) => faults)).toEqual([
      { fault: 'page', at: 9, injected: 1 },
      { fault: 'page', at: 9, injected: 0 },
    ])
    for (const { groundTruth, leaksTotal } of lanes) expect([groundTruth.rows, leaksTotal]).toEqual([0, 0])
    expect((await json('replay', CLEAN, '-c', 'bio')).lanes[0].groundTruth.rows).toBeGreaterThan(0)
  })

  it('is told above the table', async () => {
    const { stdout } = await pinscope(['replay', CLEAN, '-c', 'bio', '--faults', 'page@9'])
    expect(stdout.replace(/\s+/g, ' ')).toContain('; page step 9 made to fail: in 1 of 1 lane; layout')
  })

  it('a page that fails is an operation that fails', async () => {
    const errors = async (...args: string[]) => (await json('replay', CLEAN, '-c', 'null', ...args)).lanes[0].errors
    expect(await errors('--faults', 'page@1')).toBe((await errors()) + 1)
  })

  it('is told by explain, in the head and where it happens', async () => {
    // The first operation of the trace is its first page, too.
    const { rows } = await json('trace', 'info', CLEAN)
    expect(rows).toBe(136)
    const args = ['explain', CLEAN, '--row', '2', '-c', 'null', '--faults', 'page@1']
    expect(await json(...args)).toMatchObject({ faults: { fault: 'page', at: 1 }, result: -14 })
    const said = (await pinscope(args)).stdout.replace(/\s+/g, ' ')
    expect(said).toContain('page step 1 of the lane fails (--faults)')
    expect(said).toContain('note: injected: page step 1 of the lane was made to fail')
    expect(await json('explain', CLEAN, '--row', '100')).not.toHaveProperty('faults')
  })
})
