import { EFAULT, EINVAL, EOPNOTSUPP, errnoName } from '../errno.ts'
import {
  MAPPING_FSDAX,
  MAPPING_NO_ACCESS,
  MAPPING_NO_FORCE,
  MAPPING_NO_PAGES,
  MAPPING_P2PDMA,
  MAPPING_READ_ONLY,
  MAPPING_SECRET,
  MAPPING_TRACKED,
} from '../memory/mapping.ts'
import { grouped } from './grouped.ts'

/** What a mapping is refused for, in the order in which get_user_pages looks. @kernel mm/gup.c: check_vma_flags, try_grab_folio */
const REASONS: readonly (readonly [met: number, reason: string])[] = [
  [MAPPING_NO_PAGES, 'memory of a device (VM_IO, VM_PFNMAP) has no pages to take'],
  [MAPPING_FSDAX, 'a file on a DAX device is not pinned for long (FOLL_LONGTERM)'],
  [MAPPING_SECRET, "memory of memfd_secret(2) is nobody else's to reach"],
  [MAPPING_TRACKED, 'a shared file whose writes are tracked is not pinned for long to be written (since 6.5)'],
  [MAPPING_NO_ACCESS, 'the memory is not mapped, or PROT_NONE'],
  [MAPPING_READ_ONLY | MAPPING_NO_FORCE, 'the memory is not writable (FOLL_WRITE)'],
  [MAPPING_P2PDMA, 'peer-to-peer memory of a PCI device was not asked for (FOLL_PCI_P2PDMA, since 6.2)'],
]

/** Where no mapping was in the way, by errno. */
const OTHER_REASONS: ReadonlyMap<number, string> = new Map([
  [EINVAL, 'these flags do not go together (FOLL_LONGTERM needs FOLL_PIN), or the memory is of several files'],
  [EOPNOTSUPP, 'io_uring takes no memory of a file (6.1 looks at it itself, and lets go)'],
  [EFAULT, 'a page cannot be had'],
])

/**
 * Why pages were refused, in words: `met` are the `MAPPING_*` flags that were in the way, `errno` what the call gives,
 * `pages` how many it had taken before: a caller owes those.
 */
export function refusedTake(met: number, errno: number, pages: number): string {
  const reason = REASONS.find(([flags]) => (met & flags) !== 0)?.[1] ?? OTHER_REASONS.get(errno)
  const taken =
    pages === 0
      ? 'no page is taken'
      : pages === 1
        ? '1 page before was taken'
        : `${grouped(pages)} pages before were taken`
  return `refused with ${errnoName(errno)}, ${taken}${reason === undefined ? '' : `: ${reason}`}`
}
