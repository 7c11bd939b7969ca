import type { Audit } from '../audit.ts'
import type { Since } from '../finding.ts'
import { FOLIO_LOCKED } from '../folio-flags.ts'
import { BY_CPU, BY_KERNEL, WRITER_NAMES, type Writer } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { IN_RING, sinceListed } from '../since.ts'
import { severityOf } from '../verdict.ts'

export const h29 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-29',
  name: 'source modified in place',
  precondition:
    "a page was reached as a source of data (splice, MSG_SPLICE_PAGES, af_alg), and is not the holder's alone",
  event: 'the kernel or a device stores to it, without having it for writing and without its folio lock',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Copy before you modify (skb_cow_data, a destination buffer of your own): a reference gives a page, not the right to change it. The folio stays clean, so that the damage shows until it is reclaimed.',
  kernel:
    'fs/pipe.c: pipe_write (9d2231c5d74e); net/ipv4/esp4.c: esp_input (f4c50a4034e6); crypto/algif_aead.c (a664bf3d603d); include/linux/skbuff.h: SKBFL_SHARED_FRAG',
  diagram: `
  page cache of a file       splice: a reference        the consumer
        page  <---------------- slot, frag -----------------|
          ^                                                 |
          |            decrypts in place, appends, patches  |
          +-------------------------------------------------+
  everybody who reads the file sees it; nobody had the right to write`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+4096,file,
1,get,frag,1,write,0x10000+4096,,
2,store,,1,,0x10000+64,,kernel
3,put,frag,1,,,,
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+8192,file,
1,get,frag,1,write,0x10000+4096,,
2,pin,target,1,read,0x11000+4096,,
3,store,,1,,0x11000+64,,kernel
4,unpin,target,1,,,,dirty
5,lock,,1,,0x10000+4096,,
6,store,,1,,0x10000+64,,kernel
7,unlock,,1,,0x10000+4096,,
8,put,frag,1,,,,
`,
  },
  watch: (audit) => {
    const inRings = new Map<number, number>()
    return {
      slot: ({ page }) => {
        if (page >= 0 && audit.folios.isPageCache(page)) inRings.set(page, audit.bus.row)
      },
      append: ({ object, page }) => {
        // Where the flags of the slot were not set it is them that allow it: H-49.
        const slot = audit.objects.slotWith(object, page)
        if (slot === undefined || !slot.isReset || !audit.folios.isPageCache(page)) return
        const detail = 'bytes are appended to a page of a file that the ring has as a source: it belongs to others too'
        audit.find(h29, { page, since: { row: slot.row, what: IN_RING }, detail })
      },
      store: ({ page, pages, by }) => {
        if (by === BY_CPU || !isAnySource(audit, inRings, page, pages)) return
        for (let at = page; at < page + pages; at++) {
          if (isLocked(audit, at, by)) continue
          const from = fromSource(audit, inRings, at, by)
          if (from === null) continue
          const detail = `${WRITER_NAMES[by]} changes a page that was handed on as a source: it belongs to others too`
          audit.find(h29, { page: at, ...from, detail })
        }
      },
    }
  },
})

/** The folio lock is there for who stores: of a device nobody tells for whom it works. */
function isLocked({ folios, tasks }: Audit, page: number, by: Writer): boolean {
  return by === BY_KERNEL ? tasks.isLockedForWork(page) : folios.has(page, FOLIO_LOCKED)
}

/** Some page of the run may be a source for somebody: most stores are to pages that are held for writing alone. */
function isAnySource({ tokens, lane }: Audit, inRings: Map<number, number>, page: number, pages: number): boolean {
  if (inRings.size > 0 || lane.borrows.open > 0) return true
  let isSource = false
  tokens.eachOn(page, pages, (token) => {
    if (tokens.isDest[token] === 0) isSource = true
  })
  return isSource
}

/** What made the page a source for somebody first, while who stores has it not for writing; null: that is not so. */
function fromSource(audit: Audit, inRings: Map<number, number>, page: number, by: Writer): Source | null {
  const { folios, tokens, lane } = audit
  let source: Source | null = null
  if (folios.isBusy(page)) {
    let row = inRings.get(page) ?? 0
    if (row !== 0) source = { since: { row, what: IN_RING } }
    tokens.eachOn(page, 1, (token) => {
      const isSource = tokens.isDest[token] === 0 && (folios.isPageCache(page) || tokens.isUser[token] === 1)
      if (!isSource || (row !== 0 && row <= tokens.rowOf(token))) return
      row = tokens.rowOf(token)
      source = { token }
    })
    if (isHeldForWriting(audit, page, by, row)) return null
  }
  const { borrows } = lane
  if (source !== null || borrows.open === 0 || !folios.isPageCache(page)) return source
  for (let slot = borrows.first(page); slot !== 0; slot = borrows.nextOfPage[slot]) {
    if (borrows.isSource[slot] === 0) return null
    source = { since: sinceListed(borrows.row[slot]) }
  }
  return source
}

/**
 * A token for writing lets it be stored to. Into the page cache the kernel copies under one that it takes for that, or keeps
 * for whoever asks: not under one that another has had since before the page was handed on in `row`, for a device of his.
 */
function isHeldForWriting({ folios, lane, tokens }: Audit, page: number, by: Writer, row: number): boolean {
  const isAnysEnough = by !== BY_KERNEL || !folios.isPageCache(page)
  let isHeld = false
  tokens.eachOn(page, 1, (token) => {
    if (tokens.isDest[token] === 0) return
    const isForAll = lane.ledger.holds.operation[token] !== 0 || tokens.isLongTerm[token] === 1
    if (isAnysEnough || isForAll || tokens.rowOf(token) >= row) isHeld = true
  })
  return isHeld
}

/** Whose reference makes it one, or what else. */
type Source = { readonly token: number } | { readonly since: Since | null }
