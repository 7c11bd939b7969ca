import { describe, expect, it } from 'vitest'
import { HAZARD_RULES } from '../../src/lifetime/rules.ts'
import { auditText } from '../../src/testing/audit-text.ts'

// What writeback does to a folio that is clean, large, or awaited: reference/lifetime.md 3.2 (clear_dirty_for_io returns whether
// there is something to write), 1 (the state is the folio's), 5.2 (who waits for stable pages). Under every rule.

const COLUMNS = 'ts,end,event,id,mm,op,segs,backing,file,offset,len,flags\n'
const EXT4 = '# filesystem ext4\n'
const STABLE = '# filesystem ext4\n# stable-writes yes\n'
const MAP = '0,,map,,1,,0x10000+4096,file,/data,0,,\n'
const PIN = '1,,pin,b,1,read,0x10000+4096,,,,,\n'
const WRITEBACK = '2,,writeback,,,,,,/data,0,,\n'
const END = '2,,writeback_end,,,,,,/data,0,,\n'
const DMA = '3,,dma,,1,read,0x10000+4096,,,,,\n'
const LATER = '4,,writeback,,,,,,/data,0,,\n5,,writeback_end,,,,,,/data,0,,\n'
const UNPIN = '8,,unpin,b,1,,,,,,,\n'
const UNPIN_DIRTY = '8,,unpin,b,1,,,,,,,dirty\n'
const RECLAIM = '9,,reclaim,,,,,,/data,0,,\n'

async function found(rows: string, header = EXT4): Promise<string[]> {
  const findings = await auditText(`# pinscope-trace 1\n${header}${COLUMNS}${rows}`, HAZARD_RULES)
  return findings.map(({ rule, row, pages }) => `${rule}@${row}${pages === 1 ? '' : `(${pages})`}`)
}

/** The rows that an event is told of. */
async function rowsOf(event: 'clean' | 'writeback' | 'writeback_end', rows: string): Promise<number[]> {
  const told: number[] = []
  await auditText(`# pinscope-trace 1\n${EXT4}${COLUMNS}${rows}`, [
    { ...HAZARD_RULES[0]!, watch: ({ bus }) => ({ [event]: () => told.push(bus.row) }) },
  ])
  return told
}

describe('a clean folio has nothing to write', () => {
  it('what a device stored to it is not saved by a further writeback: lost when the page is reclaimed', async () => {
    const once = MAP + PIN + WRITEBACK + END + DMA
    expect(await found(once + UNPIN + RECLAIM)).toEqual(['H-03@3', 'H-02@5', 'H-06@6'])
    expect(await found(once + LATER + UNPIN + RECLAIM)).toEqual(['H-03@3', 'H-02@5', 'H-06@8'])
  })

  it('nor is it under writeback: a store is none under stable pages', async () => {
    const late = LATER.split('\n')
    const rows = `${MAP + PIN + WRITEBACK + END}${late[0]}\n${DMA.replace('3,', '4,')}${late[1]}\n${UNPIN_DIRTY}`
    expect(await found(rows, STABLE)).toEqual(['H-03@3', 'H-05@8'])
  })

  it('a range that is written back is that of its dirty pages', async () => {
    const wide = MAP.replace('4096', '8192')
    const touch = '1,,store,,1,,0x10000+8192,,,,,\n'
    const again = '3,,store,,1,,0x11000+64,,,,,\n'
    const rows = wide + touch + WRITEBACK + END + again + LATER
    expect(await rowsOf('clean', rows)).toEqual([3, 3, 6])
    expect(await rowsOf('writeback', rows)).toEqual([3, 3, 6])
    expect(await rowsOf('writeback_end', rows)).toEqual([4, 4, 7])
  })

  it('one of which nothing is known is taken at the word of the row, once', async () => {
    const load = '1,,load,,1,,0x10000+4096,,,,,\n'
    expect(await rowsOf('writeback', MAP + load + WRITEBACK + END + LATER)).toEqual([3])
  })

  it('cleaned in a row of its own it is still to be written', async () => {
    const clean = '1,,clean,,,,,,/data,0,,\n'
    expect(await rowsOf('writeback', MAP + PIN + clean + WRITEBACK + END + LATER)).toEqual([4])
  })
})

