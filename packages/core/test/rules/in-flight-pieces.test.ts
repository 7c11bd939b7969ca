import { describe, expect, it } from 'vitest'
import type { ConsumerDefinition } from '../../src/consumer/consumer.ts'
import { Registry } from '../../src/consumer/registry.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditTrace } from '../../src/replay/audit-trace.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { inOnePiece } from '../../src/testing/in-one-piece.ts'
import { openTrace } from '../../src/trace/open-trace.ts'
import { auditedConsumer } from '../support/audited-consumer.ts'

// Which bytes an operation's list names while it is in flight, and which of them a device has stored to when it is over: by the
// iterator's own segments and the result, whatever the consumer says (lifetime.md 4.1, 5.2, 18; block/bio.c: bio_release_pages).

const HEAD = '# pinscope-trace 1\nts,end,event,id,mm,op,iter,segs,backing,file,offset,len,result,flags\n'
const MAP = '0,,map,,1,,,0x10000+8192,file,/data,0,,,\n'

async function found(rows: string, consumer = 'bio', more: readonly ConsumerDefinition[] = []): Promise<string[]> {
  const findings = await auditText(HEAD + rows, HAZARD_RULES, { consumer, consumers: more })
  return findings.map(({ rule, row }) => `${rule}@${row}`)
}

describe('a read into a mapped file, written back while it is in flight', () => {
  it('a short one stores to the pages that it has reached and to no other', async () => {
    const whole = await pagesStored('1,5,io,,1,read,ubuf,0x10000+8192,,f,0,8192,8192,direct\n')
    expect(whole).toBe(2)
    const short = await pagesStored('1,5,io,,1,read,ubuf,0x10000+8192,,f,0,8192,512,direct\n')
    expect(short).toBe(1)
  })

  it('two segments, each a part of a page', async () => {
    const segments = '1,5,io,,1,read,iovec,0x10000+512;0x11800+512,,f,0,1024,1024,direct\n'
    expect(await pagesStored(segments)).toBe(2)
    expect(await pagesStored(segments.replace(',1024,direct', ',512,direct'))).toBe(1)
  })

  /** Pages that H-01 tells of: they are under writeback when the read is over. */
  async function pagesStored(row: string): Promise<number> {
    const rows = `# stable-writes yes\n${HEAD.split('\n')[1]}\n${MAP}${row}3,,writeback,,,,,,,/data,0,8192,,\n8,,writeback_end,,,,,,,/data,0,8192,,\n`
    const findings = await auditText(`# pinscope-trace 1\n${rows}`, HAZARD_RULES, { consumer: 'bio' })
    return findings.filter(({ rule }) => rule === 'H-01').reduce((sum, { pages }) => sum + pages, 0)
  }
})

describe('a kernel iterator whose array the bio adopts (bio_iov_bvec_set): nothing but its owner keeps the pages', () => {
  const BVEC = '1,8,io,,1,write,bvec,0x500:0+8192,,f,0,8192,,direct\n'

  it.each(['bio', 'null', 'buffered'])('%s: freed while it is in flight', async (consumer) => {
    expect(await found(`${BVEC}3,,free,,1,,bvec,0x500:0+8192,,,,,,\n`, consumer)).toEqual(['H-44@2'])
    expect(await found(`${BVEC}9,,free,,1,,bvec,0x500:0+8192,,,,,,\n`, consumer)).toEqual([])
  })

  it('stored to by the kernel while it is written out of them, and beside it', async () => {
    expect(await found(`${BVEC}3,,store,,1,,bvec,0x501:100+8,,,,,,kernel\n`)).toEqual(['H-04@2'])
    const half = BVEC.replace('0+8192', '0+6144').replace('8192', '6144')
    expect(await found(`${half}3,,store,,1,,bvec,0x501:3000+8,,,,,,kernel\n`)).toEqual([])
  })
})

describe('a program that changes what direct I/O reads', () => {
  const at = (backing: string, row: string) => found(`0,,map,,1,,,0x10000+8192,${backing},,,,,\n${row}`)
  const WRITE = '1,8,io,,1,write,ubuf,0x10000+4096,,f,0,4096,,direct\n'

  it.each(['anon', 'shmem', 'file'])('%s: the store is told', async (backing) => {
    expect(await at(backing, `${WRITE}3,,store,,1,,,0x10400+8,,,,,,\n`)).toEqual(['H-04@3'])
    expect(await at(backing, `${WRITE}3,,store,,1,,,0x11000+8,,,,,,\n`)).toEqual([])
    expect(await at(backing, `${WRITE}9,,store,,1,,,0x10400+8,,,,,,\n`)).toEqual([])
  })

  it('with another operation of its own: nobody but itself is harmed', async () => {
    const read = '2,4,io,,1,read,ubuf,0x10000+4096,,f,0,4096,,direct\n'
    expect(await at('anon', WRITE + read)).toEqual([])
  })

  it('a page that is written back is written once more, and a store to it is planned for', async () => {
    const rows =
      '1,,writeback,,,,,,,/data,0,4096,,\n2,,store,,1,,,0x10000+8,,,,,,\n3,,writeback_end,,,,,,,/data,0,4096,,\n'
    expect(await found(MAP + rows)).toEqual([])
  })
})

