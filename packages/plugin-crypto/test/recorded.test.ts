import { MAX_RW_COUNT, type PluginRegistration } from '@pinscope/core'
import { describe, vi } from 'vitest'
import type { ExtractModule } from '../../core/test/support/extract-watch.ts'
import {
  type CallFigures,
  describeAsRecorded,
  describeOther,
  type OtherFigures,
  type RecordedGroup,
} from '../../core/test/support/recorded-suite.ts'
import register from '../src/register.ts'

// What a running kernel did with sockets of AF_ALG (6.1): every extraction, its pages, and the counts.

vi.mock('../../core/dist/extract/extract-pages.js', async (original) => {
  const { watchedModule } = await import('../../core/test/support/extract-watch.ts')
  return watchedModule(await original<ExtractModule>())
})

const registered: () => Promise<PluginRegistration> = register

describe('AF_ALG', () => {
  // The recorded kernel is 6.1.192, the modelled one 6.1.176. Both copy what a skcipher is sent, spliced or not (the
  // recording has no call for it), and neither has another crypto/algif_hash.c.
  const group: RecordedGroup = {
    trace: 'ground-truth/consumers-6.1-alg',
    version: '6.1',
    group: 'alg',
    register: registered,
    // Not the vmsplice, and one call less: pages put into a pipe, which is no consumer's business here.
    operations: 18,
    calls: 20,
    otherPolicy: 'extract',
  }
  describeAsRecorded(group)

  // Pages of user memory are pinned. A receive fills lists of ALG_MAX_PAGES entries, over segment ends, with what the
  // request still wants; a hash asks for LONG_MAX and limits by iov_iter_npages.
  // @kernel crypto/af_alg.c: af_alg_get_rsgl; crypto/algif_hash.c: hash_sendmsg; lib/scatterlist.c: extract_user_to_sg
  const ALG_MAX_PAGES = 16
  const PINNED = 1 + 1024
  const pinned = (...calls: CallFigures[]): OtherFigures => ({ calls, refcount: PINNED })
  const read = (bytes: number) => pinned([bytes, ALG_MAX_PAGES, bytes])
  describeOther(group, ['6.12', '6.18', 'mainline'], {
    policy: 'extract',
    operations: {
      'af_alg skcipher read 4096@+0': read(4096),
      'af_alg skcipher read 32768@+0': read(32768),
      'af_alg skcipher read 65536@+0': read(65536),
      'af_alg skcipher read 4096@+100': read(4096),
      'af_alg skcipher read 32768@+100': read(32768),
      // 17 pages: the second list has the last one.
      'af_alg skcipher read 65536@+100': pinned([65536, ALG_MAX_PAGES, 65436], [100, ALG_MAX_PAGES, 100]),
      // One list of eight segments, where 6.1 had eight lists: each call may still list what the one before left.
      'af_alg skcipher readv 8x4K': pinned(
        ...Array.from({ length: 8 }, (_, i) => [32768 - i * 4096, ALG_MAX_PAGES - i, 4096] as const),
      ),
      'af_alg read 32K after splice': read(32768),
      'af_alg hash send 64K': pinned([MAX_RW_COUNT, ALG_MAX_PAGES, 65536]),
      'af_alg hash send 128K@+100 (more than 16 pages)': pinned(
        [MAX_RW_COUNT, ALG_MAX_PAGES, 65436],
        [MAX_RW_COUNT, ALG_MAX_PAGES, 65536],
        [MAX_RW_COUNT, 1, 100],
      ),
    },
  })
})
