import { CONTEXT_WORKER } from '../event-bus.ts'
import type { AuditedIterator } from '../iterators.ts'
import type { LifetimeEvent } from '../lifetime-event.ts'
import { defineRule, RULE_API_VERSION } from '../rule.ts'
import { severityOf } from '../verdict.ts'

export const h20 = defineRule({
  apiVersion: RULE_API_VERSION,
  id: 'H-20',
  name: 'iterator escapes',
  precondition: "an iterator over a user's addresses, or of a type that not every code has a case for",
  event: 'it is walked in a task without those addresses, after its call has returned, or by code without such a case',
  verdict: 'CONTRACT',
  severity: severityOf('CONTRACT'),
  advice:
    'Extract the pages while the call runs in its task, and hand a BVEC iterator over them to whoever works later; give every type that can arrive a case, or refuse it before anything is queued.',
  kernel:
    'include/linux/uio.h: user_backed_iter; fs/netfs/iterator.c: netfs_extract_user_iter (-EIO for any other type), netfs_limit_iter (BUG); 67e467a11f62, 3f6bc9e3ab9b, 41748675c0bf',
  diagram: `
  task of mm 1                      worker, no mm
  ------------                      -------------
  read(buf)
   iov_iter_ubuf(buf) ----queue---->
   return -EIOCBQUEUED
                                    copy_to_iter(iter)
                                      address of mm 1, looked up in
                                      whatever mm is loaded: -EFAULT,
                                      or the memory of another`,
  example: {
    broken: `# pinscope-trace 1
ts,event,id,mm,op,segs,flags
0,init,request,1,read,0x10000+8192,
1,use,request,1,,,
2,copy,request,0,read,,worker
`,
    rows: [3],
    sound: `# pinscope-trace 1
ts,event,id,mm,op,iter,segs,flags
0,init,request,1,read,ubuf,0x10000+8192,
1,use,request,1,,,,
2,init,pages,1,read,bvec,0x100:0+8192,
3,copy,pages,1,read,,,worker
`,
  },
  watch: (audit) => {
    const check = ({ object }: LifetimeEvent): void => {
      const { bus, iterators } = audit
      const iterator = iterators.of(object)
      // A row of a worker that names the address space: kthread_use_mm.
      const isBorrowing = bus.operation === 0 && bus.task === iterator.mm
      const detail = whyNot(iterator, bus.context === CONTEXT_WORKER && !isBorrowing, bus.task)
      if (detail !== null) audit.find(h20, { detail })
    }
    return {
      extract: check,
      advance: check,
      revert: check,
      copy: check,
      use: (event) => {
        check(event)
        const { type } = audit.iterators.of(event.object)
        if (type < 0 || ((event.amount >> type) & 1) !== 0) return
        audit.find(h20, { detail: 'it reached code that has no case for its type: an error for ever, or a BUG' })
      },
    }
  },
})

/** Why its memory cannot be reached; null where it can. */
function whyNot(iterator: AuditedIterator, isWorker: boolean, task: number): string | null {
  if (!iterator.isUser) return null
  if (isWorker) return 'a kernel thread walks it, which has no user memory'
  if (task !== iterator.mm) return 'a task walks it whose addresses are not those of the iterator'
  if (iterator.isOver) return 'it is walked after the call that was given it has returned'
  return null
}
