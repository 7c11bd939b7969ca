import { KERNEL_VERSIONS, type KernelVersion } from '@pinscope/core'
import type { Found } from './expected.ts'

/** Another use of the code of a case: other lengths, several requests, a step that fails. After the fix it is always silent. */
export interface Variant {
  readonly bugCase: string
  readonly what: string
  readonly trace: string
  readonly faults?: string
  readonly options?: Readonly<Record<string, number>>
  /** Before the fix; left out: nothing, since what the bug needs does not happen. */
  readonly before?: readonly Found[]
}

/** A trace of rows, whose times and ends are in them. */
export function trace(kernel: KernelVersion, columns: string, ...rows: readonly string[]): string {
  const width = columns.split(',').length
  const filled = rows.map((row) => `${row}${','.repeat(width - row.split(',').length)}`)
  return `${['# pinscope-trace 1', `# kernel ${kernel}`, columns, ...filled].join('\n')}\n`
}

const [V6_1, V6_12, V6_18, MAINLINE] = KERNEL_VERSIONS

/** Operations of user memory, all of it anonymous and touched. */
const user = (...rows: readonly string[]) =>
  trace(
    V6_12,
    'ts,end,event,mm,op,iter,segs,backing,file,offset,result,flags',
    '0,,map,1,,,0x10000+131072,anon',
    ...rows,
  )
const ZONED = ',,/dev/zoned,0,,direct'
const SOCKET = (result: number) => `,,socket,,${result},zerocopy`
/** A page that cannot be had. */
const HOLE = (at: string) => `1,,map,1,,,${at}+4096,pfn`

const registered = (...rows: readonly string[]) =>
  trace(V6_12, 'ts,event,id,mm,iter,segs,backing,result,flags', '0,map,,1,,0x800000+524288,anon', ...rows)

const pipe = (...rows: readonly string[]) =>
  trace(V6_1, 'ts,end,event,mm,op,iter,file,offset,len,result,flags,call', ...rows)

const bvec = (kernel: KernelVersion, ...rows: readonly string[]) =>
  trace(kernel, 'ts,end,event,id,mm,op,iter,segs,file,offset,result', ...rows)

const cache = (kernel: KernelVersion, ...rows: readonly string[]) =>
  trace(kernel, 'ts,end,event,op,iter,segs,file,offset,len,result,flags', ...rows)

