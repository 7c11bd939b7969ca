import { describe, expect, it } from 'vitest'
import type { Registry } from '../packages/core/src/consumer/registry.ts'
import { POLICY_NAMES } from '../packages/core/src/extract/policy.ts'
import { KERNEL_VERSIONS } from '../packages/core/src/kernel/version.ts'
import type { ConsumerOptionValues, ReplayOptions } from '../packages/core/src/replay/replay-options.ts'
import { inOnePiece } from '../packages/core/src/testing/in-one-piece.ts'
import { openTrace } from '../packages/core/src/trace/open-trace.ts'
import { bothWays } from '../packages/core/test/support/both-ways.ts'
import { repeatedTrace } from '../packages/core/test/support/repeated-trace.ts'
import { PLAIN_OPTIONS } from '../packages/core/test/support/replay-rows.ts'
import { type ShapeWorld, shapeCase } from '../packages/core/test/support/shape-case.ts'
import { openRecorded, traceNames } from '../packages/core/test/support/traces.ts'
import { allConsumers } from './all-consumers.ts'

/** Plugins see the built core, and the replay here is its source: the same contract, in two copies. */
const everyConsumer = async () => (await allConsumers()) as unknown as Registry

/** Consumers of plugins that declare `operationShape`, and options under which they do: each set is a way of its own. */
const DECLARED: Readonly<Record<string, readonly Readonly<Record<string, number>>[]>> = {
  checksum: [{}],
  fuse: [
    { async: 0 },
    { side: 1 },
    { async: 0, 'max-pages': 8, 'max-write': 16384, 'virtio-fs': 1 },
    { async: 0, 'max-read': 8192 },
  ],
  loop: [{}, { 'direct-io': 1 }, { 'bio-vecs': 16 }],
  'netfs-dio': [{}, { rsize: 65536, wsize: 16384 }, { 'max-segs': 4 }, { 'answer-bytes': 4096, renegotiates: 1 }],
  'proc-mem': [{}, { force: 0 }],
  'skcipher-walk': [{}, { 'in-place': 0 }, { 'in-place': 0, 'dst-offset': 100, alignmask: 15 }, { 'walk-size': 512 }],
  'smb3-transform': [{}],
}
/** Those that declare it for operations alone: what is in flight, or another row, ends it. */
const ALONE: Readonly<Record<string, readonly Readonly<Record<string, number>>[]>> = {
  '9p': [{}, { msize: 16384 }, { indirect: 0 }],
  fuse: [{}, { 'max-pages': 8, 'max-write': 16384 }],
  'io-uring-fixed': [{}],
  'iter-to-mr': [{}, { 'responder-resources': 2 }],
  'lease-late': [{}],
  'lease-never': [{}],
  'lease-prompt': [{}],
  'nfs-direct': [{}, { rsize: 8192, wsize: 16384 }],
  'nvme-rdma': [{}, { 'logical-block-size': 4096 }, { 'dma-alignment': 1, 'queue-size': 2 }],
  'rdma-rw': [{}, { offset: 100 }],
  'reflink-copy': [{}],
  'reflink-fail': [{}],
  'reflink-ignore': [{}],
  'reflink-lease': [{}],
  'reflink-wait': [{}],
  smbdirect: [{}, { wsize: 16384, rsize: 8192 }],
  'smbdirect-legacy': [{}, { wsize: 16384, rsize: 8192 }],
  'smbd-mr': [{}, { 'responder-resources': 2 }],
  srp: [{}, { 'logical-block-size': 4096 }, { 'max-sectors': 64 }],
  sunrpc: [{}, { side: 1 }, { 'max-block': 8192 }, { sg: 0 }],
  'sunrpc-bvec': [{}],
  'sunrpc-kmap': [{}],
  'sunrpc-mixed': [{}],
  'sunrpc-sends': [{}],
  'vhost-scsi': [{}, { 't10-pi': 1 }, { tags: 1 }],
  'writeback-as-is': [{}],
  'writeback-bounce-block': [{}],
  'writeback-bounce-fs': [{}],
  'writeback-skip': [{}],
  'writeback-stable': [{}],
  'writeback-wait': [{}],
  'xdp-umem': [{}, { mode: 1 }, { headroom: 256 }],
}
const WORLDS: readonly ShapeWorld[] = [
  { hasEvents: false, isHeld: false, consumers: [], operations: 300 },
  { hasEvents: false, isHeld: true, consumers: [], operations: 300, flags: ['more', 'zerocopy', 'splice'] },
  { hasEvents: true, isHeld: true, consumers: [], operations: 300 },
  { hasEvents: false, isHeld: false, consumers: [], operations: 300, isOneLength: true },
]
/** The first one is of operations alone, and so are many rows of the second. */
const ALONE_WORLDS: readonly ShapeWorld[] = [
  { ...WORLDS[0]!, files: [''] },
  { ...WORLDS[0]!, files: ['', 'f', 'g'], flags: ['more', 'zerocopy'] },
  { ...WORLDS[2]!, files: ['', '', 'f'] },
  { ...WORLDS[3]!, files: [''] },
]
const SEEDS = 2

