import { describe, expect, it } from 'vitest'
import { fioIolog } from '../../../src/trace/formats/fio-iolog.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'
import { claimsOf, importSuite } from './import-suite.ts'

const HINT = 'Expected [TIME] FILE add|open|close, or [TIME] FILE read|write|sync|datasync|trim|wait OFFSET LENGTH.'
const V2 = 'fio version 2 iolog\n'
const V3 = 'fio version 3 iolog\n'
const NO_COMPLETION = 'no completion is recorded'
const DIRECT_UNKNOWN = 'whether the job did direct I/O is not told'

importSuite({
  format: fioIolog,
  samples: [
    {
      // fio 3.33: grep -c ' read ' is 7, ' write ' 5, ' sync ' 2, all of 4096 bytes; the first operation at 124 us, the last at 1480.
      file: 'fio-iolog-v3.iolog',
      rows: 12,
      reads: 7,
      writes: 5,
      bytesRead: 7 * 4096,
      bytesWritten: 5 * 4096,
      level: 'L0',
      skipped: { 'files added, opened and closed': 3, syncs: 2 },
      spanNs: 1_356_000,
      someRows: {
        1: {
          line: 4,
          ts: 0,
          end: 'synchronous',
          file: '/mnt/w/fio.dat',
          offset: 0,
          len: 4096,
          consumer: null,
          result: null,
        },
        4: { line: 7, ts: 508_000, op: 'write', offset: 28_672, flags: ['assumed'], call: null },
        12: { ts: 1_356_000, op: 'read', offset: 40_960 },
      },
      assumptions: [NO_COMPLETION, DIRECT_UNKNOWN],
    },
    {
      file: 'fio-iolog-v3.iolog',
      options: { formatOptions: { direct: 'yes' } },
      rows: 12,
      reads: 7,
      writes: 5,
      bytesRead: 7 * 4096,
      bytesWritten: 5 * 4096,
      level: 'L0',
      skipped: { 'files added, opened and closed': 3, syncs: 2 },
      someRows: { 1: { consumer: 'bio', flags: ['direct', 'assumed'] } },
    },
    {
      // Two jobs of one fio 3.33 that wrote into one file, one with a name that fio cannot read back: 6 writes of 8192 bytes from
      // 104 to 159 us; 2 reads and 4 writes of 4096 bytes from 210 to 1180 us. grep -c of each action.
      file: 'fio-iolog-jobs.iolog',
      options: { formatOptions: { direct: 'no' } },
      rows: 12,
      reads: 2,
      writes: 10,
      bytesRead: 2 * 4096,
      bytesWritten: 4 * 4096 + 6 * 8192,
      level: 'L0',
      skipped: { 'files added, opened and closed': 6, syncs: 2, 'first lines of further jobs': 1 },
      spanNs: 1_076_000,
      someRows: {
        1: { file: 'two.dat', len: 8192, consumer: 'buffered', flags: ['assumed'] },
        7: { file: 'with space.dat', ts: 106_000, offset: 0, len: 4096 },
      },
      doubts: ['several jobs or runs wrote into this file'],
    },
    {
      // Written by hand. fio waits until 4000 ms from the start, and for the waits of 90 and 200 not at all.
      file: 'fio-iolog-v2.iolog',
      rows: 5,
      reads: 4,
      writes: 1,
      bytesRead: 1024 + 4096 + 512 + 1_048_576,
      bytesWritten: 8192,
      level: 'L0',
      skipped: { 'files added, opened and closed': 4, waits: 3, syncs: 2, trims: 1 },
      spanNs: 4_000_000_000,
      someRows: {
        1: { ts: 0, file: '/dev/sdb' },
        2: { ts: 4_000_000_000, op: 'write', offset: 4096 },
        3: { ts: 4_000_000_000, file: 'a data file' },
        4: { file: '\\\\.\\PhysicalDrive1', offset: 512, len: 512 },
      },
      assumptions: [NO_COMPLETION, DIRECT_UNKNOWN],
      doubts: ['a wait is not longer than one before'],
    },
    {
      // As the HOWTO has it: 4000 us, 90 discarded, 200 us.
      file: 'fio-iolog-v2.iolog',
      options: { formatOptions: { wait: 'howto' } },
      rows: 5,
      reads: 4,
      writes: 1,
      bytesRead: 1024 + 4096 + 512 + 1_048_576,
      bytesWritten: 8192,
      level: 'L0',
      skipped: { 'files added, opened and closed': 4, waits: 3, syncs: 2, trims: 1 },
      spanNs: 4_200_000,
      someRows: { 2: { ts: 4_000_000 }, 4: { ts: 4_000_000 }, 5: { ts: 4_200_000 } },
    },
  ],
  malformed: [
    {
      title: 'version 1',
      bytes: '0, 4096, 4096\n1, 0, 512\n',
      message:
        't:1:1: it is version 1 of the format (rw, offset, length), which names no file and has no times\nfio has not written it since 1.17; record again with --write_iolog.',
    },
    {
      title: 'a version to come',
      bytes: 'fio version 4 iolog\n',
      message: 't:1:1: it is version 4 of the format, expected "fio version 2 iolog" or "fio version 3 iolog"',
    },
    {
      title: 'no first line',
      bytes: '124 /a read 0 4096\n',
      message: 't:1:1: it begins with "124 /a read 0 4096", expected "fio version 2 iolog" or "fio version 3 iolog"',
    },
    {
      title: 'no time in version 3',
      bytes: `${V3}/a read 0 4096\n`,
      message: `t:2:1: found "/a", expected microseconds\n${HINT}`,
    },
    {
      title: 'a word alone',
      bytes: `${V3}124\n`,
      message: `t:2:1: found "124", expected TIME FILE ACTION\n${HINT}`,
    },
    {
      title: 'an action that is none',
      bytes: `${V3}1 /a read 0 4096\n124 /a erase 0 4096\n`,
      message: `t:3:8: found "erase 0 4096", expected an action\n${HINT}`,
    },
    {
      title: 'a size with a suffix',
      bytes: `${V3}124 /a read 0 4k\n`,
      message: `t:2:15: found "4k", expected bytes\n${HINT}`,
    },
    {
      title: 'a negative position',
      bytes: `${V3}124 /a read -1 4096\n`,
      message: `t:2:13: found "-1", expected a number\n${HINT}`,
    },
    {
      title: 'no name',
      bytes: `${V3}124 read 0 4096\n`,
      message: `t:2:4: found " read 0 4096", expected the name of a file\n${HINT}`,
    },
    {
      title: 'times of version 3 in a log of version 2: part of the name there, but not where it has an action',
      bytes: `${V2}/a read 0 4096\n/a read 0\n`,
      message: `t:3:1: found "/a read 0", expected an action\n${HINT}`,
    },
    {
      title: 'a job of another version behind',
      bytes: `${V3}124 /a read 0 4096\n${V2}`,
      message: 't:3:1: "fio version 2 iolog" in a log of version 3\nSplit the file at this line.',
    },
    {
      title: 'what two jobs mixed when their buffers were full',
      bytes: `${V3}124 /a read 0 4096\n${V3}125 /b rea130 /a read 4096 4096\nd 0 4096\n`,
      message:
        't:5:1: found "d", expected microseconds\nSeveral jobs wrote into this file, and broke each other’s lines: give each a log of its own, and join them with pinscope trace merge.',
    },
  ],
})

