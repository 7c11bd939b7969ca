import { describe, expect, it } from 'vitest'
import { Registry } from '../../src/consumer/registry.ts'
import { BY_CPU, BY_DEVICE } from '../../src/lifetime/lifetime-event.ts'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditTrace } from '../../src/replay/audit-trace.ts'
import { auditText } from '../../src/testing/audit-text.ts'
import { inOnePiece } from '../../src/testing/in-one-piece.ts'
import { openTrace } from '../../src/trace/open-trace.ts'

// One folio of a file is one folio, whoever maps it (reference/lifetime.md 1.1), until it leaves the file (3.2: truncate,
// invalidate, reclaim unmap it): then the next access finds another one. Under every rule.

const HEAD = '# pinscope-trace 1\n# filesystem ext4\n'
const COLUMNS = 'ts,end,event,id,mm,op,segs,backing,file,offset,len,flags\n'
const MAP = '0,,map,,1,,0x10000+4096,file,/data,0,,\n'
const SECOND = '0,,map,,2,,0x90000+4096,file,/data,0,,\n'
const UNMAP = '2,,unmap,,1,,0x10000+4096,,,,,\n'
const PIN = '2,,pin,b,1,read,0x10000+4096,,,,,\n'
const UNPIN_DIRTY = '9,,unpin,b,1,,,,,,,dirty\n'
const DMA = '8,,dma,,1,read,0x10000+4096,,,,,\n'
/** Of the whole file. */
const WRITEBACK = '6,,writeback,,,,,,/data,0,,\n7,,writeback_end,,,,,,/data,0,,\n'

/** `rule@row` of every finding, with its pages where they are not one. */
async function found(rows: string, rules = HAZARD_RULES): Promise<string[]> {
  const findings = await auditText(HEAD + COLUMNS + rows, rules)
  return findings.map(({ rule, row, pages }) => `${rule}@${row}${pages === 1 ? '' : `(${pages})`}`)
}

