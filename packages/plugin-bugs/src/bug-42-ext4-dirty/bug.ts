import { defineBug } from '../bug.ts'
import { LongTermPin } from './long-term-pin.ts'
import { Writepages } from './writepages.ts'

export const bug42 = defineBug({
  number: 42,
  title: 'pages of a file made dirty without asking ext4',
  summary:
    'A page that is pinned for writing is written back, and its buffers go; then whoever pinned it stores and marks it dirty. ext4 met a dirty page without buffers in its writeback, and BUG killed the writer with the folio locked. Two commits: since cc5095747edf ext4 warns and drops the data, which mends what followed and not the cause, so that where it stands alone H-03 and H-05 still speak (second line); since 8ac268436e6d pins that stay for long are refused.',
  cases: [
    {
      name: 'longterm',
      kernel: 'fs/ext4/inode.c: mpage_prepare_extent_to_map; mm/gup.c: check_vma_flags',
      commit: 'cc5095747edf, 8ac268436e6d',
      cve: 'CVE-2022-49171',
      trace: 'longterm.csv',
      rules: ['H-05', 'H-03', 'H-23', 'H-52'],
      row: 4,
      accepts: ['ubuf'],
      policy: () => 'extract',
      dirtiesDest: () => true,
      create: ({ memory }, isFixed) => new LongTermPin(memory.spaces, isFixed),
    },
    {
      name: 'writepages',
      kernel: 'fs/ext4/inode.c: mpage_prepare_extent_to_map',
      commit: 'cc5095747edf',
      cve: 'CVE-2022-49171',
      trace: 'writepages.csv',
      rules: ['H-05', 'H-03', 'H-52'],
      rulesAfter: ['H-05', 'H-03'],
      row: 3,
      accepts: ['ubuf'],
      policy: () => 'extract',
      dirtiesDest: () => false,
      create: ({ ledger }, isFixed) => new Writepages(ledger, isFixed),
    },
  ],
})
