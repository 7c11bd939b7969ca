import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FLAG_NAMES } from '../../../src/iter/row-flags.ts'
import { csv } from '../../../src/trace/formats/csv.ts'
import { type OpenOptions, openTrace } from '../../../src/trace/open-trace.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'
import { importSuite, messageOf } from './import-suite.ts'
import { sampleOptions } from './sample-options.ts'

const SAMPLES = fileURLToPath(new URL('../../../../../traces/formats/', import.meta.url))

const options = (columns: string, others: Readonly<Record<string, string>> = {}): OpenOptions => ({
  format: 'csv',
  formatOptions: { columns, ...others },
})
const PLAIN = options('ts=1:us,op=2,offset=3,len=4')
const GOOD = '100,R,0,4096\n'
const bad = (line: string) => `${GOOD}${line}\n${GOOD}`

/** A text of --columns that is refused at a character. */
const refused = (columns: string, character: number, problem: string, hint: string) => ({
  title: `--columns ${columns}`,
  bytes: GOOD,
  options: options(columns),
  message: `t: columns, character ${character}: ${problem}\n  ${columns}\n  ${' '.repeat(character - 1)}^\n${hint}`,
})

const TIME_UNITS = 'Units of time: s, ms, us, ns, filetime.'
const COUNTED = 'Columns are counted from 1, from the left, or named as the header has them.'
const UNIT = 'Is the unit of the column another? --columns says it: ts=1:s, offset=3:sector.'

