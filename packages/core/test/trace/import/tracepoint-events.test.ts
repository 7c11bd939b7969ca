import { describe, expect, it } from 'vitest'
import { foldStack, ftraceFrame, perfFrame } from '../../../src/trace/import/tracepoints/stack-text.ts'
import {
  argumentsOf,
  fieldsOf,
  ftraceHead,
  perfHead,
  resultOf,
  stringArgument,
} from '../../../src/trace/import/tracepoints/tracepoint.ts'
import { openTrace } from '../../../src/trace/open-trace.ts'
import { chunked, columnsOf } from '../columns-as-rows.ts'
import { claimsOf } from '../formats/import-suite.ts'

/** A line of ftrace at a time of its own, µs. */
function at(us: number, text: string, task = 'fio-7', cpu = 1): string {
  return `  ${task}  [00${cpu}] ..... 1.${String(us).padStart(6, '0')}: ${text}`
}

async function imported(lines: readonly string[], formatOptions: Record<string, string> = {}) {
  const bytes = Buffer.from(`${lines.join('\n')}\n`, 'latin1')
  const reader = await openTrace(chunked(bytes), 't', { format: 'ftrace', formatOptions })
  const rows: object[] = []
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) rows.push(columnsOf(reader, batch, row))
  }
  const { skipped, doubts, assumptions } = reader.imported!
  return { rows, skipped: Object.fromEntries(skipped.map(({ reason, count }) => [reason, count])), doubts, assumptions }
}

/** `event frame×references` of each row about frames. */
async function references(lines: readonly string[]) {
  const read = await imported(lines)
  const short = read.rows.map((row) => {
    const { event, segments } = row as { event: string; segments: { address: number }[] }
    return `${event} ${segments[0]!.address.toString(16)}x${segments.length}`
  })
  return { ...read, short }
}

/** `event id` of each row about objects. */
async function objects(texts: readonly string[]) {
  const read = await imported(texts.map((text, i) => at(i + 1, text)))
  return { ...read, short: read.rows.map((row) => Object.values(row as object) && pick(row)) }
}

function pick(row: object): string {
  const { event, id, call } = row as { event: string; id: string; call: string }
  return `${event} ${id} ${call}`
}

