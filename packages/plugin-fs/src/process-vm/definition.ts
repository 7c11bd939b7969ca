import { CONSUMER_API_VERSION, defineConsumer, flagOption } from '@pinscope/core'
import { ProcMem } from './proc-mem.ts'
import { PROC_MEM_COUNTERS } from './proc-mem-counters.ts'
import { ProcessVm } from './process-vm.ts'
import { PROCESS_VM_COUNTERS } from './process-vm-counters.ts'
import { BATCH_PAGES } from './remote-sizes.ts'

/** The other process's memory is addresses; any other iterator is the caller's side. */
const ACCEPTED = ['ubuf', 'iovec', 'kvec', 'bvec', 'folioq', 'xarray'] as const

/** process-vm. */
export const processVm = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'process-vm',
  summary:
    "process_vm_readv and process_vm_writev: another process's memory pinned, copied and unpinned, batch by batch",
  kernel: 'mm/process_vm_access.c: process_vm_rw_single_vec',
  accepts: ACCEPTED,
  entriesMax: BATCH_PAGES,
  dirtiesDest: false,
  avoided: 'nothing: every byte is copied once, from process to process.',
  limits: [
    {
      name: 'PVM_MAX_USER_PAGES',
      max: BATCH_PAGES,
      unit: 'pages',
      summary: 'of one call of pin_user_pages_remote',
      kernel: 'mm/process_vm_access.c',
    },
  ],
  counters: PROCESS_VM_COUNTERS,
  // Pins by address, whatever the policy is.
  kernelPolicy: () => 'extract',
  create: (environment) => new ProcessVm(environment),
})

/** proc-mem. */
export const procMem = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'proc-mem',
  summary:
    "/proc/PID/mem: another process's memory a page at a time, with a reference each, through a page of the kernel's",
  kernel: 'fs/proc/base.c: mem_rw; mm/memory.c: __access_remote_vm',
  accepts: ACCEPTED,
  entriesMax: 1,
  dirtiesDest: true,
  avoided: 'nothing: every byte is copied twice, into the page of the kernel and out of it.',
  options: [
    flagOption(
      'force',
      'memory is written whatever its protection is (proc_mem.force_override=always); 0: as for the process itself',
      1,
    ),
  ],
  counters: PROC_MEM_COUNTERS,
  // References by address, whatever the policy is.
  kernelPolicy: () => 'get-pages',
  create: (environment) => new ProcMem(environment),
})
