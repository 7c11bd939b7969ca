import { RETAIN_NONE } from '../../extract/retention.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { sinceAllocated } from '../since.ts'
import { severityOf } from '../verdict.ts'

export const h14 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-14',
  name: 'double release',
  precondition: 'the references of a token were dropped, or an object was freed',
  event: 'they are dropped again, or it is freed again',
  verdict: 'DOUBLE',
  severity: severityOf('DOUBLE'),
  advice:
    'Let one owner release: clear the pointer or the count where the references go, so that a second path finds nothing.',
  kernel: 'net/rds/message.c: rds_message_zcopy_from_user, rds_message_purge; e17492979319',
  diagram: `
  get page x 3         helper fails at the 4th page
       |
  helper puts 3        and leaves nents at 3
       |
  purge puts 3         references of somebody else`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs
0,get,pages,1,write,0x10000+4096
1,put,pages,1,,
2,put,pages,1,,
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs
0,get,pages,1,write,0x10000+4096
1,put,pages,1,,
`,
  },
  watch: (audit) => ({
    violation: ({ detail, row, pages, amount }) => {
      // Where nothing had been taken it is the release of a borrow: H-16.
      if (detail !== 'double-release' || amount === RETAIN_NONE) return
      audit.find(h14, { takenRow: row, pages, detail: 'these references were dropped before' })
    },
    drop: ({ object }) => {
      const { kind, isFreed, prepaid, references, unreferenced, row } = audit.objects.of(object)
      // That of the last reference frees it once more, which tells it; that of a copy is H-47.
      if (!isFreed || unreferenced > 0 || prepaid > 0 || references === 1) return
      audit.find(h14, {
        since: sinceAllocated(row),
        detail: `a reference on this ${kind} is dropped, and none is left: it was freed before`,
      })
    },
    object_free: ({ object }) => {
      const { kind, isFreed, unreferenced, row } = audit.objects.of(object)
      // A copy of the descriptor that frees it too is H-47 and H-48.
      if (!isFreed || unreferenced > 0) return
      audit.find(h14, { since: sinceAllocated(row), detail: `this ${kind} was freed before` })
    },
  }),
})
