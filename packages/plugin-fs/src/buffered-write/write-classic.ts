import { type ConsumerEnvironment, isSince, type Operation, PAGE_SIZE } from '@pinscope/core'
import { BufferPages, MappedByPage } from './buffer-pages.ts'
import { BufferedWrite } from './buffered-write.ts'
import { CopyLoop } from './copy-loop.ts'
import { FolioCache } from './folio-cache.ts'
import type { WrittenFile } from './written-file.ts'

/**
 * Page after page, each of which asks the file system for its block.
 *
 * Since 6.14 (665575cff098) the source is faulted in only after a piece of which nothing was copied.
 * @kernel mm/filemap.c: generic_perform_write; fs/ext4/inode.c: ext4_da_write_begin
 */
export class WriteClassic extends BufferedWrite {
  private readonly loop: CopyLoop
  private readonly pages: BufferPages

  constructor(environment: ConsumerEnvironment) {
    super(environment)
    const { counts } = this
    const cache = new FolioCache(environment, counts, true)
    this.pages = new BufferPages(cache, new MappedByPage(this.space, counts), counts)
    const faultsInFirst = !isSince(environment.kernel, '6.18')
    this.loop = new CopyLoop(cache, counts, { chunkBytes: PAGE_SIZE, faultsInFirst })
  }

  protected write(io: Operation, file: WrittenFile): number {
    const written = this.loop.write(io, file, this.pages, io.iter.countBytes)
    return written > 0 ? written : this.loop.status
  }
}
