import { PAGE_SIZE } from '../../units.ts'
import { folioOf, isInFlight } from '../handed-locks.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { FILE_LOCKED, LOCKED } from '../since.ts'
import { severityOf } from '../verdict.ts'

const FILE = 'the file system locked the file to map a range of it, and nothing lets go of that lock'

export const h52 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-52',
  name: 'lock leak on retry',
  precondition:
    'a folio is locked, and unlocked by the completion that brings a counter of pieces to zero; or a file, by the end of a write',
  event:
    'the counter was raised for a piece that was refused, and again when it was tried again: no completion is the last; or a path of the write has no unlock',
  verdict: 'DEADLOCK',
  severity: severityOf('DEADLOCK'),
  advice:
    'Raise the counter after the piece was taken, or take it back where it was refused, before the retry. What mapping a range locks, every path that ends with the range unlocks.',
  kernel:
    'fs/erofs/fileio.c: erofs_fileio_scan_folio, erofs_onlinefolio_split, erofs_onlinefolio_end, bbfe756dc306 (6.15); the same counter in fs/iomap/buffered-io.c: read_bytes_pending. Of files: the multi-page write of 2010 (READ has no counterpart where nothing is allocated)',
  diagram: `
  lock folio           pending 0
  share (a piece)      pending 1
  attach: refused, the bio is full; submit it, try again
  share (same piece)   pending 2
  attach, submit
  complete, drop       pending 1: not the last, no unlock
  whoever locks the folio next waits for ever`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,call,mm,segs,backing,file,offset,len
0,map,,,1,0x10000+4096,file,data,0,
1,lock,,,1,0x10000+4096,,,,
2,alloc,pending,folio_state,1,,,,,
3,share,pending,,1,,,,,
4,share,pending,,1,,,,,
5,alloc,bio,bio,1,,,,,
6,attach,bio,,1,0x10000+4096,,,,
7,submit,bio,,1,,,,,4096
8,complete,bio,,1,,,,,
9,drop,pending,,1,,,,,
`,
    rows: [2],
    sound: `# pinscope-trace 1
ts,event,id,call,mm,segs,backing,file,offset,len
0,map,,,1,0x10000+4096,file,data,0,
1,lock,,,1,0x10000+4096,,,,
2,alloc,pending,folio_state,1,,,,,
3,share,pending,,1,,,,,
4,alloc,bio,bio,1,,,,,
5,attach,bio,,1,0x10000+4096,,,,
6,submit,bio,,1,,,,,4096
7,complete,bio,,1,,,,,
8,drop,pending,,1,,,,,
9,unlock,,,1,0x10000+4096,,,,
`,
  },
  watch: (audit) => ({
    over: () => {
      // Where a trace ends in the midst, so may the time for which a lock is held.
      if (audit.lane.isCutOff) return
      audit.tasks.eachLock(({ page, row, line }) => {
        if (isInFlight(audit, folioOf(audit, page))) return
        const detail = 'it is still locked, and nothing is in flight that would unlock it'
        audit.find(h52, { page, row, line, since: { row, what: LOCKED }, detail })
      })
      audit.tasks.files.each(({ positionBytes, lengthBytes, row, line }) => {
        const end = Math.ceil((positionBytes + lengthBytes) / PAGE_SIZE)
        const pages = end - Math.floor(positionBytes / PAGE_SIZE)
        audit.find(h52, { pages, row, line, since: { row, what: FILE_LOCKED }, detail: FILE })
      })
    },
  }),
})