describe('the head of a line', () => {
  // Written by tracefs of 6.18 with each option, by trace-cmd 3.1.6 and perf 6.1; the old forms after trace_output.c of 4.19.
  it.each([
    ['     db io-7 [0]-15284   [000] .....  6.388109: sys_close(fd: 3)', 'db io-7 [0]', 15284, -1, 0, ''],
    ['           x-1 y-16065   (  16013) [000] ..... 61515.561104: sys_read -> 0x1', 'x-1 y', 16065, 16013, 0, ''],
    ['             cat-42      (-------) [003] ..... 1.000001: a: b', 'cat', 42, -1, 3, 'a'],
    ['           x-1 y-16291   [000]  61517.071174: sys_close -> 0x0', 'x-1 y', 16291, -1, 0, ''],
    ['          <idle>-0     [001] d.h1   100.000001: block_rq_complete: 8,0', '<idle>', 0, -1, 1, 'block_rq_complete'],
    ['           x-1 y-19276 [001] 61728.117847: sys_exit_openat:      0x3', 'x-1 y', 19276, -1, 1, 'sys_exit_openat'],
    ['           x-1 y-19276 [001] 61728.197986854: a:     0x1388', 'x-1 y', 19276, -1, 1, 'a'],
    ['   x-1 y-19276   1..... 61728.197987: sys_exit_pread64:     0x1388', 'x-1 y', 19276, -1, 1, 'sys_exit_pread64'],
    ['           ft.sh-16350   [001] .....         5202: sys_close(fd: 3)', 'ft.sh', 16350, -1, 1, ''],
  ])('of ftrace: %s', (line, comm, tid, pid, cpu, event) => {
    expect(ftraceHead(line)).toMatchObject({ comm, tid, pid, cpu, event })
    expect(perfHead(line)?.event ?? '').not.toBe('sys_close')
  })

  it.each([
    ['             fio 12974 [001]  1467.605929:       block:block_rq_issue: 254,0', 'fio', 12974, -1, 1, 'block'],
    [
      '     db io-7 [0] 15050/15092 [000] 61482.550274820:  syscalls:sys_x: a',
      'db io-7 [0]',
      15092,
      15050,
      0,
      'syscalls',
    ],
    ['bash 16452 [000] 61517.900472:        block:block_rq_issue: 254,0', 'bash', 16452, -1, 0, 'block'],
    ['               x 16450 61518.066531: syscalls:sys_enter_pwrite64: fd: 0x3', 'x', 16450, -1, -1, 'syscalls'],
    [
      '               x 16450 [000] 61518.066531:          1 syscalls:sys_x:                         fd',
      'x',
      16450,
      -1,
      0,
      'syscalls',
    ],
  ])('of perf: %s', (line, comm, tid, pid, cpu, system) => {
    expect(perfHead(line)).toMatchObject({ comm, tid, pid, cpu, system })
  })

  it('times go apart in seconds and ns; counts of a clock without seconds are taken as ns', () => {
    expect(ftraceHead('a-1 [001] 61728.197986854: a: b')).toMatchObject({ seconds: 61728, ns: 197_986_854 })
    expect(ftraceHead('a-1 [001] ..... 61728.1979: a: b')).toMatchObject({ ns: 197_900_000, isCount: false })
    expect(ftraceHead('a-1 [001] ..... 18446744073709551615: a: b')).toMatchObject({
      seconds: 18_446_744_073,
      ns: 709_551_615,
      isCount: true,
    })
  })

  it('a line of 64 KiB of anything takes no time', () => {
    for (const piece of [' ', '-1 ', '1 [0] ', 'a-1 [1] ', '(', 'a: ', '"', ', a: 1 "']) {
      const line = piece.repeat(65_536 / piece.length)
      ftraceHead(line)
      perfHead(line)
      argumentsOf(line)
      stringArgument(line, 'a')
      fieldsOf(line)
      perfFrame(line)
      ftraceFrame(line)
    }
  })
})

describe('arguments of a system call', () => {
  it.each([
    ['fd: 6, buf: 0x557390e2d000, count: 0x1000)', { fd: '0x6', buf: '0x557390e2d000', count: '0x1000' }],
    ['fd: 0x00000007, buf: 0x56169f228000', { fd: '0x00000007', buf: '0x56169f228000' }],
    // Before 6.18: hexadecimal without 0x.
    ['fd: a, buf: 7ffe00001000, count: 64)', { fd: '0xa', buf: '0x7ffe00001000', count: '0x64' }],
    ['unsigned int fd: 3, const char * buf: 0x7f, size_t count: 3)', { fd: '0x3', buf: '0x7f', count: '0x3' }],
    // Since 6.19: what pointers point to.
    ['fd: 1, buf: 0x55 (68:65:6c:6c:6f, ...), count: 0x5)', { fd: '0x1', buf: '0x55', count: '0x5' }],
    [
      'dfd: 0xffffff9c, filename: 0x7f "a, flags: 0x4000", flags: 0)',
      { dfd: '0xffffff9c', filename: '0x7f', flags: '0x0' },
    ],
  ])('%s', (text, expected) => {
    expect(Object.fromEntries(argumentsOf(text))).toEqual(expected)
  })

  it('the string behind a pointer', () => {
    expect(stringArgument('dfd: 0xffffff9c, filename: 0x7f "/a "b", c", flags: 0)', 'filename')).toBe('/a "b", c')
    expect(stringArgument('dfd: 0xffffff9c, filename: 0x7f, flags: 0, other: 0x5 "x")', 'filename')).toBeNull()
    expect(stringArgument('filename: 0x7f "cut', 'filename')).toBeNull()
  })

  it.each([
    ['0x1000', 4096],
    ['0x0', 0],
    ['0xffffffffffffffea', -22],
    ['-22', -22],
    ['0x7fffffffffffffff', null],
    ['', null],
    ['4096x', null],
  ])('result %s', (text, expected) => {
    expect(resultOf(text)).toBe(expected)
  })
})

