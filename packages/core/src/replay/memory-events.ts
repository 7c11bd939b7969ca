import { invariant } from '../invariant.ts'
import { type AddressSpaces, KERNEL_MM } from '../memory/address-spaces.ts'
import {
  MAPPING_NO_ACCESS,
  MAPPING_NO_PAGES,
  MAPPING_PRIVATE,
  MAPPING_READ_ONLY,
  MAPPING_UNTOUCHED,
  NO_FILE,
} from '../memory/mapping.ts'
import { PMD_ORDER } from '../memory/page-store.ts'
import { MM_MAX } from '../trace/limits.ts'
import {
  BACKING_NAMES,
  type BackingName,
  EVENT_FORK,
  EVENT_MAP,
  FLAG_PRIVATE,
  FLAG_PROT_NONE,
  FLAG_PROT_READ,
  FLAG_STABLE,
  FLAG_UNSTABLE,
  FLAG_UNTOUCHED,
  type OpBatch,
} from '../trace/op-batch.ts'
import { PAGE_SIZE, pageNumberOf } from '../units.ts'

/** Backings that only the kernel's own address space has. */
const KERNEL_BACKINGS: readonly BackingName[] = ['vmalloc', 'slab', 'rodata']

/** Backings of a file, which `private` may map privately; memory of a device and memfd_secret(2) refuse that. */
const FILE_BACKINGS: readonly BackingName[] = ['file', 'shmem', 'fsdax']

/** Memory of no file: a name in the `file` cell says nothing of its pages. */
const NAMELESS_BACKINGS: readonly BackingName[] = ['anon', 'thp', ...KERNEL_BACKINGS]

/** Applies a `map` or `unmap` row, its segments rounded out to pages, or a `fork` row. */
export function applyMemoryEvent(spaces: AddressSpaces, batch: OpBatch, row: number): void {
  if (batch.event[row] === EVENT_FORK) {
    applyFork(spaces, batch, row)
    return
  }
  const backing = BACKING_NAMES[batch.backing[row]]
  const { addressBytes, lengthBytes } = batch.segments
  const first = batch.segmentFirst[row]
  const mm = KERNEL_BACKINGS.includes(backing) ? KERNEL_MM : batch.mm[row]
  for (let s = first; s < first + batch.segmentCount[row]; s++) {
    const from = pageNumberOf(addressBytes[s])
    const to = Math.ceil((addressBytes[s] + lengthBytes[s]) / PAGE_SIZE)
    invariant(to > from, 'a map row of no length must not pass the reader')
    if (batch.event[row] === EVENT_MAP) {
      if ((batch.flags[row] & (FLAG_STABLE | FLAG_UNSTABLE)) !== 0 && batch.file[row] !== NO_FILE) {
        spaces.files.stable.set(batch.file[row], (batch.flags[row] & FLAG_STABLE) !== 0)
      }
      spaces.map(
        mm,
        from,
        to,
        batch.backing[row],
        orderOf(backing, batch.order[row]),
        mappingFlags(backing, batch.flags[row]),
        NAMELESS_BACKINGS.includes(backing) ? NO_FILE : batch.file[row],
        Math.floor(Math.max(batch.offsetBytes[row], 0) / PAGE_SIZE),
      )
    } else {
      spaces.unmap(mm, from, to)
    }
  }
}

/** `mm` is the parent, `result` the child. A row without a child tells nothing, and one with an errno is a fork that failed. */
function applyFork(spaces: AddressSpaces, batch: OpBatch, row: number): void {
  const child = batch.resultBytes[row]
  if (child > 0 && child <= MM_MAX) spaces.fork(batch.mm[row], child)
}

function orderOf(backing: BackingName, order: number): number {
  if (order >= 0) return order
  return backing === 'thp' || backing === 'hugetlb' ? PMD_ORDER : 0
}

function mappingFlags(backing: BackingName, flags: number): number {
  let mapping = 0
  // Memory of a device is mapped as a whole at once.
  if ((flags & FLAG_UNTOUCHED) !== 0 && backing !== 'p2pdma') mapping |= MAPPING_UNTOUCHED
  if ((flags & FLAG_PRIVATE) !== 0 && FILE_BACKINGS.includes(backing)) mapping |= MAPPING_PRIVATE
  if ((flags & FLAG_PROT_NONE) !== 0) mapping |= MAPPING_NO_ACCESS
  if ((flags & FLAG_PROT_READ) !== 0 || backing === 'rodata') mapping |= MAPPING_READ_ONLY
  if (backing === 'device' || backing === 'pfn') mapping |= MAPPING_NO_PAGES
  return mapping
}
