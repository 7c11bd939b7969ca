import type { ListedPolicy } from '../services/list-policies.ts'
import { tableText } from './table.ts'
import { styled, type Terminal } from './terminal.ts'
import { wrapped } from './text.ts'

/** What each policy does, for every iterator type and direction, and where it comes from. */
export function policiesText(terminal: Terminal, policies: readonly ListedPolicy[]): string {
  const types = policies[0]?.retention.map(({ iter }) => iter) ?? []
  const table = tableText(terminal, {
    head: ['iterator', ...policies.map(({ name }) => name)],
    align: ['left', ...policies.map(() => 'left' as const)],
    rows: types.map((iter, at) => [iter, ...policies.map(({ retention }) => cell(retention[at]))]),
  })
  const foot = wrapped(
    'read / write: what is taken on each page when data arrives in it (ITER_DEST, a read) and when data leaves it (ITER_SOURCE, a write). One word stands for both.',
    terminal.columns,
  )
  const notes = policies.map(({ name, summary, source }) =>
    [
      styled(terminal, 'bold', name),
      wrapped(`  ${summary}`, terminal.columns, '  '),
      styled(terminal, 'dim', wrapped(`  ${source}`, terminal.columns, '  ')),
    ].join('\n'),
  )
  return `${[table, foot, ...notes].join('\n\n')}\n`
}

function cell({ dest, source }: ListedPolicy['retention'][number]): string {
  return dest === source ? dest : `${dest} / ${source}`
}