export const VARIANTS: readonly Variant[] = [
  {
    bugCase: 'target-rw',
    what: 'two READs: a destination is right for them',
    trace: bvec(V6_1, '0,40,io,,1,read,bvec,0x500:0+8192,d,0', '1,30,io,,1,read,bvec,0x600:512+1024,d,8192'),
  },
  ...['netfs-clear-unread', 'netfs-clear-unread-checked'].map((bugCase) => ({
    bugCase,
    what: 'the server sends all, or an error',
    trace: cache(V6_12, '0,40,io,read,xarray,a:0+16384,a,0,16384,16384', '1,30,io,read,xarray,b:0+8192,b,0,8192,-5'),
  })),
  {
    bugCase: 'netfs-clear-unread-checked',
    what: 'nothing came, of two reads in flight',
    trace: cache(
      V6_12,
      '0,,extend,,,,a,131072',
      '1,40,io,read,xarray,a:0+16384,a,0,16384,0',
      '2,30,io,read,xarray,a:65536+4096,a,65536,4096,0',
    ),
    before: [
      ['H-24', 2, 0],
      ['H-32', 2, 4],
      ['H-24', 3, 0],
      ['H-32', 3, 1],
    ],
  },
  {
    bugCase: 'bio-append',
    what: 'what the bio takes: ten pages, one, a part of one, and two segments of five',
    trace: user(
      `2,40,io,1,write,ubuf,0x10000+40960${ZONED}`,
      `3,50,io,1,write,ubuf,0x10000+4096${ZONED}`,
      `4,30,io,1,write,ubuf,0x10200+512${ZONED}`,
      `5,60,io,1,write,iovec,0x10000+20480;0x20000+20480${ZONED}`,
    ),
  },
  {
    bugCase: 'bio-append',
    what: 'the fifth page cannot be had: the bio goes with four',
    trace: user(`2,40,io,1,write,ubuf,0x10000+65536${ZONED}`),
    faults: 'page@5',
  },
  {
    bugCase: 'bio-append',
    what: 'two in flight: 16 pages, and 17 from an odd address, of which the bio has room for 16',
    trace: user(`2,40,io,1,write,ubuf,0x10000+65536${ZONED}`, `3,30,io,1,write,ubuf,0x10200+65536${ZONED}`),
    before: [
      ['H-13', 2, 6],
      ['H-13', 3, 6],
    ],
  },
  {
    bugCase: 'bio-append',
    what: 'the second segment has eleven pages',
    trace: user(`2,40,io,1,write,iovec,0x10000+4096;0x14000+45056${ZONED}`),
    before: [['H-13', 2, 2]],
  },
  {
    bugCase: 'uring-imu',
    what: 'memory for everything',
    trace: registered(
      '1,register,a,1,ubuf,0x800f00+512,,0',
      '2,register,b,1,ubuf,0x810000+32768,,0',
      '3,unregister,a,1',
    ),
  },
  {
    bugCase: 'uring-imu',
    what: '512 bytes that lie in two pages',
    trace: registered('1,register,a,1,ubuf,0x800f00+512,,-12'),
    faults: 'alloc@2',
    before: [['H-12', 2, 2]],
  },
  {
    bugCase: 'uring-uaddr-map',
    what: 'one page is one region; memory that does not begin with a page is refused',
    trace: registered(
      '1,register,a,1,ubuf,0x800000+4096,,0',
      '2,register,b,1,ubuf,0x800f00+512,,-22',
      '3,unregister,a,1',
    ),
  },
  {
    bugCase: 'uring-uaddr-map',
    what: 'two and three pages that do not follow each other',
    trace: registered('1,register,a,1,ubuf,0x800000+8192,,-22', '2,register,b,1,ubuf,0x804000+12288,,-22'),
    before: [
      ['H-12', 2, 2],
      ['H-12', 3, 3],
    ],
  },
  {
    bugCase: 'integrity-user',
    what: 'two that are whole, and more pages than a bio has',
    trace: user(
      '2,40,io,1,read,ubuf,0x10000+16384,,d,0,16384,direct',
      '3,30,io,1,write,ubuf,0x14100+8192,,d,0,8192,direct',
      '4,,io,1,read,ubuf,0x100000+1052672,,d,0,-7,direct',
    ),
  },
  ...['integrity-user', 'qaic-transfer', 'kpc2000-transfer'].map((bugCase) => ({
    bugCase,
    what: 'the first page cannot be had: there is nothing to keep',
    trace: user(HOLE('0x10000'), '2,40,io,1,write,ubuf,0x10000+16384,,d,0,-14,direct'),
  })),
  ...['qaic-transfer', 'kpc2000-transfer'].map((bugCase) => ({
    bugCase,
    what: 'one page and three come before the one that cannot be had',
    trace: user(
      HOLE('0x13000'),
      '2,40,io,1,write,ubuf,0x12000+8192,,d,0,-14,direct',
      '3,30,io,1,write,ubuf,0x10000+20480,,d,0,-14,direct',
    ),
    before: [
      ['H-12', 3, 1],
      ['H-12', 4, 3],
    ] as const,
  })),
  {
    bugCase: 'amdxdna-ubuf',
    what: 'whole ranges, and one that is not of whole pages',
    trace: registered(
      '1,register,a,1,iovec,0x800000+8192;0x810000+16384,,0',
      '2,register,b,1,ubuf,0x800000+8000,,-22',
      '3,register,c,1,ubuf,0x800100+8192,,-22',
      '4,unregister,a,1',
    ),
  },
  {
    bugCase: 'xdp-umem',
    what: 'memory for everything',
    trace: registered(
      '1,register,a,1,ubuf,0x800000+262144,,0',
      '2,register,b,1,ubuf,0x840000+65536,,0',
      '3,unregister,a,1',
    ),
  },
  {
    bugCase: 'ceph-sparse-map',
    what: 'memory for everything, and a write, which needs no map',
    trace: user(
      '2,40,io,1,read,iovec,0x10000+8192;0x14000+8192,,c,0,16384,direct',
      '3,30,io,1,write,ubuf,0x18000+8192,,c,0,8192,direct',
    ),
  },
  {
    bugCase: 'ceph-sparse-map',
    what: 'one segment of four pages',
    trace: user('2,40,io,1,read,ubuf,0x10000+16384,,c,0,-12,direct'),
    faults: 'alloc@1',
    before: [['H-13', 2, 4]],
  },
  {
    bugCase: 'iomap-dio-pipe',
    what: 'whole blocks, the end of the file, and an error',
    trace: pipe(
      '0,40,io,1,read,pipe,a,0,8192,8192,direct,splice',
      '1,30,io,1,read,pipe,b,0,8192,0,direct,splice',
      '2,,io,1,read,pipe,c,0,8192,-5,direct,splice',
    ),
  },
  {
    bugCase: 'iomap-dio-pipe',
    what: 'a file of one page, and one of three, in flight together',
    trace: pipe('0,40,io,1,read,pipe,a,0,8192,3000,direct,splice', '1,30,io,1,read,pipe,b,0,65536,9000,direct,splice'),
    before: [
      ['H-11', 1, 1],
      ['H-25', 1, 0],
      ['H-11', 2, 1],
      ['H-25', 2, 0],
    ],
  },
  {
    bugCase: 'carve-managed',
    what: 'two packets that nothing is carved out of',
    trace: trace(
      V6_1,
      'ts,end,event,id,mm,op,iter,segs,backing,file,result,flags',
      '0,,map,,1,,,0x10000+65536,anon',
      '1,,register,buffer,1,,,0x10000+65536,,,0',
      '2,60,io,buffer,1,write,ubuf,0x10000+8192,,socket,8192,fixed zerocopy',
      '3,50,io,buffer,1,write,ubuf,0x12100+16384,,socket,16384,fixed zerocopy',
      '80,,unregister,buffer,1',
    ),
  },
  {
    bugCase: 'watch-queue',
    what: 'notes that nobody tees',
    trace: user('2,,io,1,read,ubuf,0x10000+128,,pipe,,128', '3,,io,1,read,ubuf,0x10000+64,,pipe,,64'),
  },
  {
    bugCase: 'watch-queue',
    what: 'two that are teed',
    trace: user(
      '2,,io,1,read,ubuf,0x10000+128,,pipe,,128,splice',
      '3,,io,1,read,ubuf,0x10000+64,,pipe,,64',
      '4,,io,1,read,ubuf,0x10000+128,,pipe,,128,splice',
    ),
    before: [['H-11', 2, 2]],
  },
  {
    bugCase: 'rds-stale-count',
    what: 'two messages whose pages can all be had, one page',
    trace: user(
      `2,40,io,1,write,ubuf,0x10000+16384${SOCKET(16384)}`,
      `3,30,io,1,write,iovec,0x15100+100;0x16200+100${SOCKET(200)}`,
    ),
  },
  {
    bugCase: 'rds-stale-count',
    what: 'the first page cannot be had',
    trace: user(`2,,io,1,write,ubuf,0x10000+16384${SOCKET(-14)}`),
    faults: 'page@1',
  },
  {
    bugCase: 'rds-purge-kind',
    what: 'two messages that are queued',
    trace: user(`2,40,io,1,write,ubuf,0x10fff+4098${SOCKET(4098)}`, `3,30,io,1,write,ubuf,0x14000+8192${SOCKET(8192)}`),
  },
  ...['alloc@1', 'alloc@2', 'alloc@3', 'alloc@4', 'page@1', 'page@2', 'page@4'].map((faults) => ({
    bugCase: 'rds-purge-kind',
    what: `memory or a page cannot be had: the message, its notifier, a page of the helper (${faults})`,
    trace: user(`2,40,io,1,write,ubuf,0x10000+8192${SOCKET(8192)}`, `3,30,io,1,write,ubuf,0x14000+8192${SOCKET(8192)}`),
    faults,
  })),
  {
    bugCase: 'rds-purge-kind',
    what: 'two that are not queued, with one between that is',
    trace: user(
      `2,,io,1,write,ubuf,0x10000+8192${SOCKET(-11)}`,
      `3,90,io,1,write,ubuf,0x14000+8192${SOCKET(8192)}`,
      `4,,io,1,write,ubuf,0x18000+4096${SOCKET(-11)}`,
    ),
    before: [
      ['H-15', 2, 2],
      ['H-50', 2, 4],
      ['H-15', 4, 1],
      ['H-50', 4, 3],
    ],
  },
  {
    bugCase: 'ktls-page-counters',
    what: 'folios of one page have one counter',
    trace: cache(
      V6_1,
      '0,90,io,write,xarray,a:0+12288,socket,,,12288,splice',
      '1,80,io,write,xarray,a:16384+1000,socket,,,1000',
    ),
  },
  {
    bugCase: 'carve-notifier',
    what: 'two requests, each with its notifier',
    trace: user(
      `2,40,io,1,write,ubuf,0x10000+16384${SOCKET(16384)}`,
      `3,30,io,1,write,ubuf,0x15100+4096${SOCKET(4096)}`,
    ),
    before: [
      ['H-47', 2, 0],
      ['H-47', 3, 0],
    ],
  },
  ...KERNEL_VERSIONS.map((kernel) => ({
    bugCase: 'bvec-folio-references',
    what: `two bvecs of a page each, which are listed one by one (${kernel})`,
    trace: bvec(
      kernel,
      '0,40,io,,1,read,bvec,0x4000:0+4096;0x5000:0+4096,d,0',
      '1,30,io,,1,read,bvec,0x6000:512+100,d,8192',
    ),
  })),
  ...['vfio-zero-page', 'gup-zero-page'].map((bugCase) => ({
    bugCase,
    what: 'memory that was written to',
    trace: trace(
      V6_1,
      'ts,event,id,mm,iter,segs,backing,result',
      '0,map,,1,,0x10000+65536,anon',
      '1,register,a,1,ubuf,0x10000+65536,,0',
      '2,register,b,1,ubuf,0x10000+4096,,0',
      '3,unregister,a,1',
      '4,unregister,b,1',
    ),
  })),
  {
    bugCase: 'fuse-splice',
    what: 'two writes, of which none goes through a pipe',
    trace: user(
      '2,40,io,1,write,ubuf,0x10000+8192,,f,0,8192,direct',
      '3,30,io,1,write,iovec,0x14000+4096;0x18000+8192,,f,8192,12288,direct',
      '50,,store,1,,,0x10000+8192',
    ),
  },
  {
    bugCase: 'nvme-tcp-refcount',
    what: 'two allocations of one page, listed together',
    trace: bvec(
      V6_1,
      '0,40,io,,1,write,bvec,0x7000:0+4096;0x8000:0+4096,d,0',
      '1,30,io,,1,write,bvec,0x9000:0+512,d,8192',
    ),
  },
  {
    bugCase: 'nvme-tcp-refcount',
    what: 'a page behind the first one of its allocation, alone, under another version',
    trace: bvec(MAINLINE, '0,,alloc,two,1,,bvec,0x7000:0+8192', '1,40,io,,1,write,bvec,0x7001:0+4096,d,0'),
    before: [['H-18', 2, 1]],
  },
  {
    bugCase: 'nvme-tcp-refcount',
    what: 'what was sent before a page that cannot be had is dropped',
    trace: bvec(V6_1, '0,,alloc,four,1,,bvec,0x7000:0+16384', '1,40,io,,1,write,bvec,0x7000:0+16384,d,0'),
    faults: 'page@3',
    before: [['H-18', 2, 1]],
  },
  {
    bugCase: 'zone-append-advance',
    what: 'what one bio takes: 256 KiB, and 4 KiB, in flight together',
    trace: user(`2,40,io,1,write,ubuf,0x10000+262144${ZONED}`, `3,30,io,1,write,ubuf,0x60000+4096${ZONED}`),
  },
  {
    bugCase: 'zone-append-advance',
    what: 'two bios each, in flight together',
    trace: user(`2,40,io,1,write,ubuf,0x100000+524288${ZONED}`, `3,30,io,1,write,ubuf,0x200000+524288${ZONED}`),
    before: [
      ['H-25', 2, 0],
      ['H-25', 2, 0],
      ['H-25', 3, 0],
      ['H-25', 3, 0],
    ],
  },
  ...['page@40', 'page@64', 'page@65', 'page@100'].map((faults) => ({
    bugCase: 'zone-append-advance',
    what: `a page of the second bio cannot be had (${faults})`,
    trace: user(`2,40,io,1,write,ubuf,0x10000+262144${ZONED}`),
    faults,
  })),
  {
    bugCase: 'iomap-append',
    what: 'a folio can always be had at once',
    trace: user('2,,io,1,write,ubuf,0x10000+12288,,/mnt/log', '3,,io,1,write,ubuf,0x14100+5000,,/mnt/log'),
  },
  {
    bugCase: 'user-gup',
    what: 'memory that is its own: the direction alone is wrong',
    trace: user('2,40,io,1,read,ubuf,0x10000+8192,,d,0,8192,direct'),
    before: [
      ['H-24', 2, 0],
      ['H-29', 2, 2],
    ],
  },
  {
    bugCase: 'netfs-sink',
    what: 'the gaps are all there is, in two reads',
    trace: cache(V6_18, '0,40,io,read,folioq,a:0+8192,a,0,8192,8192', '1,30,io,read,folioq,b:0+4096,b,0,4096,4096'),
  },
]
