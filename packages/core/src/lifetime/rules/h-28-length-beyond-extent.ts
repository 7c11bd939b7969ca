import { PAGE_KINDS } from '../../memory/page-store.ts'
import type { Audit } from '../audit.ts'
import { grouped } from '../grouped.ts'
import type { LifetimeEvent } from '../lifetime-event.ts'
import { endPageOf, firstPageOf, type PageRange } from '../page-range.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const KIND_VMALLOC = PAGE_KINDS.indexOf('vmalloc')

export const h28 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-28',
  name: 'length beyond extent',
  precondition: 'an iterator has segments, an entry of a list pages',
  event:
    'it begins with a count that is longer than they are, is moved beyond it, or the entry names pages that were not taken',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Count what the segments hold, and make one entry of several pages only where page i is page 0 plus i: the same folio is not enough, and neither is a run of addresses.',
  kernel:
    'include/linux/uio.h: iov_iter.count; io_uring/rsrc.c: io_sqe_buffer_register, io_check_coalesce_buffer; lib/scatterlist.c: extract_kvec_to_sg; c18646248fed, 776617db78c6, 07b7d66e65d9',
  diagram: `
  frames        0x500      0x501      0x502      0x503
                   |
  pin           [    p    ]                                   one page
  memory        [    p    ][    ?    ][    ?    ][    ?    ]  not taken
  bvec          |<------------ {p, 0, 16384} ------------->|  says four
                     p        memory of others`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,call,mm,op,iter,segs
0,pin,buffer,,1,read,bvec,0x500:0+4096
1,alloc,table,bvec,1,,,
2,attach,table,,1,,bvec,0x500:0+16384
3,free,table,,1,,,
4,unpin,buffer,,1,,,
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,call,mm,op,iter,segs
0,pin,buffer,,1,read,bvec,0x500:0+16384
1,alloc,table,bvec,1,,,
2,attach,table,,1,,bvec,0x500:0+16384
3,free,table,,1,,,
4,unpin,buffer,,1,,,
`,
  },
  watch: (audit) => {
    const move = ({ object, amount, bytes }: LifetimeEvent): void => {
      const { countBytes, positionBytes, consumedBytes, skippedBytes } = audit.iterators.of(object)
      const isWhereUsed = positionBytes === consumedBytes || positionBytes === consumedBytes + skippedBytes
      const end = positionBytes + amount + bytes
      // Of one whose begin nobody told, nobody knows the length; one that stands elsewhere than it should is H-25.
      if (countBytes === 0 || end <= countBytes || !isWhereUsed) return
      audit.find(h28, { detail: `it is moved to byte ${grouped(end)}, and has ${grouped(countBytes)}` })
    }
    return {
      init: ({ amount, bytes }) => {
        if (amount > bytes)
          audit.find(h28, { detail: `${grouped(amount)} bytes to go through, and segments of ${grouped(bytes)}` })
      },
      extract: move,
      advance: move,
      attach: (event) => {
        const { token, page } = event
        if (page < 0 || endPageOf(event) - firstPageOf(event) <= 1) return
        const foreign = token === 0 ? notListed(audit, event) : notTaken(audit, token, event)
        if (foreign === 0) return
        audit.find(h28, { page, pages: foreign, token, detail: token === 0 ? NOT_LISTED : NOT_TAKEN })
      },
    }
  },
})

const NOT_TAKEN = 'an entry names pages behind its first one that nobody took: whoever has them is read or written'
const NOT_LISTED =
  'an entry names pages behind its first one that the iterator does not have: whoever has them is read or written'

/** Pages of an entry that belong to no folio of which the token has a page. */
function notTaken(audit: Audit, token: number, entry: PageRange): number {
  const store = audit.lane.memory.pages
  const folios = new Set<number>()
  audit.lane.ledger.eachRun(token, (page, count) => {
    for (let at = page; at < page + count; at++) folios.add(store.headOf(at))
  })
  return outside(audit, entry, folios)
}

/** Bare pages of an entry that belong to no folio that the operation at work listed; memory of the consumer's own is not of it. */
function notListed(audit: Audit, entry: PageRange): number {
  const { listed, bus, lane } = audit
  if (bus.operation === 0) return 0
  const folios = new Set<number>()
  for (let i = 0; i < listed.length; i++) {
    if (listed.isHeld[i] === 1) continue
    const piece = { page: listed.page[i], offsetBytes: listed.offsetBytes[i], bytes: listed.lengthBytes[i] }
    for (let at = firstPageOf(piece); at < endPageOf(piece); at++) folios.add(lane.memory.pages.headOf(at))
  }
  return folios.has(lane.memory.pages.headOf(firstPageOf(entry))) ? outside(audit, entry, folios) : 0
}

/** Pages of an entry in none of these folios; behind a page of vmalloc'ed memory lies whatever follows it in physical memory. */
function outside({ lane }: Audit, entry: PageRange, folios: ReadonlySet<number>): number {
  const { pages } = lane.memory
  const first = firstPageOf(entry)
  const isScattered = pages.kindOf(first) === KIND_VMALLOC
  let foreign = 0
  for (let at = first; at < endPageOf(entry); at++) {
    const isNamed = !isScattered || pages.frameOf(at) === pages.frameOf(first) + at - first
    if (!isNamed || !folios.has(pages.headOf(at))) foreign++
  }
  return foreign
}
