import {
  type Hold,
  PAGE,
  type Page,
  since,
  type Version,
  type World,
} from '../../../core/test/consumer-twin/slow-common.ts'
import type { Borrowed } from '../../../core/test/consumer-twin/slow-world.ts'

/** struct pipe_buffer. `hold`: what it has on a page that is not the pipe's own. */
export interface PipeBuffer {
  /** Of somebody else's page: the bytes that are not read yet. */
  lent?: Borrowed

  readonly page: Page
  readonly hold: Hold | null
  readonly isOwn: boolean
  offset: number
  length: number
}

/** PIPE_PREALLOC_MAX, PIPE_PREALLOC_KEEP */
const PREALLOC_MAX = 8
const PREALLOC_KEEP = 2

/** struct pipe_inode_info. fs/pipe.c */
export class SlowPipe {
  buffers: PipeBuffer[] = []
  private readonly world: World
  private readonly slots: number
  /** Pages that are kept for the next write. */
  private spare: Page[] = []
  /** Which operation filled it. */
  private readonly operations = new Map<PipeBuffer, number>()

  constructor(world: World, slots: number) {
    this.world = world
    this.slots = slots
  }

  get isFull(): boolean {
    return this.buffers.length >= this.slots
  }

  get room(): number {
    return this.slots - this.buffers.length
  }

  /** Where a write of `bytes` can add its odd bytes; null where not. */
  mergeable(bytes: number): PipeBuffer | null {
    const last = this.buffers.at(-1)
    if (bytes % PAGE === 0 || last === undefined || !last.isOwn) return null
    return last.offset + last.length + (bytes % PAGE) <= PAGE ? last : null
  }

  push(buffer: PipeBuffer): void {
    this.world.built(1, 40)
    this.buffers.push(buffer)
    this.operations.set(buffer, this.world.operation)
    this.lend(buffer)
  }

  /** anon_pipe_prefill_and_lock: 7.3 alone. */
  startWrite(bytes: number): void {
    if (!isMainline(this.world.setup.version)) return
    const want = Math.min(Math.ceil(bytes / PAGE), PREALLOC_MAX)
    const need = want - Math.min(this.spare.length, want)
    for (let i = 0; i < need; i++) this.keep(this.world.allocPage())
  }

  /** anon_pipe_trim_and_unlock: 7.3 alone. */
  end(): void {
    if (!isMainline(this.world.setup.version)) return
    while (this.spare.length > PREALLOC_KEEP) this.world.putOwn(this.spare.pop()!)
  }

  ownPage(): Page {
    return this.spare.pop() ?? this.world.allocPage()
  }

  keep(page: Page): void {
    const { version } = this.world.setup
    const max = isMainline(version) ? PREALLOC_MAX : since(version, '6.18') ? 2 : 1
    if (page.held === 0 && this.spare.length < max) this.spare.push(page)
    else this.world.putOwn(page)
  }

  /** What is left of it is what a reader will get. */
  lend(buffer: PipeBuffer): void {
    if (buffer.lent !== undefined) this.world.takeBack(buffer.lent)
    if (!buffer.isOwn && buffer.length > 0) buffer.lent = this.world.lend(buffer, this.operations.get(buffer)!)
  }

  /** pipe_buf_release of the oldest one. */
  release(): void {
    const { lent } = this.buffers[0]!
    if (lent !== undefined) this.world.takeBack(lent)
    const { page, hold, isOwn } = this.buffers.shift()!
    if (isOwn) this.keep(page)
    else if (hold !== null) this.world.drop(hold)
  }

  close(): void {
    for (const { page, hold, isOwn } of this.buffers) {
      if (isOwn) this.world.putOwn(page)
      else if (hold !== null) this.world.drop(hold)
    }
    for (const page of this.spare) this.world.putOwn(page)
    this.buffers = []
    this.spare = []
  }
}

function isMainline(version: Version): boolean {
  return version === 'mainline'
}
