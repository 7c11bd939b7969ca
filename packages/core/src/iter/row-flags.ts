/** Flag words, bit 0 first. An `x_` word is carried through and sets no bit; any other word is refused. */
export const FLAG_NAMES = [
  'direct',
  'nowait',
  'zerocopy',
  'fixed',
  'hole',
  'longterm',
  'untouched',
  'private',
  'prot_none',
  'prot_read',
  'more',
  'splice',
  'eor',
  'gift',
  'move',
  'dirty',
  'kernel',
  'reset',
  'atomic',
  'worker',
  'raw',
  'assumed',
  'stable',
  'unstable',
] as const
/** One of the flag words. */
export type FlagName = (typeof FLAG_NAMES)[number]

/** Direct I/O. @kernel O_DIRECT; include/linux/fs.h: IOCB_DIRECT */
export const FLAG_DIRECT = 1 << 0
/** The call may not wait. @kernel include/linux/fs.h: IOCB_NOWAIT; RWF_NOWAIT */
export const FLAG_NOWAIT = 1 << 1
/** Data is sent from where it is. @kernel include/linux/socket.h: MSG_ZEROCOPY and its kin */
export const FLAG_ZEROCOPY = 1 << 2
/** The segments lie in the registration that `id` names: a bvec iterator over pages pinned before. @kernel io_uring/rsrc.c: io_import_fixed */
export const FLAG_FIXED = 1 << 3
/** The file range is a hole (whole operation, or the part that `hole=OFFSET+LENGTH` names, from the operation's start). @kernel include/linux/iomap.h: IOMAP_HOLE */
export const FLAG_HOLE = 1 << 4
/** The pins stay for long. @kernel FOLL_LONGTERM */
export const FLAG_LONGTERM = 1 << 5
/** map: nothing was touched yet; a source finds the zero page, a destination gets fresh pages. */
export const FLAG_UNTOUCHED = 1 << 6
/** map: MAP_PRIVATE (of a file). */
export const FLAG_PRIVATE = 1 << 7
/** map: PROT_NONE. */
export const FLAG_PROT_NONE = 1 << 8
/** map: PROT_READ without PROT_WRITE. */
export const FLAG_PROT_READ = 1 << 9
/** More data of the same message follows. @kernel include/linux/socket.h: MSG_MORE */
export const FLAG_MORE = 1 << 10
/** The pages themselves are handed over: splice(2) and sendfile(2) into a socket. @kernel include/linux/socket.h: MSG_SPLICE_PAGES (since 6.5; before: the sendpage callback) */
export const FLAG_SPLICE = 1 << 11
/** The record ends here. @kernel include/linux/socket.h: MSG_EOR */
export const FLAG_EOR = 1 << 12
/** The process gives its pages away and touches them no more. @kernel include/linux/splice.h: SPLICE_F_GIFT */
export const FLAG_GIFT = 1 << 13
/** Pages may be moved instead of copied. @kernel include/linux/splice.h: SPLICE_F_MOVE */
export const FLAG_MOVE = 1 << 14
/** unpin: its folios are made dirty first. @kernel mm/gup.c: unpin_user_pages_dirty_lock */
export const FLAG_DIRTY = 1 << 15
/** store, load: the kernel does it through its own mapping of the page. @kernel kmap_local_page */
export const FLAG_KERNEL = 1 << 16
/** slot: the flags of the slot are set anew. @kernel include/linux/pipe_fs_i.h: struct pipe_buffer */
export const FLAG_RESET = 1 << 17
/** The row happens where nothing may sleep. @kernel include/linux/preempt.h: in_atomic */
export const FLAG_ATOMIC = 1 << 18
/** The row happens in a kernel thread, which has no user memory. @kernel current->mm */
export const FLAG_WORKER = 1 << 19
/** get, put: the counter of the page itself, not of its folio; pin: the page that is mapped, with no fault before. @kernel include/linux/page_ref.h: page_ref_inc */
export const FLAG_RAW = 1 << 20
/** io: the recording had no addresses; those of the segments are assumed (`# layout` says how). */
export const FLAG_ASSUMED = 1 << 21
/** map, of a file: stores to its pages wait for writeback, whatever `# stable-writes` says. @kernel AS_STABLE_WRITES */
export const FLAG_STABLE = 1 << 22
/** map, of a file: they do not. */
export const FLAG_UNSTABLE = 1 << 23
