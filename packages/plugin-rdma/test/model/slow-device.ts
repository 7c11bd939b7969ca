import { EINVAL, ENOMEM, type Entry, frameOf, PAGE } from '../../../core/test/consumer-twin/slow-common.ts'

/** What a device can do. The figures are those of the presets of src/device. */
export interface SlowDevice {
  readonly maxSendSge: number
  readonly maxSgeRd: number
  readonly maxFastReg: number
  readonly maxSglRd: number
  readonly hasGaps: boolean
  readonly isIwarp: boolean
  readonly isVirtual: boolean
}

const DEVICES: readonly SlowDevice[] = [
  { maxSendSge: 30, maxSgeRd: 30, maxFastReg: 65536, maxSglRd: 3, hasGaps: true, isIwarp: false, isVirtual: false },
  { maxSendSge: 32, maxSgeRd: 32, maxFastReg: 512, maxSglRd: 0, hasGaps: false, isIwarp: false, isVirtual: true },
  { maxSendSge: 6, maxSgeRd: 1, maxFastReg: 256, maxSglRd: 0, hasGaps: false, isIwarp: true, isVirtual: true },
  { maxSendSge: 13, maxSgeRd: 13, maxFastReg: 262144, maxSglRd: 0, hasGaps: false, isIwarp: false, isVirtual: false },
]

/** Numbers of the option `device`. */
export const DEVICE = { mlx5: 0, rxe: 1, siw: 2, irdma: 3 }

export function deviceOf(options: Readonly<Record<string, number>>): SlowDevice {
  const preset = DEVICES[options.device ?? DEVICE.mlx5]!
  return {
    ...preset,
    maxSendSge: options['max-send-sge'] || preset.maxSendSge,
    maxFastReg: options['max-fast-reg'] || preset.maxFastReg,
    maxSglRd: options['max-sgl-rd'] || preset.maxSglRd,
  }
}

/** A range of device addresses. */
export interface Mapped {
  readonly address: number
  readonly length: number
}

/** dma_map_sg without an IOMMU. */
export function mapped({ page, offset, length }: Entry): Mapped {
  return { address: frameOf(page) * PAGE + offset, length }
}

/** What a memory region shows after ib_map_mr_sg: entries that are in it whole, and its list. */
export interface Region {
  readonly taken: number
  readonly pages: number[]
  /** Where the first entry that is not in it would go on. */
  readonly offset: number
  readonly length: number
}

/** ib_sg_to_pages() with pages of 4 KiB; consumers.md 3.4. An errno where nothing is in it. */
export function sgToPages(list: readonly Mapped[], room: number, firstOffset = 0): Region | number {
  if (list.length === 0 || firstOffset > list[0]!.length) return EINVAL
  const pages: number[] = []
  let length = 0
  for (let i = 0; i < list.length; i++) {
    const skip = i === 0 ? firstOffset : 0
    const start = list[i]!.address + skip
    const end = list[i]!.address + list[i]!.length
    const before = list[i - 1]
    const lastEnd = before === undefined ? start : before.address + before.length
    let page = Math.floor(start / PAGE) * PAGE
    if (i > 0 && (mod(lastEnd) !== 0 || mod(start) !== 0)) {
      if (lastEnd !== start) return { taken: i, pages, offset: 0, length }
      // The page that they share is listed.
      page += PAGE
      if (page >= end) {
        length += end - start
        continue
      }
    }
    let previous = start
    do {
      if (pages.length === room) {
        const offset = previous - list[i]!.address
        if (i === 0 && offset === 0) return ENOMEM
        return { taken: i, pages, offset, length: length + previous - start }
      }
      pages.push(page)
      previous = page
      page += PAGE
    } while (page < end)
    length += end - start
  }
  return { taken: list.length, pages, offset: 0, length }
}

function mod(address: number): number {
  return ((address % PAGE) + PAGE) % PAGE
}
