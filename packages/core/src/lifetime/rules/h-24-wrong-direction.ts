import type { Audit } from '../audit.ts'
import { BY_DEVICE } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h24 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-24',
  name: 'wrong direction',
  precondition: 'an iterator was made as data source or as data destination',
  event: 'its consumer copies into the source, or out of the destination',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    "Name the direction as the iterator's memory sees it: ITER_DEST where data arrives in it, ITER_SOURCE where data leaves it, whatever the call around it is named.",
  kernel:
    'lib/iov_iter.c: _copy_to_iter, _copy_from_iter (6.1 copies all the same, since 6.2 a WARN and 0 bytes), iov_iter_zero (not checked in any version); de4eda9de2d9, 330de47d14af',
  diagram: `
  iov_iter_kvec(&iter, WRITE, buf)     "I write into buf", so WRITE
           |                           but WRITE is ITER_SOURCE:
           |                           data leaves buf
  copy_to_iter(data, &iter)
           |
           +-- until 6.1   copied; GUP of user memory was asked for no
           |               write: a read-only page takes the data
           +-- since 6.2   WARN, nothing copied: buf stays as it was`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs
0,init,header,1,write,kvec,0x10000+512
1,copy,header,1,read,,
`,
    rows: [2],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs
0,init,header,1,read,kvec,0x10000+512
1,copy,header,1,read,,
2,init,packet,1,write,kvec,0x20000+512
3,copy,packet,1,write,,
`,
  },
  watch: (audit) => {
    /** Iterators of which it was told. */
    const told = new Set<number>()
    const device = (page: number, pages: number, isStore: boolean): void => {
      if (audit.tokens.calls.isNone) return
      audit.tokens.eachOn(page, pages, (token) => {
        const iterator = audit.tokens.call[token]
        if (told.has(iterator) || !isAgainst(audit, token, isStore)) return
        told.add(iterator)
        audit.find(h24, { token, page, detail: isStore ? STORES : LOADS })
      })
    }
    return {
      copy: ({ object, amount }) => {
        const iterator = audit.iterators.of(object)
        // One of no bytes has no direction: nobody told how it began.
        if (iterator.countBytes === 0 || iterator.isSource === (amount === 0)) return
        const detail = iterator.isSource
          ? 'data is copied into a data source'
          : 'data is copied out of a data destination'
        audit.find(h24, { detail: iterator.isUser ? `${detail}: its pages were not asked for that way` : detail })
      },
      dma: ({ page, pages, amount }) => device(page, pages, amount === 1),
      store: ({ page, pages, by }) => {
        if (by === BY_DEVICE) device(page, pages, true)
      },
      load: ({ page, pages, by }) => {
        if (by === BY_DEVICE) device(page, pages, false)
      },
      violation: ({ detail }) => {
        if (detail !== 'wrong-direction') return
        audit.find(h24, { detail: 'data was copied against the direction of the iterator' })
      },
    }
  },
})

const STORES = 'a device stores into pages that were extracted from a data source'
const LOADS = 'a device loads from pages that were extracted from a data destination'

/** The pages of a token were extracted from an iterator of a call, the way that its direction says, and the device does the other. */
function isAgainst({ iterators, tokens }: Audit, token: number, isStore: boolean): boolean {
  if (tokens.call[token] === 0) return false
  const { isListed, isSource, isUser, mm } = iterators.of(tokens.call[token])
  const isOfIterator = isListed && isUser && tokens.mm[token] === mm && (tokens.isDest[token] === 1) === !isSource
  return isOfIterator && isSource === isStore
}
