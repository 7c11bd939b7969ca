import { describe, expect, it } from 'vitest'
import { blkparse } from '../../../src/trace/formats/blkparse.ts'
import { claimsOf, importSuite } from './import-suite.ts'

const HINT = 'Only blkparse’s own format is read: call it without -f and -F.'
const HEAD = '  8,0    0        1     0.000000000   100  '
const GOOD = `${HEAD}Q   R 64 + 8 [fio]\n`
/** The summary and the empty lines around it are not counted here: grep -c of what is no event and not empty. */
const SUMMARY_OF_EVENTS = 36

// Counted in blkparse-events.txt with awk by letter: A1 B1 C18 D17 F1 G4 I3 M1 P1 Q18 R1 S1 U1 UT1 X3 m1. Of the Q one is a
// flush, one a discard and one the rest of a split again: 15. Their sectors were added up by hand.
const EVENTS = {
  file: 'blkparse-events.txt',
  rows: 15,
  reads: 9,
  bytesRead: (3 * 8 + 256 + 8 + 2 * 8 + 8 + 128) * 512,
  writes: 6,
  bytesWritten: (8 + 64 + 16 + 8 + 8 + 8) * 512,
  level: 'L0',
  errors: 1,
  neverCompleted: 1,
  assumptions: ['one buffer', 'page cache'],
} as const

