import type { Audit } from '../audit.ts'
import { BlockCount } from '../block-count.ts'
import { BLOCK_RESERVED } from '../block-runs.ts'
import { pagesWithData } from '../dirty-pages.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

const DETAIL = 'the write is over, and space that it reserved has no dirty data: no writeback ever turns it into blocks'
const NO_END = 'space is reserved outside of any write: nothing is copied to it, and no end of a write settles it'

export const h37 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-37',
  name: 'reservation beyond the data',
  precondition: 'a write reserved space (delayed allocation)',
  event:
    'it ends without an error, and no data was copied over a part of that space, nor was it given back; or no write follows at all',
  verdict: 'LEAK',
  severity: severityOf('LEAK'),
  advice:
    'At the end of the write give back the reservation of [round up (position + written), round up (position + length)) that has no dirty data.',
  kernel:
    'fs/xfs/xfs_iomap.c: xfs_buffered_write_iomap_end, xfs_buffered_write_delalloc_punch; fs/iomap/buffered-io.c: iomap_write_delalloc_release (6.12), iomap_file_buffered_write_punch_delalloc (6.1); fs/ext4/inode.c: ext4_da_release_space',
  diagram: `
  reserve  | R | R | R | R | R | R |      for 6 blocks
  copy     | D | D | D |                  the source ends
  end                  | R | R | R |      counted as used for ever`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,file,offset,len,result
0,reserve,1,f,0,65536,
1,copy_in,1,f,0,36864,
2,write_end,1,f,0,65536,36864
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,mm,file,offset,len,result
0,reserve,1,f,0,65536,
1,copy_in,1,f,0,36864,
2,punch,1,f,36864,28672,
3,write_end,1,f,0,65536,36864
`,
  },
  watch: (audit) => {
    const { space } = audit
    /** Number of the write whose reservations are counted. */
    const counted = { write: 0 }
    /** Its reservations without data: space under another's dirty data is kept. */
    const unused = new BlockCount(space, (run, blocks, file, position, length) => {
      if (run.state !== BLOCK_RESERVED || run.isWritten || run.write !== counted.write) return 0
      return blocks - pagesWithData(audit, file, position, length, run)
    })
    const outside = new OutsideOfWrites(audit)
    return {
      reserve: ({ file, positionBytes, lengthBytes }) => outside.reserve(file, positionBytes, lengthBytes),
      copy_in: ({ file }) => outside.copyIn(space.writeNumber(file)),
      over: () =>
        outside.each(({ file, write, positionBytes, lengthBytes, row, line }) => {
          counted.write = write
          const pages = unused.in(file, positionBytes, lengthBytes)
          if (pages > 0) audit.find(h37, { pages, row, line, since: { row, what: 'reserved' }, detail: NO_END })
        }),
      write_end: ({ file, positionBytes, lengthBytes, result }) => {
        counted.write = space.writeNumber(file)
        outside.writeEnd(counted.write)
        // Of a write that failed altogether H-31 tells.
        if (result < 0) return
        const pages = unused.in(file, positionBytes, lengthBytes)
        if (pages > 0) audit.find(h37, { pages, since: unused.since, detail: DETAIL })
      },
    }
  },
})

interface Reservation {
  readonly file: number
  /** Number of the write that took it. */
  readonly write: number
  readonly positionBytes: number
  readonly lengthBytes: number
  readonly row: number
  readonly line: number
}

/** What was reserved since the last write of its task ended, until that task copies data into the file: lifetime.md 13.3, I5. */
class OutsideOfWrites {
  /** By write: those that have copied nothing. */
  private readonly reservations = new Map<number, Reservation[]>()
  /** Writes that have copied. */
  private readonly copying = new Set<number>()
  private readonly audit: Audit

  constructor(audit: Audit) {
    this.audit = audit
  }

  reserve(file: number, positionBytes: number, lengthBytes: number): void {
    const write = this.audit.space.writeNumber(file)
    if (this.copying.has(write)) return
    const { row, line } = this.audit.bus
    const known = this.reservations.get(write) ?? []
    known.push({ file, write, positionBytes, lengthBytes, row, line })
    this.reservations.set(write, known)
  }

  copyIn(write: number): void {
    this.copying.add(write)
    this.reservations.delete(write)
  }

  writeEnd(write: number): void {
    this.copying.delete(write)
    this.reservations.delete(write)
  }

  each(tell: (reservation: Reservation) => void): void {
    for (const known of this.reservations.values()) for (const reservation of known) tell(reservation)
  }
}