describe('a page that left its file', () => {
  const store = '1,,store,,1,,0x10000+4096,,,,,\n'
  const again = store + PIN + WRITEBACK + DMA + UNPIN_DIRTY

  it('truncated: the next store finds a new folio, with all that can go wrong with one', async () => {
    const cut = '1,,truncate,,,,,,/data,0,,\n1,,extend,,,,,,/data,4096,,\n'
    expect(await found(MAP + store + cut + again)).toEqual(['H-03@7', 'H-05@10'])
  })

  it.each(['invalidate', 'reclaim'])('%s of a clean page: the same', async (event) => {
    const gone = `${WRITEBACK.replace('6,', '1,').replace('7,', '1,')}1,,${event},,,,,,/data,0,,\n`
    expect(await found(MAP + store + gone + again)).toEqual(['H-03@8', 'H-05@11'])
  })

  it.each(['invalidate', 'reclaim'])('%s by address, of a file without a name: the same', async (event) => {
    const byAddress = (row: string): string => row.replace(/,,,,,,\/data,0,,/g, ',,1,,0x10000+4096,,,,,')
    const map = MAP.replace('/data,0', ',')
    const gone = `1,,clean,,1,,0x10000+4096,,,,,\n1,,${event},,1,,0x10000+4096,,,,,\n`
    expect(await found(map + store + gone + byAddress(again))).toEqual(['H-03@7', 'H-05@10'])
  })

  it('the old folio stays an orphan with its pins: nothing of the file is wrong when it is let go', async () => {
    const rows = `${MAP + PIN}3,,truncate,,,,,,/data,0,,\n${store.replace('1,', '4,') + WRITEBACK + DMA + UNPIN_DIRTY}`
    expect(await found(rows)).toEqual([])
  })

  it('a device stores where it was given the page, until something is there again', async () => {
    const stored = async (between: string): Promise<string[]> => {
      const pages: number[] = []
      const devices: string[] = []
      const rows = `${MAP + PIN}3,,truncate,,,,,,/data,0,,\n${between}${DMA}`
      await auditText(HEAD + COLUMNS + rows, [
        {
          ...HAZARD_RULES[0]!,
          watch: () => ({
            acquire: ({ page }) => pages.push(page),
            store: ({ page, by }) => devices.push(`${by}:${page === pages[0] ? 'pinned' : 'new'}`),
          }),
        },
      ])
      return devices
    }
    expect(await stored('')).toEqual([`${BY_DEVICE}:pinned`])
    expect(await stored('4,,extend,,,,,,/data,4096,,\n')).toEqual([`${BY_DEVICE}:pinned`])
    expect(await stored('4,,map,,1,,0x10000+4096,anon,,,,\n')).toEqual([`${BY_DEVICE}:new`])
    expect(await stored(store.replace('1,', '4,'))).toEqual([`${BY_CPU}:new`, `${BY_DEVICE}:new`])
  })

  it('who looks for pages by address brings none back, and finds what the file has there by now', async () => {
    const gone = `${store}2,,truncate,,,,,,/data,0,,\n2,,extend,,,,,,/data,4096,,\n`
    const look = '3,,clean,,1,,0x10000+4096,,,,,\n'
    const cleaned = async (between: string): Promise<number> => {
      let pages = 0
      await auditText(HEAD + COLUMNS + MAP + gone + between + look, [
        { ...HAZARD_RULES[0]!, watch: () => ({ clean: () => pages++ }) },
      ])
      return pages
    }
    expect(await cleaned('')).toBe(0)
    expect(await cleaned('2,,copy_in,,1,,,,/data,0,4096,\n')).toBe(1)
    expect(await cleaned(store.replace('1,', '2,'))).toBe(1)
  })

  it('punched with its blocks: what was dirty over them is nowhere, and its writeback passes the hole by', async () => {
    const written =
      '1,,reserve,,1,,,,/data,0,8192,\n1,,copy_in,,1,,,,/data,0,8192,\n1,,allocate,,1,,,,/data,0,8192,\n1,,write_end,,1,,,,/data,0,8192,\n'
    const punched = '2,,punch,,1,,,,/data,4096,4096,\n3,,writeback,,,,,,/data,0,8192,\n'
    expect(await found(MAP.replace('+4096', '+8192') + written + punched)).toEqual([])
  })

  it('of two mappings both lose it', async () => {
    const cut = '1,,truncate,,,,,,/data,0,,\n'
    const other = '2,,store,,2,,0x90000+64,,,,,\n'
    expect(await found(MAP + SECOND + store + cut + other + PIN + WRITEBACK + UNPIN_DIRTY)).toEqual([
      'H-03@7',
      'H-05@9',
    ])
  })

  it('a copy of a private mapping goes with the pages behind a truncation, not with an invalidated one', async () => {
    const map = MAP.replace(',,\n', ',,private\n')
    const lock = '5,,lock,,1,,0x10000+4096,,,,,\n5,,unlock,,1,,0x10000+4096,,,,,\n'
    const rows = (event: string): string => `${map + store}2,,${event},,,,,,/data,0,,\n${lock}`
    const pagesLocked = async (event: string): Promise<number> => {
      const pages = new Set<number>()
      await auditText(HEAD + COLUMNS + rows(event) + lock, [
        {
          ...HAZARD_RULES[0]!,
          watch: () => ({ store: ({ page }) => pages.add(page), lock: ({ page }) => pages.add(page) }),
        },
      ])
      return pages.size
    }
    expect([await pagesLocked('truncate'), await pagesLocked('invalidate')]).toEqual([2, 1])
  })
})

