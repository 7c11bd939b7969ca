import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { findLeaks, type LeaksReport, openTrace } from '../src/index.ts'
import { inOnePiece } from '../src/testing/in-one-piece.ts'

const HEAD = '# pinscope-trace 1\nts,event,mm,iter,segs,id,call,stack\n'

async function leaksOf(rows: string, olderThanNs = 0): Promise<LeaksReport> {
  const trace = await openTrace(inOnePiece(new TextEncoder().encode(HEAD + rows)), 'x')
  return findLeaks(trace, { olderThanNs })
}

describe('leaks of reference events', () => {
  it('what is taken and let go is no leak, whatever the page', async () => {
    // 8192 bytes from byte 100 of a page on touch three.
    const report = await leaksOf(
      '0,get,1,bvec,5:0+4096,,,a;b\n1,pin,1,bvec,6:100+8192,,,a;c\n2,put,2,bvec,5:0+4096,,,z\n3,unpin,1,bvec,6:0+12288,,,y\n',
    )
    expect(report).toMatchObject({ taken: 4, letGo: 4, unmatchedReleases: 0, wrongKind: 0, ambiguous: 0, groups: [] })
    expect(report.trace.events).toEqual({ pin: 1, get: 1, unpin: 1, put: 1 })
  })

  it('groups by call site, oldest first, with how long the others were held', async () => {
    const report = await leaksOf(
      '0,get,1,bvec,5:0+4096,,,sys;read\n10,pin,1,bvec,7:0+4096,,,sys;pin\n20,put,1,bvec,5:0+4096,,,done\n30,get,1,bvec,8:0+8192,,,sys;read\n100,get,1,bvec,5:0+4096,,,sys;read\n',
    )
    expect(report.open).toEqual({ pins: 1, refs: 3, objects: 0 })
    expect(report.groups).toMatchObject([
      {
        kind: 'pin',
        stack: ['sys', 'pin'],
        open: 1,
        taken: 1,
        letGo: 0,
        oldestNs: 10,
        oldestRow: 2,
        oldestAgeNs: 90,
        longestHoldNs: null,
        examples: ['pfn 0x7'],
      },
      {
        kind: 'ref',
        stack: ['sys', 'read'],
        open: 3,
        taken: 4,
        letGo: 1,
        oldestNs: 30,
        newestNs: 100,
        oldestRow: 4,
        longestHoldNs: 20,
        examples: ['pfn 0x8', 'pfn 0x9', 'pfn 0x5'],
      },
    ])
  })

  it('older-than leaves out what may be let go yet', async () => {
    const rows =
      '0,get,1,bvec,5:0+4096,,,a\n90,get,1,bvec,6:0+4096,,,a\n100,get,1,bvec,7:0+4096,,,a\n100,put,1,bvec,7:0+4096,,,b\n'
    expect((await leaksOf(rows)).open.refs).toBe(2)
    expect((await leaksOf(rows, 11)).open.refs).toBe(1)
    expect((await leaksOf(rows, 101)).groups).toEqual([])
  })

  it('gives a release to the call site whose references that stack was seen to let go', async () => {
    // Page 5 alone: end_a lets go what a took. On page 6 both are open, and a took first: end_a still means a.
    const learned = await leaksOf(
      '0,get,1,bvec,5:0+4096,,,a\n1,put,1,bvec,5:0+4096,,,end_a\n2,get,1,bvec,6:0+4096,,,a\n3,get,1,bvec,6:0+4096,,,b\n4,put,1,bvec,6:0+4096,,,end_a\n',
    )
    expect(learned).toMatchObject({ ambiguous: 0, groups: [{ stack: ['b'], open: 1 }] })
    // Nothing known: the last one, and it is told.
    const unknown = await leaksOf(
      '2,get,1,bvec,6:0+4096,,,a\n3,get,1,bvec,6:0+4096,,,b\n4,put,1,bvec,6:0+4096,,,end_a\n',
    )
    expect(unknown).toMatchObject({ ambiguous: 1, groups: [{ stack: ['a'], open: 1 }] })
  })

  it('tells releases of what nobody took, and of the wrong kind', async () => {
    const report = await leaksOf(
      '0,put,1,bvec,5:0+4096,,,x\n1,pin,1,bvec,6:0+4096,,,a\n2,put,1,bvec,6:0+4096,,,x\n3,put,1,bvec,6:0+4096,,,x\n',
    )
    expect(report).toMatchObject({ unmatchedReleases: 2, wrongKind: 1, taken: 1, letGo: 1, groups: [] })
  })

  it('follows kernel objects by id, and user memory by address space and page', async () => {
    const report = await leaksOf(
      '0,alloc,0,,,R=2a,NEW,\n1,share,0,,,R=2a,GET COPY2C,\n2,drop,0,,,R=2a,PUT TERM,\n3,pin,7,,0x10800+4096,,,p\n4,unpin,8,,0x10000+8192,,,q\n5,unpin,7,,0x10000+4096,,,q\n',
    )
    expect(report.open).toEqual({ pins: 1, refs: 0, objects: 1 })
    // Two pages of another address space were let go that nobody took there.
    expect(report.unmatchedReleases).toBe(2)
    expect(report.groups.map(({ examples }) => examples)).toEqual([['id R=2a'], ['mm 7 0x11000']])
  })

  it('has open, for each page, what is left when every release takes one away: any events', async () => {
    const event = fc.record({
      event: fc.constantFrom('get', 'put', 'pin', 'unpin'),
      page: fc.integer({ min: 1, max: 4 }),
      mm: fc.integer({ min: 1, max: 2 }),
      stack: fc.constantFrom('', 'a', 'b;c', 'd'),
    })
    const property = fc.asyncProperty(fc.array(event, { maxLength: 40 }), async (events) => {
      const left = new Map<number, number>()
      let unmatched = 0
      for (const { event: name, page } of events) {
        const held = left.get(page) ?? 0
        if (name === 'get' || name === 'pin') left.set(page, held + 1)
        else if (held === 0) unmatched++
        else left.set(page, held - 1)
      }
      const rows = events.map(
        ({ event: name, page, mm, stack }, ts) => `${ts},${name},${mm},bvec,${page}:0+4096,,,${stack}\n`,
      )
      const report = await leaksOf(rows.join(''))
      expect(report.open.pins + report.open.refs).toBe([...left.values()].reduce((sum, count) => sum + count, 0))
      expect(report.unmatchedReleases).toBe(unmatched)
      expect(report.groups.reduce((sum, group) => sum + group.taken - group.letGo, 0)).toBe(report.taken - report.letGo)
    })
    await fc.assert(property, { numRuns: 500, seed: 20_261_122 })
  })
})
