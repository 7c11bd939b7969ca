import type { PluginRegistration } from '@pinscope/core'
import { CONSUMER_API_VERSION } from '@pinscope/core'
import { describe, expect, it, vi } from 'vitest'
import type { ExtractModule } from '../../core/test/support/extract-watch.ts'
import { recordedText, replayRecorded } from '../../core/test/support/recorded-consumers.ts'
import { describeAsRecorded, describeOther, type RecordedGroup } from '../../core/test/support/recorded-suite.ts'
import { rds } from '../src/rds/definition.ts'

// What a running 6.12 did with RDS over TCP: every call of iov_iter_get_pages2, its page, and the counts. There is no
// recording of RDS on 6.1.

vi.mock('../../core/dist/extract/extract-pages.js', async (original) => {
  const { watchedModule } = await import('../../core/test/support/extract-watch.ts')
  return watchedModule(await original<ExtractModule>())
})

const register = async (): Promise<PluginRegistration> => ({ apiVersion: CONSUMER_API_VERSION, consumers: [rds] })

const group: RecordedGroup = {
  trace: 'ground-truth/rdma-6.12-rds',
  version: '6.12',
  group: 'rds',
  register,
  // The registration is no operation: it has a test of its own.
  operations: 6,
  calls: 17,
  otherPolicy: 'extract',
  variants: {
    'with CAP_IPC_LOCK': {},
    'with RLIMIT_MEMLOCK 8 MiB': { rds: { memlock: 8 << 20 } },
    // As the kernel has it by default, and as small as 32 KiB lets it be.
    'with a send buffer of 64 KiB': { rds: { sndbuf: 65536 } },
  },
}

describe('RDS', () => {
  describeAsRecorded(group)

  // rds_message_zcopy_from_user asks for a page at a time, of PAGE_SIZE bytes at most, in 6.1.176 and 7.3.4 as in 6.12, and
  // what 6.1 makes of a single buffer makes no difference: iov_iter_get_pages2 ends at a segment.
  // @kernel net/rds/message.c: rds_message_zcopy_from_user
  describeOther(group, ['6.1', '6.18', 'mainline'], null)

  // @kernel net/rds/rdma.c: __rds_rdma_map: -EOPNOTSUPP where the transport has no get_mr, before anything is pinned
  it('refuses RDS_GET_MR over TCP, with nothing pinned, as the kernel did', async () => {
    const row = recordedText(group.trace)
      .split('\n')
      .find((line) => line.includes('GET_MR'))
    expect(row).toMatch(/,register,mr,.*,65536,-95,/)
    const { lanes } = await replayRecorded(group, { registration: await register() })
    const [lane] = lanes
    expect(lane?.counters.memoryRegionsRefused).toBe(1)
    expect([lane?.pins.acquired, lane?.pins.released, lane?.dma]).toEqual([0, 0, undefined])
  })
})
