import { cpus, release, totalmem } from 'node:os'
import type { BenchReport } from '@pinscope/core'
import { V8_FLAGS } from './tune-v8.ts'

/** What the figures were measured on. */
export function benchMachine(version: string): BenchReport['machine'] {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.replace(/\s+/g, ' ').trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    kernel: release(),
    node: process.versions.node,
    v8: process.versions.v8,
    v8Flags: [...V8_FLAGS, ...process.execArgv],
    pinscope: version,
  }
}
