import { RETAIN_PIN } from '../../extract/retention.ts'
import { MAPPING_TRACKED } from '../../memory/mapping.ts'
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
    'mm/gup.c: writable_file_mapping_allowed, gup_fast_folio_allowed (since 6.5); mm/mmap.c, mm/vma.c: vma_needs_dirty_tracking; 8ac268436e6d, a6e79df92e4a',
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
  watch: (audit) => ({
    acquire: ({ token, page }) => {
      const { tokens } = audit
      if (tokens.isLongTerm[token] === 0 || tokens.isDest[token] === 0 || tokens.retention(token) !== RETAIN_PIN) return
      let pages = 0
      tokens.eachFilePage(token, () => pages++)
      if (pages === 0) return
      const detail = 'pinned for long to be written to: its file system is asked once, and the device stores for ever'
      audit.find(h23, { token, page, pages, detail })
    },
    refuse: ({ amount }) => {
      if ((amount & MAPPING_TRACKED) === 0) return
      audit.refused(h23, 'get_user_pages refused FOLL_LONGTERM | FOLL_WRITE on a shared file mapping: -EFAULT, no pin')
    },
  }),
})
