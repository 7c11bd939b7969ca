import { EINVAL, ENOMEM, isSince, type KernelVersion, type Operation, type Scatterlists } from '@pinscope/core'
import { ScatterWalk } from './scatter-walk.ts'

/** Both lists reach the same bytes: worked on where they lie. */
export const STEP_FAST = 0
/** Two places: each is mapped. @kernel crypto/skcipher.c: SKCIPHER_WALK_DIFF */
export const STEP_DIFF = 1
/** Misaligned: through a page of the walk's own. @kernel crypto/skcipher.c: SKCIPHER_WALK_COPY */
export const STEP_COPY = 2
/** A block that no step reaches whole is gathered, and scattered again. @kernel crypto/skcipher.c: SKCIPHER_WALK_SLOW */
export const STEP_SLOW = 3

/** kmalloc()'s alignment, as a mask. @kernel include/linux/crypto.h: crypto_tfm_ctx_alignment (x86-64: 8) */
const KMALLOC_MASK = 7

/** What a cipher wants of a walk; bytes. @kernel include/crypto/skcipher.h: struct skcipher_alg */
export interface CipherSizes {
  /** @kernel cra_blocksize */
  readonly blockBytes: number
  /** Worked on at a time wherever there is as much: a multiple of the block. @kernel walksize; chunksize */
  readonly strideBytes: number
  /** @kernel cra_alignmask */
  readonly alignmask: number
}

/**
 * A cipher's walk over two scatterlists, step by step: what is worked on in place, and what is copied for it. The cipher
 * leaves of each step what is no whole stride, of the last one what is no whole block.
 *
 * The initialisation vector is aligned here; a misaligned one would be copied into one more allocation.
 *
 * @kernel crypto/skcipher.c: skcipher_walk_virt, skcipher_walk_next, skcipher_walk_done. 6.1 and 6.12 alike; 7.3 (and 6.18)
 *   differs in how far a step goes ({@link ScatterWalk}) and in the size of the buffer of a slow step.
 */
export class SkcipherWalk {
  /** Steps so far, by kind. */
  readonly steps = new Float64Array(4)
  /** Bounce pages and slow buffers allocated so far. */
  bouncePages = 0
  slowBuffers = 0
  /** Told of each step, where somebody watches: kind, bytes offered, bytes worked on. */
  onStep: ((kind: number, bytes: number, processedBytes: number) => void) | null = null

  private readonly src: ScatterWalk
  private readonly dst: ScatterWalk
  private readonly sizes: CipherSizes
  private readonly slowBytes: (blockBytes: number) => number
  /** The walk's own page, or -1. @kernel skcipher_walk.page */
  private page = -1
  /** Bytes allocated for slow steps; 0 for none. They use the page where there is one. @kernel skcipher_walk.buffer */
  private bufferBytes = 0
  /** A slow step has where to gather a block. */
  private hasBuffer = false

  constructor(lists: Scatterlists, kernel: KernelVersion, sizes: CipherSizes) {
    const isRewritten = isSince(kernel, '6.18')
    this.src = new ScatterWalk(lists, !isRewritten)
    this.dst = new ScatterWalk(lists, !isRewritten)
    this.sizes = sizes
    const { alignmask } = sizes
    const toAlign = alignmask & ~KMALLOC_MASK
    // Up to 6.12 the buffer is not to straddle a page either.
    this.slowBytes = (bytes) => bytes + toAlign + (isRewritten ? 0 : (bytes - 1) & ~(alignmask | KMALLOC_MASK))
  }

  /**
   * Walks `bytes` bytes of both lists, which may be the same list. Returns 0; -EINVAL when less than a block is left, or a
   * slow step would leave something; -ENOMEM when there is no buffer for one. What was worked on before stays so.
   */
  run(io: Operation, srcSgl: number, dstSgl: number, bytes: number): number {
    this.src.start(srcSgl)
    this.dst.start(dstSgl)
    let left = bytes
    let error = 0
    while (left > 0 && error === 0) {
      const processed = this.step(io, left)
      if (processed < 0) error = processed
      else left -= processed
    }
    this.finish(io)
    return error
  }

  /** One step: bytes worked on, or -errno. @kernel crypto/skcipher.c: skcipher_walk_next, skcipher_walk_done */
  private step(io: Operation, left: number): number {
    const { blockBytes, strideBytes, alignmask } = this.sizes
    const least = Math.min(strideBytes, Math.max(left, blockBytes))
    const reached = this.dst.clamp(this.src.clamp(left))
    if (reached < least && left < blockBytes) return EINVAL
    const isMisaligned = ((this.src.offsetBytes | this.dst.offsetBytes) & alignmask) !== 0
    if (reached < least || (isMisaligned && !this.getPage(io))) return this.slow(io, least, left)
    const processed = wholeOf(reached, reached < left ? strideBytes : blockBytes)
    if (isMisaligned) {
      // All of it is copied in, and what was worked on out.
      io.copied(reached + processed)
      return this.done(STEP_COPY, reached, processed)
    }
    io.reachedInPlace(processed)
    return this.done(this.isSamePlace() ? STEP_FAST : STEP_DIFF, reached, processed)
  }

  /** @kernel crypto/skcipher.c: skcipher_next_slow, skcipher_done_slow */
  private slow(io: Operation, bytes: number, left: number): number {
    if (!this.getBuffer(io, bytes)) return ENOMEM
    io.copied(bytes)
    if (wholeOf(bytes, bytes < left ? this.sizes.strideBytes : this.sizes.blockBytes) < bytes) return EINVAL
    io.copied(bytes)
    return this.done(STEP_SLOW, bytes, bytes)
  }

  private done(kind: number, bytes: number, processed: number): number {
    this.steps[kind]++
    if (this.onStep !== null) this.onStep(kind, bytes, processed)
    this.src.advance(processed)
    this.dst.advance(processed)
    return processed
  }

  private isSamePlace(): boolean {
    return this.src.sg === this.dst.sg && this.src.offsetBytes === this.dst.offsetBytes
  }

  private getPage(io: Operation): boolean {
    if (this.page >= 0) return true
    this.page = io.owned.alloc()
    if (this.page < 0) return false
    this.bouncePages++
    return true
  }

  private getBuffer(io: Operation, bytes: number): boolean {
    if (this.hasBuffer || this.page >= 0) {
      this.hasBuffer = true
      return true
    }
    const size = this.slowBytes(bytes)
    if (!io.allocate(size)) return false
    this.slowBuffers++
    this.bufferBytes = size
    this.hasBuffer = true
    return true
  }

  /** Frees what the walk has of its own. @kernel crypto/skcipher.c: skcipher_walk_done (finish) */
  private finish(io: Operation): void {
    if (this.page >= 0) io.owned.put(this.page)
    if (this.bufferBytes > 0) io.free(this.bufferBytes)
    this.page = -1
    this.bufferBytes = 0
    this.hasBuffer = false
  }
}

/** The whole units in `bytes`. */
function wholeOf(bytes: number, unit: number): number {
  return bytes - (bytes % unit)
}