describe('stacks', () => {
  it('are folded outermost first, without the recorder', () => {
    expect(foldStack(['trace_event_raw_event_x', '__page_ref_mod', 'b', 'a;c'])).toBe('a,c;b')
    expect(foldStack(['ftrace_syscall_enter'])).toBe('')
  })

  it('that are too deep lose their outer frames', () => {
    const deep = foldStack(Array.from({ length: 1000 }, (_, i) => `frame_number_${i}`))
    expect(deep.length).toBeLessThanOrEqual(4096)
    expect(deep).toMatch(/^\.\.\.;.*frame_number_1;frame_number_0$/)
  })

  it.each([
    [ftraceFrame, ' => vfs_write+0x22f/0x450', 'vfs_write'],
    [ftraceFrame, '=> virtblk_prep_rq.isra.0 (ffffffff81d7425f)', 'virtblk_prep_rq.isra.0'],
    [ftraceFrame, ' => ib_umem_get+0x1fc/0x3f0 [ib_uverbs]', 'ib_umem_get'],
    [ftraceFrame, 'vfs_write+0x22f', null],
    [perfFrame, '\tffffffff81b056df blk_mq_start_request+0xcf ([kernel.kallsyms])', 'blk_mq_start_request'],
    [perfFrame, '\t           f6483 __libc_pwrite+0x13 (/usr/lib/x (y)/libc.so.6)', '__libc_pwrite'],
    [perfFrame, '\t               0 [unknown] ([unknown])', '[unknown]'],
    [
      perfFrame,
      '\t          401234 std::vector<int, a>::at(unsigned long)+0x4 (/bin/a)',
      'std::vector<int, a>::at(unsigned long)',
    ],
    [perfFrame, 'fio 1 [001] 1.0', null],
  ])('%# frame of %s', (read, line, expected) => {
    expect(read(line)).toBe(expected)
  })
})

const REF = 'flags=uptodate|lru count=2 mapcount=0 mapping=00000000f00dbeef mt=1'
const LARGE = 'flags=uptodate|lru|head count=2 mapcount=0 mapping=00000000f00dbeef mt=1'

