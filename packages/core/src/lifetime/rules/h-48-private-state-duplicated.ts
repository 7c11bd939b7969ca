import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { sinceAllocated } from '../since.ts'
import { severityOf } from '../verdict.ts'

export const h48 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-48',
  name: 'private state duplicated',
  precondition: 'a descriptor was copied with the pointer to state that is not counted (the private of a pipe buffer)',
  event: 'one of them frees the state, and the other uses or frees it',
  verdict: 'DOUBLE',
  severity: severityOf('DOUBLE'),
  advice: 'Refuse the copy (the get of pipe_buf_operations returns false), copy the state too, or count it.',
  kernel: 'net/smc/smc_rx.c: smc_rx_pipe_buf_get, smc_rx_pipe_buf_release; fs/splice.c: link_pipe; 24dd586bb4cb',
  diagram: `
  pipe 1: buffer ---+
                    +--- private: smc_spd_priv
  pipe 2: buffer ---+    (tee copied the pointer)
       |
  pipe 1 is read:   kfree(private)
       |
  pipe 2 is read:   kfree(private) again`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,call
0,alloc,private,1,smc_spd_priv
1,clone,private,1,
2,free,private,1,
3,free,private,1,
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,id,mm,call
0,alloc,private,1,smc_spd_priv
1,alloc,copy,1,smc_spd_priv
2,free,private,1,
3,free,copy,1,
`,
  },
  watch: (audit) => ({
    submit: ({ object }) => {
      // Of one that is counted the last reference told: H-47.
      const { kind, row, isFreed, references, unreferenced } = audit.objects.of(object)
      if (!isFreed || unreferenced === 0 || references <= 0) return
      audit.find(h48, {
        since: sinceAllocated(row),
        detail: `the ${kind} of two descriptors is used by one after the other freed it`,
      })
    },
    object_free: ({ object }) => {
      const { kind, row, isFreed, unreferenced } = audit.objects.of(object)
      if (!isFreed || unreferenced === 0) return
      audit.find(h48, { since: sinceAllocated(row), detail: `the ${kind} of two descriptors is freed by both` })
    },
  }),
})
