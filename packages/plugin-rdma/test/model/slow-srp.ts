import { ENOMEM, PAGE, type Twin, type World } from '../../../core/test/consumer-twin/slow-common.ts'
import {
  type Described,
  type Driver,
  type Limits,
  newBlockCounts,
  SlowBlock,
  sectorsCap,
  type Vec,
} from './slow-block.ts'
import { DEVICE, deviceOf, type Mapped, mapped, type SlowDevice, sgToPages } from './slow-device.ts'

const MR_PAGES_MAX = 512
const IMM_SGES_MAX = 2
const SGE_BYTES = 16
const MR_PAGE_BYTES = 8
const MR_KLM_BYTES = 16
const DESCRIPTOR_BYTES = 16
const TABLE_HEADER_BYTES = 20

type SrpCounts = ReturnType<typeof newSrpCounts>

function newSrpCounts() {
  return {
    ...newBlockCounts(),
    immediateRequests: 0,
    directRequests: 0,
    indirectRequests: 0,
    descriptors: 0,
    tableMrs: 0,
    noMrs: 0,
  }
}

/** drivers/infiniband/ulp/srp/ib_srp.c: srp_map_data(), srp_map_sg_fr(), srp_map_idb(). */
class SlowSrpDriver implements Driver {
  readonly limits: Limits
  private readonly world: World
  private readonly counts: SrpCounts
  private readonly device: SlowDevice
  private readonly room: number
  private readonly mrsMax: number

  constructor(world: World, counts: SrpCounts) {
    const { options, version } = world.setup
    this.world = world
    this.counts = counts
    this.device = deviceOf(options)
    const { hasGaps } = this.device
    const sectors = options['max-sectors'] ?? 1024
    const segments = Math.max(options['indirect-sg-entries'] ?? 0, options['cmd-sg-entries'] ?? 12)
    this.room = Math.min(MR_PAGES_MAX, this.device.maxFastReg)
    const needed = hasGaps ? segments / this.room : (sectors + 1) / (this.room * 8)
    this.mrsMax = (this.isGlobal ? 0 : 1) + Math.ceil(needed)
    const deviceSegment =
      options['max-segment'] || ((options.device ?? DEVICE.mlx5) === DEVICE.mlx5 ? 2 ** 31 : 2 ** 32)
    this.limits = {
      segments,
      bytes: Math.min(sectors, sectorsCap(world)) * 512,
      // With a virt boundary 6.1 forgets it, and since 6.17 it is not set.
      segmentBytes: hasGaps || version === '6.12' ? deviceSegment : 2 ** 32,
      boundary: hasGaps ? 0 : PAGE,
      tags: options['queue-size'] ?? 62,
    }
  }

  private get isGlobal(): boolean {
    return this.world.setup.options['register-always'] === 0
  }

  describe(list: readonly Vec[], isWrite: boolean): Described | number {
    const { world, counts, device } = this
    const bytes = list.reduce((sum, { length }) => sum + length, 0)
    const immBytes = world.setup.options['imm-data'] ?? 8192
    const immSges = Math.min(IMM_SGES_MAX, device.maxSendSge - 1)
    if (isWrite && immBytes > 0 && list.length <= immSges && bytes <= immBytes) {
      counts.immediateRequests++
      return this.sent(1 + list.length)
    }
    if (list.length === 1 && this.isGlobal) return this.direct()
    const rest: Mapped[] = list.map(mapped)
    let offset = 0
    let mrs = 0
    let descriptors = 0
    while (rest.length > 0) {
      // srp_map_finish_fr
      if (mrs === this.mrsMax) {
        counts.noMrs++
        return ENOMEM
      }
      descriptors++
      if (rest.length === 1 && this.isGlobal) break
      mrs++
      const region = device.hasGaps
        ? { taken: Math.min(rest.length, this.room), pages: rest.slice(0, this.room), offset: 0 }
        : sgToPages(rest, this.room, offset)
      if (typeof region === 'number') return region
      this.registered(region.pages.length)
      rest.splice(0, region.taken)
      offset = region.offset
    }
    if (descriptors === 1) return this.direct()
    world.built(descriptors, DESCRIPTOR_BYTES)
    counts.descriptors += descriptors
    counts.indirectRequests++
    if (!this.isGlobal) {
      counts.tableMrs++
      const table = TABLE_HEADER_BYTES + descriptors * DESCRIPTOR_BYTES
      this.registered(device.hasGaps ? 1 : Math.ceil(table / PAGE))
    }
    return this.sent(1)
  }

  release(): void {}

  private direct(): Described {
    this.counts.directRequests++
    this.counts.descriptors++
    this.world.built(1, DESCRIPTOR_BYTES)
    return this.sent(1)
  }

  private registered(elements: number): void {
    this.counts.mrs++
    this.counts.mrPages += elements
    this.world.built(elements, this.device.hasGaps ? MR_KLM_BYTES : MR_PAGE_BYTES)
  }

  private sent(sges: number): Described {
    this.counts.sges += sges
    this.world.built(sges, SGE_BYTES)
    return { mapped: 0, allocations: 0, mrs: 0 }
  }
}

export function slowSrp(world: World): Twin {
  const counts = newSrpCounts()
  return new SlowBlock(world, counts, new SlowSrpDriver(world, counts))
}
