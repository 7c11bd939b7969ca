import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { leaksSchema } from '@pinscope/core/schema'
import { describe, expect, it } from 'vitest'
import { pinscope, temporaryFolder } from './run.ts'

const SAMPLE = 'traces/formats/page-ref.txt'
const folder = temporaryFolder()

// The head of the sample says what leaks: four references of iov_iter_get_pages2 in vhost_scsi_mapal.
describe('pinscope leaks', () => {
  it('tells what was never let go, by stack, and exits with 1', async () => {
    const { status, stdout, stderr } = await pinscope(['leaks', SAMPLE])
    expect([status, stderr]).toEqual([1, ''])
    expect(stdout).toContain('4 page references never let go')
    expect(stdout).toMatch(/10 of\s+14 taken here were let go/)
    expect(stdout).toContain('pfn 0x1c0101, pfn 0x1c0102, pfn 0x1c0103, pfn 0x1c0201')
    expect(stdout.indexOf('    try_grab_folio_fast')).toBeLessThan(stdout.indexOf('    vhost_scsi_mapal'))
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('never let go: 4 page references, taken at 1 call site')
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  })

  it('--folded is for flame graphs: the outermost frame first, a count last', async () => {
    const { status, stdout } = await pinscope(['leaks', SAMPLE, '--folded'])
    expect(status).toBe(1)
    expect(stdout).toMatch(/^ret_from_fork;vhost_task_fn;[^ ]+;vhost_scsi_mapal;[^ ]+;iov_iter_get_pages2;[^ ]+ 4\n$/)
  })

  it('--json is what its schema says', async () => {
    const { status, stdout } = await pinscope(['leaks', SAMPLE, '--json'])
    expect(status).toBe(1)
    const report = leaksSchema.parse(JSON.parse(stdout))
    expect(report.open).toEqual({ pins: 0, refs: 4, objects: 0 })
    expect(report.taken - report.letGo).toBe(4)
  })

  it('--older-than leaves out what is too young, and then exits with 0', async () => {
    const { status, stdout } = await pinscope(['leaks', SAMPLE, '--older-than', '1h'])
    expect(status).toBe(0)
    expect(stdout).toContain('nothing is open at the end')
    const wrong = await pinscope(['leaks', SAMPLE, '--older-than', '5'])
    expect([wrong.status, wrong.stderr]).toEqual([
      2,
      'pinscope: --older-than 5: expected a time with its unit\nUnits: ns, us, ms, s, m, h. Such as 500ms.\n',
    ])
  })

  it('-o writes the file whole', async () => {
    const file = join(folder, 'leaks.json')
    await pinscope(['leaks', SAMPLE, '--json', '-o', file])
    expect(leaksSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).groups.length).toBe(1)
  })

  it('says that operations are passed over, and that there is no reference event', async () => {
    const { status, stdout } = await pinscope(['leaks', 'traces/dd-direct-read.csv'])
    expect(status).toBe(0)
    expect(stdout).toContain('warning: 70 operations are passed over: pinscope replay models what they take')
    expect(stdout).toContain('warning: the trace has no reference event')
  })
})
