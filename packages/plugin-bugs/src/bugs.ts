import type { Bug } from './bug.ts'
import { bug01 } from './bug-01-directions/bug.ts'
import { bug02 } from './bug-02-unread-tail/bug.ts'
import { bug03 } from './bug-03-bio-residue/bug.ts'
import { bug05 } from './bug-05-uring-registration/bug.ts'
import { bug06 } from './bug-06-short-pin/bug.ts'
import { bug08 } from './bug-08-xdp-umem/bug.ts'
import { bug09 } from './bug-09-ceph-sparse-map/bug.ts'
import { bug10 } from './bug-10-pipe-tail/bug.ts'
import { bug12 } from './bug-12-managed-carve/bug.ts'
import { bug13 } from './bug-13-watch-queue/bug.ts'
import { bug14 } from './bug-14-rds-stale-count/bug.ts'
import { bug15 } from './bug-15-rds-purge-kind/bug.ts'
import { bug18 } from './bug-18-ktls-page-counters/bug.ts'
import { bug20 } from './bug-20-carve-notifier/bug.ts'
import { bug22 } from './bug-22-bvec-folio-references/bug.ts'
import { bug23 } from './bug-23-zero-page/bug.ts'
import { bug24 } from './bug-24-fuse-splice/bug.ts'
import { bug26 } from './bug-26-netfs-sink/bug.ts'
import { bug28 } from './bug-28-nvme-tcp-refcount/bug.ts'
import { bug29 } from './bug-29-slab-to-zero-copy/bug.ts'
import { bug30 } from './bug-30-kvec/bug.ts'
import { bug32 } from './bug-32-kvec-to-sg/bug.ts'
import { bug34 } from './bug-34-sge-overflow/bug.ts'
import { bug35 } from './bug-35-same-page/bug.ts'
import { bug37 } from './bug-37-append-advance/bug.ts'
import { bug39 } from './bug-39-iomap-nowait/bug.ts'
import { bug40 } from './bug-40-rds-info/bug.ts'
import { bug42 } from './bug-42-ext4-dirty/bug.ts'
import { bug43 } from './bug-43-dirty-pipe/bug.ts'
import { bug45 } from './bug-45-fork/bug.ts'

/** The collection, by number. A new bug is a folder and a line here. */
export const BUGS: readonly Bug[] = [
  bug01,
  bug02,
  bug03,
  bug05,
  bug06,
  bug08,
  bug09,
  bug10,
  bug12,
  bug13,
  bug14,
  bug15,
  bug18,
  bug20,
  bug22,
  bug23,
  bug24,
  bug26,
  bug28,
  bug29,
  bug30,
  bug32,
  bug34,
  bug35,
  bug37,
  bug39,
  bug40,
  bug42,
  bug43,
  bug45,
]
