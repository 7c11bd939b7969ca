export { alignment, gapAlignment, isAligned } from './slow-alignment.ts'
export {
  appendFromPages,
  createAppendTable,
  type SlowAppend,
  type SlowAppendTable,
  type SlowFrameEntry,
} from './slow-append.ts'
export {
  copyFrom,
  copyFromFull,
  copyPageFrom,
  copyPageFromAtomic,
  copyPageTo,
  copyTo,
  copyToFull,
  type SlowCopied,
  zero,
} from './slow-copy.ts'
export {
  createBvec,
  createDiscard,
  createFolioq,
  createIovec,
  createKvec,
  createPipe,
  createUbuf,
  createXarray,
  dup,
  type SlowSetup,
} from './slow-create.ts'
export { csumCopyFrom, csumCopyTo, internetChecksum } from './slow-csum.ts'
export { extractPages, extractWillPin } from './slow-extract.ts'
export { faultInReadable, faultInWriteable } from './slow-fault.ts'
export { getPages } from './slow-get.ts'
export { importIovec, importUbuf, type SlowImport, type SlowImportOptions } from './slow-import.ts'
export { pageBytes } from './slow-memory.ts'
export { advance, reexpand, restore, revert, type SlowState, saveState, truncate } from './slow-move.ts'
export type { SlowPages } from './slow-pages.ts'
export { createRing } from './slow-pipe.ts'
export { iovLen, npages, singleSegCount } from './slow-query.ts'
export { defaultQuirks } from './slow-quirks.ts'
export { extractToSg, type SlowSgEntry, type SlowSgResult, type SlowSgTable } from './slow-sg.ts'
export * from './slow-types.ts'
export { type SlowStep, walk } from './slow-walk.ts'
