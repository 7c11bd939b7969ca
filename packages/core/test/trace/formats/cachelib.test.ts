import { describe, expect, it } from 'vitest'
import { cachelib } from '../../../src/trace/formats/cachelib.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { traceInfo } from '../../../src/trace/trace-info.ts'
import { chunked } from '../columns-as-rows.ts'
import { claimsOf, importSuite } from './import-suite.ts'

const BLOCK = 'op_time,block_id,io_size,io_offset,op_name,op_count,rs_shard_id\n'
const GOOD = '1702511883,b1,4096,27,getChunkData.Temp,1,7\n'
const KEY_VALUE = 'op_time,key,op,op_count,size\n'
const bad = (line: string) => `${BLOCK}${GOOD}${line}\n${GOOD}`

importSuite({
  format: cachelib,
  samples: [
    {
      // Made, but for the first two rows, which CacheLib documents. Counted with Python's csv module: 122 rows, of which op_name
      // begins with getChunk in 66 and with putChunk in 51, and is another in 5; the header stands in the middle once more.
      file: 'cachelib-block.csv',
      rows: 117,
      reads: 66,
      writes: 51,
      bytesRead: 105_242_142,
      bytesWritten: 127_423_882,
      level: 'L0',
      skipped: { 'operations of other kinds than read and write': 5, 'header lines': 1 },
      spanNs: 115_000_000_000,
      someRows: {
        1: {
          ts: 0,
          end: 'synchronous',
          op: 'read',
          offset: 1007643,
          len: 1953176,
          flags: ['assumed'],
          consumer: 'buffered',
        },
        2: { ts: 1e9, op: 'write', file: 'c5fbfea205741d23-ba30523fd77c62f7_001', offset: 0, len: 5270855 },
      },
      assumptions: ['whether it hit or not', 'no completion is recorded', 'taken as buffered I/O'],
    },
    {
      // The same, a row as often as op_count says.
      file: 'cachelib-block.csv',
      options: { formatOptions: { repeat: 'yes', file: 'user_namespace' } },
      rows: 129 + 111,
      reads: 129,
      writes: 111,
      bytesRead: 186321192,
      bytesWritten: 293711770,
      level: 'L0',
      skipped: { 'operations of other kinds than read and write': 5, 'header lines': 1 },
      someRows: { 1: { file: '3487869255' } },
    },
    {
      // Made, but for the first row. Counted with Python's csv module; op_count rows a line.
      file: 'cachelib-kv.csv',
      rows: 288 + 54,
      reads: 288,
      writes: 54,
      bytesRead: 1_387_222,
      bytesWritten: 263_140,
      level: 'L0',
      skipped: {
        'deletions, which move nothing': 21,
        'operations of size 0, which move nothing': 10,
        'lines whose op_count is 0': 4,
        'operations of other kinds than read and write': 4,
      },
      spanNs: 37_000_000_000,
      someRows: { 1: { ts: 0, op: 'read', file: '366387042', offset: -1, len: 87 } },
      assumptions: ['the values of the cache have no positions'],
    },
    {
      file: 'cachelib-kv.csv',
      options: { formatOptions: { repeat: 'no', file: 'none' } },
      rows: 86 + 30,
      reads: 86,
      writes: 30,
      bytesRead: 351028,
      bytesWritten: 130408,
      level: 'L0',
      skipped: {
        'deletions, which move nothing': 21,
        'operations of size 0, which move nothing': 10,
        'operations of other kinds than read and write': 4,
      },
      someRows: { 1: { file: null } },
    },
    {
      // Columns in the order of the first release, without times and with lines that end early.
      file: 'cachelib-kv-v1.csv',
      rows: 218 + 326,
      reads: 218,
      writes: 326,
      bytesRead: 564_972,
      bytesWritten: 872_153,
      level: 'L0',
      skipped: { 'deletions, which move nothing': 21, 'operations of size 0, which move nothing': 5 },
      // One row a microsecond.
      spanNs: 543_000,
      assumptions: ['the file has no times'],
    },
  ],
  malformed: [
    {
      title: 'no header',
      bytes: GOOD,
      message:
        't:1:1: the first line is not the header of a CacheLib trace\n' +
        'It needs block_id, io_offset, io_size, op_name; or key, op, size, op_count. Other files: --columns.',
    },
    {
      title: 'a size that is no number',
      bytes: bad('1702511884,b1,4k,27,getChunkData.Temp,1,7'),
      message: 't:3:15: io_size is "4k", expected bytes',
    },
    {
      title: 'no position',
      bytes: bad('1702511884,b1,4096,,getChunkData.Temp,1,7'),
      message: 't:3:20: io_offset is "", expected bytes',
    },
    {
      title: 'a time in words',
      bytes: bad('today,b1,4096,0,getChunkData.Temp,1,7'),
      message: 't:3:1: op_time is "today", expected seconds',
    },
    {
      title: 'milliseconds among seconds',
      bytes: bad('1702511884000,b1,4096,0,getChunkData.Temp,1,7'),
      message: 't:3:1: op_time is "1702511884000", expected seconds within 104 days of the first',
    },
    {
      title: 'too few cells',
      bytes: bad('1702511884,b1,4096,0'),
      message: 't:3:1: the line has 4 cells, expected 7 or more\nThe header names 7.',
    },
    {
      title: 'more operations in a line than are made rows of',
      bytes: `${KEY_VALUE}1,k,GET,65537,10\n1,k,GET,1,10\n`,
      message:
        't:2:9: op_count is "65537", expected at most 65536 operations\n' +
        'With --input-option repeat=no every line is one operation.',
    },
    {
      title: 'line after line of many operations',
      bytes: `${KEY_VALUE}${'1,k,GET,35000,10\n'.repeat(4)}`,
      // 2 x 35000 operations up to line 3; 65536 + 3 x 1000 are let through.
      message:
        't:3:9: op_count is "35000", expected at most 1000 operations a line on average\n' +
        'With --input-option repeat=no every line is one operation.',
    },
    {
      title: 'a number of operations that is none',
      bytes: `${KEY_VALUE}1,k,GET,-1,10\n1,k,GET,1,10\n`,
      message: 't:2:9: op_count is "-1", expected a number of operations',
    },
    {
      title: 'a quote that stands inside a cell',
      bytes: bad('1702511884,b"1",4096,"0",getChunkData.Temp,1,7'),
      message: 't:3:13: a quote stands where none may\nA quote inside a quoted cell is doubled: "".',
    },
    {
      title: 'a quote that is never closed',
      bytes: bad('1702511884,"b1,4096,0,getChunkData.Temp,1,7'),
      message: 't:3:12: a quote in this line is never closed\nThe record would go on to the end of the file.',
    },
    {
      title: 'a number in quotes that is none, behind a line feed in quotes',
      bytes: bad('1702511884,"b\n1",4096,"0""",getChunkData.Temp,1,7'),
      message: 't:4:9: io_offset is "0"", expected bytes',
    },
    {
      title: 'a file column that is not there',
      bytes: BLOCK + GOOD,
      options: { formatOptions: { file: 'tenant' } },
      message:
        't:1:1: input option file is "tenant", which the header does not name\n' +
        'It names "op_time,block_id,io_size,io_offset,op_na…".',
    },
  ],
})

describe('cachelib', () => {
  it('takes a header in quotes, and in any order', async () => {
    const quoted = '"op_name","io_size","block_id","io_offset"\n"putChunk.Temp",512,"b",0\n'
    expect(await claimsOf(Buffer.from(quoted))).toEqual(['cachelib'])
    const info = await traceInfo(await openTrace(chunked(Buffer.from(quoted)), 't'))
    expect(info).toMatchObject({ writes: 1, bytes: { written: 512 } })
  })
})
