import { grouped } from '../grouped.ts'
import type { LifetimeEvent } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h25 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-25',
  name: 'wrong advance',
  precondition: 'a consumer used some of what it took out of an iterator',
  event: 'the iterator is used again, or given back, and does not stand where the used bytes end',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Take what was used, not what was asked for: revert by what did not go into the list, and advance by what did, on the way out of a full list as on every other.',
  kernel:
    'block/bio.c: __bio_iov_iter_get_pages (iov_iter_revert of what is left); fs/iomap/direct-io.c: __iomap_dio_rw (revert to i_size); lib/scatterlist.c: extract_kvec_to_sg; 4977d121bc9b, 419e9c38aa07, 07b7d66e65d9',
  diagram: `
  iterator  |----------------------------------------------|
            0              10 pages        16 pages
  extracted |==============================|
  attached  |==============|                  the list is full
            |
            +-- advanced by 0:  the next list takes the same 10 again
            +-- advanced by 16: 6 pages are never written
            +-- advanced by 10: sound`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,len,result
0,init,write,1,write,0x10000+65536,,
1,extract,write,1,,,65536,
2,consume,write,1,,,40960,
3,return,write,1,,,,40960
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,segs,len,result
0,init,write,1,write,0x10000+65536,,
1,extract,write,1,,,65536,
2,consume,write,1,,,40960,
3,revert,write,1,,,24576,
4,return,write,1,,,,40960
`,
  },
  watch: (audit) => {
    const check = ({ object }: LifetimeEvent): boolean => {
      const { positionBytes, consumedBytes, skippedBytes, isConsumed, isListed } = audit.iterators.of(object)
      // Where nobody told what was listed or used there is nothing to compare.
      if (!isConsumed && !isListed) return true
      if (positionBytes === consumedBytes || positionBytes === consumedBytes + skippedBytes) return true
      const detail =
        positionBytes < consumedBytes
          ? `it stands ${grouped(consumedBytes - positionBytes)} bytes before the end of what was used: they are used twice`
          : `it stands ${grouped(positionBytes - consumedBytes)} bytes behind the end of what was used: they are passed over`
      audit.find(h25, { detail })
      return false
    }
    const compare = ({ object, result }: LifetimeEvent): void => {
      const { consumedBytes, skippedBytes, isConsumed } = audit.iterators.of(object)
      if (!isConsumed || result === consumedBytes || result === consumedBytes + skippedBytes) return
      audit.find(h25, { detail: `its call returns ${grouped(result)} bytes, and ${grouped(consumedBytes)} were used` })
    }
    return {
      extract: check,
      use: check,
      copy: check,
      return: (event) => {
        // Who returns an errno leaves the iterator to whoever restores it.
        if (event.result < 0) return
        if (check(event) && event.amount === 1) compare(event)
      },
      violation: ({ detail }) => {
        if (detail === 'count-wrapped') audit.find(h25, { detail: 'more was taken out of it than it had left' })
        if (detail === 'advance-past-pipe') audit.find(h25, { detail: 'it was advanced over more than its pipe has' })
      },
    }
  },
})