describe('a page that nobody maps any more', () => {
  const reflink = '8,,reflink,,,,,,/data,0,4096,\n'

  it('is found by rows that name the file, pinned as it is', async () => {
    expect(await found(MAP + PIN + UNMAP + WRITEBACK + reflink + UNPIN_DIRTY)).toEqual(['H-03@4', 'H-38@6', 'H-05@7'])
    expect(await found(MAP + PIN + WRITEBACK + reflink + UNPIN_DIRTY)).toEqual(['H-03@3', 'H-38@5', 'H-05@6'])
  })

  it('and so is that of an operation in flight', async () => {
    const io = '1,9,io,,1,read,0x10000+4096,,/disk,0,4096,direct\n'
    expect(await found(MAP + io + UNMAP + WRITEBACK)).toEqual(['H-05@2', 'H-03@4'])
    expect(await found(MAP + io + WRITEBACK)).toEqual(['H-05@2', 'H-03@3'])
  })

  it('a mapping of which one page is unmapped shows the others', async () => {
    const map = MAP.replace('4096', '16384')
    const rows = map + PIN.replace('0x10000', '0x13000') + UNMAP + WRITEBACK + UNPIN_DIRTY
    expect(await found(rows)).toEqual(['H-03@4', 'H-05@6'])
  })

  it('mapped again it is the same folio', async () => {
    const lock = '5,,lock,,9,,,,/data,0,4096,\n'
    const rows = MAP + UNMAP + MAP.replace('0,', '3,') + lock + lock
    expect(
      await found(
        rows,
        HAZARD_RULES.filter(({ id }) => id === 'H-30'),
      ),
    ).toEqual(['H-30@5'])
  })
})

describe('which file an address is of', () => {
  it('of two mappings replaced by one it is that of the last', async () => {
    const before = `${MAP.replace('/data', '/a')}0,,map,,1,,0x11000+4096,file,/b,0,,\n`
    const rows = before + MAP.replace('4096', '8192') + PIN.replace('0x10000', '0x11000')
    const ofB = WRITEBACK.replaceAll('/data', '/b')
    expect(await found(rows + ofB + UNPIN_DIRTY)).toEqual([])
    expect(await found(rows + WRITEBACK + UNPIN_DIRTY)).toEqual(['H-03@5', 'H-05@7'])
  })

  it('anonymous memory mapped over a part of it is no page of the file', async () => {
    const over = '1,,map,,1,,0x11000+4096,anon,,,,\n'
    const lock = '3,,lock,,1,,,,/data,4096,4096,\n4,,dirty,,1,,,,/data,4096,4096,\n'
    expect(
      await found(
        `${MAP.replace('4096', '8192') + over + PIN.replace('0x10000', '0x11000') + lock}9,,unpin,b,1,,,,,,,\n`,
      ),
    ).toEqual([])
  })

  it('a lock by address is a lock of the page of the file', async () => {
    const rows = (second: string, first: string): string =>
      `${MAP.replace('4096', '8192')}1,,lock,,1,,${second}\n2,,lock,,1,,${first}\n3,,unlock,,1,,0x10000+8192,,,,,\n`
    const byAddress = rows('0x11000+4096,,,,,', '0x10000+4096,,,,,')
    const byFile = rows(',,/data,4096,4096,', ',,/data,0,4096,')
    expect(await found(byAddress)).toEqual(['H-30@3'])
    expect(await found(byFile)).toEqual(['H-30@3'])
  })
})

