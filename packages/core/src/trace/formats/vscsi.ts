import { FLAG_DIRECT } from '../../iter/row-flags.ts'
import { assumeBlockRequests } from '../import/block/block-requests.ts'
import { directionOfCommand, passedOverCommand } from '../import/scsi/scsi-commands.ts'
import { u16At, u32At, u64At } from '../import/text/little-endian.ts'
import type { FileHead, ImportContext, ImportFormat, RecordImporter } from '../import/trace-format.ts'

/** A record of one version: its bytes, and where the fields begin in it. */
interface RecordForm {
  readonly version: number
  readonly bytes: number
  readonly cmd: number
  readonly ver: number
  readonly len: number
  readonly nSg: number
  readonly lbn: number
  readonly ts: number
  /** Of version 2 only; else -1. */
  readonly rt: number
}

const VERSION_1: RecordForm = { version: 1, bytes: 32, len: 4, nSg: 8, cmd: 12, ver: 14, lbn: 16, ts: 24, rt: -1 }
const VERSION_2: RecordForm = { version: 2, bytes: 40, cmd: 0, ver: 2, len: 8, nSg: 12, lbn: 16, ts: 24, rt: 32 }

const SECTOR_BYTES = 512
const US_PER_SECOND = 1_000_000
const OPERATION_CODE_MAX = 0xff
/** Records that must fit before a file is taken for one: two, as the tools that read it do. */
const RECORDS_MIN = 2
/** Elements of one list beyond which bytes are no record of it. */
const ELEMENTS_PLAUSIBLE_MAX = 1 << 16

/**
 * CloudPhysics traces of the virtual disks of ESX hosts: a binary record for each SCSI command, with the number of elements of
 * its scatter-gather list. Of the two versions only the second has response times. The serial number is not kept.
 */
export const vscsi: ImportFormat = {
  name: 'vscsi',
  title: 'a CloudPhysics vscsi trace',
  level: 'L1',
  record: 'data/cloudPhysicsIO.vscsi of github.com/1a1a11a/libCacheSim',
  clock: 'microseconds of the host',
  detect: (head) => isPlausible(head, VERSION_2) || isPlausible(head, VERSION_1),
  open: (context) => new VscsiImporter(context),
}

class VscsiImporter implements RecordImporter {
  readonly kind = 'records'
  private readonly rows: ImportContext['rows']
  private readonly form: RecordForm

  constructor({ rows, head }: ImportContext) {
    this.rows = rows
    this.form = formOf(head) ?? this.refuse('neither version 1 nor 2 in its first records', 'Is this a vscsi trace?')
    rows.timeText = (seconds, ns) => String(seconds * US_PER_SECOND + ns / 1000)
    assumeBlockRequests(rows, this.form === VERSION_2)
  }

  record(bytes: Uint8Array, from: number, to: number, isEnd: boolean): number {
    const { rows, form } = this
    if (to - from < form.bytes) {
      if (!isEnd) return 0
      rows.skip('records that the end of the file cuts off')
      return to
    }
    const cmd = u16At(bytes, from + form.cmd)
    const ver = u16At(bytes, from + form.ver)
    if (ver >> 8 !== form.version || cmd > OPERATION_CODE_MAX) this.refuseHead(cmd, ver)
    const direction = directionOfCommand(cmd)
    if (direction === undefined) {
      rows.skip(passedOverCommand(cmd))
      return from + form.bytes
    }
    const row = rows.draft()
    row.direction = direction
    row.flags = FLAG_DIRECT
    row.lengthBytes = u32At(bytes, from + form.len)
    row.sgElements = u32At(bytes, from + form.nSg)
    row.offsetBytes = this.counted('lbn', u64At(bytes, from + form.lbn), SECTOR_BYTES)
    const ts = this.counted('ts', u64At(bytes, from + form.ts), 1)
    const seconds = Math.floor(ts / US_PER_SECOND)
    row.tsNs = rows.time(seconds, (ts - seconds * US_PER_SECOND) * 1000)
    if (form.rt >= 0) row.endAt(row.tsNs + this.counted('rt', u64At(bytes, from + form.rt), 1000))
    rows.put(row)
    return from + form.bytes
  }

  end(): void {}

  /** `value` in units of `unitBytes`, which a double must hold. */
  private counted(name: string, value: number, unit: number): number {
    if (value * unit <= Number.MAX_SAFE_INTEGER) return value * unit
    return this.refuse(
      `${name} is above 2^53${unit === 1 ? '' : ` / ${unit}`}`,
      'Is the file damaged, or in another byte order?',
    )
  }

  private refuseHead(cmd: number, ver: number): never {
    const { version } = this.form
    const hint = 'The records before it were: is the file damaged, or are two joined?'
    if (ver >> 8 !== version)
      return this.refuse(`ver is ${hex(ver)}, expected 0x0${version}00 to 0x0${version}ff`, hint)
    return this.refuse(`cmd is ${hex(cmd)}, expected a SCSI operation code of one byte`, hint)
  }

  private refuse(problem: string, hint: string): never {
    throw this.rows.fail(0, problem, hint)
  }
}

/** The version of the first records, as libCacheSim tells it (test_vscsi_version); null when they are of none. */
function formOf({ bytes }: FileHead): RecordForm | null {
  for (const form of [VERSION_2, VERSION_1]) {
    const records = Math.min(RECORDS_MIN, Math.floor(bytes.length / form.bytes))
    let fitting = 0
    while (fitting < records && u16At(bytes, fitting * form.bytes + form.ver) >> 8 === form.version) fitting++
    if (records > 0 && fitting === records) return form
  }
  return null
}

/** Every whole record of the head may be one of that version. */
function isPlausible({ bytes }: FileHead, form: RecordForm): boolean {
  const records = Math.floor(bytes.length / form.bytes)
  for (let i = 0; i < records; i++) {
    const at = i * form.bytes
    if (u16At(bytes, at + form.ver) >> 8 !== form.version) return false
    if (u16At(bytes, at + form.cmd) > OPERATION_CODE_MAX) return false
    if (u32At(bytes, at + form.nSg) > ELEMENTS_PLAUSIBLE_MAX) return false
  }
  return records >= RECORDS_MIN
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`
}
