import { errnoName } from '../../errno.ts'
import { findLeak, LEAK_FAILED_CALL, leakOf } from '../leak.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h12 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-12',
  name: 'partial-pin leak',
  precondition: 'a call got pages, all that it asked for or only the first ones',
  event: 'it returns an error and keeps them',
  verdict: 'LEAK',
  severity: severityOf('LEAK'),
  advice:
    'pin_user_pages and get_user_pages return how many they got: on the way out let go of exactly that many, and keep the number apart from the error code.',
  kernel:
    'mm/gup.c: pin_user_pages_fast (a number below nr_pages is no error); io_uring/rsrc.c: io_sqe_buffer_register, e1c75831f682; block/bio-integrity.c: bio_integrity_map_user, 8582792cf23b; drivers/accel/qaic: 73274c33d961',
  diagram: `
  pin 4 pages          the third is of a device
       |
  returns 2            2 pages are pinned
       |
  2 != 4               the caller returns -EFAULT, and frees the array
       |
  end                  2 pins of which nobody knows`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,backing,len,result
0,map,,1,,,0x12000+4096,pfn,,
1,init,call,1,write,ubuf,0x10000+16384,,16384,
2,pin,pages,1,write,ubuf,0x10000+16384,,,
3,return,call,1,,,,,,-14
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,backing,len,result
0,map,,1,,,0x12000+4096,pfn,,
1,init,call,1,write,ubuf,0x10000+16384,,16384,
2,pin,pages,1,write,ubuf,0x10000+16384,,,
3,unpin,pages,1,,,,,,
4,return,call,1,,,,,,-14
`,
  },
  watch: (audit) => ({
    end: (event) => {
      const { token } = event
      if (leakOf(audit, token) !== LEAK_FAILED_CALL) return
      const errno = errnoName(-audit.tokens.errno[token])
      findLeak(audit, h12, event, `the call that took them returned ${errno} and let go of none of them`)
    },
  }),
})
