import type { Audit } from '../audit.ts'
import { FOLIO_FAULTED, FOLIO_WRITEBACK } from '../folio-flags.ts'
import { WRITER_NAMES } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h01 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-01',
  name: 'store under writeback, stable mapping',
  precondition: 'a folio of a mapping with stable pages is under writeback',
  event: 'somebody who does not wait stores to it',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Call folio_wait_stable() before the store, with the folio locked or before its page table entry becomes writable. A device cannot wait: do not keep memory of such files pinned for writing while it is written back.',
  kernel:
    'mm/page-writeback.c: folio_wait_stable; AS_STABLE_WRITES (762321dab9a7, 6.7, backported to 6.1; before: SB_I_STABLE_WRITES); mm/filemap.c: filemap_page_mkwrite',
  diagram: `
  writeback              device (pinned before)         disk
      |                        |                         |
  checksum of the page         |                         |
  start_writeback              |                         |
      |  ....page on its way.. store                     |
      |------------------------------------------------> new bytes,
  end_writeback                                          old checksum

  A CPU store would fault, and wait in page_mkwrite. A device does not.`,
  example: {
    broken: `# pinscope-trace 1
# stable-writes yes
ts,event,id,mm,op,segs,backing
0,map,,1,,0x10000+4096,file
1,pin,buffer,1,read,0x10000+4096,
2,writeback,,1,,0x10000+4096,
3,dma,,1,read,0x10000+4096,
4,writeback_end,,1,,0x10000+4096,
5,unpin,buffer,1,,,
`,
    rows: [4],
    sound: `# pinscope-trace 1
# stable-writes yes
ts,event,id,mm,op,segs,backing
0,map,,1,,0x10000+4096,file
1,writeback,,1,,0x10000+4096,
2,store,,1,,0x10000+4096,
3,writeback_end,,1,,0x10000+4096,
`,
  },
  watch: (audit) => ({
    store: ({ page, pages, by }) => {
      const { folios } = audit
      for (let at = page; at < page + pages; at++) {
        if (!folios.has(at, FOLIO_WRITEBACK) || !folios.isFile(at) || !folios.isStable(at)) continue
        if (comesAfter(audit, at)) continue
        audit.find(h01, {
          page: at,
          token: audit.tokens.writerOn(at),
          detail: `${WRITER_NAMES[by]} changes the page while it is written back: its checksum, parity or mirror differs from now on`,
        })
      }
    },
  }),
})

/**
 * Whoever has the page for writing has it by a fault that waits for the end of this writeback: the trace's clock tells when
 * the fault began, and what comes by it is stored afterwards. One who had it before takes no fault.
 */
function comesAfter({ folios, tokens }: Audit, page: number): boolean {
  if (!folios.has(page, FOLIO_FAULTED)) return false
  const begun = folios.history.rowOf('writeback', folios.headOf(page))
  let isLate = false
  let isEarly = false
  tokens.eachOnFolio(page, (token) => {
    if (tokens.isDest[token] === 0) return
    if (tokens.rowOf(token) < begun) isEarly = true
    else isLate = true
  })
  return isLate && !isEarly
}
