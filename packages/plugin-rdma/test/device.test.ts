import { describe, expect, it } from 'vitest'
import { DEVICE_NAMES, DEVICE_OPTIONS, type Device, deviceOf, PRESETS } from '../src/device/device.ts'

// drivers/infiniband/{hw/mlx5,hw/irdma,sw/rxe,sw/siw}: what a device can do, and what the options make of it.

const GIB = 2 ** 30
const atLeast4K = (sizes: number) => sizes % 4096 === 0

describe('presets', () => {
  it.each(DEVICE_NAMES)('%s has a page size of 4 KiB, the least that a registration may have', (name) => {
    const { pageSizeBitmap } = PRESETS[name]
    expect(atLeast4K(pageSizeBitmap)).toBe(true)
    expect(Math.floor(pageSizeBitmap / 4096) % 2).toBe(1)
  })

  it('are the figures of the drivers', () => {
    const figures = ({ maxSendSge, maxSgeRd, maxFastRegPages, maxSendInlineBytes }: Device) => [
      maxSendSge,
      maxSgeRd,
      maxFastRegPages,
      maxSendInlineBytes,
    ]
    // (512 - 16 - 16) / 16 entries; MLX5_MAX_SGE_RD; 1 << 16; 1024 - (16 + 48 + 64 + 4) - 4.
    expect(figures(PRESETS.mlx5)).toEqual([30, 30, 65536, 888])
    // RXE_MAX_SGE, RXE_MAX_SGE_RD, RXE_MAX_FMR_PAGE_LIST_LEN, RXE_MAX_SGE entries of 16 bytes.
    expect(figures(PRESETS.rxe)).toEqual([32, 32, 512, 32 * 16])
    // SIW_MAX_SGE, SIW_MAX_SGE_RD, SIW_MAX_SGE_PBL, all entries but one.
    expect(figures(PRESETS.siw)).toEqual([6, 1, 256, 5 * 16])
    // IRDMA_MAX_WQ_FRAGMENT_COUNT, IRDMA_MAX_SGE_RD, IRDMA_MAX_PAGES_PER_FMR, IRDMA_MAX_INLINE_DATA_SIZE.
    expect(figures(PRESETS.irdma)).toEqual([13, 13, 262144, 101])
  })

  it('map for the CPU where there is no hardware, without a limit on the segment', () => {
    expect(DEVICE_NAMES.filter((name) => PRESETS[name].needsNoDma)).toEqual(['rxe', 'siw'])
    expect(DEVICE_NAMES.map((name) => PRESETS[name].maxSegmentBytes)).toEqual([
      2 * GIB,
      4 * GIB - 1,
      4 * GIB - 1,
      4 * GIB - 1,
    ])
  })

  it('page_size_cap: 4 KiB to 2 GiB, PAGE_SIZE alone, 4 KiB and 2 MiB and 1 GiB', () => {
    expect(PRESETS.mlx5.pageSizeBitmap).toBe(0xfffff000)
    expect(PRESETS.rxe.pageSizeBitmap).toBe(0xfffff000)
    expect(PRESETS.siw.pageSizeBitmap).toBe(4096)
    expect(PRESETS.irdma.pageSizeBitmap).toBe(4096 + 2 ** 21 + GIB)
  })

  it('lists with gaps: mlx5; iWARP: siw; registering what would be many entries: mlx5, from four on', () => {
    expect(DEVICE_NAMES.filter((name) => PRESETS[name].hasSgGaps)).toEqual(['mlx5'])
    expect(DEVICE_NAMES.filter((name) => PRESETS[name].isIwarp)).toEqual(['siw'])
    expect(DEVICE_NAMES.map((name) => PRESETS[name].maxSglRd)).toEqual([3, 0, 0, 0])
  })
})

describe('options', () => {
  const defaults = Object.fromEntries(DEVICE_OPTIONS.map(({ name, default: value }) => [name, value]))

  it.each(DEVICE_NAMES)('%s, as it is, where nothing else is said', (name) => {
    expect(deviceOf({ ...defaults, device: DEVICE_NAMES.indexOf(name) })).toEqual(PRESETS[name])
  })

  it('are mlx5 for a consumer that has none of them', () => {
    expect(deviceOf({})).toEqual(PRESETS.mlx5)
    expect(deviceOf(defaults)).toEqual(PRESETS.mlx5)
  })

  it('each takes the place of one figure', () => {
    const device = deviceOf({
      device: 1,
      'max-send-sge': 4,
      'max-fast-reg': 16,
      'max-segment': 65536,
      'page-size-bitmap': 4096 + 65536,
      'inline-size': 64,
    })
    expect(device).toEqual({
      ...PRESETS.rxe,
      maxSendSge: 4,
      maxFastRegPages: 16,
      maxSegmentBytes: 65536,
      pageSizeBitmap: 4096 + 65536,
      maxSendInlineBytes: 64,
    })
  })

  it('name the devices in the order of their words', () => {
    expect(DEVICE_OPTIONS.find(({ name }) => name === 'device')?.words).toEqual(DEVICE_NAMES)
  })
})
