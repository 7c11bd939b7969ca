/** @pinscope/core: the public entry point. Nothing here loads zod or csv-parse. */

export * from './build/iter-to-iter.ts'
export * from './build/iter-to-sg.ts'
export { limitIter } from './build/limit-iter.ts'
export { MixedParts } from './build/mixed-parts.ts'
export * from './build/scatterlist.ts'
export * from './build/sg-allocator.ts'
export * from './build/sg-append.ts'
export * from './build/sg-copy.ts'
export * from './build/sg-miter.ts'
export * from './build/sg-report.ts'
export * from './build/sg-table.ts'
export { BIO_TRAITS, type BioTraits } from './consumer/bio/bio-traits.ts'
export { BioVecs } from './consumer/bio/bio-vecs.ts'
export { fillUserBio } from './consumer/bio/user-bio.ts'
export * from './consumer/consumer.ts'
export { flagOption, numberOption, wordOption } from './consumer/consumer-option.ts'
export {
  FAULT_ALLOC,
  FAULT_COPY,
  FAULT_LIMIT,
  FAULT_NAMES,
  FAULT_PAGE,
  type FaultName,
  Faults,
} from './consumer/faults.ts'
export { type NetfsSizes, netfsSizes } from './consumer/netfs-sizes.ts'
export type { Operation } from './consumer/operation.ts'
export { PageEvent } from './consumer/page-event.ts'
export { FRAG_NONE, PAGE_FRAG_BYTES, PageFrags } from './consumer/page-frags.ts'
export { PluginError } from './consumer/plugin-error.ts'
export {
  type PluginRegistration,
  type RegisteredConsumer,
  type RegisteredFormat,
  type RegisteredRule,
  Registry,
} from './consumer/registry.ts'
export { SgChunks, sgChunkBytes, sgPoolBytes } from './consumer/sg-chunks.ts'
export { tellIterator } from './consumer/tell-iterator.ts'
export { tellScatterlist } from './consumer/tell-scatterlist.ts'
export { UserBvecs } from './consumer/user-bvecs.ts'
export * from './errno.ts'
export { extractPages, ITER_ALLOW_P2PDMA } from './extract/extract-pages.ts'
export { PAGE_LIST_MAX, PageList } from './extract/page-list.ts'
export * from './extract/policy.ts'
export * from './extract/retention.ts'
export { grown, holding } from './grown.ts'
export { InvariantError } from './invariant.ts'
export { crc32c, InternetChecksum } from './iter/checksum.ts'
export {
  COPY_BYTES_MAX,
  copyFromIter,
  copyFromIterFull,
  copyPageFromIter,
  copyPageFromIterAtomic,
  copyPageToIter,
  copyToIter,
  copyToIterFull,
  zeroIter,
} from './iter/copy.ts'
export { faultInReadable, faultInWriteable } from './iter/fault-in.ts'
export * from './iter/folio-queue.ts'
export { importIovec, importUbuf, UIO_MAXIOV } from './iter/import-iovec.ts'
export { IovIter, type IovIterState } from './iter/iov-iter.ts'
export { alignment, gapAlignment } from './iter/iter-alignment.ts'
export { iovLength, singleSegCount } from './iter/iter-pages.ts'
export type * from './iter/iter-report.ts'
export * from './iter/iter-type.ts'
export { type IterStep, iterateAndAdvance } from './iter/iterate.ts'
export { PipeRing } from './iter/pipe-ring.ts'
export * from './iter/scan.ts'
export { KVEC_OFFSET, SegmentTable } from './iter/segment-table.ts'
export { type Kernel, kernelOf, type QuirkChange, type QuirkSwitches } from './kernel/kernel.ts'
export { isQuirkName, QUIRKS, type Quirk, type QuirkName, quirksOf } from './kernel/quirks.ts'
export { isSince, KERNEL_VERSIONS, type KernelVersion, kernelVersionOf } from './kernel/version.ts'
export { Allocations } from './ledger/allocations.ts'
export { DmaMaps } from './ledger/dma-maps.ts'
export {
  type Borrowed,
  HOLD_NONE,
  type Hold,
  isBorrowed,
  isHold,
  isPinned,
  isReferenced,
  type Pinned,
  type Referenced,
  retentionOf,
} from './ledger/hold.ts'
export {
  REASON_MANAGED_SKB,
  REASON_NOT_FOUND,
  REASON_PUT_SHORT,
  REASON_REQUEST_LOST,
  REASON_TABLE_LOST,
} from './ledger/hold-table.ts'
export { IterViolations } from './ledger/iter-violations.ts'
export { Ledger } from './ledger/ledger.ts'
export { OwnedPages } from './ledger/owned-pages.ts'
export type { Violation, ViolationRule } from './ledger/violation.ts'
export { Borrows, GUARD_COUNT, GUARD_LOCK, GUARD_NONE, type Guard } from './lifetime/borrows.ts'
export { BY_CPU, BY_DEVICE, BY_KERNEL, type Writer } from './lifetime/writer.ts'
export { AddressSpaces, KERNEL_MM } from './memory/address-spaces.ts'
export {
  FOLL_FORCE,
  FOLL_GET,
  FOLL_LONGTERM,
  FOLL_NOFAULT,
  FOLL_PCI_P2PDMA,
  FOLL_PIN,
  FOLL_WRITE,
} from './memory/foll.ts'
export { type GupRules, gupRules, type LargeReuse } from './memory/gup-rules.ts'
export { Memory } from './memory/memory.ts'
export { PageBytes } from './memory/page-bytes.ts'
export * from './memory/page-cache.ts'
export type { PageReferences } from './memory/page-references.ts'
export { KIND_FILE, KIND_SLAB, PAGE_KINDS, type PageKindName, PageStore, ZERO_PAGE } from './memory/page-store.ts'
export { explainRow } from './replay/explain-row.ts'
export type * from './replay/explanation.ts'
export { findLeaks, type LeakOptions } from './replay/leaks/find-leaks.ts'
export type * from './replay/parts/byte-file.ts'
export { cutTrace, rangesOf, type TraceCut } from './replay/parts/cut-trace.ts'
export { mergePartials, mergeParts } from './replay/parts/merge-parts.ts'
export type { PartHead } from './replay/parts/part-reader.ts'
export { type PartialReport, replayPart } from './replay/parts/replay-part.ts'
export { replay, replayEach } from './replay/replay.ts'
export type * from './replay/replay-options.ts'
export { UsageError } from './replay/usage-error.ts'
export * from './report/bench-report.ts'
export * from './report/compare-metric.ts'
export * from './report/compare-metrics.ts'
export * from './report/compare-reports.ts'
export * from './report/leaks-report.ts'
export * from './report/left-over.ts'
export { mergeReports } from './report/merge-reports.ts'
export * from './report/report.ts'
export { RowPool } from './row-pool.ts'
export type { ByteSource } from './trace/byte-source.ts'
export { COLUMN_NAMES, type ColumnName } from './trace/columns.ts'
export type { Dictionary } from './trace/dictionary.ts'
export { anonymizeTrace } from './trace/edit/anonymize.ts'
export { type MergeInput, type MergeOptions, mergeTraces } from './trace/edit/merge.ts'
export { type Slice, sliceTrace } from './trace/edit/slice.ts'
export type { ImportReport, SkippedLines } from './trace/import/import-report.ts'
export type { ImportRow } from './trace/import/import-row.ts'
export type { ImportRows } from './trace/import/import-rows.ts'
export type * from './trace/import/trace-format.ts'
export type { PinsSpread } from './trace/layout/pins-of-row.ts'
export {
  BACKING_NAMES,
  BATCH_ROWS_MAX,
  type BackingName,
  END_NEVER,
  END_SYNCHRONOUS,
  EVENT_NAMES,
  type EventName,
  FLAG_DIRECT,
  FLAG_DIRTY,
  FLAG_EOR,
  FLAG_FIXED,
  FLAG_GIFT,
  FLAG_HOLE,
  FLAG_KERNEL,
  FLAG_LONGTERM,
  FLAG_MORE,
  FLAG_MOVE,
  FLAG_NAMES,
  FLAG_NOWAIT,
  FLAG_SPLICE,
  FLAG_ZEROCOPY,
  type FlagName,
  NONE,
  OP_NAMES,
  OpBatch,
} from './trace/op-batch.ts'
export { NATIVE_FORMAT, type OpenOptions, openTrace } from './trace/open-trace.ts'
export { hasQuote } from './trace/text-cell.ts'
export { TraceError, type TraceErrorDetail } from './trace/trace-error.ts'
export { type SizeBucket, type Spread, type TraceInfo, traceInfo } from './trace/trace-info.ts'
export type { LayoutLevel, TraceHeader, TraceLayout, TraceReader } from './trace/trace-reader.ts'
export {
  LayoutChangedError,
  WRITTEN_FORMATS,
  type WriteOptions,
  type WrittenFormat,
  writeTrace,
} from './trace/write/trace-writer.ts'
export * from './units.ts'
