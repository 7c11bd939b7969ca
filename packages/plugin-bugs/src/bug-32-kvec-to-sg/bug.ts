import { numberOption } from '@pinscope/core'
import { defineBug } from '../bug.ts'
import { ListsOfKernelMemory } from './kernel-lists.ts'
import { ListsOfUserMemory } from './user-lists.ts'

export const bug32 = defineBug({
  number: 32,
  title: 'a scatterlist reaches beyond its pages, or loses some',
  summary:
    'Each entry of a kvec got the whole rest of the kvec as its length, and the rest counted as done where the list was full: other memory was encrypted or sent, and some of the own never was. Of user memory, entries that a table had already were overwritten by the array of pages that came behind them.',
  cases: [
    {
      name: 'extract-kvec',
      kernel: 'lib/scatterlist.c: extract_kvec_to_sg',
      commit: '07b7d66e65d9',
      cve: 'CVE-2026-46289',
      trace: 'trace.csv',
      rules: ['H-25', 'H-27', 'H-28'],
      row: 3,
      accepts: ['kvec'],
      options: [numberOption('sg-max', 'entries that one call may make', 'entries', 2, 0, 256)],
      policy: () => 'extract',
      create: (environment, isFixed) => new ListsOfKernelMemory(environment, isFixed),
    },
    {
      name: 'extract-user',
      kernel: 'lib/scatterlist.c: extract_user_to_sg',
      commit: '118cf3f55975',
      trace: 'user.csv',
      rules: ['H-25', 'H-27'],
      row: 3,
      accepts: ['ubuf', 'iovec'],
      entriesMax: 16,
      policy: () => 'extract',
      create: (environment, isFixed) => new ListsOfUserMemory(environment, isFixed),
    },
  ],
})
