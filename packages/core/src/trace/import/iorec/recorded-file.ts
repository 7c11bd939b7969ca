/** What an operation's file is, as far as the recording tells. */
export type FileKind = 'file' | 'block' | 'device' | 'pipe' | 'socket' | 'anon' | 'unknown'

/** A file of a recording. */
export interface RecordedFile {
  /** Path, or what stands in its place: `socket:[94681]`, `pid7298`. Latin-1. */
  readonly target: string
  readonly kind: FileKind
  /** Its file system as mount(8) names it; null where the recording does not tell, and of a block device. */
  readonly filesystem: string | null
}

/** Fields of a `file` row that `kind=` may have. */
const KINDS: Readonly<Record<string, FileKind>> = {
  reg: 'file',
  dir: 'file',
  blk: 'block',
  chr: 'device',
  fifo: 'pipe',
  sock: 'socket',
  anon: 'anon',
}

/** Starts of a target that is no path. */
const TARGETS: Readonly<Record<string, FileKind>> = { pipe: 'pipe', socket: 'socket', anon_inode: 'anon' }

/** Files whose reads and writes reach no page cache. */
const PSEUDO = new Set(
  'proc sysfs cgroup cgroup2 debugfs tracefs securityfs configfs efivarfs bpf pstore selinuxfs devpts mqueue'.split(
    ' ',
  ),
)

/** A file of which only the name is known. `direct`: it was opened with O_DIRECT, which no character device would accept. */
export function fileOfTarget(target: string, direct: boolean): RecordedFile {
  return { target, kind: kindOfTarget(target, direct), filesystem: pseudoOfTarget(target) }
}

/** A file as its `file` row tells it. */
export function fileOfRow(target: string, fields: ReadonlyMap<string, string>): RecordedFile {
  const kind = KINDS[fields.get('kind') ?? ''] ?? 'unknown'
  return { target, kind, filesystem: kind === 'block' ? null : (fields.get('fs') ?? null) }
}

/** Why an operation on the file is no file I/O, in the plural; null when it is. */
export function notFileReason({ kind, filesystem }: RecordedFile): string | null {
  if (kind === 'block') return null
  if (kind === 'file') return isPseudo(filesystem) ? `operations on files of ${filesystem}` : null
  const reasons = {
    device: 'operations on character devices',
    pipe: 'operations on pipes',
    socket: 'operations on sockets',
    anon: 'operations on anonymous inodes',
    unknown: 'operations on files that the recording does not name',
  }
  return reasons[kind]
}

/** It lies in memory: O_DIRECT is accepted there, and means nothing. @kernel mm/shmem.c */
export function isInMemory({ filesystem }: RecordedFile): boolean {
  return filesystem === 'tmpfs' || filesystem === 'devtmpfs'
}

function isPseudo(filesystem: string | null): boolean {
  return filesystem !== null && PSEUDO.has(filesystem)
}

function kindOfTarget(target: string, direct: boolean): FileKind {
  // A program's output that was redirected to /dev/shm goes with the devices: recordings of version 1 do not tell it apart.
  if (target.startsWith('/dev/')) return direct ? 'block' : 'device'
  if (target.startsWith('/')) return 'file'
  return TARGETS[target.split(':', 1)[0]!] ?? 'unknown'
}

function pseudoOfTarget(target: string): string | null {
  if (target.startsWith('/proc/')) return 'proc'
  return target.startsWith('/sys/') ? 'sysfs' : null
}