describe('one folio, mapped twice', () => {
  const wide = (bytes: number): string => MAP.replace('4096', `${bytes}`) + SECOND.replace('4096', `${bytes}`)

  it("another address space's store asks the file system for it: what is unpinned dirty then was expected", async () => {
    const store = '7,,store,,2,,0x90000+64,,,,,\n'
    expect(await found(MAP + SECOND + PIN + WRITEBACK + store + DMA + UNPIN_DIRTY)).toEqual(['H-03@4'])
  })

  it('is one page of a finding', async () => {
    const other = '2,,pin,c,2,read,0x90000+4096,,,,,\n'
    const unpin = '9,,unpin,c,2,,,,,,,dirty\n'
    expect(await found(MAP + SECOND + PIN + other + WRITEBACK + UNPIN_DIRTY + unpin)).toEqual(['H-03@5', 'H-05@7'])
  })

  it('a store through one tears what a device reads through the other', async () => {
    const source = '2,,pin,c,2,write,0x90000+4096,,,,,\n3,,dma,disk,2,write,0x90000+4096,,,,,\n'
    const end = '8,,dma_end,disk,,,,,,,,\n9,,unpin,c,2,,,,,,,\n'
    expect(await found(MAP + SECOND + PIN + source + DMA + end + UNPIN_DIRTY)).toEqual(['H-04@6'])
  })

  it.each([
    ['file', ''],
    ['shmem', ''],
    ['file', 'private'],
  ])('eight pages of %s %s read by both are eight', async (backing, flag) => {
    const heads = new Set<number>()
    const maps = wide(32768).replaceAll(',file,', `,${backing},`).replaceAll(',0,,\n', `,0,,${flag}\n`)
    const loads = '1,,load,,1,,0x10000+32768,,,,,\n2,,load,,2,,0x90000+32768,,,,,\n'
    await auditText(HEAD + COLUMNS + maps + loads, [
      { ...HAZARD_RULES[0]!, watch: () => ({ load: ({ page }) => heads.add(page) }) },
    ])
    expect(heads.size).toBe(8)
  })

  it('a private mapping copies what it writes: the other one keeps the page', async () => {
    const pages = new Set<number>()
    const maps = MAP + SECOND.replace(',0,,\n', ',0,,private\n')
    const rows =
      '1,,load,,1,,0x10000+64,,,,,\n2,,load,,2,,0x90000+64,,,,,\n3,,store,,2,,0x90000+64,,,,,\n4,,load,,1,,0x10000+64,,,,,\n'
    const seen: number[] = []
    await auditText(HEAD + COLUMNS + maps + rows, [
      {
        ...HAZARD_RULES[0]!,
        watch: () => ({ load: ({ page }) => seen.push(page), store: ({ page }) => pages.add(page) }),
      },
    ])
    expect([new Set(seen).size, pages.has(seen[0]!)]).toEqual([1, false])
  })
})

describe('a row that names a page by its file', () => {
  const H30 = HAZARD_RULES.filter(({ id }) => id === 'H-30')
  const warnings = async (rows: string): Promise<readonly string[]> => {
    const trace = await openTrace(inOnePiece(new TextEncoder().encode(HEAD + COLUMNS + rows)), 'rows.csv')
    const way = { registry: new Registry(), policies: null, consumers: null, kernel: null, consumerOptions: {} }
    const report = await auditTrace(trace, { ...way, faults: null, inFlight: false, rules: H30 })
    return report.warnings
  }

  it('finds it, mapped and not yet touched', async () => {
    const lock = '1,,lock,,1,,,,/data,0,4096,\n'
    expect(await found(MAP + lock + lock, H30)).toEqual(['H-30@3'])
  })

  it('of a file that nothing maps, reads or writes: told once', async () => {
    const ofOther = WRITEBACK.replaceAll('/data', 'data')
    expect(await warnings(MAP + PIN + ofOther + UNPIN_DIRTY)).toEqual([
      'row 3 (line 6) names no page of a file that anything mapped or read: "data"; no rule about pages finds anything in such a row',
    ])
  })

  it.each([
    ['mapped', MAP],
    ['of an operation', '1,2,io,,1,write,0x50000+4096,,/data,0,4096,direct\n'],
    ['copied into', '1,,copy_in,,1,,,,/data,0,4096,\n'],
  ])('not of one that is %s', async (_name, before) => {
    expect(await warnings(before + WRITEBACK)).toEqual([])
  })
})

it.each([
  ['ext4', ['H-23@3']],
  ['tmpfs', []],
] as const)('the page cache of %s: what an operation reads there is of its kind', async (filesystem, expected) => {
  // The file is read before it is mapped: tmpfs has no page_mkwrite, and a long-term pin loses nothing.
  const rows =
    '0,0,io,,1,read,0x50000+4096,,/data,0,4096,\n0,,map,,1,,0x10000+4096,file,/data,0,,\n1,,pin,b,1,read,0x10000+4096,,,,,longterm\n'
  const backing = filesystem === 'tmpfs' ? rows.replace(',file,', ',shmem,') : rows
  const text = `# pinscope-trace 1\n# filesystem ${filesystem}\n# kernel 6.1\n${COLUMNS.replace('flags', 'flags,consumer')}${backing.replace(/\n/g, ',buffered\n')}2,,unpin,b,1,,,,,,,dirty,buffered\n`
  const findings = await auditText(text, HAZARD_RULES)
  expect(findings.map(({ rule, row }) => `${rule}@${row}`)).toEqual(expected)
})
