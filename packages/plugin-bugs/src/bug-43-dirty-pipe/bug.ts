import type { ConsumerEnvironment } from '@pinscope/core'
import { defineBug } from '../bug.ts'
import { OldPipes } from './old-pipe.ts'

export const bug43 = defineBug({
  number: 43,
  title: 'Dirty Pipe: the flags of a slot are not set',
  summary:
    "splice put a page of the page cache into a slot of a pipe and left the flags of the slot as they were: where a write had used the slot before, the next write was appended to the page of the file. So did a direct read into a pipe, whose pages are the pipe's own.",
  cases: [
    {
      name: 'splice',
      kernel: 'lib/iov_iter.c: copy_page_to_iter_pipe',
      commit: '9d2231c5d74e',
      cve: 'CVE-2022-0847',
      trace: 'trace.csv',
      rules: ['H-49', 'H-29'],
      row: 5,
      accepts: ['ubuf', 'xarray'],
      policy: () => 'extract',
      dirtiesDest: () => false,
      create: ({ ledger }: ConsumerEnvironment, isFixed) => new OldPipes(ledger, isFixed),
    },
    {
      name: 'push-pipe',
      kernel: 'lib/iov_iter.c: push_pipe',
      commit: '9d2231c5d74e',
      cve: 'CVE-2022-0847',
      trace: 'direct.csv',
      rules: ['H-49'],
      row: 5,
      accepts: ['ubuf', 'pipe'],
      policy: () => 'extract',
      dirtiesDest: () => false,
      create: ({ ledger }: ConsumerEnvironment, isFixed) => new OldPipes(ledger, isFixed),
    },
  ],
})
