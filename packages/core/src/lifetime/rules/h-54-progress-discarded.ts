import type { Audit } from '../audit.ts'
import { grouped } from '../grouped.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h54 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-54',
  name: 'size moved, progress discarded',
  precondition: 'a write copied data in and the file grew over it',
  event: 'it returns fewer bytes than that, or an error: its caller writes them again, behind the new end',
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
    return {
      copy_in: ({ file, positionBytes, lengthBytes }) => growth.copied(file, positionBytes + lengthBytes),
      extend: ({ file, positionBytes }) => growth.extended(file, positionBytes),
      write_end: ({ file, positionBytes, lengthBytes, result }) =>
        growth.ended(file, positionBytes, lengthBytes, Math.max(result, 0)),
    }
  },
})

/** How far the write under way of each file has copied, and how far the file grew over that. Bytes. */
class Growth {
  private readonly copiedEnd = new Map<number, number>()
  private readonly grownEnd = new Map<number, number>()
  private readonly audit: Audit

  constructor(audit: Audit) {
    this.audit = audit
  }

  copied(file: number, end: number): void {
    this.copiedEnd.set(file, Math.max(end, this.copiedEnd.get(file) ?? 0))
  }

  /** The size moves behind what was copied, not on its own: else it is another's doing. */
  extended(file: number, size: number): void {
    const copied = this.copiedEnd.get(file)
    if (copied === undefined || size > copied || size <= (this.audit.space.sizeBytes(file) ?? 0)) return
    this.grownEnd.set(file, size)
  }

  ended(file: number, position: number, length: number, written: number): void {
    const grown = this.grownEnd.get(file)
    this.copiedEnd.delete(file)
    this.grownEnd.delete(file)
    // A size that was taken back is no progress.
    if (grown === undefined || grown > (this.audit.space.sizeBytes(file) ?? 0)) return
    const lost = grown - (position + written)
    if (lost <= 0 || grown > position + length) return
    this.audit.find(h54, {
      detail: `the file grew by ${grouped(lost)} bytes more than the write returns: who tries again appends them a second time`,
    })
  }
}
