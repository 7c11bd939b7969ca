import { describe, expect, it } from 'vitest'
import type { ConsumerDefinition } from '../../src/consumer/consumer.ts'
import type { Operation } from '../../src/consumer/operation.ts'
import { GUARD_COUNT } from '../../src/lifetime/borrows.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { borrower, found } from './borrower.ts'

const HEADER = '# pinscope-trace 1\nts,event,id,call,mm,op,iter,segs,backing,len,result,flags\n'
const rows = (...lines: readonly string[]) => HEADER + lines.map((line) => `${line}\n`).join('')

const account = (bytes: number, mm = 1) => `0,account,,,${mm},,,,,${bytes},,`
const unaccount = (bytes: number, mm = 1) => `0,unaccount,,,${mm},,,,,${bytes},,`
const pin = (id: string, pages: number, at = 0x10000, flags = 'longterm') =>
  `0,pin,${id},,1,read,,0x${at.toString(16)}+${pages * 4096},,,,${flags}`
const unpin = (id: string) => `0,unpin,${id},,1,,,,,,,`

describe('H-50, locked memory', () => {
  it.each([
    ['is accounted first, as AF_XDP does', [account(8192), pin('a', 2), unpin('a'), unaccount(8192)]],
    ['is accounted afterwards, as io_uring does', [pin('a', 2), account(8192), unpin('a'), unaccount(8192)]],
    ['could not be pinned', [account(8192), unaccount(8192)]],
    [
      'of one buffer goes, and that of another stays',
      [
        account(8192),
        pin('a', 2),
        account(4096),
        pin('b', 1, 0x20000),
        unpin('b'),
        unaccount(4096),
        unpin('a'),
        unaccount(8192),
      ],
    ],
    [
      'is partly of somebody who need not account it',
      [pin('root', 4, 0x40000), account(4096), pin('b', 1, 0x20000), unpin('b'), unaccount(4096), unpin('root')],
    ],
    [
      'is a large folio, accounted whole, of which two pages are pinned',
      [account(2097152), pin('a', 2), unpin('a'), unaccount(2097152)],
    ],
  ])('%s', async (_, lines) => {
    expect(await found(rows(...lines))).toEqual([])
  })

  it('is taken off the account of another address space', async () => {
    const lines = rows(account(8192, 1), pin('a', 2), unpin('a'), unaccount(8192, 2))
    expect(await found(lines)).toEqual([
      ['H-50', 1],
      ['H-50', 4],
    ])
  })

  it('is taken off twice', async () => {
    expect(await found(rows(account(4096), pin('a', 1), unpin('a'), unaccount(4096), unaccount(4096)))).toEqual([
      ['H-50', 5],
    ])
  })

  it('stays accounted', async () => {
    expect(await found(rows(account(4096), pin('a', 1), unpin('a')))).toEqual([['H-50', 1]])
  })

  it('stays accounted where it was, whatever was accounted and taken off behind it', async () => {
    const lost = [account(8192), pin('a', 2), unpin('a')]
    const later = [account(8192), pin('b', 2), unpin('b'), unaccount(4096), unaccount(4096)]
    expect(await found(rows(...lost, account(4096), pin('b', 1), unpin('b'), unaccount(4096)))).toEqual([['H-50', 1]])
    expect(await found(rows(account(12288), ...lost, unaccount(12288)))).toEqual([['H-50', 2]])
    expect(await found(rows(...lost, ...lost))).toEqual([
      ['H-50', 1],
      ['H-50', 4],
    ])
    // Two halves are as large as either: what was accounted first goes first.
    expect(await found(rows(...lost, ...later))).toEqual([['H-50', 4]])
  })

  it('is unpinned in part, and taken off whole', async () => {
    const short = `0,unpin,a,,1,,,0x10000+4096,,,,`
    expect(await found(rows(account(8192), pin('a', 2), short, unaccount(8192), unpin('a')))).toEqual([['H-50', 4]])
  })
})