importSuite({
  format: csv,
  samples: [
    {
      // Made. Counted with Python's csv module (delimiter ;): 110 rows below a comment and a header, 5 of them over two lines.
      file: 'csv-semicolons.csv',
      options: sampleOptions('csv-semicolons')!,
      rows: 110,
      reads: 72,
      writes: 38,
      bytesRead: 231_788,
      bytesWritten: 117_636,
      level: 'L0',
      skipped: { 'comment lines': 1, 'header lines': 1 },
      errors: 6,
      neverCompleted: 3,
      someRows: {
        // 1795236127314.857910 ms, 779.91 us; page 709520; -EIO.
        1: {
          line: 3,
          ts: 0,
          end: 779_910,
          mm: 4242,
          op: 'read',
          file: '/data/semi;colon',
          offset: 709_520 * 4096,
          len: 4096,
          result: -5,
          flags: ['assumed'],
        },
        // 1795236127316.249023 ms; no file, and how long it took is not told.
        2: { line: 4, ts: 1_391_113, end: 'synchronous', file: null, result: 8192, flags: ['direct', 'assumed'] },
        3: { line: 5, ts: 3_501_465, end: 3_501_465 + 151_590, op: 'write', file: '/data/"quoted"' },
      },
    },
    {
      // Made, as MQSim and DiskSim write it. awk '{n[$5]++; b[$5]+=$4*512}': 1 is a read.
      file: 'csv-disksim.trace',
      options: sampleOptions('csv-disksim')!,
      rows: 150,
      reads: 59,
      writes: 91,
      bytesRead: 1_163_264,
      bytesWritten: 2_658_304,
      level: 'L0',
      skipped: {},
      // 1473.109385 - 11.428052 ms.
      spanNs: 1_461_681_333,
      someRows: {
        1: { ts: 0, op: 'read', file: '1', offset: 64_768_331 * 512, len: 4096, flags: ['direct', 'assumed'] },
        2: { ts: 16_266_425, op: 'write', len: 4096 },
      },
      assumptions: ['no completion is recorded'],
    },
    {
      // Made. Python's csv module. The clock is one of boot, and its numbers are above 2^52.
      file: 'csv-addresses.csv',
      options: sampleOptions('csv-addresses')!,
      rows: 80,
      reads: 53,
      writes: 27,
      bytesRead: 1_083_904,
      bytesWritten: 443_392,
      level: 'L3',
      skipped: { 'header lines': 1 },
      errors: 0,
      someRows: {
        1: {
          ts: 0,
          end: 120_445,
          mm: 311,
          call: 'pwrite64',
          op: 'write',
          file: '/dev/vdb',
          offset: 510_846_464,
          segments: [{ address: 0x7f000c275a00, offset: 0, file: null, length: 65536 }],
          result: 65536,
          flags: [],
        },
      },
      assumptions: ['whether an operation was direct is not recorded'],
    },
  ],
  malformed: [
    {
      title: 'no --columns',
      bytes: GOOD,
      message:
        't: a CSV does not tell which column is what\n' +
        'Say it with --columns, as in --columns ts=1:us,op=2,offset=3:sector,len=4 (columns from 1).',
    },
    refused('ts=1,op=2,len=4', 4, 'ts needs its unit', `${TIME_UNITS} As in ts=3:us.`),
    refused('ts=1:min,op=2,len=4', 6, 'there is no unit of time "min"', `${TIME_UNITS} As in ts=3:us.`),
    refused('ts=0:us,op=2,len=4', 4, 'ts is column "0", expected a number from 1 to 256', COUNTED),
    refused('op=2 len=4', 4, 'op is column "2 len=4", expected a number from 1 to 256', COUNTED),
    refused('ts=1:us,op=2', 13, 'len is missing', 'Add len=N:B, or another unit of size.'),
    refused('ts=1:us,len=4', 14, 'op is missing', 'Add op=N, or op=read where every row is a read.'),
    refused('ts=1:us,op=2,lenn=4', 14, 'there is no column name "lenn"', 'Did you mean len?'),
    refused('ts=1:us,4', 9, '"4" is not NAME=COLUMN', 'As in ts=1:us,op=2,offset=3:sector,len=4.'),
    refused(
      'ts=1:us,op=2:0=read/1=wriet,len=4',
      21,
      '"1=wriet" is not WORD=read, WORD=write or WORD=skip',
      'As in op=2:0=read/1=write.',
    ),
    refused('op=2,len=3,len=4', 12, 'len is named twice', 'Leave one of them out.'),
    refused('addr=1,nsg=2,op=read,len=3', 8, 'addr and nsg exclude each other', 'Leave one of them out.'),
    refused('op=2,latency=1:s,end=3:s,len=4', 18, 'end and latency exclude each other', 'Leave one of them out.'),
    refused(
      'op=2,len=4:furlong',
      12,
      'there is no unit of size "furlong"',
      'Units of size: B, KiB, MiB, GiB, sector, page, or bytes: len=3:520.',
    ),
    refused(
      'op=read:R=read,len=4',
      9,
      'op is the same for every row, and has no words',
      'As in op=read, or op=5:R=read/W=write.',
    ),
    refused('op=2,len=4,flags=direct+nowiat', 25, 'there is no flag "nowiat"', 'As in flags=direct, or flags=7.'),
    refused(
      'op=2,len=4:sectors',
      12,
      'there is no unit of size "sectors"',
      'Did you mean sector? Units of size: B, KiB, MiB, GiB, sector, page, or bytes: len=3:520.',
    ),
    {
      title: 'a name that the header does not have',
      bytes: 'Timestamp,Type,Size\n1,R,512\n',
      options: options('ts=Time:us,op=Type,len=Size'),
      message:
        't: columns, character 4: ts is column "Time", expected a number from 1 to 256, or a name of the header\n' +
        '  ts=Time:us,op=Type,len=Size\n     ^\nThe header: "Timestamp, Type, Size".',
    },
    refused('op=2,len=4,file=3:B', 19, 'file has no unit', 'As in file=3.'),
    {
      title: 'a separator that is in numbers',
      bytes: GOOD,
      options: options('op=2,len=4', { sep: '.' }),
      message:
        't: input option sep is ".", expected a character that is in no cell\n' +
        'Or one of comma, semicolon, tab, space, pipe.',
    },
    {
      title: 'a direction that is a number, with nothing said of it',
      bytes: bad('200,0,0,4096'),
      options: PLAIN,
      message:
        't:2:5: op is "0", and a number does not tell which way the data goes\n' +
        '0 is a read in some formats and a write in others. Say it: op=2:0=read/1=write, or op=2:0=write/1=read.',
    },
    {
      title: 'a direction in a word that nobody knows',
      bytes: bad('200,D,0,4096'),
      options: PLAIN,
      message:
        't:2:5: op is "D", expected r, rd, read, w, wr or write\n' +
        'Other words: --columns op=2:GET=read/PUT=write/DELETE=skip.',
    },
    {
      title: 'a direction that was not named',
      bytes: '100,0,0,4096\n200,2,0,4096\n300,1,0,4096\n',
      options: options('ts=1:us,op=2:0=read/1=write,offset=3,len=4'),
      message: 't:2:5: op is "2", expected 0, 1\nTo pass such rows over: --columns op=2:…/WORD=skip.',
    },
    {
      title: 'a time with an exponent',
      bytes: bad('2e3,R,0,4096'),
      options: PLAIN,
      message: 't:2:1: ts is "2e3", expected a number of us\nDates, exponents and signs are not read: write numbers.',
    },
    {
      title: 'a time far from the first',
      bytes: bad('10000000000000000,R,0,4096'),
      options: PLAIN,
      message: `t:2:1: ts is "10000000000000000", more than 104 days from the first one\n${UNIT}`,
    },
    {
      title: 'a row with too few cells',
      bytes: bad('200,R,0'),
      options: PLAIN,
      message:
        't:2:1: the line has 3 cells, and --columns names column 4\n' +
        'Is the separator another? --input-option sep=semicolon (comma, semicolon, tab, space, pipe).',
    },
    {
      title: 'a length with a unit',
      bytes: bad('200,R,0,"4k"'),
      options: PLAIN,
      message: 't:2:9: len is "4k", expected a whole number of B',
    },
    {
      title: 'a position in sectors that is none in bytes',
      bytes: bad('200,R,9007199254740991,8'),
      options: options('ts=1:us,op=2,offset=3:sector,len=4:sector'),
      message: `t:2:7: offset is "9007199254740991", in sector more than 2^53 - 1 bytes\n${UNIT}`,
    },
    {
      title: 'an end before the beginning',
      bytes: '1000,R,2000,4096\n2000,R,150,4096\n3000,R,3001,512\n',
      options: options('ts=1:us,op=2,end=3:us,len=4'),
      message: 't:2:8: end is "150", before its ts\nIs it how long the operation took? Then say latency=N:us.',
    },
    {
      title: 'a result in words',
      bytes: bad('200,R,EIO,4096'),
      options: options('ts=1:us,op=2,result=3,len=4'),
      message: 't:2:7: result is "EIO", expected bytes, or -1 to -4095 for an error',
    },
    {
      title: 'a flag that is none',
      bytes: '100,R,direct,4096\n200,R,direct O_SYNC,4096\n300,R,direct,512\n',
      options: options('ts=1:us,op=2,flags=3,len=4'),
      message: `t:2:7: flags is "direct O_SYNC", expected words with blanks\nWords: ${FLAG_NAMES.join(' ')}.`,
    },
    {
      title: 'an address of the kernel',
      bytes: '100,R,0x7f0000000000,4096\n200,R,0xffff888000000000,4096\n300,R,0,512\n',
      options: options('ts=1:us,op=2,addr=3,len=4'),
      message:
        't:2:7: addr is "0xffff888000000000", expected an address below 2^53, decimal or with 0x\n' +
        'Without addr the buffers are laid out as --layout says.',
    },
    {
      title: 'more elements than a list may have',
      bytes: '100,R,1,4096\n200,R,65537,4096\n300,R,1,512\n',
      options: options('ts=1:us,op=2,nsg=3,len=4'),
      message: 't:2:7: nsg is "65537", expected a whole number up to 65536',
    },
    {
      title: 'a pid that is none',
      bytes: bad('200,R,4294967296,4096'),
      options: options('ts=1:us,op=2,pid=3,len=4'),
      message: 't:2:7: mm is "4294967296", expected a whole number up to 2147483647',
    },
    {
      title: 'a quote inside a cell',
      bytes: bad('200,R,1"0"0,4096'),
      options: PLAIN,
      message: 't:2:8: a quote stands where none may\nA quote inside a quoted cell is doubled: "".',
    },
    {
      title: 'a fault in the third line of a record',
      bytes: '100,R,0,name,4096\n200,R,0,"two\n""lines""\n",4k\n300,R,0,name,4096\n',
      options: options('ts=1:us,op=2,offset=3,file=4,len=5'),
      message: 't:4:3: len is "4k", expected a whole number of B',
    },
  ],
})

