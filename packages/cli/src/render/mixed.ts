import type { LaneReport } from '@pinscope/core'
import { styled, type Terminal } from './terminal.ts'
import { counted, grouped, wrapped } from './text.ts'

/**
 * Heterogeneous buffers: who refused them, and what splitting them costs; an empty list when there were none. The cost is
 * the same in every lane that saw the same operations, so it is told once.
 */
export function mixedSection(terminal: Terminal, lanes: readonly LaneReport[]): string[] {
  const byCost = new Map<string, LaneReport[]>()
  for (const lane of lanes) {
    if (lane.mixed === undefined) continue
    const { refused: _, ...cost } = lane.mixed
    const key = JSON.stringify(cost)
    byCost.set(key, [...(byCost.get(key) ?? []), lane])
  }
  return [...byCost.values()].map((same) => {
    const [{ mixed }] = same as [LaneReport]
    if (mixed === undefined) return ''
    const title = `${counted(mixed.operations, 'operation')} on buffers that mix kernel memory and pages`
    const refusing = [...new Set(same.filter((lane) => (lane.mixed?.refused ?? 0) > 0).map(({ consumer }) => consumer))]
    const who =
      refusing.length === 0 ? [] : [`refused with -EINVAL by ${refusing.join(', ')}: no kernel has such an iterator`]
    const split = `split into ${counted(mixed.parts, 'iterator')} of one kind each: ${counted(mixed.extraCalls, 'call')} more`
    const kvec = `as one KVEC iterator each: ${counted(mixed.kmaps, 'page')} to be mapped (kmap)`
    const bytes = `${grouped(mixed.kernelBytes)} bytes in kernel memory, ${grouped(mixed.pageBytes)} in pages`
    const items = [...who, bytes, split, kvec].map((text) => wrapped(`  ${text}`, terminal.columns, '    '))
    return [styled(terminal, 'yellow', title), ...items].join('\n')
  })
}
