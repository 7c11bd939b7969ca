/**
 * Every limit of the trace reader. What lies above one is refused with its line and column: nothing is cut short, and
 * the memory of a reader does not depend on the length of its trace.
 */

/** Largest integer a cell may hold: 2^53 - 1. Addresses, file positions, lengths and nanoseconds are doubles. */
export const INTEGER_MAX = Number.MAX_SAFE_INTEGER

/** Bytes of one line, its line end included; of one quoted record, which may span lines. */
export const LINE_BYTES_MAX = 1 << 21

/** `#` lines above the header row. */
export const HEADER_LINES_MAX = 1024

/** Columns of the header row. */
export const COLUMNS_MAX = 256

/** Distinct strings of one column (`file`, `call`, `id`, `consumer`). */
export const NAMES_MAX = 1 << 20

/** Bytes of one such string. @kernel include/uapi/linux/limits.h: PATH_MAX */
export const NAME_BYTES_MAX = 4096

/** Bytes of all strings of one column together. */
export const NAMES_BYTES_MAX = 1 << 27

/** Segments of an `iovec` or `kvec` row. @kernel include/uapi/linux/uio.h: UIO_MAXIOV */
export const SEGMENTS_VECTOR_MAX = 1024

/** Segments of a `bvec` or `folioq` row, which the kernel does not bound: 256 MiB in single pages. */
export const SEGMENTS_PAGES_MAX = 1 << 16

/** A batch is handed on when it holds this many segments, so that its segment table stays small. */
export const BATCH_SEGMENTS_MAX = 1 << 16

/** Address space: a pid. */
export const MM_MAX = 0x7fffffff

/** `order=N`: a folio of 1 GiB. @kernel include/linux/mmzone.h: MAX_FOLIO_ORDER */
export const ORDER_MAX = 18

/** Page frame numbers are int32: 8 TiB of memory. */
export const PFN_MAX = 0x7fffffff

/** bv_offset and bv_len are 32 bits wide. @kernel include/linux/bvec.h: struct bio_vec */
export const BVEC_FIELD_MAX = 0xffffffff

/** Most pins one row may count. */
export const PINS_MAX = 0x7fffffff

/** Largest -errno of a `result`. @kernel include/linux/err.h: MAX_ERRNO */
export const ERRNO_MAX = 4095

/** Largest `# logical-block-size` and `# dma-alignment`, bytes. */
export const HEADER_SIZE_BYTES_MAX = 1 << 20

/** Largest `# folio-order`. @kernel include/linux/pagemap.h: MAX_PAGECACHE_ORDER (HPAGE_PMD_ORDER on x86-64) */
export const FOLIO_ORDER_MAX = 9

/** Bytes of a file that tell its format, decompressed. */
export const DETECT_BYTES_MAX = 1 << 16

/** Whole lines of them. */
export const DETECT_LINES_MAX = 64

/** Rows of an imported file that wait to be put in order: how far behind its time a row may stand. */
export const REORDER_ROWS_MAX = 4096

/** Operations of an imported file whose completion is awaited. Beyond it the oldest is given up. */
export const PENDING_MAX = 1 << 16

/** Rows behind an operation whose completion is awaited. Beyond it that operation is given up. */
export const PENDING_ROWS_MAX = 1 << 18

/** Segments of imported rows that wait to be put in order: with more, fewer rows wait. */
export const WAITING_SEGMENTS_MAX = 1 << 20

/** Segments of an imported row. */
export const IMPORT_SEGMENTS_MAX = SEGMENTS_PAGES_MAX

/** Processes whose files and memory an importer of system calls follows. Beyond it the oldest is forgotten. */
export const PROCESSES_MAX = 2048

/** File descriptors of one process that it follows. Beyond it the oldest is forgotten. */
export const DESCRIPTORS_MAX = 4096

/** Of them, those that a child takes over. */
export const FORK_DESCRIPTORS_MAX = 256

/** Mappings of one process that it follows: those that are no private anonymous memory. Beyond it new ones are not followed. */
export const MAPPINGS_MAX = 1024

/** Reasons for which an importer passes lines over, assumptions and doubts: each kind. */
export const IMPORT_NOTES_MAX = 64

/** Rows that `sort` holds at once. */
export const SORT_ROWS_MAX = 1 << 23

/** Rows that one line of an imported file stands for, where it has a count of operations. CacheBench keeps such a count in 16 bits. */
export const REPEAT_ROWS_MAX = 1 << 16

/** The same on average over the lines so far, besides one line that stands for the most. */
export const REPEAT_ROWS_MEAN_MAX = 1000

/** Metadata of one Arrow message, bytes: a schema with what pandas adds to it has some thousands. */
export const ARROW_METADATA_BYTES_MAX = 1 << 24

/** Buffers of one Arrow message, bytes. It is in memory as a whole. */
export const ARROW_BODY_BYTES_MAX = 1 << 30

/** Columns of an Arrow schema, nested ones too, and how deep they nest. */
export const ARROW_FIELDS_MAX = 1024
export const ARROW_DEPTH_MAX = 8
