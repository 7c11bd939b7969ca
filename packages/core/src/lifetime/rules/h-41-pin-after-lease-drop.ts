import { RETAIN_PIN } from '../../extract/retention.ts'
import type { Audit } from '../audit.ts'
import { grouped } from '../grouped.ts'
import type { LayoutLease } from '../leases.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h41 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-41',
  name: 'pin outlives its layout lease',
  precondition: 'a layout lease is over, and pins that were taken under it are held',
  event: 'the layout of the file changes in the range of those pages',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Drop the pins first, the lease last. Where a holder does not answer, revoke what its device can reach before the lease is taken away.',
  kernel:
    'fs/locks.c: time_out_leases (lease-break-time, 45 s); fs/nfsd/nfs4layouts.c: nfsd4_layout_lm_break (no time-out in 6.1 and 6.12), nfsd4_layout_lm_breaker_timedout (7.3: fences the client first, where its layout can be)',
  diagram: `
  holder               file system
  ------               -----------
  lease, pin page      |
  |                    break_layout(): asks, and waits
  lease given back     |
  pin still there      reflink: thinks that nobody can write
  device stores        into blocks that two files share`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset,len
0,map,,1,,0x10000+4096,file,a,0,
1,lease,,1,,,,a,,
2,pin,buffer,1,read,0x10000+4096,,,,
3,unlease,,1,,,,a,,
4,reflink,,2,,,,a,0,4096
5,unpin,buffer,1,,,,,,
`,
    rows: [5],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,file,offset,len
0,map,,1,,0x10000+4096,file,a,0,
1,lease,,1,,,,a,,
2,pin,buffer,1,read,0x10000+4096,,,,
3,unpin,buffer,1,,,,,,
4,unlease,,1,,,,a,,
5,reflink,,2,,,,a,0,4096
`,
  },
  watch: (audit) => ({
    layout: ({ file }) => {
      const leases = audit.leases.droppedOn(file)
      if (leases.length === 0) return
      for (const page of audit.leases.changing) check(audit, page, leases)
    },
  }),
})

/** Finds the pins of former holders on a page that is about to change its place. */
function check(audit: Audit, page: number, leases: readonly LayoutLease[]): void {
  const { tokens } = audit
  tokens.eachOn(page, 1, (token) => {
    if (tokens.retention(token) !== RETAIN_PIN && tokens.isDest[token] === 0) return
    const at = tokens.takenAt[token]
    const lease = leases.find(
      ({ holder, takenAt, endAt }) => holder === tokens.mm[token] && takenAt <= at && at < endAt,
    )
    if (lease === undefined) return
    audit.find(h41, {
      token,
      page,
      detail: `the pin was taken under a lease that is over since row ${grouped(lease.endRow)}, and is still there`,
    })
  })
}
