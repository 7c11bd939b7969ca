import { describe, expect, it } from 'vitest'
import { EFAULT, EOPNOTSUPP, EREMOTEIO } from '../../src/errno.ts'
import { KERNEL_VERSIONS, type KernelVersion } from '../../src/kernel/version.ts'
import { FOLL_LONGTERM, FOLL_PIN, FOLL_WRITE } from '../../src/memory/foll.ts'
import type { BackingName, FlagName } from '../../src/trace/op-batch.ts'
import { GupWorld } from '../support/gup-worlds.ts'

// The table of reference/lifetime.md 11, as mm/gup.c of 6.1.192 (check_vma_flags), 6.12.117 and 7.3.4 have it
// (writable_file_mapping_allowed since 6.5): columns FOLL_PIN, + WRITE, + LONGTERM, + both.

const COLUMNS = [0, FOLL_WRITE, FOLL_LONGTERM, FOLL_LONGTERM | FOLL_WRITE].map((foll) => foll | FOLL_PIN)

/** What each column gives: 0 for the page, or an errno. */
type Cells = readonly [number, number, number, number]
const GIVEN: Cells = [0, 0, 0, 0]
const NEVER: Cells = [EFAULT, EFAULT, EFAULT, EFAULT]
const DAX: Cells = [0, 0, EOPNOTSUPP, EOPNOTSUPP]
const TRACKED: Cells = [0, 0, 0, EFAULT]
const PEER: Cells = [EREMOTEIO, EREMOTEIO, EREMOTEIO, EREMOTEIO]

/** Where 6.1 differs from the rest, its own cells. */
const TABLE: readonly [string, BackingName, FlagName[], Cells, Cells][] = [
  ['anonymous', 'anon', [], GIVEN, GIVEN],
  ['shared memory', 'shmem', [], GIVEN, GIVEN],
  ['hugetlb', 'hugetlb', [], GIVEN, GIVEN],
  ['a shared file whose file system tracks what is dirty', 'file', [], TRACKED, GIVEN],
  ['a private file', 'file', ['private'], GIVEN, GIVEN],
  ['a file on a DAX device', 'fsdax', [], DAX, DAX],
  ['VM_IO', 'device', [], NEVER, NEVER],
  ['VM_PFNMAP', 'pfn', [], NEVER, NEVER],
  ['memfd_secret', 'secretmem', [], NEVER, NEVER],
  ['PCI peer-to-peer memory without FOLL_PCI_P2PDMA', 'p2pdma', [], PEER, GIVEN],
]

describe.each(TABLE)('a pin of %s', (_name, backing, flags, since, in61) => {
  it.each(KERNEL_VERSIONS)('under %s', async (version: KernelVersion) => {
    const world = new GupWorld(version)
    await world.apply({ event: 'map', mm: 1, segs: [[0, 512]], backing, flags })
    const got = COLUMNS.map((foll) => {
      const found = world.walk(1, 0, 1, foll)
      return typeof found === 'number' ? found : 0
    })
    expect(got).toEqual(version === '6.1' ? in61 : since)
  })
})