/** Cells of the rows of a file that other formats and the description of their columns must agree in. */
async function commonCells(file: string, options?: OpenOptions): Promise<object[]> {
  const reader = await openTrace(chunked(readFileSync(SAMPLES + file)), file, options)
  const rows: object[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) {
      const { ts, end, op, offset, len, flags, segments } = columnsOf(reader, batch, row) as Record<string, unknown>
      rows.push({ ts, end, op, offset, len, flags, segments })
    }
  }
  return rows
}

describe('csv: what the description of a data set says, --columns can say', () => {
  it.each([
    ['msr.csv', 'ts=1:filetime,latency=7:filetime,op=4,offset=5,len=6,file=2,flags=direct'],
    ['alibaba.csv', 'ts=5:us,op=2,offset=3,len=4,file=1,flags=direct'],
    ['tencent.csv', 'ts=1:s,op=4:0=read/1=write,offset=2:sector,len=3:sector,file=5,flags=direct'],
    ['spc.spc', 'ts=5:s,op=4,offset=2:sector,len=3,file=1,flags=direct'],
  ])('%s: --columns %s', async (file, columns) => {
    expect(await commonCells(file, options(columns))).toEqual(await commonCells(file))
  })

  it('systor.csv, whose times are exact to a microsecond only', async () => {
    const untimed = (rows: object[]) => rows.map((row) => ({ ...row, ts: 0, end: 0 }))
    const columns = 'ts=1:s,latency=2:s,op=3:R=read/W=write/=skip/IOType=skip,offset=5,len=6,file=4,flags=direct'
    expect(untimed(await commonCells('systor.csv', options(columns)))).toEqual(untimed(await commonCells('systor.csv')))
  })
})

