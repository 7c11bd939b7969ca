import { CONSUMER_API_VERSION, defineConsumer, numberOption, wordOption } from '@pinscope/core'
import { PIPE_COUNTERS } from './pipe-counters.ts'
import { PIPE_BUFFERS_MAX, PIPE_DEF_BUFFERS, VMSPLICE_BATCH } from './pipe-sizes.ts'
import { Splice } from './splice.ts'
import { MOVE_TO_WORDS, OUT_WORDS } from './splice-out.ts'

/** splice. */
export const splice = defineConsumer({
  apiVersion: CONSUMER_API_VERSION,
  name: 'splice',
  summary: 'a pipe: vmsplice, splice, read and write; its buffers keep pages from row to row',
  kernel: 'fs/splice.c: iter_to_pipe, do_splice_read; fs/pipe.c: pipe_read, pipe_write',
  // kvec: -EFAULT for vmsplice, a copy for write(2).
  accepts: ['ubuf', 'iovec', 'bvec', 'kvec', 'folioq', 'xarray', 'discard', 'pipe'],
  entriesMax: PIPE_BUFFERS_MAX,
  avoided:
    'copyBytes: payload that goes into or out of a pipe as pages, where write(2) and read(2) copy it. entries and ' +
    'allocations: none, since a buffer is made either way.',
  options: [
    {
      ...numberOption('pipe-slots', 'buffers of a pipe', 'buffers', PIPE_DEF_BUFFERS, 1, PIPE_BUFFERS_MAX),
      powerOfTwo: true,
      header: 'pipe-slots',
    },
    wordOption('out', 'where splice(2) out of a pipe goes to', OUT_WORDS),
    wordOption('move-to', 'where it goes to with the flag `move`', MOVE_TO_WORDS),
  ],
  limits: [
    {
      name: 'PIPE_DEF_BUFFERS',
      max: PIPE_DEF_BUFFERS,
      unit: 'buffers',
      summary:
        'of a pipe, unless F_SETPIPE_SZ or the option `pipe-slots` says otherwise: then the call is short, or waits',
      kernel: 'include/linux/pipe_fs_i.h',
    },
    {
      name: 'pages[16]',
      max: VMSPLICE_BATCH,
      unit: 'pages',
      summary: 'of one extraction of vmsplice',
      kernel: 'fs/splice.c: iter_to_pipe',
    },
  ],
  counters: PIPE_COUNTERS,
  kernelPolicy: () => 'get-pages',
  create: (environment) => new Splice(environment),
})
