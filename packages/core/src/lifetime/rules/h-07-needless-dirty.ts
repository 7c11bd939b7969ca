import type { Audit } from '../audit.ts'
import { FOLIO_LOCKED } from '../folio-flags.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

/** A token through which user memory is only read, where all on the page are such and nobody wrote to it since; 0: none. */
function onlySource({ tokens, folios }: Audit, page: number): number {
  const written = folios.history.rowOf('store', folios.headOf(page))
  let found = 0
  let isSource = true
  tokens.eachOn(page, 1, (token) => {
    found = token
    if (tokens.isDest[token] === 1 || tokens.isUser[token] === 0 || written >= tokens.rowOf(token)) isSource = false
  })
  return isSource ? found : 0
}

export const h07 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-07',
  name: "dirty on a source, or on memory that is no user's",
  precondition: "the pages are the source of the data, or not a user's: an owner cares for them",
  event: 'they are released with dirty',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Make dirty only what was written to, and only where user_backed_iter() holds: a source is written back for nothing, even where it is mapped read-only, and pages of the kernel are dirtied by their owner.',
  kernel:
    'block/bio.c: bio_set_pages_dirty; fs/iomap/direct-io.c: IOMAP_DIO_DIRTY (only ITER_DEST and user_backed_iter); block/bio-integrity.c: bio_integrity_unpin_bvec (39e160505198: no dirty at all)',
  diagram: `
  pin(read)           the device loads from the page
      |
  device loads        nothing changes
      |
  unpin, dirty        the folio is dirty although it is not
      |
  writeback           writes what the disk has already`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+4096,file,
1,pin,buffer,1,write,0x10000+4096,,
2,dma,,1,write,0x10000+4096,,
3,unpin,buffer,1,,,,dirty
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,backing,flags
0,map,,1,,0x10000+8192,file,
1,pin,buffer,1,write,0x10000+4096,,
2,dma,,1,write,0x10000+4096,,
3,unpin,buffer,1,,,,
4,pin,other,1,read,0x11000+4096,,
5,dma,,1,read,0x11000+4096,,
6,unpin,other,1,,,,dirty
`,
  },
  watch: (audit) => ({
    release: ({ token, page, pages, amount }) => {
      if (amount === 0) return
      const { isDest, isUser } = audit.tokens
      if (isDest[token] === 1 && isUser[token] === 1) return
      const detail =
        isDest[token] === 0
          ? 'made dirty, although nobody was to write to them'
          : "made dirty by one who took them out of an iterator over kernel memory: that is the owner's business"
      audit.find(h07, { token, page, pages, detail })
    },
    dirty: ({ page, token: releasing, amount }) => {
      const { folios } = audit
      if (releasing !== 0 || amount === 1 || folios.isDirty(page) || !folios.isFile(page)) return
      // With the folio locked it is write(2), or page_mkwrite.
      if (folios.has(page, FOLIO_LOCKED) || !folios.isBusy(page)) return
      const token = onlySource(audit, page)
      if (token === 0) return
      audit.find(h07, { token, page, detail: 'made dirty, although those who hold it only read it' })
    },
  }),
})