describe('H-50, a message that is sent from user memory', () => {
  /** Takes its pages and accounts `share` of them, first or last; lets all go when it is over. */
  async function send(share: number, isFirst: boolean, backing = 'anon') {
    const account = (io: Operation, pages: number) => io.audit?.tasks.account(io.iter.mm, pages)
    const consumer: ConsumerDefinition = {
      ...borrower(GUARD_COUNT),
      name: 'sender',
      create: () => ({
        submit: (io) => {
          io.scratch = Math.floor((io.iter.countBytes / 4096) * share)
          if (isFirst) account(io, io.scratch)
          const bytes = io.extract(1024, io.iter.countBytes)
          io.keep(io.hold)
          if (!isFirst) account(io, io.scratch)
          return bytes
        },
        abort: () => {},
        complete: (io) => {
          io.letGoOfKept()
          io.audit?.tasks.unaccount(1, io.scratch)
        },
        counters: () => ({}),
      }),
    }
    const text = `# pinscope-trace 1
ts,end,event,mm,op,iter,segs,backing
0,,map,1,,,0x200000+2097152,${backing}
1,20,io,1,write,ubuf,0x200000+16384,
30,,io,1,write,ubuf,0x204000+16384,
`
    const findings = await auditText(text, HAZARD_RULES, { consumers: [consumer], consumer: 'sender' })
    return findings.map(({ rule, row, pages }) => [rule, row, pages])
  }

  it.each([true, false])('accounts all of them, or more: first %s', async (isFirst) => {
    expect(await send(1, isFirst)).toEqual([])
    expect(await send(1.5, isFirst)).toEqual([])
  })

  it.each([true, false])('accounts half of them: first %s', async (isFirst) => {
    expect(await send(0.5, isFirst)).toEqual([
      ['H-50', 2, 2],
      ['H-50', 3, 2],
    ])
  })

  it('has part of a large folio, which another may have accounted', async () => {
    expect(await send(0.5, true, 'thp')).toEqual([])
  })
})

describe('H-51, the zero page', () => {
  const untouched = '0,map,,,1,,,0x10000+8192,anon,,,untouched'
  const raw = (event: string) => `1,${event},,,1,write,ubuf,0x10000+4096,,,,raw`

  it('is pinned and unpinned as of 6.5, which counts nothing', async () => {
    const lines = rows(untouched, '1,pin,a,,1,write,,0x10000+8192,,,,', '2,unpin,a,,1,,,,,,,')
    expect(await found(lines)).toEqual([])
  })

  it('loses more than it got', async () => {
    expect(await found(rows(untouched, raw('get'), raw('put'), raw('put')))).toContainEqual(['H-51', 4])
  })

  it('is no page that was touched', async () => {
    const lines = rows(untouched.replace('untouched', ''), raw('get'))
    expect((await found(lines)).map(([rule]) => rule)).not.toContain('H-51')
  })
})

describe('H-52, a folio that is locked at the end', () => {
  const lock = '1,lock,,,1,,,0x10000+4096,,,,'
  const map = '0,map,,,1,,,0x10000+8192,file,,,'

  it('waits for an access of a device that is not over', async () => {
    expect(await found(rows(map, lock, '2,dma,disk,,1,read,,0x10000+4096,,,,'))).toEqual([])
    expect(await found(rows(map, lock, '2,dma,disk,,1,read,,0x11000+4096,,,,'))).toEqual([['H-52', 2]])
  })

  it('is told once for each folio', async () => {
    expect(await found(rows(map, lock, '2,lock,,,1,,,0x11000+4096,,,,', '3,unlock,,,1,,,0x10000+4096,,,,'))).toEqual([
      ['H-52', 3],
    ])
  })
})