async function importText(text: string) {
  const reader = await openTrace(chunked(Buffer.from(text)), 't')
  const rows: object[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row))
  }
  return { rows, report: reader.imported! }
}

describe('fio-iolog: what fio does not write but reads', () => {
  it('tabs, several blanks, and a sync without a range', async () => {
    const { rows, report } = await importText(`${V2}/a\tread  0\t\t4096 \n/a sync\n/a datasync\n`)
    expect(rows).toMatchObject([{ file: '/a', offset: 0, len: 4096 }])
    expect(report.skipped).toMatchObject([{ reason: 'syncs', count: 2 }])
  })

  it('a wait in version 3, which fio ignores', async () => {
    const { rows } = await importText(`${V3}5 /a read 0 512\n6 /a wait 1000 0\n7 /a read 0 512\n`)
    expect(rows).toMatchObject([{ ts: 0 }, { ts: 2000 }])
  })

  it('a line of blanks takes no time', async () => {
    await expect(importText(`${V2}${' '.repeat(1 << 20)}x\n`)).rejects.toThrow('t:2:1: found "')
  })

  it('is told apart, version 1 too', async () => {
    expect(await claimsOf(Buffer.from(V2))).toEqual(['fio-iolog'])
    expect(await claimsOf(Buffer.from('1, 0, 4096\n'))).toEqual(['fio-iolog'])
    expect(await claimsOf(Buffer.from('1,0,4096\n0,4096,512\n'))).toEqual(['fio-iolog'])
  })
})
