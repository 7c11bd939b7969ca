import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { FILE_LOCKED, LOCKED } from '../since.ts'
import { severityOf } from '../verdict.ts'

/** Longest wait under a lock that is let pass, ns: longer than a disk takes, shorter than a peer may. Ours. */
const WAIT_NS_MAX = 1_000_000_000

/** Whom a task may wait for in vain: a peer, a program of a user, the holder of a lease. */
const OTHERS: readonly string[] = ['network', 'user', 'lease']

export const h33 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-33',
  name: 'wait for others under a lock',
  precondition: 'a task holds the lock of a folio, or one of a file (inode)',
  event: 'it waits for the network, a user or a lease, for more than a second or without limit',
  verdict: 'DEADLOCK',
  severity: severityOf('DEADLOCK'),
  advice:
    'Receive first and lock then, or unlock before the wait: who needs the folio meanwhile (reclaim, writeback, a fault, another write), or the file, waits as long.',
  kernel:
    'mm/filemap.c: generic_perform_write (fault_in_iov_iter_readable before write_begin); include/linux/pagemap.h: folio_lock; fs/xfs/xfs_inode.c: xfs_iolock_two_inodes_and_break_layout (waits for leases without the locks)',
  diagram: `
  task A                      tasks B, C, D, ...
  lock folio
  recvmsg    waits for        fault, write, writeback of the folio
    |        the peer           |  wait for A
    8 s ...                     8 s ...
  unlock                      go on`,
  example: {
    broken: `# pinscope-trace 1
ts,event,mm,call,segs,backing,file,offset,len
0,map,1,,0x10000+4096,file,f,0,
1,load,1,,0x10000+4096,,,,
2,lock,1,,,,f,0,4096
3,wait,1,network,,,,,8000000000
4,unlock,1,,,,f,0,4096
`,
    rows: [4],
    sound: `# pinscope-trace 1
ts,event,mm,call,segs,backing,file,offset,len
0,map,1,,0x10000+4096,file,f,0,
1,load,1,,0x10000+4096,,,,
2,wait,1,network,,,,,8000000000
3,lock,1,,,,f,0,4096
4,unlock,1,,,,f,0,4096
`,
  },
  watch: (audit) => ({
    wait: ({ detail: whom, amount: nsMax }) => {
      const folios = audit.tasks.held()
      const inodes = audit.tasks.files.held()
      if (folios.length + inodes.length === 0 || !OTHERS.includes(whom)) return
      if (nsMax > 0 && nsMax <= WAIT_NS_MAX) return
      const long = nsMax === 0 ? 'without limit' : `for ${nsMax / 1_000_000_000} s at most`
      const told = { detail: `the task waits for the ${whom} ${long} and holds ${locks(folios.length, inodes.length)}` }
      if (folios.length === 0) audit.find(h33, { ...told, since: { row: inodes[0].row, what: FILE_LOCKED } })
      else {
        const since = { row: folios[0].row, what: LOCKED }
        audit.find(h33, { ...told, page: folios[0].page, pages: folios.length, since })
      }
    },
  }),
})

function locks(folios: number, inodes: number): string {
  const kinds = [...(folios > 0 ? ['folio locks'] : []), ...(inodes > 0 ? ['locks of files'] : [])]
  return kinds.join(' and ')
}
