import { defineBug } from '../bug.ts'
import { AmdxdnaBuffer } from './amdxdna.ts'
import { IntegrityUser } from './integrity.ts'
import { UserTransfer } from './user-transfer.ts'

export const bug06 = defineBug({
  number: 6,
  title: 'fewer pages than asked for are taken for an error, and kept',
  summary:
    'A page in the middle of user memory cannot be had: pin_user_pages_fast returns how many come before it. The callers returned an error, or went on as if all were there, and never let go of these.',
  cases: [
    {
      name: 'integrity-user',
      kernel: 'block/bio-integrity.c: bio_integrity_map_user',
      commit: '8582792cf23b',
      cve: 'CVE-2026-64052',
      trace: 'integrity.csv',
      rules: ['H-12', 'H-28'],
      row: 5,
      accepts: ['ubuf', 'iovec'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new IntegrityUser(isFixed),
    },
    {
      // CVE-2026-74423. Four pages are taken off the account while two of them are pinned.
      name: 'amdxdna-ubuf',
      kernel: 'drivers/accel/amdxdna/amdxdna_ubuf.c: amdxdna_get_ubuf',
      commit: 'd946347edc4f',
      cve: 'CVE-2026-74423',
      trace: 'amdxdna.csv',
      rules: ['H-12', 'H-50'],
      row: 5,
      accepts: ['ubuf', 'iovec'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new AmdxdnaBuffer(isFixed),
    },
    {
      // CVE-2023-53633: references, not pins.
      name: 'qaic-transfer',
      kernel: 'drivers/accel/qaic/qaic_control.c: find_and_map_user_pages',
      commit: '73274c33d961',
      cve: 'CVE-2023-53633',
      trace: 'qaic.csv',
      rules: ['H-12'],
      row: 5,
      accepts: ['ubuf'],
      policy: () => 'get-pages',
      create: (_environment, isFixed) => new UserTransfer(isFixed),
    },
    {
      // "Unpin partial pinned pages" (2020): the collection has no hash for it.
      name: 'kpc2000-transfer',
      kernel: 'drivers/staging/kpc2000/kpc_dma/fileops.c: kpc_dma_transfer',
      commit: null,
      trace: 'kpc2000.csv',
      rules: ['H-12'],
      row: 4,
      accepts: ['ubuf'],
      policy: () => 'extract',
      create: (_environment, isFixed) => new UserTransfer(isFixed),
    },
  ],
})
