export const PAGE = 4096
export const EIO = -5
export const EAGAIN = -11
export const ENOMEM = -12
export const EBUSY = -16
export const EFAULT = -14
export const EINVAL = -22
export const ENOSPC = -28
export const EOPNOTSUPP = -95

export type IterName = 'ubuf' | 'iovec' | 'kvec' | 'bvec' | 'xarray' | 'folioq' | 'discard' | 'mixed'
export type Version = '6.1' | '6.12' | '6.18' | 'mainline'
export type Policy = 'get-pages' | 'viro-2022' | 'extract' | 'folio'
export type Flag = 'more' | 'splice' | 'eor' | 'nowait' | 'zerocopy' | 'fixed' | 'gift' | 'move'
export type Kind = 'pin' | 'ref'
export type PageEvent = 'free' | 'truncate' | 'dirty' | 'mkwrite' | 'unlock' | 'writeback_end'
/** What keeps bytes that a list names: their owner alone, a reference or a pin, the page lock. */
export type Guard = 'none' | 'count' | 'lock'

/**
 * A row in plain words; segments as in a trace. `map` rows make memory that cannot be had, or huge pages; `register` and
 * `unregister` rows and operations with the flag `fixed` name a registration. The other events are what happens to memory
 * that lists of operations in flight name. Of a mixed iterator a segment of two numbers is a kvec, one of three a bvec.
 */
export interface Row {
  readonly event?: 'map' | 'register' | 'unregister' | PageEvent
  /** Of a registration. */
  readonly id?: string
  readonly access?: 'none' | 'read' | 'write'
  /** Of a `map` row: one huge page, at a multiple of 2 MiB. No other `map` row may touch it. */
  readonly isHuge?: boolean
  readonly op?: 'read' | 'write'
  readonly iter?: IterName
  readonly segs: readonly (readonly number[])[]
  readonly flags?: readonly Flag[]
  readonly file?: string
  /** ns after the row; absent: at once. */
  readonly end?: number | 'never'
  readonly result?: number
  /** Bytes asked for, where it is less than the segments hold; `discard` has nothing else. */
  readonly len?: number
  /** Position in the file; of a `truncate` row its new size. */
  readonly offset?: number
}

/** What one lane is made of. */
export interface Setup {
  readonly version: Version
  readonly policy: Policy
  readonly options: Readonly<Record<string, number>>
  readonly quirks: Readonly<Record<string, boolean>>
}

export interface Page {
  /** The first page of its folio, where that has many: the counts are there. */
  readonly head?: Page
  /** Physical page number. Pages that follow each other in one bvec have numbers that do. */
  readonly frame?: number
  /** 1 for the reference of who has it without the I/O: the mapping, the page cache, the kernel. 0 once it was unmapped. */
  owned: 0 | 1
  /** References and pins of operations. */
  held: number
}

export interface Entry {
  readonly page: Page
  readonly offset: number
  readonly length: number
}

/** References of one kind on pages, taken together. */
export interface Hold {
  readonly kind: Kind
  readonly pages: readonly Page[]
}

export interface Piece {
  readonly segment: number
  readonly key: string
  /** A page that was taken before; absent: the one of that name. */
  readonly page?: Page
  readonly offset: number
  readonly length: number
}

const ORDER: readonly Version[] = ['6.1', '6.12', '6.18', 'mainline']

export function since(version: Version, first: Version): boolean {
  return ORDER.indexOf(version) >= ORDER.indexOf(first)
}

export function isUser(type: IterName): boolean {
  return type === 'ubuf' || type === 'iovec'
}

/** Physical page number; of a page without one, none that could follow another. */
export function frameOf({ frame }: Page): number {
  return frame ?? Number.NaN
}

export function userKey(page: number): string {
  return `user ${page}`
}
