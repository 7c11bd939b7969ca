import { readFileSync } from 'node:fs'
import { escaped } from './record-escape.ts'

/** A file that operations name. */
export interface BpftraceFile {
  readonly id: number
  /** As the recording has it: escaped, and with device and inode where a path would be, because bpftrace tells only the last component. */
  readonly target: string
  readonly filesystem: string
  readonly logicalBlockSize: number
  readonly dmaAlignment: number
  directOperations: number
  operations: number
  /** What the `file` row tells. */
  readonly arg: string
}

const S_IFMT = 0xf000
const S_IFBLK = 0x6000
/** Bytes of a name that bpftrace's buf() gives. */
const NAME_BYTES_MAX = 64

/** The files of a recording by device and inode. */
export class BpftraceFiles {
  private readonly files = new Map<string, BpftraceFile>()
  /** Names that are longer than bpftrace tells. */
  cutNames = 0

  /** A file that an N line tells of: device, inode, mode, device of a node, file system, size, name. */
  add(cells: readonly string[]): BpftraceFile {
    const [device = '', inode = '', mode = '', rdev = '', filesystem = '', size = '', ...name] = cells
    const isDevice = (Number.parseInt(mode, 16) & S_IFMT) === S_IFBLK
    const block = deviceNumber(isDevice ? rdev : device)
    const text = nameOf(name.join(','))
    if (text.bytes >= NAME_BYTES_MAX) this.cutNames++
    const logicalBlockSize = queueNumber(block, 'logical_block_size')
    const dmaAlignment = logicalBlockSize === 0 ? 0 : queueNumber(block, 'dma_alignment') + 1
    const file = {
      id: this.files.size + 1,
      target: `/${deviceNumber(device)}/${inode}/${text.escaped}`,
      filesystem: isDevice ? '' : filesystem,
      logicalBlockSize,
      dmaAlignment,
      directOperations: 0,
      operations: 0,
      arg: [
        `dev=${deviceNumber(device)} ino=${inode} kind=${isDevice ? 'blk' : 'reg'}`,
        ...(isDevice ? [`rdev=${block}`] : [`fs=${filesystem}`]),
        `size=${size}`,
        ...(logicalBlockSize > 0 ? [`lbs=${logicalBlockSize} dma=${dmaAlignment}`] : []),
      ].join(' '),
    }
    this.files.set(`${device} ${inode}`, file)
    return file
  }

  get(device: string, inode: string): BpftraceFile | undefined {
    return this.files.get(`${device} ${inode}`)
  }

  /** Header lines: of the files that had direct I/O, else of all. */
  header(): string[] {
    const all = [...this.files.values()]
    const direct = all.filter(({ directOperations }) => directOperations > 0)
    const counted = direct.length > 0 ? direct : all
    const busiest = counted.reduce<BpftraceFile | null>(
      (best, file) => (best === null || file.operations > best.operations ? file : best),
      null,
    )
    if (busiest === null) return []
    const systems = [...new Set(counted.map(({ filesystem }) => filesystem || 'none'))]
    return [
      ...(busiest.filesystem === '' ? [] : [`# filesystem ${busiest.filesystem}`]),
      ...(systems.length > 1 ? [`# filesystems ${systems.join(' ')}`] : []),
      ...(busiest.logicalBlockSize === 0 ? [] : [`# logical-block-size ${busiest.logicalBlockSize}`]),
      ...(busiest.dmaAlignment === 0 ? [] : [`# dma-alignment ${busiest.dmaAlignment}`]),
    ]
  }
}

/** `fe00000` → `254:0`. @kernel include/linux/kdev_t.h: MAJOR, MINOR */
function deviceNumber(hex: string): string {
  const device = Number.parseInt(hex, 16)
  return `${Math.floor(device / 2 ** 20)}:${device & 0xfffff}`
}

/** A number of the queue of a block device, or of the disk that a partition is on; 0: not known. */
function queueNumber(device: string, attribute: string): number {
  for (const folder of ['queue', '../queue']) {
    try {
      return Number.parseInt(readFileSync(`/sys/dev/block/${device}/${folder}/${attribute}`, 'utf8'), 10)
    } catch {}
  }
  return 0
}

/** A name as printf %r has it (`\x0a` for what cannot be printed) with the escapes of a recording. */
function nameOf(printed: string): { escaped: string; bytes: number } {
  const bytes = printed.replace(/\\x([0-9a-f]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  )
  return { escaped: escaped(bytes, ',"'), bytes: bytes.length }
}
