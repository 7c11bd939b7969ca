import { EINVAL, PAGE, type Twin, type World } from '../../../core/test/consumer-twin/slow-common.ts'
import {
  type BlockCounts,
  type Described,
  type Driver,
  type Limits,
  newBlockCounts,
  SlowBlock,
  sectorsCap,
  type Vec,
} from './slow-block.ts'
import { deviceOf, mapped, type SlowDevice, sgToPages } from './slow-device.ts'

const SEGMENTS_MAX = 256
const INLINE_SEGMENTS_MAX = 4
const SGE_BYTES = 16
const MR_PAGE_BYTES = 8

/** drivers/nvme/host/rdma.c: nvme_rdma_queue_rq(), nvme_rdma_map_data(). */
class SlowNvmeDriver implements Driver {
  readonly limits: Limits
  private readonly world: World
  private readonly counts: BlockCounts
  private readonly device: SlowDevice
  private readonly frPages: number

  constructor(world: World, counts: BlockCounts) {
    const { options } = world.setup
    const { mdts = 8 } = options
    this.world = world
    this.counts = counts
    this.device = deviceOf(options)
    this.frPages = Math.min(SEGMENTS_MAX, this.device.maxFastReg - 1)
    const transfer = mdts === 0 ? Number.POSITIVE_INFINITY : PAGE * 2 ** mdts
    this.limits = {
      segments: this.frPages,
      bytes: Math.min(this.frPages * PAGE, transfer, sectorsCap(world) * 512),
      segmentBytes: 2 ** 32,
      boundary: PAGE,
      tags: options['queue-size'] ?? 128,
    }
  }

  describe(list: readonly Vec[], isWrite: boolean): Described | number {
    const { world, counts, device } = this
    const { options } = world.setup
    world.mapDma(1)
    const bytes = list.reduce((sum, { length }) => sum + length, 0)
    const inlineSegments = Math.min(device.maxSendSge - 1, INLINE_SEGMENTS_MAX)
    const isInline = isWrite && list.length <= inlineSegments && bytes <= (options['inline-data-size'] ?? 4096)
    if (isInline) return this.sent(1 + list.length, 0)
    if (list.length === 1 && inlineSegments >= 1 && options['register-always'] === 0) return this.sent(1, 0)
    const region = sgToPages(list.map(mapped), this.frPages + 1)
    if (typeof region === 'number' || region.taken < list.length) {
      counts.mrShort++
      world.unmapDma(1)
      return EINVAL
    }
    counts.mrs++
    counts.mrPages += region.pages.length
    world.built(region.pages.length, MR_PAGE_BYTES)
    return this.sent(1, 1)
  }

  release({ mapped: entries }: Described): void {
    this.world.unmapDma(entries)
  }

  private sent(sges: number, mrs: number): Described {
    this.counts.sges += sges
    this.world.built(sges, SGE_BYTES)
    return { mapped: 1, allocations: 0, mrs }
  }
}

export function slowNvmeRdma(world: World): Twin {
  const counts = newBlockCounts()
  return new SlowBlock(world, counts, new SlowNvmeDriver(world, counts))
}