describe('page_ref events', () => {
  // include/linux/page_ref.h and mm/gup.c of 6.1, 6.12 and 7.3, which are alike.
  it.each([
    [
      'a get and a put',
      [`page_ref_mod: pfn=0x5 ${REF} val=1`, `page_ref_mod_and_test: pfn=0x5 ${REF} val=-1 ret=0`],
      ['get 5x1', 'put 5x1'],
    ],
    [
      'a pin on the fast path',
      [`page_ref_mod_unless: pfn=0x5 ${REF} val=1 ret=1`, `page_ref_mod: pfn=0x5 ${REF} val=1023`],
      ['pin 5x1'],
    ],
    ['a pin on the slow path', [`page_ref_mod: pfn=0x5 ${REF} val=1024`], ['pin 5x1']],
    [
      'a get, and a pin whose first half is missing',
      [`page_ref_mod_unless: pfn=0x6 ${REF} val=1 ret=1`, `page_ref_mod: pfn=0x5 ${REF} val=1023`],
      ['get 6x1', 'pin 5x1'],
    ],
    ['unpins of one page', [`page_ref_mod_and_test: pfn=0x5 ${REF} val=-3072 ret=0`], ['unpin 5x3']],
    [
      'a large folio',
      [
        `page_ref_mod_unless: pfn=0x200 ${LARGE} val=16 ret=1`,
        `page_ref_mod_and_test: pfn=0x200 ${LARGE} val=-16 ret=0`,
      ],
      ['get 200x16', 'put 200x16'],
    ],
    [
      'a large folio, 512 at once: no pin',
      [`page_ref_mod: pfn=0x200 ${LARGE} val=512`, `page_ref_mod_and_return: pfn=0x200 ${LARGE} val=-512 ret=3`],
      ['get 200x512', 'put 200x512'],
    ],
    [
      'a page that is allocated and freed',
      [`page_ref_set: pfn=0x5 ${REF} val=1`, `page_ref_mod_and_test: pfn=0x5 ${REF} val=-1 ret=1`],
      ['get 5x1', 'put 5x1'],
    ],
    [
      'frozen and given back with more',
      [`page_ref_freeze: pfn=0x5 ${REF} val=1 ret=1`, `page_ref_unfreeze: pfn=0x5 ${REF} val=3`],
      ['get 5x2'],
    ],
    [
      'frozen and given back with less',
      [`page_ref_freeze: pfn=0x5 ${REF} val=3 ret=1`, `page_ref_unfreeze: pfn=0x5 ${REF} val=1`],
      ['put 5x2'],
    ],
    [
      'frozen and freed',
      [`page_ref_freeze: pfn=0x5 ${REF} val=2 ret=1`, `page_ref_set: pfn=0x5 ${REF} val=1`],
      ['put 5x2', 'get 5x1'],
    ],
    ['frozen to the end', [`page_ref_freeze: pfn=0x5 ${REF} val=2 ret=1`], ['put 5x2']],
    ['a freeze that fails', [`page_ref_freeze: pfn=0x5 ${REF} val=2 ret=0`], []],
    [
      'perf that cannot format it',
      [`page_ref_mod: [FAILED TO PARSE] pfn=0x5 flags=0x2000c count=1 mapcount=0 val=1`],
      ['get 5x1'],
    ],
  ])('%s', async (_, texts, expected) => {
    const { short } = await references(texts.map((text, i) => at(i + 1, text)))
    expect(short).toEqual(expected)
  })

  it('halves of pins on two CPUs, and the idle tasks of both, do not mix', async () => {
    const first = (pfn: number) => `page_ref_mod_unless: pfn=0x${pfn} ${REF} val=1 ret=1`
    const second = (pfn: number) => `page_ref_mod: pfn=0x${pfn} ${REF} val=1023`
    const { short } = await references([
      at(1, first(1), 'a-1', 0),
      at(2, first(2), 'b-2', 1),
      at(3, second(1), 'a-1', 0),
      at(4, second(2), 'b-2', 1),
      at(5, first(3), '<idle>-0', 0),
      at(6, second(3), '<idle>-0', 1),
    ])
    expect(short).toEqual(['pin 1x1', 'pin 2x1', 'get 3x1', 'pin 3x1'])
  })

  it('a stack is that of the event of the task in front of it, also with others between', async () => {
    const { rows } = await references([
      at(1, `page_ref_mod: pfn=0x1 ${REF} val=1`, 'a-1', 0),
      at(2, `page_ref_mod: pfn=0x2 ${REF} val=1`, 'b-2', 1),
      at(3, '<stack trace>', 'a-1', 0),
      ' => get_a+0x1/0x2',
      ' => main+0x1/0x2',
      at(4, '<user stack trace>', 'b-2', 1),
      ' =>  <00007f12>',
      at(5, 'sched_switch: x', 'b-2', 1),
      at(6, '<stack trace>', 'b-2', 1),
      ' => schedule+0x1/0x2',
    ])
    expect(rows).toMatchObject([{ stack: 'main;get_a' }, { stack: null }])
  })

  it('a bulk of page fragments, and pages above 8 TiB, are passed over', async () => {
    const { rows, skipped } = await references([
      at(1, `page_ref_mod: pfn=0x1 ${REF} val=32768`),
      at(2, `page_ref_mod: pfn=0x80000000 ${REF} val=1`),
    ])
    expect(rows).toEqual([])
    expect(skipped).toEqual({
      'page_ref events of more than 512 references at once': 1,
      'page_ref events of pages above 8 TiB': 1,
    })
  })

  it('a row that is held while 100,000 lines of other tasks pass comes in its place', async () => {
    const others = Array.from({ length: 100_000 }, (_, i) => at(i + 2, 'sched_switch: x', `o-${(i % 50) + 10}`))
    const { short } = await references([
      at(1, `page_ref_mod: pfn=0x1 ${REF} val=1`),
      ...others,
      at(200_000, `page_ref_mod: pfn=0x2 ${REF} val=1`, 'z-9'),
    ])
    expect(short).toEqual(['get 1x1', 'get 2x1'])
  })
})

