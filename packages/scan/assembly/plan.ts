// What a line looks like, as @pinscope/core writes it before the first scan (trace/scan/scan-plan.ts).

/** Cells of a line. */
const CELLS_MAX: u32 = 32
/** A length and letters. */
export const WORD_BYTES: u32 = 8

/** `CELL_*` of each cell. */
export const KINDS: usize = memory.data(CELLS_MAX, 16)
/** Where each cell's column lies; of a cell that may hold one word only, where that word lies. */
export const COLUMN_AT: usize = memory.data(CELLS_MAX << 2, 16)
/** What an empty cell stands for. */
export const EMPTIES: usize = memory.data(CELLS_MAX << 3, 16)
/** The words of cells that may hold one only: {@link WORD_BYTES} each. */
export const WORDS: usize = memory.data(CELLS_MAX * WORD_BYTES, 16)
export const HAS_END: usize = memory.data(1)
export const HAS_LENGTH: usize = memory.data(1)
/** `ts` of the row before. */
export const CLOCK_NS: usize = memory.data(8, 8)
