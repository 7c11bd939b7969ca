import type { ConsumerCounter } from '../consumer.ts'

/** Slots of the bio consumer's counters, and their names in the report. */
export const BIOS = 0
export const BIOS_ADOPTED = 1
export const BVECS = 2
export const MERGED_DUPLICATES = 3
export const TRIMMED_BYTES = 4
export const REPEATED_PAGES = 5
export const MISALIGNED = 6
export const DIRTIED_PAGES = 7
export const HOLE_BYTES = 8
export const BUFFERED = 9
export const BUFFERED_BYTES = 10
export const BOUNCED_BYTES = 11
export const FAULT_RETRIES = 12

export const BIO_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'bios', summary: 'bios submitted' },
  { name: 'biosAdopted', summary: 'bios that took over the bvecs of a BVEC iterator, nothing held' },
  { name: 'bvecs', summary: 'bvecs in submitted bios, adopted ones included' },
  { name: 'mergedDuplicates', summary: 'references dropped at once because a merge had the page already' },
  { name: 'trimmedBytes', summary: 'bytes cut off a bio to end it on a logical block, and extracted again' },
  { name: 'repeatedPages', summary: 'pages that trimming made the next bio take a second time' },
  { name: 'misaligned', summary: 'bios (up to 6.12: operations) refused with -EINVAL for their memory alignment' },
  { name: 'dirtiedPages', summary: 'pages dirtied for a read into user memory' },
  { name: 'holeBytes', summary: 'bytes of holes, zeroed without a page taken' },
]

/** Those of file systems that do without direct I/O, at times or always: counted behind {@link BIO_COUNTERS}, told only there. */
export const FALLBACK_COUNTERS: readonly ConsumerCounter[] = [
  { name: 'buffered', summary: 'operations that the page cache served, or the rest of them (btrfs, tmpfs)' },
  { name: 'bufferedBytes', summary: 'bytes of them, copied' },
  { name: 'bouncedBytes', summary: 'bytes written through folios of the bio (btrfs with checksums, mainline)' },
  { name: 'faultRetries', summary: 'tries after memory that was not there had been faulted in (btrfs)' },
]