describe('H-53, a result', () => {
  const call = (result: number) =>
    rows('0,init,call,,1,read,ubuf,0x10000+4096,,1000,,', `1,return,call,,1,,,,,,${result},`)

  it('of as many bytes as were asked for, fewer, or an error', async () => {
    for (const result of [1000, 512, 0, -5]) expect(await found(call(result))).toEqual([])
  })

  it('beyond the iterator of the call', async () => {
    expect(await found(call(1001))).toContainEqual(['H-53', 2])
  })

  it('of nothing that was asked for', async () => {
    const none = rows('0,init,call,,1,write,ubuf,0x10000+4096,,0,,', '1,return,call,,1,,,,,,10,')
    expect(await found(none)).toContainEqual(['H-53', 2])
    const object = (bytes: string) =>
      rows('0,alloc,a,request,1,,,,,,,', `1,submit,a,,1,,,,,${bytes},,`, '2,complete,a,,1,,,,,,10,')
    expect(await found(object('0'))).toEqual([['H-53', 3]])
    expect(await found(object('10'))).toEqual([])
  })

  it('of a call whose iterator nobody told', async () => {
    expect(await found(rows('1,return,call,,1,,,,,,10,'))).toEqual([])
  })

  it('of a write to a file, or of an operation, beyond its length', async () => {
    const head = '# pinscope-trace 1\nts,event,call,mm,op,segs,backing,file,offset,len,result,flags\n'
    const write = (result: number) => `${head}0,write_end,,1,,,,f,0,4096,${result},\n`
    expect(await found(write(4097))).toEqual([['H-53', 1]])
    expect(await found(write(4096))).toEqual([])
    const io = (result: number, op = 'write', call = '') =>
      `${head}0,map,,1,,0x10000+4096,anon,,,,,\n1,io,${call},1,${op},0x10000+4096,,f,0,1000,${result},direct\n`
    expect(await found(io(1001))).toEqual([['H-53', 2]])
    expect(await found(io(1001, 'read'))).toEqual([['H-53', 2]])
    for (const result of [1000, 0, -5]) expect(await found(io(result))).toEqual([])
    // MSG_TRUNC: the length of the datagram, of which a part was copied.
    expect(await found(io(1001, 'read', 'recvmsg'))).toEqual([])
  })

  it('of an object whose bytes were not told', async () => {
    expect(
      await found(rows('0,alloc,a,request,1,,,,,,,', '1,submit,a,,1,,,,,,,', '2,complete,a,,1,,,,,,4096,')),
    ).toEqual([])
  })
})

describe('H-52, a file that is locked at the end', () => {
  const file = (event: string, name: string, range = ',') =>
    `0,${event},,,1,,,,,${range.split(',')[1]},,,${name},${range.split(',')[0]}`
  const text = (...lines: readonly string[]) =>
    `# pinscope-trace 1\nts,event,id,call,mm,op,iter,segs,backing,len,result,flags,file,offset\n${lines.join('\n')}\n`

  it('by the mapping of a range, which nothing lets go of', async () => {
    expect(await found(text(file('lock_file', 'a', '4096,8192')))).toEqual([['H-52', 1]])
    expect(await found(text(file('lock_file', 'a'), file('unlock_file', 'a')))).toEqual([])
  })

  it('is another file than the one that is unlocked, or another task', async () => {
    expect(await found(text(file('lock_file', 'a'), file('unlock_file', 'b')))).toEqual([['H-52', 1]])
    const other = file('unlock_file', 'a').replace(',,1,', ',,2,')
    expect(await found(text(file('lock_file', 'a'), other))).toEqual([['H-52', 1]])
  })

  it('is locked twice and unlocked once', async () => {
    expect(await found(text(file('lock_file', 'a'), file('lock_file', 'a'), file('unlock_file', 'a')))).toEqual([
      ['H-52', 1],
    ])
  })
})

it('H-52: where a trace ends in the midst, so may the time for which a lock is held', async () => {
  const text =
    '# pinscope-trace 1\nts,event,mm,segs,backing,file,offset,len\n0,map,1,0x10000+4096,file,f,0,\n1,lock,1,0x10000+4096,,,,\n'
  const rowsFound = async (inFlight: boolean) =>
    (await auditText(text.replace('1,lock', '1,load,1,0x10000+4096,,,,\n1,lock'), HAZARD_RULES, { inFlight })).map(
      ({ rule, row }) => [rule, row],
    )
  expect(await rowsFound(false)).toEqual([['H-52', 3]])
  expect(await rowsFound(true)).toEqual([])
})
