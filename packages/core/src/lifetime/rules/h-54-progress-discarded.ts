import type { Audit } from '../audit.ts'
import { CallGrowth } from '../call-growth.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h54 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-54',
  name: 'size moved, progress discarded',
  precondition: 'a write copied data in and the file grew over it',
  event:
    'it, or the call that it is of, returns fewer bytes than that, or an error: its caller writes them again, behind the new end',
  verdict: 'CORRUPT',
  severity: severityOf('CORRUPT'),
  advice:
    'Return the bytes that were committed, and the error the next time; an iterator goes back only over what was not committed.',
  kernel:
    'fs/iomap/buffered-io.c: iomap_write_iter (18e419f6e80a, 6.0: -EAGAIN after a revert; gone since 1a1a3b574b97, 6.15, and in stable), iomap_file_buffered_write',
  diagram: `
  write 8 KiB, append, IOCB_NOWAIT
  | A A A A |            first folio copied, i_size is 4096
            -EAGAIN      the second would block: "nothing written"
  write 8 KiB again, at the end of the file
  | A A A A | A A A A | B B B B |      A stands there twice`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,file,offset,len,result
0,reserve,1,f,0,8192,
1,copy_in,1,f,0,4096,
2,extend,1,f,4096,,
3,punch,1,f,4096,4096,
4,write_end,1,f,0,8192,-11
`,
    rows: [5],
    sound: `# pinscope-trace 1
ts,event,mm,file,offset,len,result
0,reserve,1,f,0,8192,
1,copy_in,1,f,0,4096,
2,extend,1,f,4096,,
3,punch,1,f,4096,4096,
4,write_end,1,f,0,8192,4096
`,
  },
  watch: (audit) => {
    const growth = new Growth(audit)
    const calls = new CallGrowth(audit)
    return {
      init: ({ object }) => calls.began(object),
      copy_in: ({ file, positionBytes, lengthBytes }) => {
        growth.copied(file, positionBytes + lengthBytes)
        calls.copied(file, positionBytes)
      },
      extend: ({ file, positionBytes }) => {
        if (growth.extended(file, positionBytes)) calls.grew(file, positionBytes)
      },
      write_end: ({ file, positionBytes, lengthBytes, result }) => {
        if (growth.ended(file, positionBytes, lengthBytes, Math.max(result, 0))) calls.told()
      },
      // Each write of it may be sound, and the call forget what they committed.
      return: ({ object, result, amount }) => {
        const lost = calls.returned(object, Math.max(result, 0))
        if (lost > 0 && amount !== 0) audit.find(h54, { detail: detailOf(lost, 'call') })
      },
    }
  },
})

function detailOf(lost: number, what: 'write' | 'call'): string {
  return `the file grew by ${grouped(lost)} bytes more than the ${what} returns: who tries again appends them a second time`
}

/** How far each write under way has copied, and how far its file grew over that: by number of the write. Bytes. */
class Growth {
  private readonly copiedEnd = new Map<number, number>()
  private readonly grownEnd = new Map<number, number>()
  private readonly audit: Audit

  constructor(audit: Audit) {
    this.audit = audit
  }

  copied(file: number, end: number): void {
    const write = this.audit.space.writeNumber(file)
    this.copiedEnd.set(write, Math.max(end, this.copiedEnd.get(write) ?? 0))
  }

  /** The size moves behind what was copied, not on its own: else it is another's doing. */
  extended(file: number, size: number): boolean {
    const { space } = this.audit
    const write = space.writeNumber(file)
    const copied = this.copiedEnd.get(write)
    if (copied === undefined || size > copied || size <= (space.sizeBytes(file) ?? 0)) return false
    this.grownEnd.set(write, size)
    return true
  }

  /** True: it was told of. */
  ended(file: number, position: number, length: number, written: number): boolean {
    const { space } = this.audit
    const write = space.writeNumber(file)
    const grown = this.grownEnd.get(write)
    this.copiedEnd.delete(write)
    this.grownEnd.delete(write)
    // A size that was taken back is no progress.
    if (grown === undefined || grown > (space.sizeBytes(file) ?? 0)) return false
    const lost = grown - (position + written)
    if (lost <= 0 || grown > position + length) return false
    this.audit.find(h54, { detail: detailOf(lost, 'write') })
    return true
  }
}
