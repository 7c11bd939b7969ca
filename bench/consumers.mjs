// What an operation of 16 pages costs in each consumer, against the same operations through `null` (iterator, extraction,
// ledger and release alone). Rounds are interleaved; ratios are taken within a round.
import { fileURLToPath } from 'node:url'
import { tuneV8 } from '../packages/cli/dist/services/tune-v8.js'
import { Registry } from '../packages/core/dist/consumer/registry.js'
import { LaneSet } from '../packages/core/dist/replay/lane-set.js'
import { replayBatch } from '../packages/core/dist/replay/replay.js'
import crypto from '../packages/plugin-crypto/dist/register.js'
import fs from '../packages/plugin-fs/dist/register.js'
import net from '../packages/plugin-net/dist/register.js'
import rdma from '../packages/plugin-rdma/dist/register.js'
import vhost from '../packages/plugin-vhost/dist/register.js'
import { batchOf, emptyTrace, median } from './batch.mjs'

const ROUNDS = 11
const BATCHES = 5

async function measureConsumers() {
  const registry = new Registry()
  registry.register('@pinscope/plugin-crypto', await crypto())
  registry.register('@pinscope/plugin-fs', await fs())
  registry.register('@pinscope/plugin-net', await net())
  registry.register('@pinscope/plugin-rdma', await rdma())
  registry.register('@pinscope/plugin-vhost', await vhost())
  const names = registry.consumers().map(({ definition }) => definition.name)
  return names.filter((name) => name !== 'null').map((name) => measure(registry, name))
}

function measure(registry, consumer) {
  const batch = batchOf({ pages: 16, order: 'sequential', seed: 7 })
  const sets = ['null', consumer].map(
    (name) =>
      new LaneSet(emptyTrace, {
        registry,
        policies: ['extract'],
        consumers: [name],
        kernel: '6.18',
        consumerOptions: {},
        inFlight: false,
        everyOperation: true,
      }),
  )
  for (let i = 0; i < 10; i++) for (const set of sets) replayBatch(set, batch)
  const ratios = []
  for (let round = 0; round < ROUNDS; round++) {
    const [nullNs, ns] = sets.map((set) => timed(() => replayBatch(set, batch)))
    ratios.push(ns / nullNs)
  }
  return { consumer, ratio: median(ratios) }
}

function timed(run) {
  const start = process.hrtime.bigint()
  for (let i = 0; i < BATCHES; i++) run()
  return Number(process.hrtime.bigint() - start)
}

// As a program: one line of JSON, with the V8 flags that the command sets.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  tuneV8()
  console.log(JSON.stringify(await measureConsumers()))
}
