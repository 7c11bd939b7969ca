import { expect, it } from 'vitest'
import { CONSUMER_API_VERSION, type Consumer, type ConsumerDefinition } from '../../src/consumer/consumer.ts'
import type { Operation } from '../../src/consumer/operation.ts'
import { HOLD_NONE } from '../../src/ledger/hold.ts'
import { GUARD_LOCK } from '../../src/lifetime/borrows.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'

type Methods = Partial<Consumer> & Pick<Consumer, 'submit'>

/** Rule and row of what every rule finds in a trace of a consumer that does this. */
async function found(make: () => Methods, text: string) {
  const consumer: ConsumerDefinition = {
    apiVersion: CONSUMER_API_VERSION,
    name: 'tested',
    summary: 'for this test',
    kernel: 'none',
    accepts: ['ubuf', 'bvec', 'xarray'],
    entriesMax: 16,
    avoided: 'nothing',
    kernelPolicy: () => 'extract',
    create: () => ({
      abort: (io) => io.letGoOfKept(),
      complete: (io) => io.letGoOfKept(),
      counters: () => ({}),
      ...make(),
    }),
  }
  const findings = await auditText(text, HAZARD_RULES, { consumers: [consumer], consumer: consumer.name })
  return findings.map(({ rule, row }) => [rule, row])
}

function takeAll(io: Operation): number {
  const bytes = io.extract(16, Number.MAX_SAFE_INTEGER)
  io.keep(io.hold)
  return bytes
}

const HEAD = '# pinscope-trace 1\nts,end,event,mm,op,iter,segs,backing,file,offset,len,flags\n'

it('H-45: the completion unlocks its own page, the submission must not', async () => {
  const cached = `${HEAD}1,5,io,1,read,xarray,f:8192+4096,,f,8192,4096,\n`
  const lockAll = (io: Operation): number => {
    const bytes = io.extract(16, Number.MAX_SAFE_INTEGER)
    io.scratch = io.list.page[0]
    io.audit?.tasks.lock(io.scratch)
    io.borrowList(GUARD_LOCK)
    return bytes
  }
  const early = (io: Operation): number => {
    const bytes = lockAll(io)
    io.audit?.tasks.unlock(io.scratch)
    return bytes
  }
  const unlock = (io: Operation): void => io.audit?.tasks.unlock(io.scratch)
  expect(await found(() => ({ submit: early }), cached)).toEqual([['H-45', 1]])
  expect(await found(() => ({ submit: lockAll, complete: unlock, abort: unlock }), cached)).toEqual([])
})

it('H-45: the lock is that of the folio, whichever page of it is in flight', async () => {
  const rows = [
    '0,,load,1,,xarray,f:0+16384,,,,,',
    '1,5,io,1,read,xarray,f:8192+4096,,f,8192,4096,',
    '2,,lock,1,,,,,f,0,4096,',
    '3,,unlock,1,,,,,f,0,4096,',
  ].join('\n')
  const submit = (io: Operation): number => {
    const bytes = io.extract(16, Number.MAX_SAFE_INTEGER)
    io.borrowList(GUARD_LOCK)
    return bytes
  }
  const large = `# pinscope-trace 1\n# folio-order 2\n${HEAD.split('\n')[1]}\n${rows}\n`
  expect(await found(() => ({ submit }), large)).toEqual([['H-45', 4]])
  expect(await found(() => ({ submit }), `${HEAD}${rows}\n`)).toEqual([])
})

it('H-28: an entry of bare pages names what the iterator has', async () => {
  const attach = (bytes: number) => (io: Operation) => {
    const listed = io.extract(1, 4096)
    const objects = io.audit?.objects
    const bio = objects?.alloc('bio', 4) ?? 0
    objects?.attach(bio, HOLD_NONE, io.list.page[0], 0, bytes)
    objects?.free(bio)
    return listed
  }
  const frames = `${HEAD}1,5,io,1,write,bvec,0x500:0+4096,,f,8192,4096,\n`
  expect(await found(() => ({ submit: attach(16384) }), frames)).toEqual([['H-28', 1]])
  expect(await found(() => ({ submit: attach(4096) }), frames)).toEqual([])
})

it('H-47: a notifier is referenced and then copied, as the kernel does', async () => {
  const drops = (times: number): Methods => ({
    submit: (io) => {
      const objects = io.audit?.objects
      io.scratch = objects?.alloc('ubuf_info') ?? 0
      objects?.share(io.scratch)
      objects?.clone(io.scratch)
      return takeAll(io)
    },
    complete: (io) => {
      for (let n = 0; n < times; n++) io.audit?.objects.drop(io.scratch)
      io.letGoOfKept()
    },
  })
  const write = `${HEAD}1,3,io,1,write,ubuf,0x10000+16384,,/dev/x,0,16384,direct\n`
  expect(await found(() => drops(2), write)).toEqual([])
  expect(await found(() => drops(3), write)).toEqual([['H-47', 1]])
})

it('H-50: an operation accounts for those that follow, and too few', async () => {
  const accountsFirst = (pages: number) => (): Methods => {
    const state = { operations: 0 }
    return {
      submit: (io) => {
        if (state.operations++ > 0) return takeAll(io)
        io.audit?.tasks.account(io.iter.mm, pages)
        return io.iter.countBytes
      },
      close: (io) => io.audit?.tasks.unaccount(1, pages),
    }
  }
  const writes = [1, 4].map((ts) => `${ts},${ts + 2},io,1,write,ubuf,0x10000+16384,,/dev/x,0,16384,direct\n`)
  expect(await found(accountsFirst(1), HEAD + writes.join(''))).toEqual([['H-50', 2]])
  expect(await found(accountsFirst(4), HEAD + writes.join(''))).toEqual([])
})
