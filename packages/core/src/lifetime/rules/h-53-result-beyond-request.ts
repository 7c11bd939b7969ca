import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h53 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-53',
  name: 'result > request',
  precondition: 'bytes of an object are on their way, or a call was given an iterator of so many',
  event: 'more than these are reported as done',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Report what was asked for at most, however much was read to fill blocks: callers subtract the result from the length, and clean up what is left.',
  kernel: 'fs/netfs/direct_read.c, fs/netfs/read_collect.c: netfs_rreq_assess_dio, rreq->transferred; a3de58b12ce0',
  diagram: `
  caller                           file system
  read 1000 bytes       ------->   reads a block: 4096
  result 4096           <-------
  left = 1000 - 4096               a very large number, unsigned:
  zero or revert "what is left"    far beyond the buffer`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,call,mm,len,result
0,alloc,request,request,1,,
1,submit,request,,1,1000,
2,complete,request,,1,,4096
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,call,mm,len,result
0,alloc,request,request,1,,
1,submit,request,,1,1000,
2,complete,request,,1,,1000
`,
  },
  watch: (audit) => ({
    complete: ({ object, result }) => {
      const { bytes, kind } = audit.objects.of(object)
      if (bytes > 0 && result > bytes) audit.find(h53, { detail: `${kind}: ${result} bytes done of ${bytes} submitted` })
    },
    return: ({ object, result }) => {
      const { countBytes } = audit.iterators.of(object)
      if (result > countBytes) audit.find(h53, { detail: `the call returns ${result} for an iterator of ${countBytes} bytes` })
    },
  }),
})
