import { invariant } from '../invariant.ts'
import { type AddressSpaces, KERNEL_MM } from '../memory/address-spaces.ts'
import {
  MAPPING_NO_ACCESS,
  MAPPING_NO_PAGES,
  MAPPING_PRIVATE,
  MAPPING_READ_ONLY,
  MAPPING_UNTOUCHED,
} from '../memory/mapping.ts'
import { PMD_ORDER } from '../memory/page-store.ts'
import {
  BACKING_NAMES,
  type BackingName,
  EVENT_MAP,
  FLAG_PRIVATE,
  FLAG_PROT_NONE,
  FLAG_PROT_READ,
  FLAG_UNTOUCHED,
  type OpBatch,
} from '../trace/op-batch.ts'
import { PAGE_SIZE, pageNumberOf } from '../units.ts'

/** Applies a `map` or `unmap` row: its segments, rounded out to pages. */
export function applyMemoryEvent(spaces: AddressSpaces, batch: OpBatch, row: number): void {
  const backing = BACKING_NAMES[batch.backing[row]]
  const { addressBytes, lengthBytes } = batch.segments
  const first = batch.segmentFirst[row]
  const mm = isKernelMemory(backing) ? KERNEL_MM : batch.mm[row]
  for (let s = first; s < first + batch.segmentCount[row]; s++) {
    const from = pageNumberOf(addressBytes[s])
    const to = Math.ceil((addressBytes[s] + lengthBytes[s]) / PAGE_SIZE)
    invariant(to > from, 'a map row of no length must not pass the reader')
    if (batch.event[row] === EVENT_MAP) {
      spaces.map(
        mm,
        from,
        to,
        batch.backing[row],
        orderOf(backing, batch.order[row]),
        mappingFlags(backing, batch.flags[row]),
      )
    } else {
      spaces.unmap(mm, from, to)
    }
  }
}

function isKernelMemory(backing: BackingName): boolean {
  return backing === 'vmalloc' || backing === 'slab' || backing === 'rodata'
}

function orderOf(backing: BackingName, order: number): number {
  if (order >= 0) return order
  return backing === 'thp' || backing === 'hugetlb' ? PMD_ORDER : 0
}

function mappingFlags(backing: BackingName, flags: number): number {
  let mapping = 0
  // Only private anonymous memory reads as the zero page before it is touched; a huge zero folio is pinned like any other.
  if ((flags & FLAG_UNTOUCHED) !== 0 && backing === 'anon') mapping |= MAPPING_UNTOUCHED
  if ((flags & FLAG_PRIVATE) !== 0 && backing === 'file') mapping |= MAPPING_PRIVATE
  if ((flags & FLAG_PROT_NONE) !== 0) mapping |= MAPPING_NO_ACCESS
  if ((flags & FLAG_PROT_READ) !== 0 || backing === 'rodata') mapping |= MAPPING_READ_ONLY
  if (backing === 'device' || backing === 'pfn') mapping |= MAPPING_NO_PAGES
  return mapping
}
