import type { Operation } from '@pinscope/core'

/** Where the contents of directories are kept: in the page cache, or since 6.14 in a buffer of each directory's own. */
export interface DirectoryPages {
  /**
   * Lists a directory of `sizeBytes` bytes; `isFetched` tells afterwards whether it was fetched. 0 or an errno; what is
   * kept is told by `io.scratch`, and {@link end} lets go of it.
   */
  list(io: Operation, file: number, directory: number, sizeBytes: number): number
  readonly isFetched: boolean
  /** Adds an entry to a directory of `sizeBytes` bytes that is valid, with nothing kept; false where it cannot. */
  edit(io: Operation, file: number, directory: number, sizeBytes: number): boolean
  /** The listing is over. */
  end(io: Operation): void
  /** The directories are forgotten. */
  close(io: Operation): void
}
