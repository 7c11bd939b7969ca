import { describe, expect, it } from 'vitest'
import { tshark } from '../../../src/trace/formats/tshark.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'
import { claimsOf, importSuite } from './import-suite.ts'

const FIELDS = [
  'frame.time_epoch',
  'infiniband.bth.opcode',
  'infiniband.bth.destqp',
  'infiniband.bth.psn',
  'infiniband.reth.va',
  'infiniband.reth.r_key',
  'infiniband.reth.dmalen',
]
const HINT = `Make it with: tshark -r FILE.pcap -Y infiniband -T fields -E separator=, -E header=y ${FIELDS.map((name) => `-e ${name}`).join(' ')}`
const HINT_VALUES = 'A field with several values is joined by a comma: say -E occurrence=f, or -E quote=d.'
const HEADER = `${FIELDS.join(',')}\n`
const GOOD = '1792000000.000010123,10,0x000012,4711,0x00007f3a1c0008c0,0x00181e02,4096\n'

// The packets were written by hand into a pcap, byte by byte, and printed by tshark 4.0.17: 21 frames. With an RDMA header: WRITE
// of 4096, 1 MiB (and once more), 512, 512, 0, 4096 (UC) and 4096 bytes (at 0x1000), READ of 64 KiB, and of 4096 at a kernel
// address; an XRC one, of which tshark shows none.
const PACKETS = {
  rows: 7,
  reads: 6,
  writes: 1,
  bytesRead: 4096 + 1_048_576 + 512 + 512 + 4096 + 4096,
  bytesWritten: 65_536,
  level: 'L3',
  skipped: {
    'responses to a read': 3,
    'further packets of a write': 2,
    acknowledgements: 1,
    'packets that were sent again': 1,
    sends: 1,
    atomics: 1,
    'RDMA of no bytes': 1,
    'RDMA in kernel memory, which is not pinned': 1,
    'congestion notifications': 1,
    'frames that are not RoCEv2': 1,
    'packets whose RDMA header tshark does not show': 1,
  },
  spanNs: 170_000,
  someRows: {
    1: {
      ts: 0,
      end: 'synchronous',
      op: 'read',
      call: 'RDMA_WRITE_ONLY',
      mm: 0x12,
      segments: [{ address: 0x7f3a1c0008c0, offset: 0, file: null, length: 4096 }],
      flags: [],
      consumer: null,
      file: null,
    },
    2: { ts: 20_000, op: 'write', call: 'RDMA_READ_REQUEST', len: 65_536 },
    3: { op: 'read', call: 'RDMA_WRITE_FIRST', len: 1_048_576 },
    // The packet numbers wrap between these.
    4: { mm: 0x13, call: 'RDMA_WRITE_ONLY_WITH_IMMEDIATE' },
    5: { mm: 0x13, len: 512 },
  },
  assumptions: ['an RDMA is over with the packet that begins it', 'what holds the memory of the target is not told'],
  doubts: ['zero-based memory region'],
} as const

