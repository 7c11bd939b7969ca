import type { ImportOption } from '../trace-format.ts'

/** What operations of a file are made of: each I/O shows in several kinds of events, and is counted once. */
export type EventSource = 'syscalls' | 'block' | 'references'

/** Input option of the importers of tracepoint text. */
export const EVENTS_OPTION: ImportOption = {
  name: 'events',
  summary:
    'which events make the rows, so that no I/O is counted twice: references of pages where there are some, else system calls, else block requests; or the ones named',
  words: ['auto', 'syscalls', 'block', 'references'],
  default: 'auto',
}

/** Why events of one kind make no row where those of another do. */
export const PASSED_OVER: Readonly<Record<EventSource, Readonly<Record<EventSource, string>>>> = {
  syscalls: {
    syscalls: '',
    block: 'system calls: the block requests are taken instead (--input-option events)',
    references: 'system calls: the references that their I/O took are there themselves',
  },
  block: {
    syscalls: 'block events of operations that are there as system calls',
    block: '',
    references: 'block events: the references that their I/O took are there themselves',
  },
  references: {
    syscalls: 'references that belong to operations that are there as system calls',
    block: 'references that belong to operations that are there as block requests',
    references: '',
  },
}

/** Most telling first. */
const SOURCES: readonly (readonly [EventSource, RegExp])[] = [
  ['references', /\bpage_ref_\w+: |\((?:pin|get)_user_pages\w*\+0x|\(unpin_user_\w+\+0x/],
  ['syscalls', /\bsys_(?:enter_)?(?:p?read|p?write)(?:64|v|v2)?(?::|\()/],
  ['block', /\bblock_(?:rq_issue|bio_queue): /],
]

/** Kinds of events in the first bytes of a file, most telling first. */
export function sourcesIn(text: string): EventSource[] {
  return SOURCES.filter(([, pattern]) => pattern.test(text)).map(([source]) => source)
}

/** The more telling of two kinds comes first. */
export function isMoreTelling(source: EventSource, than: EventSource): boolean {
  return rankOf(source) < rankOf(than)
}

function rankOf(source: EventSource): number {
  return SOURCES.findIndex(([name]) => name === source)
}