async function rowsOf(text: string, given: OpenOptions): Promise<object[]> {
  const reader = await openTrace(chunked(Buffer.from(text, 'latin1')), 't', given)
  const rows: object[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row))
  }
  return rows
}

describe('csv', () => {
  it('reads the space-separated traces of Tectonic of Baleen, whose operations are numbers', async () => {
    const columns = 'file=1,offset=2,len=3,ts=4:s,op=5:1=read/2=read/5=read/3=write/4=write/6=write'
    const text =
      '# block_id io_offset io_size op_time op_name\n310 262144 4325376 1572074461.57806 1 24 3 5\n311 0 512 1572074461.57807 4 24 3 5\n'
    expect(await rowsOf(text, options(columns, { sep: 'space' }))).toMatchObject([
      { ts: 0, op: 'read', file: '310', offset: 262144, len: 4325376 },
      { ts: 10_000, op: 'write', file: '311', offset: 0, len: 512 },
    ])
  })

  it('takes a file without times in its order, 1 us apart', async () => {
    const rows = await rowsOf('R,1\nW,2\n', options('op=1,len=2:KiB'))
    expect(rows).toMatchObject([
      { ts: 0, op: 'read', len: 1024 },
      { ts: 1000, op: 'write', len: 2048 },
    ])
  })

  it('passes over the words that are to be', async () => {
    const rows = await rowsOf(
      '1,GET,10\n2,DEL,0\n3,,0\n4,PUT,20\n',
      options('ts=1:s,op=2:GET=read/PUT=write/DEL=skip/=skip,len=3'),
    )
    expect(rows).toMatchObject([{ op: 'read' }, { line: 4, op: 'write', ts: 3e9 }])
  })

  it.each([
    ['Timestamp,Offset,Größe,"IO Type"\n1,0,512,R\n', 'comma'],
    ['# a comment\nTimestamp;Offset;Größe;IO Type\n1;0;512;R\n', 'semicolon'],
  ])('finds columns by the names of the header: %j', async (text, sep) => {
    const given = options('ts=Timestamp:s,offset=Offset:sector,len=Größe,op=IO Type', { sep })
    const rows = await rowsOf(Buffer.from(text).toString('latin1'), given)
    expect(rows).toMatchObject([{ ts: 0, op: 'read', offset: 0, len: 512 }])
  })

  it('takes bytes of a name as they are', async () => {
    const rows = await rowsOf('1,R,5,caf\xe9\r\n2,R,5,"d""\xc3\xa9"\r\n', options('ts=1:s,op=2,len=3,file=4'))
    expect(rows).toMatchObject([{ file: 'caf\ufffd' }, { file: 'd"é' }])
  })

  it('has elements of a list (L1), empty ends and never', async () => {
    const rows = await rowsOf(
      '1,read,8192,2,never\n2,read,0,0,\n3,read,512,1,4\n',
      options('ts=1:s,op=read,len=3,nsg=4,end=5:s'),
    )
    expect(rows).toMatchObject([{ end: 'never' }, { end: 'synchronous', len: 0 }, { end: 3e9 }])
  })

  it.each([
    ['yes', '1,R,512\n2,R,512\n', 1],
    ['no', '1,R,512\n2,R,512\n', 2],
    ['auto', 'ts,op,len\n1,R,512\n2,R,512\n', 2],
    ['auto', '"ts","op","len"\n"1","R","512"\n2,R,512\n', 2],
  ])('header=%s of %j makes %d rows', async (header, text, count) => {
    expect((await rowsOf(text, options('ts=1:s,op=2,len=3', { header }))).length).toBe(count)
  })

  it('with header=no a name is a fault', async () => {
    const given = options('ts=1:s,op=2,len=3', { header: 'no' })
    expect(await messageOf(Buffer.from('ts,R,512\n1,R,512\n'), given)).toMatch(
      /^t:1:1: ts is "ts", expected a number of s\n/,
    )
  })

  it('a blank line inside quotes is part of the name', async () => {
    const rows = await rowsOf('1,R,5,"a\n\nb ""c"""\n2,R,5,x\n', options('ts=1:s,op=2,len=3,file=4'))
    expect(rows).toMatchObject([
      { line: 1, file: 'a\n\nb "c"' },
      { line: 4, file: 'x' },
    ])
  })

  it('a quote that is never closed is told, however long the file', async () => {
    const text = `1,R,5,"a\n${'2,R,5,x\n'.repeat(300_000)}`
    expect(await messageOf(Buffer.from(text), options('ts=1:s,op=2,len=3,file=4'))).toBe(
      't:1:7: the quoted record has more than 2097152 bytes\nIs a quote in it never closed?',
    )
  })
})