describe('references of netfs requests', () => {
  it('7.3: a request begins with two references', async () => {
    const { short, doubts } = await objects([
      'netfs_rreq_ref: R=00000001 NEW         r=2',
      'netfs_rreq_ref: R=00000001 PUT RETURN  r=1',
      'netfs_rreq_ref: R=00000001 PUT WORK IP  r=0',
    ])
    expect(short).toEqual([
      'alloc R=00000001 netfs_io_request',
      'share R=00000001 netfs_io_request',
      'drop R=00000001 PUT RETURN',
      'drop R=00000001 PUT WORK IP',
    ])
    expect(doubts).toEqual([])
  })

  it('7.3: one that fails at once is freed with both of them', async () => {
    const { short, doubts } = await objects([
      'netfs_rreq_ref: R=00000001 NEW         r=2',
      'netfs_rreq_ref: R=00000001 PUT FAILED  r=2',
    ])
    expect(short.slice(2)).toEqual(['drop R=00000001 PUT FAILED', 'drop R=00000001 PUT FAILED'])
    expect(doubts).toEqual([])
  })

  it('6.12: NEW for a put of a sub-request that exists', async () => {
    const { short, doubts } = await objects([
      'netfs_sreq_ref: R=00000001[2] NEW         r=2',
      'netfs_sreq_ref: R=00000001[2] GET RESUBMIT r=3',
      'netfs_sreq_ref: R=00000001[2] NEW         r=2',
      'netfs_sreq_ref: R=00000001[2] PUT TERM    r=1',
      'netfs_sreq_ref: R=00000001[2] PUT DONE    r=0',
    ])
    expect(short.map((text) => text.split(' ')[0])).toEqual(['alloc', 'share', 'share', 'drop', 'drop', 'drop'])
    expect(doubts).toEqual([])
  })

  it('events that are missing: the count says so', async () => {
    const { short, doubts } = await objects([
      'netfs_rreq_ref: R=00000001 NEW         r=1',
      'netfs_rreq_ref: R=00000001 GET SUBREQ  r=2',
      'netfs_rreq_ref: R=00000001 PUT RETURN  r=0',
      'netfs_rreq_ref: R=00000001 NEW         r=1',
      'netfs_rreq_ref: R=00000001 NEW         r=1',
    ])
    expect(short.map((text) => text.split(' ')[0])).toEqual([
      'alloc',
      'share',
      'drop',
      'drop',
      'alloc',
      'drop',
      'alloc',
    ])
    expect(doubts).toEqual([expect.stringContaining('does not follow from its events')])
  })

  it('of trace-cmd and perf: the same text', async () => {
    const lines = [at(1, 'netfs_rreq_ref:       R=00000001 NEW         r=1')]
    expect((await imported(lines)).rows).toMatchObject([{ event: 'alloc', id: 'R=00000001' }])
  })
})

