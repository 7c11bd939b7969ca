import type { Bug } from './bug.ts'
import { bug03 } from './bug-03-bio-residue/bug.ts'

/** The collection, by number. A new bug is a folder and a line here. */
export const BUGS: readonly Bug[] = [bug03]
