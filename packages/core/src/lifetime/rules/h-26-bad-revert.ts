import { MAX_RW_COUNT } from '../../units.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h26 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-26',
  name: 'bad revert',
  precondition: 'an iterator moved on by some bytes since it began',
  event: 'it goes back by more, or by a negative number',
  verdict: 'UAF',
  severity: severityOf('UAF'),
  advice:
    'Revert by what this call advanced, counted by itself; a difference of two counts is wrong once the iterator was truncated: expand it again first, or save its state and restore it.',
  kernel:
    'lib/iov_iter.c: iov_iter_revert (no bound but MAX_RW_COUNT, which is a WARN; BUG for UBUF and XARRAY), iov_iter_restore; include/linux/uio.h: iov_iter_truncate, iov_iter_reexpand; cf7b39a0cbf6, b13ee668e828, 4481f7f2b3df',
  diagram: `
  segments       [ seg 0 ][ seg 1 ][ seg 2 ]
                 ^        ^
  start ---------+        +--- position
  revert(n): walks back segment by segment until n is used up
                 |
  n > position   v
         [ ??? ] the kernel reads iov_len of what lies before seg 0`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,len
0,init,write,1,write,0x10000+65536,32768
1,advance,write,1,,,8192
2,revert,write,1,,,40960
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,len
0,init,write,1,write,0x10000+65536,32768
1,advance,write,1,,,8192
2,revert,write,1,,,8192
`,
  },
  watch: (audit) => ({
    revert: ({ object, amount }) => {
      const { positionBytes } = audit.iterators.of(object)
      const isHuge = amount < 0 || amount > MAX_RW_COUNT
      if (!isHuge && amount <= positionBytes) return
      const detail = isHuge
        ? `it is to go back by ${grouped(amount)} bytes, which the kernel warns of and leaves: it stays where it is`
        : `it goes back by ${grouped(amount)} bytes and has moved on by ${grouped(positionBytes)}: the kernel walks before its segments`
      audit.find(h26, { detail })
    },
    violation: ({ detail }) => {
      if (detail === 'revert-past-start') audit.find(h26, { detail: 'it was reverted past its start' })
    },
  }),
})