describe('docs/formats/csv.md', () => {
  const page = readFileSync(fileURLToPath(new URL('../../../../../docs/formats/csv.md', import.meta.url)), 'utf8')

  /** A line of the files that the page names, from the descriptions of the sets, by a word of its row. */
  const LINES: Readonly<Record<string, { line: string; row: object }>> = {
    MSR: {
      line: '128166372003061629,hm,1,Read,2096128,512,63736',
      row: { end: 6_373_600, op: 'read', offset: 2_096_128, len: 512 },
    },
    Alibaba: {
      line: '0,R,126703644672,4096,1577808000000626',
      row: { op: 'read', offset: 126_703_644_672, len: 4096 },
    },
    Tencent: {
      line: '1538323199,105352008,584,1,1576',
      row: { op: 'write', offset: 105_352_008 * 512, len: 584 * 512 },
    },
    SPC: { line: '1,3436288,15872,r,1.250720', row: { op: 'read', file: '1', offset: 3_436_288 * 512, len: 15_872 } },
    SYSTOR: {
      line: '1456135200.113118000,0.001013000,W,0,8192,4096',
      row: { end: 1_013_000, op: 'write', offset: 8192, len: 4096 },
    },
    K5: { line: '17,0.000123,W,8192,4096', row: { op: 'write', file: '17', offset: 8192, len: 4096 } },
    FIU: {
      line: '89968195792462 20782 gzip 283193184 8 R 6 0 56f11b711d91a065a2b6458eca924523',
      row: { op: 'read', mm: 20_782, file: '0', offset: 283_193_184 * 512, len: 4096 },
    },
    DiskSim: { line: '11.428052 1 64768331 8 1', row: { op: 'read', offset: 64_768_331 * 512, len: 4096 } },
    Tectonic: {
      line: '310 262144 4325376 1572074461.57806 1 24 3 5',
      row: { op: 'read', file: '310', offset: 262_144, len: 4_325_376 },
    },
  }

  it.each(Object.entries(LINES))('%s: the columns of the table read a line of it', async (name, { line, row }) => {
    const found = page.split('\n').find((text) => text.startsWith('|') && text.includes(name) && text.includes('len='))!
    const [, , columns, others] = found.split('|').map((cell) => cell.trim().replaceAll('`', ''))
    const sep = /sep=(\w+)/.exec(others!)?.[1]
    expect(await rowsOf(`${line}\n`, options(columns!, sep === undefined ? {} : { sep }))).toMatchObject([row])
  })
})

describe('csv: names in and out of quotes', () => {
  /** A cell as RFC 4180 has it; in quotes where it must be, or because it may. */
  function cell(text: string, isQuoted: boolean): string {
    return isQuoted || /[",;\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }

  it('come out as they went in, whatever the separator and the chunks', async () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '"', ',', ';', '\n', 'é'), minLength: 1, maxLength: 8 })
    const names = fc.array(fc.tuple(name, fc.boolean()), { minLength: 1, maxLength: 12 })
    const separator = fc.constantFrom(',', ';')
    await fc.assert(
      fc.asyncProperty(names, separator, fc.integer({ min: 1, max: 40 }), async (given, sep, size) => {
        const text = given
          .map(([file, isQuoted], i) => `${i}${sep}${cell(file, isQuoted)}${sep}"R"${sep}512\n`)
          .join('')
        const options = { columns: 'ts=1:ms,file=2,op=3,len=4', sep }
        const reader = await openTrace(chunked(Buffer.from(text), [size]), 't', {
          format: 'csv',
          formatOptions: options,
        })
        const files: string[] = []
        for await (const batch of reader.batches()) {
          for (let row = 0; row < batch.length; row++) files.push(reader.files.text(batch.file[row]!))
        }
        expect(files).toEqual(given.map(([file]) => file))
      }),
      { seed: 4180, numRuns: 300 },
    )
  })
})
