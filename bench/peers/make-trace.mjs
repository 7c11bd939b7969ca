// Makes the trace that the peers are compared over: one stream of operations, in every form that a peer reads.
//
//   node bench/peers/make-trace.mjs --rows 10000000 --out /tmp/traces/cp10m [--from cloudPhysicsIO.vscsi] [--seed 1]
//                                   [--forms csv,qd64,thp,bin,libcs] [--no-arrow]
//
// writes PREFIX.csv        the format of pinscope: ts,op,offset,segs
//        PREFIX-qd64.csv   the same with the end of each operation, so that 64 are in flight
//        PREFIX.arrow, PREFIX-qd64.arrow, and PREFIX-thp.arrow, whose buffers are mapped as huge pages
//        PREFIX.bin        records of 32 bytes for loop.c and libCacheSim: ts, offset, address (u64 each), length, op (u32 each)
//        PREFIX-libcs.csv  ts,op,offset,length,addr in decimal, for libCacheSim
//        PREFIX.json       what they hold
//
// With --from the requests are those of a CloudPhysics recording over and over (data/cloudPhysicsIO.vscsi of
// github.com/1a1a11a/libCacheSim, not part of this repository); without it they are made up, with the sizes of that recording.
// Each has a buffer in a pool of 32,768 slots of 128 KiB: 80 % at a page, 12 % at a multiple of 512 bytes, 8 % anywhere.
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { madeUpRequests, requestsFrom } from './requests.mjs'
import { seeded } from './seeded.mjs'
import { fileOf, isPinscopeTrace, openForm } from './trace-forms.mjs'

const PAGE_BYTES = 4096
const SECTOR_BYTES = 512
const SLOT_BYTES = 128 * 1024
const SLOTS = 32_768
const POOL = { address: 0x7f0000000000, bytes: SLOTS * SLOT_BYTES }
const IN_FLIGHT = 64
const GAP_NS_MAX = 1999

/** Writes every form in one pass over the operations, and tells what they hold. */
function makeTrace({ prefix, forms, rows, seed, from }) {
  const requests = from === undefined ? madeUpRequests(seed) : requestsFrom(from)
  const open = forms.map((form) => openForm(prefix, form, POOL))
  const times = new Times(seed)
  const buffers = new Buffers(seed)
  const row = { ts: 0, end: 0, isWrite: 0, offset: 0, length: 0, address: 0 }
  let pages = 0
  let bytes = 0
  for (let i = 0; i < rows; i++) {
    const request = i % requests.count
    row.isWrite = requests.isWrite[request]
    row.offset = requests.offsetBytes[request]
    row.length = requests.lengthBytes[request]
    row.address = buffers.next(row.length)
    times.fill(row, i)
    pages += Math.ceil(((row.address % PAGE_BYTES) + row.length) / PAGE_BYTES)
    bytes += row.length
    for (const { file, write } of open) {
      file.makeRoom()
      write(file, row)
    }
  }
  for (const { file } of open) file.close()
  const source = from === undefined ? 'made-up requests' : 'recorded requests, repeated'
  return { source, seed, rows, pages, pagesARow: pages / rows, bytes }
}

/** Operations begin 1,000 ns apart on average; each ends when the 64th behind it begins. */
class Times {
  constructor(seed) {
    this.random = seeded(seed ^ 0x5eed)
    this.lastNs = 0
    this.ahead = Float64Array.from({ length: IN_FLIGHT }, () => this.nextNs())
  }

  nextNs() {
    this.lastNs += 1 + Math.floor(this.random() * GAP_NS_MAX)
    return this.lastNs
  }

  fill(row, i) {
    row.ts = this.ahead[i % IN_FLIGHT]
    row.end = this.nextNs()
    this.ahead[i % IN_FLIGHT] = row.end
  }
}

/** Where the buffer of each operation lies: a slot at random, and a place in it where the operation fits. */
class Buffers {
  constructor(seed) {
    this.random = seeded(seed ^ 0xadd4)
  }

  next(lengthBytes) {
    const slot = POOL.address + Math.floor(this.random() * SLOTS) * SLOT_BYTES
    const kind = this.random()
    if (kind < 0.8) return slot
    const inSlot = Math.floor(this.random() * (SLOT_BYTES - lengthBytes))
    return slot + (kind < 0.92 ? inSlot - (inSlot % SECTOR_BYTES) : inSlot)
  }
}

/** The Arrow file of a trace, by the command; the text of the trace over huge pages is of no use afterwards. */
function toArrow(prefix, form) {
  const csv = fileOf(prefix, form)
  const command = fileURLToPath(new URL('../../packages/cli/bin/run.js', import.meta.url))
  const args = [command, 'trace', 'convert', csv, '-o', csv.replace(/csv$/, 'arrow'), '-q', '--no-progress']
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`${csv} could not be converted to Arrow`)
  if (form === 'thp') rmSync(csv)
}

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    out: { type: 'string' },
    from: { type: 'string' },
    seed: { type: 'string', default: '1' },
    forms: { type: 'string', default: 'csv,qd64,thp,bin,libcs' },
    'no-arrow': { type: 'boolean', default: false },
  },
})
const prefix = values.out
if (prefix === undefined) {
  process.stderr.write('usage: make-trace.mjs --rows N --out PREFIX [--from cloudPhysicsIO.vscsi] [--seed N]\n')
  process.exit(2)
}
mkdirSync(dirname(prefix), { recursive: true })
const forms = values.forms.split(',')
const made = makeTrace({ prefix, forms, rows: Number(values.rows), seed: Number(values.seed), from: values.from })
writeFileSync(`${prefix}.json`, `${JSON.stringify(made, null, 2)}\n`)
console.log(JSON.stringify(made))
if (!values['no-arrow']) for (const form of forms.filter(isPinscopeTrace)) toArrow(prefix, form)
