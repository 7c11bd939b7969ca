import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h53 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-53',
  name: 'result > request',
  precondition:
    'bytes of an object are on their way, a write or an operation is of so many, or a call was given an iterator of them',
  event: 'more than these are reported as done',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Report what was asked for at most: a counter that starts at the largest number, or that counts whole blocks, is no result. Callers subtract the result from the length, and clean up as much.',
  kernel:
    'fs/netfs/write_collect.c, fs/netfs/direct_write.c: wreq->transferred, a3de58b12ce0 (6.17); fs/splice.c: iter_file_splice_write',
  diagram: `
  splice, a pipe of 4 pages        file system
  write_iter 16384      ------->   every part of the write fails, none sets
                                   the count: it stays LONG_MAX
  result LONG_MAX       <-------
  release what was written: the    pages of the pipe, and what lies behind
  4 buffers, and on and on         its buffers`,
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
      if (bytes >= 0 && result > bytes)
        audit.find(h53, { detail: `${kind}: ${grouped(result)} bytes done of ${grouped(bytes)} submitted` })
    },
    return: ({ object, result }) => {
      const { countBytes, type } = audit.iterators.of(object)
      // Of an iterator that no row began nobody told the length.
      if (result <= countBytes || (type < 0 && countBytes === 0)) return
      audit.find(h53, { detail: `the call returns ${grouped(result)} for an iterator of ${grouped(countBytes)} bytes` })
    },
    write_end: ({ lengthBytes, result }) => {
      if (result > lengthBytes)
        audit.find(h53, { detail: `a write of ${grouped(lengthBytes)} bytes has written ${grouped(result)}` })
    },
    overrun: ({ lengthBytes, result }) =>
      audit.find(h53, { detail: `an operation of ${grouped(lengthBytes)} bytes returns ${grouped(result)}` }),
  }),
})
