import { findLeak, LEAK_RESIDUE, leakOf } from '../leak.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h13 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-13',
  name: 'residual after build failure',
  precondition: 'k pages were taken for an object, and j < k of them came into its list',
  event: 'the object is freed: it lets go of j',
  verdict: 'LEAK',
  severity: severityOf('LEAK'),
  advice:
    'Whoever takes pages in a batch and hands them over one by one lets go of those that were refused: the object knows only of its own. Or allocate all that can fail before the pages are taken.',
  kernel:
    'block/bio.c: __bio_iov_iter_get_pages, bio_iov_add_zone_append_page, d9cf3bd53184 (5.15); fs/ceph/file.c: ceph_direct_read_write, 66e0c4f91461 (6.13)',
  diagram: `
  take 16 pages
       |
  add to bio: 0..9     the 11th is refused, the list is full
       |
  bio ends             puts 10
       |
  end                  pages 10..15: 6 references that nobody has`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,call,mm,op,segs,len
0,alloc,bio,bio,1,,,10
1,get,pages,,1,write,0x10000+65536,
2,attach,bio,,1,,0x10000+40960,
3,submit,bio,,1,,,40960
4,complete,bio,,1,,,
5,put,pages,,1,,0x10000+40960,
6,free,bio,,1,,,
`,
    rows: [2],
    sound: `# pinscope-trace 1
ts,event,id,call,mm,op,segs,len
0,alloc,bio,bio,1,,,10
1,get,pages,,1,write,0x10000+65536,
2,attach,bio,,1,,0x10000+40960,
3,put,pages,,1,,0x1a000+24576,
4,submit,bio,,1,,,40960
5,complete,bio,,1,,,
6,put,pages,,1,,,
7,free,bio,,1,,,
`,
  },
  watch: (audit) => ({
    end: (event) => {
      if (leakOf(audit, event.token) !== LEAK_RESIDUE) return
      findLeak(audit, h13, event, 'taken for an object that never had them, and let go by nobody')
    },
  }),
})
