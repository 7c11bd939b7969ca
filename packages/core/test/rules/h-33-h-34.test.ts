import { expect, it } from 'vitest'
import { h33 } from '../../src/lifetime/rules/h-33-wait-with-lock.ts'
import { AuditWorld } from '../support/audit-world.ts'
import { auditRows, blocks, found, inMemory, type SpaceRow } from '../support/space-rows.ts'

const LOCKED = [...inMemory(2), blocks('lock', 0)]

function wait(call: string, len?: number): SpaceRow {
  return { event: 'wait', call, ...(len === undefined ? {} : { len }) }
}

it.each([
  ['network', 1_000_000_001],
  ['network', undefined],
  ['user', undefined],
  ['lease', 45_000_000_000],
])('tells of a wait for the %s, %s ns at most', async (whom, ns) => {
  expect(found(await auditRows([...LOCKED, wait(whom, ns)]))).toEqual([['H-33', 4, 1]])
})

it('lets a wait for writeback be, a short one, one of another task, and one after the unlock', async () => {
  const rows = [
    ...LOCKED,
    wait('writeback'),
    wait('network', 1_000_000_000),
    { ...wait('user'), mm: 2 },
    blocks('unlock', 0),
    wait('user'),
  ]
  expect(await auditRows(rows)).toEqual([])
})

it('tells of a wait under the lock of a file (inode), and of none after it', async () => {
  const lock: SpaceRow = { event: 'lock_file', file: 'f' }
  const unlock: SpaceRow = { event: 'unlock_file', file: 'f' }
  expect(found(await auditRows([lock, wait('network', 8_000_000_000), unlock]))).toEqual([['H-33', 2, 0]])
  expect(await auditRows([lock, unlock, wait('network', 8_000_000_000)])).toEqual([])
})

it('lets another task allocate, and one that holds the lock of no file', async () => {
  const kernel: SpaceRow = { event: 'allocation', call: 'GFP_KERNEL' }
  expect(await auditRows([...LOCKED, { ...kernel, mm: 2 }])).toEqual([])
  const anon: readonly SpaceRow[] = [
    { event: 'map', segs: '0x10000+4096', backing: 'anon' },
    { event: 'store', segs: '0x10000+4096' },
    { event: 'lock', segs: '0x10000+4096' },
  ]
  expect(await auditRows([...anon, kernel])).toEqual([])
})

it('tells of a wait under an inode lock, too, of the task that has it, until it is dropped', () => {
  const { audit } = new AuditWorld('mainline', false, [h33])
  audit.at(1, 2, 0, 7)
  audit.tasks.files.lock(3, 0, 0)
  audit.tasks.files.lock(-1, 0, 0)
  audit.at(2, 3, 0, 8)
  audit.tasks.wait('user')
  audit.at(3, 4, 0, 7)
  audit.tasks.wait('user', 2_000_000_000)
  audit.tasks.files.unlock(3)
  audit.tasks.files.unlock(-1)
  audit.tasks.wait('user')
  expect(audit.findings.map(({ row, since, detail }) => [row, `${since?.what} in row ${since?.row}`, detail])).toEqual([
    [3, 'file locked in row 1', 'the task waits for the user for 2 s at most and holds locks of files'],
  ])
})
