import { type QuotedCells, quotedCells } from '../import/text/quoted-cells.ts'
import { integerOf, latin1, secondsOf } from '../import/text/text.ts'
import type { ImportContext, ImportFormat, LineImporter } from '../import/trace-format.ts'
import { type RdmaOperation, rdmaOperation } from '../import/tshark/rdma-opcode.ts'
import { quotedText } from '../printable.ts'

const TIME = 'frame.time_epoch'
const OPCODE = 'infiniband.bth.opcode'
const QUEUE_PAIR = 'infiniband.bth.destqp'
const PSN = 'infiniband.bth.psn'
const ADDRESS = 'infiniband.reth.va'
const KEY = 'infiniband.reth.r_key'
const LENGTH = 'infiniband.reth.dmalen'
const TARGETS: readonly string[] = ['ip.dst', 'ipv6.dst']
/** The columns where there is no row of names. */
const COLUMNS: readonly string[] = [TIME, OPCODE, QUEUE_PAIR, PSN, ADDRESS, KEY, LENGTH]
const NEEDED: readonly string[] = [TIME, OPCODE, ADDRESS, LENGTH]
const COMMAND = `tshark -r FILE.pcap -Y infiniband -T fields -E separator=, -E header=y ${COLUMNS.map((name) => `-e ${name}`).join(' ')}`
const HINT_FIELDS = `Make it with: ${COMMAND}`
const HINT_VALUES = 'A field with several values is joined by a comma: say -E occurrence=f, or -E quote=d.'

/** A line without names: time, opcode, queue pair, PSN, address, key, length; cells of other packets are empty. */
const LINE =
  /^"?\d{1,12}\.\d{1,9}"?,(?:"?(?:0x[\da-f]{1,2}|\d{1,3})"?,"?0x[\da-f]{1,6}"?,"?\d{0,8}"?,(?:"?0x[\da-f]{1,16}"?)?,(?:"?0x[\da-f]{1,8}"?)?,"?\d{0,10}"?|,,,,,)$/i
const WITH_OPCODE = /^[^,]*,[^,]+,/

/** Queue pairs of which it is known what was sent last. */
const QUEUE_PAIRS_MAX = 1 << 16
const PSN_MASK = 0xffffff
/** A packet whose number is so far behind the newest of its queue pair, or less, was sent again. */
const AGAIN_PACKETS_MAX = 1 << 16
/** Kernel addresses lie above it, user addresses below. */
const ADDRESS_MAX = Number.MAX_SAFE_INTEGER
const NUMBER_MAX = 0xffffffff
/** Memory regions that are based on zero begin here; nothing of a process is mapped so low (vm.mmap_min_addr). */
const MAPPED_MIN = 1 << 16

/**
 * Fields of RoCEv2 packets as tshark prints them, with commas between: a row for each RDMA, from the packet that begins it
 * (WRITE First, WRITE Only, READ Request), which names an address and a length in the target's memory. Seen from that memory a
 * write stores (`read`, as of read(2)), a read fetches (`write`). The sender's buffers are not on the wire. The address space is
 * the number of the target's queue pair: which process that is, is not told, and two pairs of one process look like two. No
 * consumer: the target's memory was pinned when it was registered, which is not on the wire either. tshark prints numbers
 * decimal or hexadecimal, as it likes; an atomic has an address and no length; of XRC packets it (4.0) shows no RDMA header.
 */
export const tshark: ImportFormat = {
  name: 'tshark',
  title: 'a tshark CSV of RoCEv2 fields',
  level: 'L3, of the target’s memory',
  record: COMMAND,
  clock: 'unix seconds',
  detect: ({ lines }) => lines.length > 0 && (isHeader(lines[0]!) || isPlain(lines)),
  open: (context) => new TsharkImporter(context),
}

function isHeader(line: string): boolean {
  return line.includes(OPCODE) && line.includes(TIME) && line.includes(',')
}

function isPlain(lines: readonly string[]): boolean {
  return lines.every((line) => LINE.test(line)) && lines.some((line) => WITH_OPCODE.test(line))
}

/** What is known of a queue pair of the target. */
interface QueuePair {
  /** Address of the target, where the file has it. */
  readonly target: string
  newestPsn: number
}

class TsharkImporter implements LineImporter {
  readonly kind = 'lines'
  private readonly rows: ImportContext['rows']
  private readonly queuePairs = new Map<number, QueuePair>()
  /** Cell of each field. */
  private cellOf: ReadonlyMap<string, number> | null = null
  private columns = 0
  private cells: QuotedCells = { texts: [], columns: [] }

  constructor({ rows }: ImportContext) {
    this.rows = rows
    rows.attributes.set('recorder', 'tshark')
    rows.assume('an RDMA is over with the packet that begins it')
    rows.assume(
      'what holds the memory of the target is not told, and rows name no consumer: --consumer ib-umem takes each RDMA as ' +
        'registered for itself',
    )
  }

