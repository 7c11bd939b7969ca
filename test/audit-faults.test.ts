import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  FAULT_NAMES,
  type FaultName,
  KERNEL_VERSIONS,
  openTrace,
  type Registry,
  type Report,
  replay,
} from '@pinscope/core'
import { auditTrace, HAZARD_RULES } from '@pinscope/core/audit'
import { describe, expect, it } from 'vitest'
import { inOnePiece } from '../packages/core/src/testing/in-one-piece.ts'
import { allConsumers } from './all-consumers.ts'
import { ROOT } from './sources.ts'

// Nobody told the rules of these defects: every example of every consumer, under each kernel version, with each of its steps
// made to fail. Where a replay then finds references left over or a rule of the ledger broken, an audit must find something,
// and where it finds nothing, an audit must be silent.

const FOLDER = 'docs/consumers/examples'
const EXAMPLES = readdirSync(join(ROOT, FOLDER)).filter((name) => name.endsWith('.csv'))

/** Steps of a kind that are made to fail. */
const STEPS = [1, 2, 3, 5, 9]

describe.each(EXAMPLES)('%s', (example) => {
  it.each(KERNEL_VERSIONS)('%s', async (kernel) => {
    const registry = await allConsumers()
    const consumer = consumerOf(example, registry)
    const text = readFileSync(join(ROOT, FOLDER, example))
    const different: string[] = []
    for (const fault of FAULT_NAMES) {
      for (const at of STEPS) {
        const { left, found } = await outcome(text, registry, consumer, kernel, fault, at)
        if (left !== found)
          different.push(`${fault}@${at}: ${left ? 'left over, not found' : 'found, nothing left over'}`)
      }
    }
    expect(different).toEqual([])
  })
})

/** The longest name of a consumer with which the example's begins; null: its rows name theirs. */
function consumerOf(example: string, registry: Registry): string | null {
  const names = registry.consumers().map(({ definition }) => definition.name)
  return names.filter((name) => example.startsWith(name)).sort((a, b) => b.length - a.length)[0] ?? null
}

async function outcome(
  text: Uint8Array,
  registry: Registry,
  consumer: string | null,
  kernel: string,
  fault: FaultName,
  at: number,
): Promise<{ left: boolean; found: boolean }> {
  const consumers = consumer === null ? null : [consumer]
  const options = {
    registry,
    policies: null,
    consumers,
    kernel,
    consumerOptions: {},
    inFlight: false,
    faults: { fault, at },
  }
  const report = await replay(await openTrace(inOnePiece(text), 'example.csv'), options)
  const audited = await auditTrace(await openTrace(inOnePiece(text), 'example.csv'), {
    ...options,
    rules: HAZARD_RULES,
  })
  return {
    left: report.lanes.some(({ leaksTotal, violations }) => leaksTotal > 0 || violations.some(isOfPages)),
    found: audited.lanes.some(({ findings }) => findings.length > 0),
  }
}

/** No hazard rule is about mappings for devices. */
function isOfPages({ rule }: Report['lanes'][number]['violations'][number]): boolean {
  return rule !== 'dma-map-leak' && rule !== 'dma-unmap-unmapped'
}
