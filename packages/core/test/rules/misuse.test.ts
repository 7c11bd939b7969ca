import { describe, expect, it } from 'vitest'
import type { ConsumerDefinition } from '../../src/consumer/consumer.ts'
import type { Operation } from '../../src/consumer/operation.ts'
import type { Audit } from '../../src/lifetime/audit.ts'
import { GUARD_NONE } from '../../src/lifetime/borrows.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { borrower } from './borrower.ts'

const TRACE = '# pinscope-trace 1\n# kernel 6.12\nts,end,mm,op,segs\n0,100,1,read,0x10000+4096\n'

/** A consumer that tells the audit something for each operation. */
function telling(tell: (audit: Audit, io: Operation) => void): ConsumerDefinition {
  const plain = borrower(GUARD_NONE)
  return {
    ...plain,
    create: (world) => {
      const inner = plain.create(world)
      const submit = (io: Operation) => {
        const bytes = inner.submit(io)
        if (io.audit !== null) tell(io.audit, io)
        return bytes
      }
      return { ...inner, submit }
    },
  }
}

async function audited(tell: (audit: Audit, io: Operation) => void): Promise<string> {
  const consumers = [telling(tell)]
  try {
    await auditText(TRACE, HAZARD_RULES, { consumers, consumer: 'borrower' })
    return 'nothing thrown'
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
}

/** As plain JavaScript may call it. */
const any = (value: unknown) => value as never

// Of a plugin the package is to blame, and the command ends with 3: what was told is in the sentence.
describe('a consumer that tells of what there is not', () => {
  it.each<[string, (audit: Audit, io: Operation) => void]>([
    ['audit.objects: there is no object 999', ({ objects }) => objects.free(999)],
    ['audit.objects: there is no object 999', ({ objects }) => objects.submit(999, 1)],
    ['audit.objects: there is no object 999', ({ objects }) => objects.complete(999, 1)],
    ['audit.objects: there is no object 0', ({ objects }) => objects.drop(0)],
    ['audit.objects: there is no object 3', ({ objects }, io) => objects.attach(3, io.hold, io.list.page[0], 0, 1)],
    ['audit.objects.alloc: it does not say what it is', ({ objects }) => objects.alloc(any(undefined))],
    [
      'audit: there is no page 1000000000',
      ({ objects }, io) => objects.attach(objects.alloc('bio'), io.hold, 1e9, 0, 1),
    ],
    [
      'audit.objects: NaN bytes from byte 0 on',
      ({ objects }, io) => objects.attach(objects.alloc('bio'), io.hold, io.list.page[0], 0, Number.NaN),
    ],
    ['audit: there is no page 77777777', ({ objects }, io) => objects.merge(objects.alloc('bio'), io.hold, 77777777)],
    [
      'audit.objects: there is no hold 77777777',
      ({ objects }, io) => objects.attach(objects.alloc('bio'), any(77777777), io.list.page[0], 0, 1),
    ],
    ['audit.objects: there is no hold undefined', ({ objects }) => objects.merge(objects.alloc('bio'), any(undefined))],
    ['audit.objects.submit: NaN bytes', ({ objects }) => objects.submit(objects.alloc('bio'), Number.NaN)],
    ['audit.iterators: there is no iterator 7', ({ iterators }) => iterators.advance(7, 100)],
    ['audit.iterators: there is no iterator 7', ({ iterators }) => iterators.return(7, 0)],
    ['audit: there is no page -5', ({ tasks }) => tasks.lock(-5)],
    ['audit: there is no page undefined', ({ tasks }) => tasks.lock(any(undefined))],
    ['audit: there is no page 123456789', ({ folios }) => folios.dirty(123456789)],
    ['audit: there is no page 0.5', ({ folios }) => folios.store(0.5, 0, 1, 0)],
    ['audit.space: NaN bytes from -5 on of file nofile', ({ space }) => space.reserve(any('nofile'), -5, Number.NaN)],
    ['audit.space: -1 bytes from 0 on of file 1', ({ space }) => space.expose(1, 0, -1)],
    ['audit.tasks.account: -1 pages', ({ tasks }) => tasks.account(1, -1)],
    ['audit.tasks.wait: for NaN ns', ({ tasks }) => tasks.wait('network', Number.NaN)],
    ['guard 77 is none of GUARD_NONE, GUARD_COUNT, GUARD_LOCK', (_audit, io) => io.borrowList(any(77))],
  ])('%s', async (problem, tell) => {
    expect(await audited(tell)).toBe(
      `PluginError: the tested package: consumer "borrower" threw RangeError: ${problem}`,
    )
  })

  it('and one that tells of what there is', async () => {
    const fine = ({ objects, tasks, space }: Audit, io: Operation) => {
      const bio = objects.alloc('bio')
      objects.attach(bio, io.hold, io.list.page[0], 0, 4096)
      objects.free(bio)
      tasks.lock(io.list.page[0])
      tasks.unlock(io.list.page[0])
      space.reserve(io.file, 0, 0)
    }
    expect(await audited(fine)).toBe('nothing thrown')
  })
})