  line(bytes: Uint8Array, from: number, to: number): void {
    const { rows } = this
    const text = latin1(bytes, from, to)
    const cells = quotedCells(text)
    if (cells === null) throw rows.fail(1, 'a quote is not closed, or text follows it', HINT_FIELDS)
    this.cells = cells
    if (this.cellOf === null && this.takeHeader(text)) return
    const { length } = cells.texts
    if (length !== this.columns) {
      const hint = length > this.columns ? HINT_VALUES : HINT_FIELDS
      throw rows.fail(1, `the line has ${length} cells, expected ${this.columns}`, hint)
    }
    this.takePacket()
  }

  end(): void {}

  /** Where each field stands; false when the line is a packet already. */
  private takeHeader(text: string): boolean {
    const { rows } = this
    const has = isHeader(text)
    const names = has ? this.cells.texts : COLUMNS
    this.cellOf = new Map(names.map((name, cell) => [name, cell]))
    this.columns = names.length
    const missing = NEEDED.find((name) => !names.includes(name))
    if (missing !== undefined) throw rows.fail(1, `there is no field ${missing}`, HINT_FIELDS)
    if (!names.includes(QUEUE_PAIR)) rows.assume('all memory is of one address space: the queue pairs are not told')
    return has
  }

  private takePacket(): void {
    const opcode = this.number(OPCODE)
    const operation = opcode === null ? 'frames that are not RoCEv2' : rdmaOperation(opcode)
    const reason = typeof operation === 'string' ? operation : this.takeRdma(operation)
    if (reason !== '') this.rows.skip(reason)
  }

  /** Why the packet makes no row; empty where it does. */
  private takeRdma(operation: RdmaOperation): string {
    const length = this.number(LENGTH)
    const address = this.address()
    if (length === null || address === null) return 'packets whose RDMA header tshark does not show'
    if (this.isAgain()) return 'packets that were sent again'
    if (length === 0) return 'RDMA of no bytes'
    if (address + length > ADDRESS_MAX) return 'RDMA in kernel memory, which is not pinned'
    this.putRow(operation, address, length)
    return ''
  }

  private putRow(operation: RdmaOperation, address: number, length: number): void {
    const { rows } = this
    const time = secondsOf(this.text(TIME))
    if (time === null) throw this.bad(TIME, 'seconds since 1970')
    if (address < MAPPED_MIN) {
      rows.doubt(
        'addresses below 65536 are offsets into a zero-based memory region, not addresses: where its pages begin is not told',
      )
    }
    const row = rows.draft()
    row.tsNs = rows.time(time.seconds, time.ns)
    row.direction = operation.direction
    row.call = rows.callName(operation.name)
    row.mm = this.number(QUEUE_PAIR) ?? 0
    row.addSegment(address, length)
    rows.put(row)
  }

  /** The packet is of a number that its queue pair has seen. @kernel drivers/infiniband/sw/rxe/rxe_hdr.h: BTH_PSN_MASK */
  private isAgain(): boolean {
    const psn = this.number(PSN)
    const number = this.number(QUEUE_PAIR)
    if (psn === null || number === null) return false
    const target = TARGETS.map((name) => this.text(name)).find((text) => text !== '') ?? ''
    const known = this.queuePairs.get(number)
    if (known === undefined) {
      if (this.queuePairs.size < QUEUE_PAIRS_MAX) this.queuePairs.set(number, { target, newestPsn: psn })
      return false
    }
    if (known.target !== target) {
      this.rows.doubt('one number stands for queue pairs of several hosts: choose one with -Y "ip.dst == ADDRESS"')
      return false
    }
    const behind = (known.newestPsn - psn) & PSN_MASK
    if (behind < AGAIN_PACKETS_MAX) return true
    known.newestPsn = psn
    return false
  }

  /** Kernel addresses do not fit, and come out inexact. */
  private address(): number | null {
    const text = this.text(ADDRESS)
    if (text === '') return null
    if (/^(?:0x[\da-f]{1,16}|\d{1,20})$/i.test(text)) return Number(text)
    throw this.bad(ADDRESS, 'an address')
  }

  /** Null when the cell is empty, or not there. */
  private number(field: string): number | null {
    const text = this.text(field)
    if (text === '') return null
    const value = integerOf(text)
    if (value === null || value > NUMBER_MAX) throw this.bad(field, 'a number of 32 bits, decimal or hexadecimal')
    return value
  }

  /** The first value of the cell. */
  private text(field: string): string {
    const cell = this.cellOf!.get(field)
    const text = cell === undefined ? '' : this.cells.texts[cell]!
    const comma = text.indexOf(',')
    if (comma < 0) return text
    this.rows.doubt('cells have several values (a packet within a packet): the first of each is taken')
    return text.slice(0, comma)
  }

  private bad(field: string, expected: string) {
    const cell = this.cellOf!.get(field)!
    const problem = `${field} is ${quotedText(this.cells.texts[cell]!)}, expected ${expected}`
    return this.rows.fail(this.cells.columns[cell]!, problem, HINT_FIELDS)
  }
}
