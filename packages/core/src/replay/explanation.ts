/** A page as an explanation names it. */
export interface ExplainedPage {
  /** Row of the page store: the model's name for the page. */
  readonly page: number
  /** Virtual page address, `0x7f1572c01000`; null for a page of a bvec. */
  readonly virtual: string | null
  /** What backs it: `anon`, `thp`, …, `zero`. */
  readonly backing: string
  /** Row of the folio's head page, and the folio's order. */
  readonly head: number
  readonly order: number
  readonly offsetBytes: number
  readonly lengthBytes: number
  /** Counts of the folio right after the step. */
  readonly refcount: number
  readonly pincount: number
}

/** One thing that happened to the operation, in the order of happening. */
export type ExplainedStep =
  | {
      /** Pages were extracted from the iterator and held as `retention` says. */
      readonly kind: 'extract'
      readonly segment: number
      readonly bytes: number
      readonly retention: 'none' | 'ref' | 'pin'
      readonly pages: readonly ExplainedPage[]
    }
  | {
      /** The consumer finished one of its lists: a bio, a scatterlist. */
      readonly kind: 'list'
      /** `bio`, `scatterlist`, … */
      readonly list: string
      readonly index: number
      readonly bytes: number
      readonly note: string
      readonly entries: readonly {
        readonly page: number
        readonly offsetBytes: number
        readonly lengthBytes: number
        readonly pages: number
      }[]
    }
  | {
      /** References were let go: by the submission itself, by the completion, or by a recorded `unpin` or `put` row. */
      readonly kind: 'release'
      readonly when: 'submit' | 'complete' | 'event'
      readonly retention: 'ref' | 'pin'
      readonly pages: number
      readonly note: string
    }
  | { readonly kind: 'note'; readonly text: string }

/** One operation, told step by step: what `pinscope explain` draws. */
export interface Explanation {
  readonly file: string
  readonly line: number
  readonly row: number
  readonly event: string
  readonly policy: string
  readonly kernel: string
  readonly consumer: string
  readonly call: string
  /** `read` or `write`, as the system call. */
  readonly operation: string
  /** `ubuf`, `iovec`, … */
  readonly iter: string
  /** `ITER_DEST` or `ITER_SOURCE`. */
  readonly direction: string
  readonly target: string
  readonly offsetBytes: number | null
  readonly lengthBytes: number
  readonly submittedNs: number
  /** null: completes as it is submitted; `never`: no completion was recorded. */
  readonly completedNs: number | 'never' | null
  readonly recordedResult: number | null
  /** Bytes or -errno in the model. */
  readonly result: number
  readonly segments: readonly {
    /** `0xADDR` or `PFN:OFF`. */
    readonly start: string
    readonly lengthBytes: number
    readonly pages: number
    readonly backing: string
  }[]
  readonly segmentsTotal: number
  readonly steps: readonly ExplainedStep[]
  readonly pins: { readonly acquired: number; readonly released: number }
  readonly refs: { readonly acquired: number; readonly released: number }
  /** What the kernel counted, where the row says. */
  readonly groundTruth: {
    readonly acquired: number | null
    readonly released: number | null
    readonly verdict: string
  } | null
}
