import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import crypto from '../packages/plugin-crypto/src/register.ts'
import fs from '../packages/plugin-fs/src/register.ts'
import net from '../packages/plugin-net/src/register.ts'
import rdma from '../packages/plugin-rdma/src/register.ts'
import vhost from '../packages/plugin-vhost/src/register.ts'
import { ROOT } from './sources.ts'

// Consumers of the plugins allocate nothing per operation either; the measurement is packages/core/test/allocation.test.ts.

const SCRIPT = join(ROOT, 'packages/core/test/support/count-collections.mjs')
const run = promisify(execFile)
const RUNS = 3

/** Consumers that pass direct operations by. */
const BUFFERED = ['write-classic', 'write-multipage', 'write-iomap', 'recvfile']

interface Outcome {
  readonly collections: number
  readonly operations: number
}

async function count(consumer: string, work: string, hook: string): Promise<Outcome> {
  const { stdout } = await run(process.execPath, [
    '--expose-gc',
    '--max-semi-space-size=1',
    // The plugin has the core that the script has: module by module.
    '--conditions=pinscope-unbundled',
    SCRIPT,
    consumer,
    'async',
    work,
    join(ROOT, hook),
    BUFFERED.includes(consumer) ? 'buffered' : 'direct',
  ])
  return JSON.parse(stdout) as Outcome
}

describe.each([
  ['plugin-crypto', (await crypto()).consumers ?? []],
  ['plugin-fs', (await fs()).consumers ?? []],
  ['plugin-net', (await net()).consumers ?? []],
  ['plugin-rdma', (await rdma()).consumers ?? []],
  ['plugin-vhost', (await vhost()).consumers ?? []],
])('%s: 200,000 operations of 16 pages, 64 in flight', (folder, consumers) => {
  it.each(consumers.map(({ name }) => name))('%s', async (consumer) => {
    const hook = `packages/${folder}/dist/register.js`
    const idle = await count(consumer, 'idle', hook)
    // What allocates in each operation collects in every run; code that V8 compiles anew on a busy machine only in some.
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < RUNS && least > idle.collections; i++) {
      const replayed = await count(consumer, 'replay', hook)
      expect(replayed.operations).toBeGreaterThanOrEqual(200_000)
      least = Math.min(least, replayed.collections)
    }
    expect(least).toBeLessThanOrEqual(idle.collections)
  })
})