describe('a large folio is one', () => {
  const map = MAP.replace('4096', '16384').replace(',,\n', ',,order=2\n')
  const tail = WRITEBACK.replace('0,,', '12288,4096,') + END.replace('0,,', '12288,4096,')

  it('cleaned by a page of it that nobody has pinned', async () => {
    expect(await found(map + PIN + tail + DMA + UNPIN_DIRTY)).toEqual(['H-03@3', 'H-05@6'])
  })

  it('cleaned as a whole it is cleaned once, whichever page is pinned', async () => {
    const third = (row: string): string => row.replace('0x10000', '0x12000')
    expect(await found(map + third(PIN) + WRITEBACK + END + third(DMA) + UNPIN_DIRTY)).toEqual(['H-03@3', 'H-05@6'])
    expect(await rowsOf('clean', map + third(PIN) + WRITEBACK + END)).toEqual([3])
  })

  it('cut in the middle it stays in its file', async () => {
    const cut = '1,,truncate,,,,,,/data,8192,,\n'
    expect(await found(map + PIN + cut + WRITEBACK + END + DMA + UNPIN_DIRTY)).toEqual(['H-03@4', 'H-05@7'])
    const whole = '1,,truncate,,,,,,/data,0,,\n'
    expect(await found(map + PIN + whole + WRITEBACK + END + DMA + UNPIN_DIRTY)).toEqual([])
  })

  it('truncated while a device is to store into its third page', async () => {
    const dma = '1,,dma,d,1,read,0x12000+4096,,,,,\n'
    const end = '9,,dma_end,d,,,,,,,,\n'
    const rows = `${map + PIN.replace('0x10000', '0x12000') + dma}2,,truncate,,,,,,/data,0,,\n${end}9,,unpin,b,1,,,,,,,dirty\n`
    expect(await found(rows)).toEqual(['H-42@4'])
  })
})

describe('a fault for writing waits for stable pages', () => {
  const store = '1,,store,,1,,0x10000+64,,,,,\n'
  const pin = PIN.replace('1,', '2,')
  const end = END.replace('2,', '5,')

  it('a pin that faults is there when the writeback is over: what comes by it is stored then', async () => {
    expect(await found(MAP + store + WRITEBACK + pin + DMA + end + UNPIN_DIRTY, STABLE)).toEqual([])
  })

  it('one that was there before takes no fault, and waits for nothing', async () => {
    expect(await found(MAP + PIN + WRITEBACK + DMA + end + UNPIN_DIRTY, STABLE)).toEqual(['H-03@3', 'H-01@4', 'H-05@6'])
    const both =
      MAP + PIN + WRITEBACK + pin.replace(',b,', ',c,') + DMA + end + UNPIN_DIRTY + UNPIN_DIRTY.replace(',b,', ',c,')
    expect(await found(both, STABLE)).toEqual(['H-03@3', 'H-01@5'])
  })

  it('without stable pages nobody waits, and nothing is wrong', async () => {
    expect(await found(MAP + store + WRITEBACK + pin + DMA + end + UNPIN_DIRTY)).toEqual([])
  })

  it.each([
    ['pin', pin],
    ['mkwrite', '2,,mkwrite,,1,,0x10000+4096,,,,,\n'],
  ])('%s: counted', async (_name, row) => {
    const waits: number[] = []
    await auditText(`# pinscope-trace 1\n${STABLE}${COLUMNS}${MAP + store + WRITEBACK + row + end}`, [
      { ...HAZARD_RULES[0]!, watch: ({ folios }) => ({ writeback_end: () => waits.push(folios.waits.store) }) },
    ])
    expect(waits).toEqual([1])
  })
})