importSuite({
  format: tshark,
  samples: [
    { ...PACKETS, file: 'tshark-rocev2.csv' },
    // -E header=y -E quote=d, and the field ip.dst.
    { ...PACKETS, file: 'tshark-quoted.csv' },
  ],
  malformed: [
    {
      title: 'tabs',
      bytes: `${HEADER}${GOOD.replaceAll(',', '\t')}`,
      message: `t:2:1: the line has 1 cells, expected 7\n${HINT}`,
    },
    {
      title: 'several values in a cell',
      bytes: `${HEADER}${GOOD.replace('10,', '10,10,')}`,
      message: `t:2:1: the line has 8 cells, expected 7\n${HINT_VALUES}`,
    },
    {
      title: 'a field that is not there',
      bytes: 'frame.time_epoch,infiniband.bth.opcode,infiniband.reth.va\n',
      message: `t:1:1: there is no field infiniband.reth.dmalen\n${HINT}`,
    },
    {
      title: 'a time of day',
      bytes: `${GOOD.replace('1792000000.000010123', 'Oct 14 17:46:40')}`,
      message: `t:1:1: frame.time_epoch is "Oct 14 17:46:40", expected seconds since 1970\n${HINT}`,
    },
    {
      title: 'an opcode in words',
      bytes: `${HEADER}${GOOD.replace(',10,', ',WRITE,')}`,
      message: `t:2:22: infiniband.bth.opcode is "WRITE", expected a number of 32 bits, decimal or hexadecimal\n${HINT}`,
    },
    {
      title: 'an address that is none',
      bytes: `${HEADER}${GOOD.replace('0x00007f3a1c0008c0', '7f3a1c0008c0')}`,
      message: `t:2:39: infiniband.reth.va is "7f3a1c0008c0", expected an address\n${HINT}`,
    },
    {
      title: 'a length of 33 bits',
      bytes: `${HEADER}${GOOD.replace(',4096', ',4294967296')}`,
      message: `t:2:69: infiniband.reth.dmalen is "4294967296", expected a number of 32 bits, decimal or hexadecimal\n${HINT}`,
    },
    {
      title: 'a quote that is not closed',
      bytes: `${HEADER}"1792000000.000010123,10\n`,
      message: `t:2:1: a quote is not closed, or text follows it\n${HINT}`,
    },
    {
      title: 'text behind a quote',
      bytes: `${HEADER}"1792000000"5,10,,,,,\n`,
      message: `t:2:1: a quote is not closed, or text follows it\n${HINT}`,
    },
    {
      title: 'a number with a minus',
      bytes: `${HEADER}${GOOD.replace(',4711,', ',-1,')}`,
      message: `t:2:34: infiniband.bth.psn is "-1", expected a number of 32 bits, decimal or hexadecimal\n${HINT}`,
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

describe('tshark: cells', () => {
  it('in any order and notation, with others between', async () => {
    const names = 'frame.number,infiniband.reth.dmalen,infiniband.reth.va,frame.time_epoch,infiniband.bth.opcode'
    const { rows, report } = await importText(
      `${names}\n1,0x1000,139888000010432,5.5,0x0c\n2,8,0x7f0000000000,6,0x06\n`,
    )
    expect(rows).toMatchObject([
      { ts: 0, op: 'write', mm: 0, segments: [{ address: 139_888_000_010_432, length: 4096 }] },
      { ts: 500_000_000, op: 'read', segments: [{ address: 0x7f0000000000, length: 8 }] },
    ])
    expect(report.assumptions.join()).toContain('the queue pairs are not told')
  })

  it('the first of several values, with a doubt', async () => {
    const quoted = GOOD.trim()
      .split(',')
      .map((cell) => `"${cell},1"`)
      .join(',')
    const { rows, report } = await importText(`${HEADER}${quoted}\n`)
    expect(rows).toMatchObject([{ mm: 0x12, segments: [{ address: 0x7f3a1c0008c0, length: 4096 }] }])
    expect(report.doubts).toEqual([expect.stringContaining('several values')])
  })

  it('a quote doubled within quotes', async () => {
    const { rows } = await importText(`${HEADER.trim()},x\n${GOOD.trim()},"a "" b, c"\n`)
    expect(rows.length).toBe(1)
  })

  it('queue pairs of several targets are told apart by a doubt', async () => {
    const to = (host: string, psn: number) => GOOD.trim().replace('4711', String(psn)).concat(`,${host}\n`)
    const { rows, report } = await importText(`${HEADER.trim()},ip.dst\n${to('10.0.0.2', 5)}${to('10.0.0.3', 5)}`)
    expect(rows.length).toBe(2)
    expect(report.doubts).toEqual([expect.stringContaining('several hosts')])
  })

  it('is told apart with and without names', async () => {
    expect(await claimsOf(Buffer.from(GOOD))).toEqual(['tshark'])
    expect(await claimsOf(Buffer.from(`${HEADER}${GOOD}`))).toEqual(['tshark'])
    // Nothing of RDMA in it.
    expect(await claimsOf(Buffer.from('1792000000.000010123,,,,,,\n'))).toEqual([])
  })
})
