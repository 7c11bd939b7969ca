import { KERNEL_VERSIONS } from '@pinscope/core'
import { trace, type Variant } from './variants.ts'

const [V6_1, V6_12, V6_18] = KERNEL_VERSIONS

const kvec = (backing: 'vmalloc' | 'slab', ...rows: readonly string[]) =>
  trace(V6_12, 'ts,event,op,iter,segs,backing,len', `0,map,,kvec,0x700000000000+16777216,${backing}`, ...rows)

const MESSAGES = ['1,io,write,kvec,0x700000000000+4096,,4096', '2,io,write,kvec,0x7000000003e8+9000,,9000']

const folios = (...rows: readonly string[]) => trace(V6_12, 'ts,event,op,iter,segs,file,offset,len', ...rows)

const bvecs = (...rows: readonly string[]) => trace(V6_18, 'ts,event,op,iter,segs,file,offset,len', ...rows)

const pipe = (...rows: readonly string[]) =>
  trace(V6_1, 'ts,event,mm,op,iter,segs,backing,file,len,flags', '0,map,1,,,0x10000+65536,anon', ...rows)

/** Lists that are full, of which there are many sizes (bugs 30, 32, 34 and 43), and steps that fail. */
export const LIST_VARIANTS: readonly Variant[] = [
  ...['alloc@3', 'alloc@4', 'page@6', 'page@10'].map((faults) => ({
    bugCase: 'uring-imu',
    what: `a second buffer, which fails (${faults}), is accounted no page, and needs none`,
    trace: trace(
      V6_12,
      'ts,event,id,mm,iter,segs,backing,result',
      '0,map,,1,,0x800000+524288,anon',
      '1,register,a,1,ubuf,0x800f00+512,,0',
      '2,register,b,1,ubuf,0x810000+32768,,-12',
      '3,unregister,a,1',
    ),
    faults,
    ...(faults === 'alloc@4' ? { before: [['H-12', 3, 8]] as const } : {}),
  })),
  {
    bugCase: 'siw-sendpages',
    what: 'the second page of a payload in vmalloc’ed memory cannot be had: the first is put',
    trace: trace(
      V6_12,
      'ts,end,event,mm,op,iter,segs,backing',
      '0,,map,1,,kvec,0xf1000000000+16384,vmalloc',
      '1,40,io,1,write,kvec,0xf1000000000+8192',
    ),
    faults: 'page@2',
  },
  {
    bugCase: 'virtiofs-kernel-io',
    what: 'no memory for the copy of 64 KiB: tried again, and no fault of the type',
    trace: kvec('vmalloc', '1,io,read,kvec,0x700000000000+65536,,65536'),
    faults: 'alloc@1',
  },
  {
    bugCase: 'virtiofs-kernel-io',
    what: 'as much as one kmalloc has',
    trace: kvec('vmalloc', '1,io,read,kvec,0x700000000000+4194304,,4194304'),
  },
  {
    bugCase: 'virtiofs-kernel-io',
    what: 'a byte more, read and written',
    trace: kvec(
      'vmalloc',
      '1,io,read,kvec,0x700000000000+4194305,,4194305',
      '2,io,write,kvec,0x700000000000+4194305,,4194305',
    ),
    before: [
      ['H-20', 2, 0],
      ['H-20', 3, 0],
    ],
  },
  {
    bugCase: 'virtiofs-kernel-io',
    what: 'the second of two segments is too long',
    trace: kvec('vmalloc', '1,io,read,kvec,0x700000000000+4096;0x700000100000+8388608,,8392704'),
    before: [['H-20', 2, 0]],
  },
  {
    bugCase: 'netfs-limit-iter',
    what: 'every other type that arrives there',
    trace: folios(
      '0,io,write,folioq,a:0+65536,a,0,65536',
      '1,io,write,xarray,a:65536+65536,a,65536,65536',
      '2,io,write,bvec,0x500:0+8192,a,131072,8192',
    ),
  },
  {
    bugCase: 'netfs-limit-iter',
    what: 'kernel memory, of slab and in two segments',
    trace: kvec('slab', '1,io,write,kvec,0x700000000000+100;0x700000010000+5000,,5100'),
    before: [['H-20', 2, 0]],
  },
  {
    bugCase: 'netfs-async-dio',
    what: 'a kvec, waited for and not',
    trace: trace(
      V6_12,
      'ts,end,event,mm,op,iter,segs,backing',
      '0,,map,1,,kvec,0x700000000000+65536,vmalloc',
      '1,,io,1,write,kvec,0x700000000000+8192',
      '2,40,io,1,write,kvec,0x700000004000+8192',
    ),
    before: [['H-20', 3, 0]],
  },
  // An entry of 9000 bytes from byte 1000 on is right for its first 3096, one of 5904 for 4096, one of 1808 for all.
  {
    bugCase: 'extract-kvec',
    what: 'no entry is left: all are written behind the table',
    trace: kvec('vmalloc', ...MESSAGES),
    options: { 'sg-max': 0 },
    before: [
      ['H-27', 2, 1],
      ['H-27', 3, 3],
      ['H-27', 3, 3],
      ['H-28', 3, 3],
    ],
  },
  {
    bugCase: 'extract-kvec',
    what: 'one entry: the bytes of two pages are passed over',
    trace: kvec('vmalloc', ...MESSAGES),
    options: { 'sg-max': 1 },
    before: [
      ['H-25', 3, 0],
      ['H-27', 3, 2],
      ['H-28', 3, 2],
    ],
  },
  {
    bugCase: 'extract-kvec',
    what: 'as many entries as pages: the bytes returned are right, the entries too long',
    trace: kvec('vmalloc', ...MESSAGES),
    options: { 'sg-max': 3 },
    before: [
      ['H-27', 3, 3],
      ['H-28', 3, 3],
    ],
  },
  ...[2, 3].map((sgMax) => ({
    bugCase: 'extract-kvec',
    what: `kmalloc’ed memory, whose pages follow each other: it is sent, and parts of it again (sg-max ${sgMax})`,
    trace: kvec('slab', ...MESSAGES),
    options: { 'sg-max': sgMax },
    before: [['H-25', 3, 0]] as const,
  })),
  {
    bugCase: 'extract-kvec',
    what: 'segments that each end in their page',
    trace: kvec('vmalloc', '1,io,write,kvec,0x700000000000+100;0x7000000013e8+200;0x700000002000+4096,,4396'),
    options: { 'sg-max': 2 },
  },
  ...['page@1', 'page@5', 'page@13'].map((faults) => ({
    bugCase: 'extract-user',
    what: `a page cannot be had (${faults})`,
    trace: trace(
      V6_12,
      'ts,end,event,mm,op,iter,segs,backing,len',
      '0,,map,1,,,0x10000+131072,anon',
      '1,40,io,1,write,ubuf,0x10000+49152,,49152',
    ),
    faults,
  })),
  {
    bugCase: 'smbdirect-folioq',
    what: 'less than a folio: empty entries behind the data, until there is no room for the next',
    trace: folios('0,io,write,folioq,a:0+100,a,0,100', '1,io,write,folioq,a:4096+4096,a,4096,4096'),
    before: [['H-27', 1, 1]],
  },
  {
    bugCase: 'extract-folioq',
    what: 'twelve folios of a page each, from the middle of the first on',
    trace: folios('0,io,write,folioq,a:512+48640,a,512,48640'),
    before: [['H-27', 1, 4]],
  },
  ...[
    [1, 11],
    [11, 1],
    [12, 0],
    [13, 0],
  ].map(([room, beyond]) => ({
    bugCase: 'extract-folioq',
    what: `twelve folios where there is room for ${room}`,
    trace: folios('0,io,write,folioq,a:0+49152,a,0,49152'),
    options: { 'max-sge': room },
    ...(beyond === 0 ? {} : { before: [['H-27', 1, beyond]] as const }),
  })),
  {
    bugCase: 'xdr-bvecs',
    what: 'five pages of bytes that lie in six, and a hundred pages',
    trace: bvecs('0,io,write,bvec,0x500:100+20480,e,0,20480', '1,io,write,bvec,0x600:0+409600,e,0,409600'),
    before: [
      ['H-27', 1, 1],
      ['H-27', 2, 1],
    ],
  },
  {
    bugCase: 'alg-pull-tsgl',
    what: 'two pages, of which one is pulled, as bvecs',
    trace: bvecs('0,io,write,bvec,0x500:0+8192,socket,,8192', '1,io,write,bvec,0x700:16+16,socket,,16'),
    before: [
      ['H-17', 1, 1],
      ['H-27', 1, 1],
    ],
  },
  {
    bugCase: 'nvmet-pdu',
    what: 'a page behind the memory; as many entries as there is room for',
    trace: bvecs('0,io,read,bvec,0x500:0+8192,host,4096,8192'),
    before: [['H-28', 1, 0]],
  },
  {
    bugCase: 'nvmet-pdu',
    what: 'from a place far behind the memory on',
    trace: bvecs('0,io,read,bvec,0x500:0+8192,host,1073741824,8192'),
    before: [['H-28', 1, 0]],
  },
  {
    bugCase: 'netfs-extract-user',
    what: 'nothing brings more than was asked for, and a page that cannot be had',
    trace: trace(
      V6_12,
      'ts,end,event,mm,op,iter,segs,backing,len',
      '0,,map,1,,,0x10000+65536,anon',
      '1,,map,1,,,0x13000+4096,pfn',
      '2,40,io,1,write,ubuf,0x14000+40960,,40960',
      '3,,io,1,write,ubuf,0x10000+40960,,40960',
    ),
  },
  {
    bugCase: 'push-pipe',
    what: 'nothing was in the slots before; whole pages, behind which nothing is appended',
    trace: pipe('1,,1,read,pipe,,,new,1000,direct splice', '2,,1,write,ubuf,0x10000+64,,new,64'),
  },
  {
    bugCase: 'push-pipe',
    what: 'whole pages, behind which nothing fits',
    trace: pipe(
      '1,,1,write,ubuf,0x10000+65536,,pipe,65536',
      '2,,1,read,ubuf,0x10000+65536,,pipe,65536',
      '3,,1,read,pipe,,,pipe,8192,direct splice',
      '4,,1,write,ubuf,0x10000+64,,pipe,64',
    ),
  },
  {
    bugCase: 'push-pipe',
    what: 'two pages, of which the last is appended to, twice',
    trace: pipe(
      '1,,1,write,ubuf,0x10000+65536,,pipe,65536',
      '2,,1,read,ubuf,0x10000+65536,,pipe,65536',
      '3,,1,read,pipe,,,pipe,5000,direct splice',
      '4,,1,write,ubuf,0x10000+64,,pipe,64',
      '5,,1,write,ubuf,0x10000+64,,pipe,64',
    ),
    before: [
      ['H-49', 5, 1],
      ['H-49', 6, 1],
    ],
  },
]
