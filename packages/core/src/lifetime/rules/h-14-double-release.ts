import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h14 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-14',
  name: 'double release',
  precondition: 'the references of a token were dropped',
  event: 'they are dropped again',
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
    violation: ({ detail, row, pages }) => {
      if (detail !== 'double-release') return
      audit.find(h14, { takenRow: row, pages, detail: 'these references were dropped before' })
    },
  }),
})
