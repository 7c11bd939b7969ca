import { RETAIN_NONE, type Retention } from '../extract/retention.ts'
import { BY_CPU, type Writer } from './writer.ts'

export { BY_CPU, BY_DEVICE, BY_KERNEL, WRITER_NAMES, type Writer } from './writer.ts'

/**
 * What can happen to pages, references, kernel objects, iterators, file space, leases and accounts: the vocabulary of
 * the hazard rules, each with the fields of {@link LifetimeEvent} that it fills. A rule hears an event before it changes
 * any state.
 */
export const LIFETIME_EVENTS = {
  // Folios: `page`, `pages` (a run of rows), `offsetBytes` and `bytes` in it.
  lock: 'a folio is locked by the task at work; `amount` 1: by a trylock, which waits for nobody',
  unlock: 'a folio is unlocked',
  store: 'bytes are written; `by` whom',
  dma: 'a device begins to store (`amount` 1) or to load (0); `object` names it until dma_end',
  dma_end: 'a device is done with what dma began: `object`',
  load: 'bytes are read or copied at once; `by` whom',
  dirty:
    'a folio is marked dirty, by whomever; `amount` 1: as page_mkwrite does, the file system was asked; `token`: by whose release',
  clean: 'clear_page_dirty_for_io: every mapping is write-protected, the dirty bit cleared',
  writeback: 'the folio is under writeback from now on (clean came before)',
  writeback_end: 'the writeback is over',
  mkwrite: 'page_mkwrite: the file system prepares the page for stores',
  stable: 'wait_for_stable_page',
  truncate: 'the folio leaves its file',
  invalidate: 'the folio leaves the page cache, clean',
  reclaim: 'memory reclaim wants the folio: a clean one is freed, what it holds is read from disk the next time',
  migrate: 'the folio is to move elsewhere in memory',
  compare: 'dedupe compares the page with another',
  dedupe:
    'dedupe shares the blocks of the page: the comparison said that they are the same; `amount` 1: they replace those of the page',
  reflink:
    'the blocks of the page are shared with another file from now on; `amount` 1: those of another file replace its own',
  fork: 'an address space was copied',
  cow: 'copy-on-write took `page` out of address space `object`, which has a copy in its place',
  refuse: 'get_user_pages refuses a mapping of address space `object`: `amount`, its MAPPING_* flags that are why',
  // References.
  acquire: 'references were taken: `token`',
  release:
    'references are about to be dropped: `token`, `as`, `pages` of it, `isDirty`; `amount` 1: it is the release that makes dirty',
  get: 'one plain reference on `page`',
  put: 'one plain reference on `page` is dropped',
  raw: 'the counter of `page` itself, not of its folio, moves by `amount`',
  put_borrowed: 'a page of which nothing was taken is put: `page`, `as`',
  over: 'the trace is over; the `end` of every token that is still open follows',
  end: 'the trace is over and `token` still open',
  violation:
    'the ledger or an iterator found a rule broken: `detail`, `row` that took, `pages`, `as` what released, `amount` what was held (RETAIN_*)',
  free: 'the owner frees `page`: its memory, or an object in it',
  // Kernel objects: `object`.
  alloc: 'an object was allocated',
  attach: 'an entry was put into the list of an object: `token`, `page`, `offsetBytes`, `bytes`',
  submit: 'the object is on its way: a device, the network or another task works on it',
  complete: 'its I/O is over: `result`',
  clone: 'its descriptor was copied as it is, and with it whatever it refers to',
  share: 'a reference on the object was taken',
  drop: 'a reference on the object is about to be dropped',
  object_free: 'the object is about to be freed',
  merge:
    'an entry is joined with the one before it: `token` and `amount`, the token of the other; `page`, where it is known',
  slot: 'a slot of a ring is filled with `page`; `amount` 1: its flags are set anew',
  append: 'bytes are appended to what a slot of a ring has: `page`',
  // Iterators: `object` is the iterator.
  init: 'an iterator begins: `amount` bytes, over segments of `bytes` in all',
  extract: '`bytes` of it were listed',
  advance: 'it moves on by `amount` bytes',
  revert: 'it goes back by `amount` bytes',
  consume: 'the consumer has used the next `amount` bytes of what was listed',
  use: 'it is walked by the task and context at work; `amount`: mask of the iterator types that its code has a case for',
  copy: 'bytes are copied into it (`amount` 1) or out of it (0), or a device does',
  return: 'the call that was given it returns: `result`; `amount` 0: nobody told it',
  overrun: 'the row at work, an operation of `lengthBytes` bytes, was recorded with a `result` above that',
  // File space: `file`, `positionBytes`, `lengthBytes`.
  reserve: 'space was reserved for the range (delayed allocation)',
  unreserve: 'a reservation is given back',
  allocate: 'blocks were allocated for the range',
  copy_in: 'data was copied into the page cache of the range',
  zero: 'the page cache of the range was zeroed',
  punch: 'blocks or reservations of the range are given back',
  extend: 'the file ends at `positionBytes` now',
  expose: 'the page cache of the range is uptodate, and some of it nobody has written or zeroed',
  file_read: 'the range is read: what of it is inside the file',
  file_writeback: 'writeback of the range begins; of the pages that are in memory `writeback` follows',
  write_end: 'the write is over: `result`',
  // Leases and layouts: `file`.
  lease: 'a layout lease is taken',
  lease_break: 'its holder is asked to give it back, and has',
  unlease: 'it is given back',
  layout: 'the layout of the file changes (truncate, reflink, a hole filled)',
  // Tasks and accounts.
  lock_file:
    'the file system locks a file for the task at work, or a range that it maps: `file`, `positionBytes`, `lengthBytes`',
  unlock_file: 'it lets go of the lock that it took last: `file`',
  wait: 'the task at work waits for another: `detail` names it (network, user, lease), `amount` ns at most, 0: for ever',
  allocation: 'memory is allocated; `amount` 1: reclaim may call into file systems (GFP_KERNEL)',
  account: '`amount` pages are added to what address space `object` has locked',
  unaccount: '`amount` pages are taken off it',
} as const