describe('probes on the functions of GUP', () => {
  const PIN = 'p: (pin_user_pages_fast+0x4/0x60) start=0x1000 nr=2 flags=0x1'
  const PINNED = 'p_ret: (iov_iter_extract_pages+0xe9/0x750 <- pin_user_pages_fast) ret=2'
  const list = (text: string) => `l: iov_iter_extract_pages pages n=${text}`

  it('what comes back is what was taken', async () => {
    const { rows, skipped } = await imported([
      at(1, PIN),
      at(2, 'p_ret: (a+0x1/0x2 <- pin_user_pages_fast) ret=1'),
      at(3, PIN),
      at(4, 'p_ret: (a+0x1/0x2 <- pin_user_pages_fast) ret=0xfffffffffffffff2'),
      at(5, PINNED),
      at(6, 'g: (get_user_pages_fast+0x4) start=0x1fff nr_pages=1 gup_flags=0'),
      at(7, 'g_ret: (a+0x1 <- get_user_pages_fast) ret=1'),
    ])
    expect(rows).toMatchObject([
      { event: 'pin', len: 4096, op: 'read', mm: 7 },
      { event: 'get', len: 4096, segments: [{ address: 0x1000 }] },
    ])
    expect(skipped).toEqual({
      'references that were not taken: the call failed': 1,
      'returns of references whose call was not recorded': 1,
    })
  })

  it('a list of frames names them where it is whole, and of the same call', async () => {
    const frames = async (text: string) => (await imported([at(1, PIN), at(2, PINNED), at(3, text)])).rows
    expect(await frames(list('2 start=0 [pfn/refcount] a1/1025 b2/10'))).toMatchObject([
      { iter: 'bvec', segments: [{ address: 0xa1 }, { address: 0xb2 }] },
    ])
    expect(await frames(list('2 start=0 [pfn/refcount] a1/1025 '))).toMatchObject([{ iter: 'ubuf', len: 8192 }])
    expect(await frames('l: iov_iter_get_pages2 pages n=2 start=0 [pfn/refcount] a1/1 b2/1')).toMatchObject([
      { iter: 'ubuf' },
    ])
  })

  it('pages by pointer: through vmemmap, which KASLR moves', async () => {
    const lines = [
      at(1, 'u: (unpin_user_page_range_dirty_lock+0x0/0x120) page=0xffffea0000499b00 npages=17 dirty=1'),
      at(2, 'u: (unpin_user_page+0x4/0x60) page=0xffffea0000360700'),
      at(3, 'u: (unpin_user_folio+0x4/0x20) folio=0xffffea0000365940 npages=2'),
    ]
    expect((await imported(lines)).rows).toMatchObject([
      { event: 'unpin', flags: ['dirty'], segments: [{ address: 0x1266c, length: 17 * 4096 }] },
      { event: 'unpin', segments: [{ address: 0xd81c }] },
      { event: 'unpin', segments: [{ address: 0xd965 }, { address: 0xd965 }] },
    ])
    const moved = await imported(lines, { vmemmap: '0xffffea0000400000' })
    expect(moved.rows).toMatchObject([{ segments: [{ address: 0x1266c - 0x10000 }] }])
    expect(moved.skipped).toEqual({
      'releases of pages whose struct page lies outside of vmemmap: say where it begins (--input-option vmemmap=0x…)': 2,
    })
  })
})

