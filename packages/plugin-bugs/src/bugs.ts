import type { Bug } from './bug.ts'
import { bug03 } from './bug-03-bio-residue/bug.ts'
import { bug12 } from './bug-12-managed-carve/bug.ts'
import { bug14 } from './bug-14-rds-stale-count/bug.ts'
import { bug15 } from './bug-15-rds-purge-kind/bug.ts'
import { bug18 } from './bug-18-ktls-page-counters/bug.ts'
import { bug20 } from './bug-20-carve-notifier/bug.ts'
import { bug22 } from './bug-22-bvec-folio-references/bug.ts'
import { bug28 } from './bug-28-nvme-tcp-refcount/bug.ts'
import { bug29 } from './bug-29-slab-to-zero-copy/bug.ts'
import { bug39 } from './bug-39-iomap-nowait/bug.ts'

/** The collection, by number. A new bug is a folder and a line here. */
export const BUGS: readonly Bug[] = [bug03, bug12, bug14, bug15, bug18, bug20, bug22, bug28, bug29, bug39]