describe('a completion', () => {
  const late = auditedConsumer({
    submit: (io) => {
      io.scratch = io.audit!.iterators.init(false, true, io.iter.mm, io.lengthBytes)
      return io.lengthBytes
    },
    complete: (io) => io.audit!.iterators.copy(io.scratch, true),
  })
  const ROW = 'io,,1,read,ubuf,0x10000+4096,,f,0,4096,,\n'

  // The row that happens to come before it is somebody else's.
  it.each(['1', '2'])('runs in a worker that is no task, whoever ran last (mm %s)', async (mm) => {
    const rows = `1,5,${ROW}3,,load,,${mm},,,0x10000+8,,,,,,\n`
    expect(await found(rows, 'audited', [late])).toEqual(['H-20@1'])
  })

  it('within the call runs in its task', async () => {
    expect(await found(`1,,${ROW}`, 'audited', [late])).toEqual([])
  })

  it('may sleep, though the row before it may not', async () => {
    const dirties = auditedConsumer({
      submit: (io) => {
        const bytes = io.extract(16, 4096)
        io.keep(io.hold)
        return bytes
      },
      complete: (io) => io.letGoOfKept(),
    })
    const rows = `0,,pin,p,1,read,,0x20000+4096,,,,,,\n1,5,${ROW}2,,unpin,p,1,,,,,,,,,atomic\n`
    expect(await found(rows, 'audited', [dirties])).toEqual([])
  })
})

describe('who keeps what a release leaves clean', () => {
  it('H-02 and H-06: as long as another holds the page for writing it may still be made dirty', async () => {
    const rows = `${MAP}1,,pin,a,1,read,,0x10000+2048,,,,,,\n2,,pin,b,1,read,,0x10800+2048,,,,,,\n3,,writeback,,,,,,,/data,0,8192,,\n4,,writeback_end,,,,,,,/data,0,8192,,\n5,,dma,,1,read,,0x10000+2048,,,,,,\n6,,unpin,b,1,,,,,,,,,\n`
    const good = await found(`${rows}7,,unpin,a,1,,,,,,,,,dirty\n`)
    expect(good).not.toContain('H-02@6')
    expect(good.filter((one) => one.startsWith('H-06'))).toEqual([])
    const bad = await found(`${rows}7,,unpin,a,1,,,,,,,,,\n`)
    expect(bad.filter((one) => one.startsWith('H-06'))).toEqual(['H-06@8'])
  })

  it('H-06: a page of shared memory that nothing was stored to has nothing to lose', async () => {
    const shmem = '0,,map,,1,,,0x10000+8192,shmem,,,,,\n1,,pin,a,1,read,,0x10000+8192,,,,,,\n'
    const rows = `${shmem}2,,dma,,1,read,,0x10000+4096,,,,,,\n3,,dirty,,1,,,0x10000+4096,,,,,,\n4,,unpin,a,1,,,,,,,,,\n5,,reclaim,,1,,,0x10000+8192,,,,,,\n`
    expect(await found(rows)).toEqual([])
  })
})

describe('where pages are put into iterators that take nothing', () => {
  const iteratorsOf = async (rows: string, consumer: string) => {
    const trace = await openTrace(inOnePiece(new TextEncoder().encode(HEAD + rows)), 'rows.csv')
    const report = await auditTrace(trace, {
      registry: new Registry(),
      policies: null,
      consumers: [consumer],
      kernel: null,
      consumerOptions: {},
      inFlight: false,
      rules: HAZARD_RULES,
    })
    return report.lanes[0]!.iterators.map(({ iterator, keptBy, pages }) => `${iterator} ${keptBy} ${pages}`)
  }

  // 4,096 bytes from byte 512 of a page on lie in two pages.
  it('pages are counted as the iterator names them', async () => {
    expect(await iteratorsOf('1,8,io,,1,write,bvec,0x500:512+4096,,f,0,4096,,direct\n', 'bio')).toEqual([
      'bvec owner 2',
    ])
    expect(await iteratorsOf('1,,io,,1,read,xarray,f:512+4096,,f,512,4096,,\n', 'null')).toEqual(['xarray owner 2'])
  })

  it('a registered buffer is kept by its registration', async () => {
    const rows = '0,,register,b,1,,,0x10000+8192,,,,,,\n1,8,io,b,1,write,ubuf,0x10000+4096,,f,0,4096,,direct fixed\n'
    expect(await iteratorsOf(rows, 'bio')).toEqual(['bvec registration 1'])
  })

  it('user memory is no iterator that takes nothing, and one that drops what comes has no pages', async () => {
    expect(await iteratorsOf('1,,io,,1,read,ubuf,0x10000+4096,,f,0,4096,,direct\n', 'bio')).toEqual([])
    expect(await iteratorsOf('1,,io,,1,read,discard,,,s,0,4096,,\n', 'null')).toEqual([])
  })
})
