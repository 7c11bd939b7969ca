import { RETAIN_PIN } from '../../extract/retention.ts'
import { MAPPING_TRACKED } from '../../memory/mapping.ts'
import type { Audit } from '../audit.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h23 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-23',
  name: 'long-term write pin on a tracked file',
  precondition: 'memory is a shared, writable mapping of a file whose file system must see each write',
  event: 'it is pinned for long, to be written to',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Give the device anonymous, shared or huge memory (memfd, hugetlbfs), or map the file privately. Since 6.5 get_user_pages refuses with -EFAULT; before, the pin is taken, and writeback cleans the folio under it.',
  kernel:
    'mm/gup.c: writable_file_mapping_allowed, folio_fast_pin_allowed (since 6.5; since 6.10 gup_fast_folio_allowed); mm/mmap.c, mm/vma.c: vma_needs_dirty_tracking; 8ac268436e6d, a6e79df92e4a',
  diagram: `
  mmap(MAP_SHARED, ext4)
    |
  pin(LONGTERM | WRITE) -- since 6.5 --> -EFAULT, 0 pins
    |
    | 6.1: page_mkwrite once, then pinned for hours
    v
  writeback: write-protected, clean, blocks written
    |
  device stores: no fault, no page_mkwrite, no dirty bit
    v
  reclaim: lost; or dirty again behind the file system's back`,
  example: {
    broken: `# pinscope-trace 1
# kernel 6.1
# filesystem ext4
ts,event,id,mm,op,segs,backing,file,offset,flags
0,map,,1,,0x10000+8192,file,/data,0,
1,pin,region,1,read,0x10000+8192,,,,longterm
2,unpin,region,1,,,,,,dirty
`,
    rows: [2],
    sound: `# pinscope-trace 1
# kernel 6.1
# filesystem ext4
ts,event,id,mm,op,segs,backing,file,offset,flags
0,map,,1,,0x10000+8192,shmem,,,
1,pin,region,1,read,0x10000+8192,,,,longterm
2,unpin,region,1,,,,,,dirty
`,
  },
  watch: (audit) => {
    /** Pins of the row at work, or the last one that had such: what is let go in the same row was refused after all. */
    const taken: TakenLongTerm[] = []
    const tell = (): void => {
      for (const { row, line, page, pages, token, holder } of taken) {
        const from = audit.tokens.isOpenSince(token, row) ? { token } : { takenRow: row, holder }
        audit.find(h23, { ...from, row, line, page, pages, detail: DETAIL })
      }
      taken.length = 0
    }
    return {
      acquire: ({ token, page }) => {
        const { tokens, bus } = audit
        if (taken.length > 0 && taken[0].row !== bus.row) tell()
        if (tokens.isLongTerm[token] === 0 || tokens.isDest[token] === 0) return
        if (tokens.retention(token) !== RETAIN_PIN) return
        let pages = 0
        tokens.eachFilePage(token, () => pages++)
        if (pages > 0) taken.push({ row: bus.row, line: bus.line, page, pages, token, holder: tokens.holder })
      },
      release: ({ token, pages }) => {
        if (taken.length === 0) return
        if (taken[0].row !== audit.bus.row) {
          tell()
          return
        }
        if (pages < audit.tokens.pagesOf(token)) return
        const isLetGo = letGoWith(audit, token)
        const kept = taken.filter((one) => !isLetGo(one))
        if (kept.length === taken.length) return
        taken.splice(0, taken.length, ...kept)
        audit.refused(h23, 'a shared file mapping was pinned for long, and let go at once when it was seen to be one')
      },
      over: tell,
      refuse: ({ amount }) => {
        if ((amount & MAPPING_TRACKED) === 0) return
        audit.refused(
          h23,
          'get_user_pages refused FOLL_LONGTERM | FOLL_WRITE on a shared file mapping: -EFAULT, no pin',
        )
      },
    }
  },
})

/** What goes with a token: itself, and, where it has pages of files, what was joined to it and has no token of its own any more. */
function letGoWith({ tokens, lane }: Audit, token: number): (one: TakenLongTerm) => boolean {
  let files = 0
  tokens.eachFilePage(token, () => files++)
  return (one) => one.token === token || (files > 0 && lane.ledger.holds.open[one.token] === 0)
}

/** Pages of a tracked file that one row pinned for long. */
interface TakenLongTerm {
  readonly row: number
  readonly line: number
  readonly page: number
  readonly pages: number
  readonly token: number
  readonly holder: string
}

const DETAIL = 'pinned for long to be written to: its file system is asked once, and the device stores for ever'