const names = Object.keys(DECLARED)
const optionsOf = (name: string, sets = DECLARED): ConsumerOptionValues[] =>
  sets[name]!.map((values) => ({ [name]: values }))

describe('operations of plugins that are counted instead of done', () => {
  it('give the same report on every trace, six times over', async () => {
    const registry = await everyConsumer()
    const consumerOptions = Object.assign({}, ...names.map((name) => optionsOf(name)[0]))
    for (const [n, trace] of traceNames().entries()) {
      // Each trace under one version and two policies: with all of them it takes minutes. The random traces have all.
      const way = wayOf(registry, '', KERNEL_VERSIONS[n % KERNEL_VERSIONS.length]!, consumerOptions)
      const repeated = await repeatedTrace(await openRecorded(trace), 6, 'operations-alone')
      const policies = n % 8 < 4 ? POLICY_NAMES.slice(0, 2) : POLICY_NAMES.slice(2)
      // Large vectored operations have no shape.
      const some = trace.startsWith('ground-truth/dio-') ? policies.slice(1) : policies
      await bothWays(repeated, [{ ...way, policies: some, consumers: names }], trace)
    }
  })

  it.each(names)('%s: give the same report on random traces of few shapes', async (name) => {
    const cases = (await bothWaysIn(WORLDS, 1000, name, optionsOf(name))).flat()
    const sum = (of: 'all' | 'done') => cases.reduce((total, one) => total + one[of], 0)
    expect(sum('done')).toBeLessThan(sum('all') * 0.8)
  })

  it.each(Object.keys(ALONE))('%s: give the same report as long as they are alone', async (name) => {
    const [operationsAlone] = await bothWaysIn(ALONE_WORLDS, 7000, name, optionsOf(name, ALONE))
    expect(Math.min(...operationsAlone!.map(({ all, done }) => done / all))).toBeLessThan(0.5)
  })

  it('are those of the consumers named here, under the options named here', async () => {
    const registry = await everyConsumer()
    const declaring: string[] = []
    for (const { definition, packageName } of registry.consumers()) {
      if (packageName === '@pinscope/core') continue
      const one = shapeCase(1, WORLDS[0]!)
      const consumerOptions = optionsOf(definition.name in DECLARED ? definition.name : 'checksum')[0]!
      const way = wayOf(registry, definition.name, one.kernel, consumerOptions)
      const both = await bothWays(await traceOfText(one.text), [way], definition.name)
      if (both.done < both.all) declaring.push(definition.name)
    }
    expect(declaring.sort()).toEqual([...new Set([...names, ...Object.keys(ALONE)])].sort())
  })
})

/** The cases of each world, replayed both ways with each set of options: the reports are compared. */
async function bothWaysIn(
  worlds: readonly ShapeWorld[],
  seedStep: number,
  name: string,
  sets: readonly ConsumerOptionValues[],
): Promise<{ readonly all: number; readonly done: number }[][]> {
  const registry = await everyConsumer()
  const results: { readonly all: number; readonly done: number }[][] = worlds.map(() => [])
  for (const [n, world] of worlds.entries()) {
    for (let seed = 0; seed < SEEDS; seed++) {
      const one = shapeCase(seedStep * (n + 1) + seed, world)
      const ways = sets.map((options) => wayOf(registry, name, one.kernel, options, one.inFlight))
      results[n]!.push(await bothWays(await traceOfText(one.text), ways, `${name}, world ${n}, seed ${seed}`))
    }
  }
  return results
}

function wayOf(
  registry: Registry,
  name: string,
  kernel: string,
  consumerOptions: ConsumerOptionValues,
  inFlight = false,
): ReplayOptions {
  return { ...PLAIN_OPTIONS, registry, kernel, policies: POLICY_NAMES, consumers: [name], consumerOptions, inFlight }
}

const traceOfText = (text: string) => openTrace(inOnePiece(new TextEncoder().encode(text)), 't.csv')