describe('which events make the rows', () => {
  const CALL = [at(10, 'sys_read(fd: 3, buf: 0x1000, count: 0x10)'), at(11, 'sys_read -> 0x10')]
  const BLOCK = [at(12, 'block_rq_issue: 8,0 R 4096 () 64 + 8 [fio]')]
  const REFS = [at(13, `page_ref_mod: pfn=0x5 ${REF} val=1`)]
  const OBJECT = [at(14, 'netfs_rreq_ref: R=00000001 NEW         r=1')]
  const eventsOf = async (lines: readonly string[], events: string) =>
    (await imported(lines, { events })).rows.map((row) =>
      pick(row)
        .split(' ')
        .filter((word) => word !== 'null')
        .join(' '),
    )

  it.each([
    ['auto', [...CALL, ...BLOCK, ...REFS, ...OBJECT], ['get page_ref_mod', 'alloc R=00000001 netfs_io_request']],
    ['auto', [...CALL, ...BLOCK, ...OBJECT], ['io read', 'alloc R=00000001 netfs_io_request']],
    ['auto', [...BLOCK, ...OBJECT], ['io block_rq_issue', 'alloc R=00000001 netfs_io_request']],
    ['syscalls', [...CALL, ...BLOCK, ...REFS, ...OBJECT], ['io read']],
    ['block', [...CALL, ...BLOCK, ...REFS, ...OBJECT], ['io block_rq_issue']],
    ['references', [...CALL, ...BLOCK, ...REFS, ...OBJECT], ['get page_ref_mod', 'alloc R=00000001 netfs_io_request']],
  ])('events=%s, %#', async (events, lines, expected) => {
    expect(await eventsOf(lines, events)).toEqual(expected)
  })

  it('what is more telling, but comes late, is told of', async () => {
    const blocks = Array.from({ length: 2000 }, (_, i) => at(i, `block_rq_issue: 8,0 R 4096 () ${i * 8} + 8 [fio]`))
    const { rows, doubts } = await imported([...blocks, at(3000, 'sys_read(fd: 3, buf: 0x1000, count: 0x10)')])
    expect(rows.length).toBe(2000)
    expect(doubts).toEqual([expect.stringContaining('events=syscalls')])
  })

  it('bios where there are no requests; completions alone only when asked for', async () => {
    const bios = [at(1, 'block_bio_queue: 8,0 W 64 + 8 [fio]'), at(2, 'block_bio_complete: 8,0 W 64 + 8 [-5]')]
    expect((await imported(bios)).rows).toMatchObject([{ op: 'write', offset: 32_768, result: -5, end: 1000 }])
    const completions = [at(1, 'block_rq_complete: 8,0 R () 64 + 8 [0]')]
    const none = await imported(completions)
    expect([none.rows.length, none.doubts]).toEqual([0, [expect.stringContaining('block-event=C')]])
    expect((await imported(completions, { 'block-event': 'C' })).rows.length).toBe(1)
  })

  it('what a program prints may have several lines; what the kernel prints has one', async () => {
    const { rows, skipped } = await imported([
      at(1, 'tracing_mark_write: one'),
      'two',
      at(2, 'vfs_read: printed'),
      'three',
      at(3, 'sys_read(fd: 3, buf: 0x1000, count: 0x10)'),
    ])
    expect(rows.length).toBe(1)
    expect(skipped['further lines of text that was printed']).toBe(2)
    const broken = imported([at(1, 'sys_read(fd: 3, buf: 0x1000, count: 0x10)'), 'two', at(2, 'sys_read -> 0x1')])
    await expect(broken).rejects.toThrow('"two" is no line of ftrace')
  })

  it('an exit of another call: events were lost in between', async () => {
    const { rows, doubts, skipped } = await imported([
      at(1, 'sys_read(fd: 3, buf: 0x1000, count: 0x10)'),
      at(2, 'sys_write -> 0x5'),
    ])
    expect(rows).toMatchObject([{ call: 'read', result: null }])
    expect(skipped).toEqual({ 'exits of calls that make no row, or whose enter is missing': 1 })
    expect(doubts).toEqual([expect.stringContaining('the exit of the one before is missing')])
  })
})

describe('telling the formats apart', () => {
  it.each([
    ['trace_pipe, without a header', `${at(1, 'sys_close(fd: 3)')}\n`, ['ftrace']],
    ['trace-cmd', 'cpus=2\n           x-1 y-19276 [001] 61728.117847: sys_exit_openat:      0x3\n', ['ftrace']],
    [
      'perf with a comm that looks like an address',
      '            cafe 12974 [001]  1467.605929: block:x: 254,0\n',
      ['perf-script'],
    ],
    ['perf with a header', '# ========\n# os release : 6.1\n#\nbash 1 [000] 1.900472: block:x: 2\n', ['perf-script']],
    ['a text', 'hello world\nfio-7 [x] y\n', []],
  ])('%s', async (_, text, expected) => {
    expect(await claimsOf(Buffer.from(text, 'latin1'))).toEqual(expected)
  })
})
