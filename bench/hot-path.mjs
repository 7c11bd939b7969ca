// What one page of a 16-page operation costs in the replay, against a bare loop that increments and then decrements a
// typed array for the same pages. Rounds are interleaved; ratios are taken within a round.
import { fileURLToPath } from 'node:url'
import { Registry } from '../packages/core/dist/consumer/registry.js'
import { LaneSet } from '../packages/core/dist/replay/lane-set.js'
import { replayBatch } from '../packages/core/dist/replay/replay.js'
import { batchOf, emptyTrace, median } from './batch.mjs'

const PAGES = 16
const ROUNDS = 15
const BATCHES = 50

export function hotPath() {
  const results = []
  for (const order of ['sequential', 'random']) {
    for (const consumer of ['null', 'bio']) results.push(measure(order, consumer))
  }
  return results
}

function measure(order, consumer) {
  const batch = batchOf({ pages: PAGES, order, seed: 7 })
  const set = new LaneSet(emptyTrace, {
    registry: new Registry(),
    policies: ['extract'],
    consumers: [consumer],
    kernel: '6.18',
    consumerOptions: {},
    inFlight: false,
    everyOperation: true,
  })
  const bare = bareLoop(batch)
  for (let i = 0; i < 20; i++) {
    replayBatch(set, batch)
    bare(1)
  }
  const rounds = []
  for (let round = 0; round < ROUNDS; round++) {
    const bareNs = perPage(() => bare(BATCHES), batch)
    const replayNs = perPage(() => {
      for (let i = 0; i < BATCHES; i++) replayBatch(set, batch)
    }, batch)
    rounds.push({ bareNs, replayNs, ratio: replayNs / bareNs })
  }
  return {
    order,
    consumer,
    bareNs: median(rounds.map((r) => r.bareNs)),
    replayNs: median(rounds.map((r) => r.replayNs)),
    ratio: median(rounds.map((r) => r.ratio)),
  }
}

function bareLoop(batch) {
  const first = Int32Array.from(
    { length: batch.length },
    (_, r) => (batch.segments.addressBytes[r] - 0x7f0000000000) / 4096,
  )
  const counts = new Int32Array(1 << 17)
  return (repeats) => {
    for (let i = 0; i < repeats; i++) {
      for (let r = 0; r < first.length; r++) {
        const from = first[r]
        for (let p = from; p < from + PAGES; p++) counts[p]++
        for (let p = from; p < from + PAGES; p++) counts[p]--
      }
    }
    return counts[0]
  }
}

function perPage(run, batch) {
  const start = process.hrtime.bigint()
  run()
  return Number(process.hrtime.bigint() - start) / (BATCHES * batch.length * PAGES)
}

// As a program: one line of JSON. `tuned` sets the V8 flags that the command sets (packages/cli/src/services/tune-v8.ts).
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === 'tuned') (await import('../packages/cli/dist/services/tune-v8.js')).tuneV8()
  console.log(JSON.stringify(hotPath()))
}