/** One of {@link LIFETIME_EVENTS}. */
export type LifetimeEventName = keyof typeof LIFETIME_EVENTS

/** The names, in the order of the codes. */
export const LIFETIME_EVENT_NAMES = Object.keys(LIFETIME_EVENTS) as LifetimeEventName[]

/** Code of an event. */
export function eventCode(name: LifetimeEventName): number {
  return LIFETIME_EVENT_NAMES.indexOf(name)
}

/** The event at work: one object for all of a lane. Read it in the handler, keep nothing of it. */
export class LifetimeEvent {
  /** First page row; -1: it is about no page. */
  page = -1
  /** Rows from `page` on. */
  pages = 0
  /** In the first page. */
  offsetBytes = 0
  bytes = 0
  by: Writer = BY_CPU
  /** Row of the hold table; 0: none. */
  token = 0
  /** As what a token is released. */
  as: Retention = RETAIN_NONE
  /** Released after being made dirty, or to be made so. */
  isDirty = false
  /** An object, iterator or device. */
  object = 0
  /** Id of the file; -1: none. */
  file = -1
  positionBytes = 0
  lengthBytes = 0
  amount = 0
  result = 0
  /** Row of the trace that it is about, where that is another than the row at work; 0: none. */
  row = 0
  detail = ''

  /** Empties every field. */
  reset(): void {
    this.page = -1
    this.pages = 0
    this.offsetBytes = 0
    this.bytes = 0
    this.by = BY_CPU
    this.token = 0
    this.as = RETAIN_NONE
    this.isDirty = false
    this.object = 0
    this.file = -1
    this.positionBytes = 0
    this.lengthBytes = 0
    this.amount = 0
    this.result = 0
    this.row = 0
    this.detail = ''
  }
}