importSuite({
  format: blkparse,
  samples: [
    {
      // blkparse of the reference: two Q of data (write of 8, read of 256 sectors), one discard, one flush; C of the first only.
      file: 'blkparse-default.txt',
      rows: 2,
      reads: 1,
      writes: 1,
      bytesRead: 256 * 512,
      bytesWritten: 8 * 512,
      level: 'L0',
      skipped: { 'further events of the same I/O': 2, splits: 1, remaps: 1, discards: 1, flushes: 1 },
      spanNs: 489_500,
      neverCompleted: 1,
      someRows: {
        1: {
          line: 1,
          ts: 0,
          end: 402_500,
          mm: 4162,
          op: 'write',
          call: 'block_bio_queue',
          file: '8:0',
          offset: 2048 * 512,
          len: 4096,
          result: 4096,
          flags: ['direct', 'assumed'],
          consumer: 'bio',
        },
        2: { line: 5, ts: 489_500, end: 'never', op: 'read', offset: 81_920 * 512, len: 131_072, result: null },
      },
    },
    {
      ...EVENTS,
      // G4, I3, M1, F1, S1, R1; D17 without the passthrough command: 16; C of the flush, the discard and the command: 3.
      skipped: {
        'lines of the summary': SUMMARY_OF_EVENTS,
        'further events of the same I/O': 30,
        'plugs and unplugs': 3,
        splits: 3,
        'repetitions of an I/O: on a device below, behind a split, or after a requeue': 1,
        remaps: 1,
        'bounces, which are copies': 1,
        flushes: 1,
        discards: 1,
        'passthrough commands, which name no sectors': 1,
        messages: 1,
        'completions of I/O whose beginning is not in the file': 1,
      },
      spanNs: 1_200_000,
      someRows: {
        1: { ts: 0, end: 100_000 },
        // Three bios of one request, in the order in which they were queued.
        2: { ts: 110_000, end: 200_000, offset: 4096 * 512, mm: 101 },
        3: { ts: 112_000, end: 200_000, offset: 4104 * 512 },
        4: { ts: 114_000, end: 200_000, offset: 4088 * 512 },
        // Two pieces: over with the one that ends last. And the rest of a split that is queued again.
        5: { ts: 210_000, end: 350_000, len: 131_072, result: 131_072 },
        6: { ts: 400_000, end: 460_000, len: 32_768 },
        // -EIO, printed as 65531.
        8: { ts: 600_000, end: 650_000, result: -5 },
        9: { ts: 700_000, end: 750_000 },
        // Two readers of the same sectors: the first completion is the first one's.
        10: { ts: 800_000, end: 850_000, mm: 100 },
        11: { ts: 801_000, end: 860_000, mm: 101 },
        14: { ts: 1_100_000, end: 1_150_000, offset: 5_000_000_000 * 512 },
        15: { ts: 1_200_000, end: 'never' },
      },
      // Three events of CPU 1, and data of a driver, which blkparse leaves out of its text.
      doubts: ['4 event(s) are missing'],
    },
    {
      // The same with -t (times between events) and -s (summary of each program): 73 events and 75 lines of summary (awk).
      ...EVENTS,
      file: 'blkparse-times.txt',
      skipped: {
        'lines of the summary': 75,
        'further events of the same I/O': 30,
        'plugs and unplugs': 3,
        splits: 3,
        'repetitions of an I/O: on a device below, behind a split, or after a requeue': 1,
        remaps: 1,
        'bounces, which are copies': 1,
        flushes: 1,
        discards: 1,
        'passthrough commands, which name no sectors': 1,
        messages: 1,
        'completions of I/O whose beginning is not in the file': 1,
      },
      doubts: ['4 event(s) are missing'],
    },
    {
      // As issued. D with sectors, without the one after the requeue: reads of 24, 128, 128, 8, 8, 8, 8 sectors, writes of 8,
      // 32, 32, 16, 8, 8. Further: Q18 G4 I3 M1 F1 S1 R1, C of the flush, the discard and the command.
      file: 'blkparse-events.txt',
      options: { formatOptions: { event: 'D' } },
      rows: 13,
      reads: 7,
      writes: 6,
      bytesRead: 312 * 512,
      bytesWritten: 104 * 512,
      level: 'L0',
      skipped: {
        'lines of the summary': SUMMARY_OF_EVENTS,
        'further events of the same I/O': 32,
        'plugs and unplugs': 3,
        splits: 3,
        'repetitions of an I/O: on a device below, behind a split, or after a requeue': 1,
        remaps: 1,
        'bounces, which are copies': 1,
        flushes: 1,
        discards: 1,
        'passthrough commands, which name no sectors': 1,
        messages: 1,
        'completions of I/O whose beginning is not in the file': 2,
      },
      errors: 1,
      neverCompleted: 0,
      someRows: {
        1: { call: 'block_rq_issue', mm: 100 },
        2: { offset: 4088 * 512, len: 24 * 512 },
        9: { offset: 24_584 * 512, ts: 701_000 - 5000, end: 750_000 - 5000 },
      },
      doubts: ['4 event(s) are missing'],
    },
    {
      // As completed: C18 without the three that have no data; reads of 24, 128, 128, 8, 8, 8, 8, 8, 128 sectors.
      file: 'blkparse-events.txt',
      options: { formatOptions: { event: 'C' } },
      rows: 15,
      reads: 9,
      writes: 6,
      bytesRead: 448 * 512,
      bytesWritten: 104 * 512,
      level: 'L0',
      skipped: {
        'lines of the summary': SUMMARY_OF_EVENTS,
        'further events of the same I/O': 18 + 4 + 3 + 1 + 1 + 1 + 1 + 16,
        'plugs and unplugs': 3,
        splits: 3,
        remaps: 1,
        'bounces, which are copies': 1,
        flushes: 1,
        discards: 1,
        'passthrough commands, which name no sectors': 2,
        messages: 1,
      },
      errors: 1,
      neverCompleted: 0,
      someRows: { 1: { call: 'block_rq_complete', end: 'synchronous', mm: 0, result: 4096 }, 8: { result: -5 } },
      doubts: ['4 event(s) are missing'],
    },
    {
      // Recorded: a loop device with two partitions, fio on both. blkparse's own summary has 75 reads queued, 2576 KiB, and 38
      // writes, 2944 KiB, with a discard of 1024 KiB and a flush among them. Letters (awk): A112 C118 D117 G117 I1 M42 Q113 X46;
      // 28 lines of summary. Three C have no data.
      file: 'blkparse-partition.txt',
      rows: 111,
      reads: 75,
      writes: 36,
      bytesRead: 2576 * 1024,
      bytesWritten: (2944 - 1024) * 1024,
      level: 'L0',
      skipped: {
        'lines of the summary': 28,
        'further events of the same I/O': 117 + 117 + 1 + 42 + 3,
        remaps: 112,
        splits: 46,
        flushes: 1,
        discards: 1,
      },
      errors: 0,
      neverCompleted: 0,
      someRows: {
        // Line 9 ff.: a read of 392 sectors in four pieces; the last of them is complete in line 29.
        3: { line: 10, offset: 29_672 * 512, len: 392 * 512, ts: 64_000, end: 703_000, mm: 20_290 },
      },
    },
  ],
  malformed: [
    {
      title: 'another format (-f)',
      bytes: `${GOOD}8,0 R 4096 64\n`,
      message: `t:2:5: found "R 4096 64", expected a CPU\n${HINT}`,
    },
    {
      title: 'a device without minor',
      bytes: `${GOOD}  8      0        1     0.000000000   100  Q   R 64 + 8 [fio]\n`,
      message: `t:2:1: found "  8      0        1     0.000000000   10…", expected a device, MAJOR,MINOR\n${HINT}`,
    },
    {
      title: 'microseconds',
      bytes: `${GOOD}  8,0    0        1     0.000000   100  Q   R 64 + 8 [fio]\n`,
      message: `t:2:25: found "0.000000   100  Q   R 64 + 8 [fio]", expected seconds with nine digits behind the point\n${HINT}`,
    },
    {
      title: 'a letter that is none',
      bytes: `${HEAD}K   R 64 + 8 [fio]\n`,
      message: `t:1:44: found "K", expected the letter of an event\n${HINT}`,
    },
    {
      title: 'RWBS that says nothing',
      bytes: `${HEAD}Q  AS 64 + 8 [fio]\n`,
      message: `t:1:47: found "AS", expected the letters RWBS\n${HINT}`,
    },
    {
      title: 'a size that is no number',
      bytes: `${HEAD}Q   R 64 + 4k [fio]\n`,
      message: `t:1:50: found "64 + 4k [fio]", expected SECTOR + BLOCKS [PROCESS]\n${HINT}`,
    },
    {
      title: 'an error that is none',
      bytes: `${HEAD}C   R 64 + 8 [EIO]\n`,
      message: `t:1:50: found "64 + 8 [EIO]", expected SECTOR + BLOCKS [ERROR]\n${HINT}`,
    },
    {
      title: 'an error that is no errno',
      bytes: `${HEAD}C   R 64 + 8 [5000]\n`,
      message: `t:1:50: found "64 + 8 [5000]", expected SECTOR + BLOCKS [ERROR]\n${HINT}`,
    },
    {
      title: 'a remap from nowhere',
      bytes: `${HEAD}A   R 64 + 8 <- 8,1 0\n`,
      message: `t:1:50: found "64 + 8 <- 8,1 0", expected SECTOR + BLOCKS <- (MAJOR,MINOR) SECTOR\n${HINT}`,
    },
    {
      title: 'a split without rest',
      bytes: `${HEAD}X   R 64 + 8 [fio]\n`,
      message: `t:1:50: found "64 + 8 [fio]", expected SECTOR / SECTOR [PROCESS]\n${HINT}`,
    },
    {
      title: 'a sector beyond what a trace can name',
      bytes: `${HEAD}Q   R 18446744073709551615 + 8 [fio]\n`,
      message: 't:1:50: sector 18446744073709551615 is behind 8796093022208, the end of what a trace can name',
    },
    {
      title: 'a process id of 32 bits',
      bytes: '  8,0    0        1     0.000000000 4294967295  Q   R 64 + 8 [fio]\n',
      message: 't:1: process id 4294967295 is above 2147483647',
    },
    {
      title: 'a device that cannot be',
      bytes: '4096,0    0        1     0.000000000   100  Q   R 64 + 8 [fio]\n',
      message: 't:1: device 4096,0 has a number above 4095,1048575',
    },
    {
      title: 'an option that names no device',
      bytes: GOOD,
      options: { formatOptions: { device: 'sda' } },
      message: 't: input option device is "sda"\nExpected MAJOR,MINOR: device=8,0',
    },
  ],
})

describe('blkparse: told apart', () => {
  it('not by a line that only begins alike', async () => {
    expect(await claimsOf(Buffer.from(GOOD))).toEqual(['blkparse'])
    // The blk tracer of ftrace has no sequence number.
    expect(await claimsOf(Buffer.from('  8,0    0     0.000000000   100  Q   R 64 + 8 [fio]\n'))).toEqual([])
  })
})
