import { FLAG_PRIVATE, FLAG_PROT_READ } from '../../../iter/row-flags.ts'
import { PAGE_SIZE } from '../../../units.ts'
import { BACKING_NAMES, type BackingName, NONE } from '../../op-batch.ts'
import { hasFlag, numberOf } from './call-arguments.ts'
import type { ReturnedCall } from './file-calls.ts'
import type { Mapping, Mappings, Range } from './mappings.ts'

/** @kernel include/uapi/linux/mman.h: MAP_SHARED, MAP_PRIVATE; include/uapi/asm-generic/mman-common.h: MAP_ANONYMOUS, PROT_READ, PROT_WRITE; MAP_HUGETLB */
const MAP_SHARED = 1
const MAP_PRIVATE = 2
const MAP_ANONYMOUS = 0x20
const MAP_HUGETLB = 0x40000
const PROT_READ = 1
const PROT_WRITE = 2

/** A mapped file: its name, empty where it is unknown, and why it is none (a device), or null. */
export interface MappedFile {
  readonly name: string
  readonly notFile: string | null
}

/** What the calls about memory need to know beyond their arguments. */
export interface MemoryContext {
  readonly mappings: Mappings
  /** The file behind a descriptor. */
  fileOf(fd: string | undefined): MappedFile
  /** Name id of a file. */
  nameId(name: string): number
}

/** The call changes what is mapped. */
export function isMemoryCall(name: string): boolean {
  return name === 'mmap' || name === 'munmap' || name === 'mremap'
}

/** Does to the mappings what the call did. Returns what `map` rows had told of the addresses that it changed. */
export function applyMemoryCall(context: MemoryContext, { name, args, result }: ReturnedCall): Range[] {
  const { mappings } = context
  // Addresses are above any -errno, and below what a double holds.
  if (result < 0) return []
  if (name === 'munmap') return replace(mappings, numberOf(args.get('addr')), numberOf(args.get('len')), null)
  if (name === 'mremap') {
    const old = replace(mappings, numberOf(args.get('addr')), numberOf(args.get('old_len')), null)
    // What moves is taken for private anonymous memory: the blocks that realloc(3) moves.
    return [...old, ...replace(mappings, result, numberOf(args.get('new_len')), null)]
  }
  const length = numberOf(args.get('len'))
  return replace(mappings, result, length, mappingOf(context, args, result))
}

function replace(mappings: Mappings, start: number | null, length: number | null, mapping: Mapping | null): Range[] {
  if (start === null || length === null || length <= 0) return []
  const end = pageEnd(start + length)
  if (!Number.isSafeInteger(end)) return []
  return mappings.replace(start, end, mapping === null ? null : { ...mapping, end })
}

/** The mapping that mmap(2) made; null for private anonymous memory. Its `end` is still open. */
function mappingOf(context: MemoryContext, args: ReturnedCall['args'], start: number): Mapping | null {
  const flags = args.get('flags')
  const isShared = hasFlag(flags, 'MAP_', 'SHARED', MAP_SHARED)
  const isPrivate = hasFlag(flags, 'MAP_', 'PRIVATE', MAP_PRIVATE) === true && isShared !== true
  const isAnonymous = hasFlag(flags, 'MAP_', 'ANONYMOUS', MAP_ANONYMOUS)
  if (isShared === null || isAnonymous === null) return null
  const readOnly = isReadOnly(args.get('prot')) ? FLAG_PROT_READ : 0
  const common = { start, end: start, declared: false }
  if (hasFlag(flags, 'MAP_', 'HUGETLB', MAP_HUGETLB) === true) {
    return { ...common, backing: codeOf('hugetlb'), flags: readOnly, file: NONE, offsetBytes: 0 }
  }
  if (isAnonymous) {
    if (isPrivate && readOnly === 0) return null
    return { ...common, backing: codeOf(isPrivate ? 'anon' : 'shmem'), flags: readOnly, file: NONE, offsetBytes: 0 }
  }
  const file = context.fileOf(args.get('fd'))
  if (file.notFile !== null) return null
  const offsetBytes = numberOf(args.get('off') ?? args.get('offset')) ?? 0
  return {
    ...common,
    backing: codeOf(/^\/(?:dev\/shm\/|memfd:)/.test(file.name) ? 'shmem' : 'file'),
    flags: readOnly | (isPrivate ? FLAG_PRIVATE : 0),
    file: file.name === '' ? NONE : context.nameId(file.name),
    offsetBytes: Math.max(0, offsetBytes),
  }
}

/** Memory of no protection at all is taken as writable: a reserve, of which mprotect(2) opens what is used. */
function isReadOnly(prot: string | undefined): boolean {
  return hasFlag(prot, 'PROT_', 'READ', PROT_READ) === true && hasFlag(prot, 'PROT_', 'WRITE', PROT_WRITE) === false
}

function codeOf(backing: BackingName): number {
  return BACKING_NAMES.indexOf(backing)
}

function pageEnd(address: number): number {
  return Math.ceil(address / PAGE_SIZE) * PAGE_SIZE
}
