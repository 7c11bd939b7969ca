import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { traceOf } from './trace-text.ts'

const COLUMNS = 'event,id,call,mm,op,iter,segs,backing,file,offset,len,result,flags'
const IN_FLIGHT_COLUMNS = 'end,event,id,mm,op,segs,backing,file,offset,len,flags'

/**
 * What is unsafe, and beside it what looks nearly the same and is sound. Rows as in a diff: `- ` is in the bug only, `+ ` in
 * its sound neighbour. Rule and row of each finding, in the order of rows.
 */
type Pair = readonly [name: string, rows: string, found: readonly (readonly [string, number])[], columns?: string]

const PAIRS: readonly Pair[] = [
  [
    'names: a reference is taken before the copy, and for one copy too few',
    `
      alloc,n,ubuf_info,1
    + share,n,,1
      share,n,,1
      clone,n,,1
      clone,n,,1
      drop,n,,1
      drop,n,,1
      drop,n,,1
    `,
    [['H-47', 6]],
  ],
  [
    'names: the reference before the copy was another holder’s',
    `
      alloc,n,net_iov,1
      share,n,,1
    + share,n,,1
      clone,n,,1
      drop,n,,1
      drop,n,,1
      drop,n,,1
    `,
    [['H-47', 5]],
  ],
  [
    'names: the reference that was there before was dropped before the copy',
    `
      alloc,n,ubuf_info,1
      share,n,,1
      drop,n,,1
    + share,n,,1
      clone,n,,1
      drop,n,,1
    + drop,n,,1
    `,
    [['H-47', 5]],
  ],
  [
    'names: dropped once more than there are references',
    `
      alloc,n,ubuf_info,1
    + share,n,,1
      drop,n,,1
      drop,n,,1
    `,
    [['H-14', 3]],
  ],
  [
    'names: what one descriptor freed another uses',
    `
      alloc,p,virtio_priv,1
      clone,p,,1
    - free,p,,1
      submit,p,,1
      complete,p,,1
    + free,p,,1
    `,
    [['H-48', 4]],
  ],
  [
    'names: freed by one, dropped by the other: one fault',
    `
      alloc,p,virtio_priv,1
      clone,p,,1
      free,p,,1
    - drop,p,,1
    `,
    [['H-48', 4]],
  ],
  [
    'names: sent after its last reference',
    `
      alloc,n,request,1
    - drop,n,,1
      submit,n,,1
      complete,n,,1
    + drop,n,,1
    `,
    [['H-47', 3]],
  ],
  [
    'early unpin: the part that the bio in flight has, or the one that it never had',
    `
      pin,u,,1,read,,0x10000+16384
      alloc,bio,bio,1
    - attach,bio,,1,,,0x12000+8192
    + attach,bio,,1,,,0x10000+8192
      submit,bio,,1,,,,,,,8192
      unpin,u,,1,,,0x12000+8192
      complete,bio,,1,,,,,,,,8192
      unpin,u,,1,,,,,,,,,dirty
      free,bio,,1
    `,
    [['H-43', 5]],
  ],
  [
    'early unpin: the clone is complete, and the original is in flight',
    `
      pin,u,,1,read,,0x10000+8192
      alloc,orig,bio,1
      attach,orig,,1,,,0x10000+8192
      submit,orig,,1,,,,,,,8192
      alloc,clone,bio,1
      attach,clone,,1,,,0x10000+8192
      submit,clone,,1,,,,,,,8192
      complete,clone,,1,,,,,,,,8192
    - unpin,u,,1,,,,,,,,,dirty
      complete,orig,,1,,,,,,,,8192
    + unpin,u,,1,,,,,,,,,dirty
      free,orig,,1
      free,clone,,1
    `,
    [['H-43', 9]],
  ],
  [
    'early unpin: the object that got the page last is freed, and the one before it in flight',
    `
      get,u,,1,read,,0x10000+4096
      alloc,skb,skb,1
      attach,skb,,1,,,0x10000+4096
      submit,skb,,1,,,,,,,4096
      alloc,skb2,skb,1
      attach,skb2,,1,,,0x10000+4096
      free,skb2,,1
    - put,u,,1
      complete,skb,,1,,,,,,,,4096
    + put,u,,1
      free,skb,,1
    `,
    [['H-43', 8]],
  ],
  [
    'owner exit: memory is freed under a device, which a pin outlives',
    `
      map,,,1,,,0x10000+4096,anon
    + pin,u,,1,read,,0x10000+4096
      dma,d,,1,read,,0x10000+4096
      free,,,1,,,0x10000+4096
      dma_end,d,,1
    + unpin,u,,1,,,,,,,,,dirty
    `,
    [['H-44', 3]],
  ],
  [
    'owner exit: a file is truncated under a request that has its pages bare, or has them locked',
    `
      map,,,1,,,0x10000+8192,file,f,0
      load,,,1,,,0x10000+8192
    + lock,,,1,,,,,f,0,8192
      alloc,req,request,1
      attach,req,,1,,,0x10000+8192
      submit,req,,1,,,,,,,8192
      truncate,,,1,,,,,f,0
      complete,req,,1,,,,,,,,8192
    + unlock,,,1,,,,,f,0,8192
      free,req,,1
    `,
    [['H-44', 6]],
  ],
  [
    'lock: one page of a large folio is in flight, and another is named where it is unlocked',
    `
      map,,,1,,,0x10000+16384,file,f,0,,,order=2
      load,,,1,,,0x10000+16384
      lock,,,1,,,,,f,0,16384
      dma,d,,1,read,,0x13000+4096
    - unlock,,,1,,,,,f,0,4096
      dma_end,d,,1
    + unlock,,,1,,,,,f,0,4096
    `,
    [['H-45', 5]],
  ],
  [
    'lock: of a folio of which an object in flight has the last page, all of it unlocked',
    `
      map,,,1,,,0x10000+16384,file,f,0,,,order=2
      load,,,1,,,0x10000+16384
      lock,,,1,,,,,f,0,16384
      alloc,bio,bio,1
      attach,bio,,1,,,0x13000+4096
      submit,bio,,1,,,,,,,4096
    - unlock,,,1,,,,,f,0,16384
      complete,bio,,1,,,,,,,,4096
    + unlock,,,1,,,,,f,0,16384
      free,bio,,1
    `,
    [['H-45', 7]],
  ],
  [
    'lock: the device stores under the lock, not through what another reads by; a pin for writing is its own',
    `
      map,,,1,,,0x10000+4096,file,f,0
    - get,own,,1,write,,0x10000+4096
    + pin,own,,1,read,,0x10000+4096
      lock,,,1,,,,,f,0,4096
      dma,disk,,1,read,,0x10000+4096
      unlock,,,1,,,,,f,0,4096
      dma_end,disk,,1
    - put,own,,1
    + unpin,own,,1,,,,,,,,,dirty
    `,
    [
      ['H-45', 5],
      ['H-29', 6],
    ],
  ],
  [
    'dedupe: a device stores into a page of a large folio that was compared, or into one beside it',
    `
      map,,,1,,,0x10000+16384,file,a,0,,,order=2
      pin,u,,1,read,,0x13000+4096
      dma,d,,1,read,,0x13000+4096
    - compare,,,2,,,,,a,12288,4096
    + compare,,,2,,,,,a,0,4096
    - dedupe,,,2,,,,,a,12288,4096
    + dedupe,,,2,,,,,a,0,4096
      dma_end,d,,1
      unpin,u,,1,,,,,,,,,dirty
    `,
    [
      ['H-38', 5],
      ['H-39', 5],
    ],
  ],
  [
    'dedupe: an operation in flight stores into it',
    `
      ,map,,1,,0x10000+8192,file,a,0
    - 5,io,,1,read,0x10000+8192,,/dev/sda,0,8192,direct
      ,compare,,2,,,,a,0,8192
      ,dedupe,,2,,,,a,0,8192
      ,load,,1,,0x10000+4096
    `,
    [
      ['H-38', 4],
      ['H-39', 4],
    ],
    IN_FLIGHT_COLUMNS,
  ],
  [
    'invalidation: a clean page that a device stores into, by a pin, leaves its file; a dirty one stays',
    `
      map,,,1,,,0x10000+4096,file,a,0
      pin,u,,1,read,,0x10000+4096
      dma,d,,1,read,,0x10000+4096
    - writeback,,,1,,,,,a,0,4096
    - writeback_end,,,1,,,,,a,0,4096
      invalidate,,,1,,,,,a,0,4096
      dma_end,d,,1
      unpin,u,,1,,,,,,,,,dirty
    `,
    [
      ['H-03', 4],
      ['H-42', 6],
    ],
  ],
  [
    'account: fewer pages than are pinned in a later row, and one more account that follows',
    `
      account,,,1,,,,,,,4096
      pin,u,,1,read,,0x10000+32768,,,,,,longterm
    + account,,,1,,,,,,,28672
      unpin,u,,1,,,,,,,,,dirty
      unaccount,,,1,,,,,,,4096
    + unaccount,,,1,,,,,,,28672
    `,
    [['H-50', 2]],
  ],
  [
    'account: of a huge page one page, or nothing for who has it besides',
    `
      map,,,1,,,0x200000+2097152,hugetlb
    + account,,,1,,,,,,,2097152
    + pin,first,,1,read,,0x200000+2097152,,,,,,longterm
      account,,,1,,,,,,,4096
      pin,u,,1,read,,0x200000+2097152,,,,,,longterm
      unpin,u,,1
      unaccount,,,1,,,,,,,4096
    + unpin,first,,1
    + unaccount,,,1,,,,,,,2097152
    `,
    [['H-50', 3]],
  ],
  [
    'ring: the same page in two rings, appended to in the one whose flags were left',
    `
      map,,,1,,,0x10000+4096,file,f,0
      map,,,1,,,0x20000+4096,anon
      get,a,,1,write,,0x10000+4096
      slot,p1,,1,,,0x10000+4096
      get,t,,1,write,,0x10000+4096
      slot,p2,,1,,,0x10000+4096,,,,,,reset
    - append,p1,,1,,,0x10000+64
    + slot,p2,,1,,,0x20000+4096,,,,,,reset
    + append,p2,,1,,,0x20000+64
      put,a,,1
      put,t,,1
    `,
    [['H-49', 7]],
  ],
  [
    'ring: bytes are appended to a page of a file though its flags were set; those of the ring’s own page may be',
    `
      map,,,1,,,0x10000+4096,file,f,0
      map,,,1,,,0x20000+4096,anon
      get,a,,1,write,,0x10000+4096
      slot,p1,,1,,,0x10000+4096,,,,,,reset
      slot,p1,,1,,,0x20000+4096,,,,,,reset
    - append,p1,,1,,,0x10000+64
    + append,p1,,1,,,0x20000+64
      put,a,,1
    `,
    [['H-29', 6]],
  ],
  [
    'source: the kernel stores under a lock that another task has, or its own',
    `
      map,,,1,,,0x10000+4096,file,f,0
      get,frag,,1,write,,0x10000+4096
    - lock,,,2,,,,,f,0,4096
    + lock,,,1,,,,,f,0,4096
      store,,,1,,,0x10000+64,,,,,,kernel
      unlock,,,2,,,,,f,0,4096
      put,frag,,1
    `,
    [['H-29', 4]],
  ],
  [
    'source: the kernel stores, and a device of the same task has had the page for writing before; or it takes it for that',
    `
      map,,,1,,,0x10000+4096,file,f,0
    - pin,target,,1,read,,0x10000+4096
      get,frag,,1,write,,0x10000+4096
    + pin,target,,1,read,,0x10000+4096
      store,,,1,,,0x10000+16,,,,,,kernel
      unpin,target,,1,,,,,,,,,dirty
      put,frag,,1
    `,
    [['H-29', 4]],
  ],
  [
    'joined: storage of a DAX file with anonymous memory',
    `
    - map,,,1,,,0x10000+4096,anon
    + map,,,1,,,0x10000+4096,fsdax
      map,,,1,,,0x20000+4096,fsdax
      pin,u,,1,write,,0x10000+4096
      pin,v,,1,write,,0x20000+4096
      alloc,bio,bio,1
      attach,bio,,1,,,0x10000+4096
      merge,bio,,1,,,0x20000+4096
      unpin,u,,1
      unpin,v,,1
      free,bio,,1
    `,
    [['H-46', 7]],
  ],
  [
    'joined: bare pages of a device with bare ones of no device',
    `
      map,,,1,,,0x10000+4096,p2pdma
      map,,,1,,,0x20000+4096,anon
      map,,,1,,,0x30000+4096,anon
      store,,,1,,,0x20000+4096
      store,,,1,,,0x30000+4096
      alloc,bio,bio,1
      attach,bio,,1,,,0x20000+4096
    - merge,bio,,1,,,0x10000+4096
    + merge,bio,,1,,,0x30000+4096
      free,bio,,1
    `,
    [['H-46', 8]],
  ],
  [
    'length: an iterator is moved beyond its end',
    `
      init,rd,,1,read,bvec,0x500:0+8192,,,,8192
    - advance,rd,,1,,,,,,,12288
    - consume,rd,,1,,,,,,,12288
    + advance,rd,,1,,,,,,,8192
    + consume,rd,,1,,,,,,,8192
      return,rd,,1,,,,,,,,8192
    `,
    [
      ['H-28', 2],
      ['H-25', 4],
    ],
  ],
  [
    'length: more is listed than it has',
    `
      init,rd,,1,write,bvec,0x500:0+8192,,,,8192
    - extract,rd,,1,,,,,,,16384
    - consume,rd,,1,,,,,,,16384
    + extract,rd,,1,,,,,,,8192
    + consume,rd,,1,,,,,,,8192
      return,rd,,1,,,,,,,,8192
    `,
    [
      ['H-28', 2],
      ['H-25', 4],
    ],
  ],
  [
    'zero page: pinned, which counts nothing, and put, which does',
    `
      map,,,1,,,0x10000+8192,anon,,,,,untouched
      pin,u,,1,write,,0x10000+8192
    - put,u,,1
    + unpin,u,,1
    `,
    [['H-51', 3]],
  ],
  [
    'zero page: referenced, and unpinned, which drops nothing',
    `
      map,,,1,,,0x10000+8192,anon,,,,,untouched
      get,u,,1,write,,0x10000+8192
    - unpin,u,,1
    + put,u,,1
    `,
    [['H-51', 3]],
  ],
  [
    'zero page: besides it the pin has a page that counts',
    `
      map,,,1,,,0x10000+8192,anon,,,,,untouched
      store,,,1,,,0x11000+8
      pin,u,,1,write,,0x10000+8192
    - put,u,,1
    + unpin,u,,1
    `,
    [
      ['H-10', 3],
      ['H-15', 4],
      ['H-51', 4],
    ],
  ],
  [
    'two windows of readahead: the lock of the second is waited for by whoever has that of a later one, but for an I/O',
    `
      map,,,1,,,0x10000+32768,file,f,0
      load,,,1,,,0x10000+32768
      lock,,,1,,,,,f,16384,8192
      alloc,bio,bio,1
      attach,bio,,1,,,0x14000+8192
    + submit,bio,,1,,,,,,,8192
      lock,,,1,,,,,f,0,8192
    - submit,bio,,1,,,,,,,8192
      complete,bio,,1,,,,,,,,8192
      unlock,,,1,,,,,f,16384,8192
      unlock,,,1,,,,,f,0,8192
      free,bio,,1
    `,
    [['H-30', 6]],
  ],
  [
    'two locks out of order: the second by a trylock waits for nobody',
    `
      map,,,1,,,0x10000+8192,file,f,0
      load,,,1,,,0x10000+8192
      lock,,,1,,,,,f,4096,4096
    - lock,,,1,,,,,f,0,4096
    + lock,,,1,,,,,f,0,4096,,nowait
      unlock,,,1,,,,,f,0,8192
    `,
    [['H-30', 4]],
  ],
  [
    'a wait and an allocation under a lock of one’s own; under one that a read in flight has by now',
    `
      map,,,1,,,0x10000+16384,file,f,0
      load,,,1,,,0x10000+16384
      lock,,,1,,,,,f,0,4096
      alloc,bio,bio,1
      attach,bio,,1,,,0x10000+4096
    + submit,bio,,1,,,,,,,4096
      wait,,network,1
      allocation,,GFP_KERNEL,1
    - submit,bio,,1,,,,,,,4096
      complete,bio,,1,,,,,,,,4096
      unlock,,,1,,,,,f,0,4096
      free,bio,,1
    `,
    [
      ['H-33', 6],
      ['H-34', 7],
    ],
  ],
  [
    'a wait under the lock of a folio that was locked while another’s read into its mapping was in flight, and after that',
    `
      map,,,1,,,0x10000+4096,file,f,0
      pin,u,,1,read,,0x10000+4096
      dma,d,,1,read,,0x10000+4096
      lock,,,2,,,,,f,0,4096
    - wait,,network,2
      unlock,,,2,,,,,f,0,4096
    + wait,,network,2
      dma_end,d,,1
      unpin,u,,1,,,,,,,,,dirty
    `,
    [['H-33', 5]],
  ],
  [
    'a wait under the lock of a folio under writeback: its end unlocks nothing',
    `
      map,,,1,,,0x10000+4096,file,f,0
      store,,,1,,,0x10000+64
      lock,,,1,,,,,f,0,4096
      writeback,,,1,,,,,f,0,4096
      dma,d,,1,write,,0x10000+4096
    - wait,,network,1
      unlock,,,1,,,,,f,0,4096
    + wait,,network,1
      dma_end,d,,1
      writeback_end,,,1,,,,,f,0,4096
    `,
    [['H-33', 6]],
  ],
  [
    'pages of a private mapping are its own once they were written to',
    `
    - map,,,1,,,0x10000+8192,file,a,0
    + map,,,1,,,0x10000+8192,file,a,0,,,private
      lease,,,1,,,,,a
      pin,u,,1,read,,0x10000+8192
      dma,d,,1,read,,0x10000+8192
      unlease,,,1,,,,,a
      reflink,,,2,,,,,a,0,8192
      compare,,,2,,,,,a,0,8192
      dedupe,,,2,,,,,a,0,8192
      dma_end,d,,1
      unpin,u,,1,,,,,,,,,dirty
    `,
    [
      ['H-38', 6],
      ['H-41', 6],
      ['H-38', 8],
      ['H-39', 8],
      ['H-41', 8],
    ],
  ],
  [
    'pages of vmalloc are an entry each, for which there is room or not',
    `
      map,,,1,,kvec,0xf0000000000+8192,vmalloc
    - alloc,req,request,1,,,,,,,1
    + alloc,req,request,1,,,,,,,2
      attach,req,,1,,kvec,0xf0000000000+8192
      submit,req,,1,,,,,,,8192
      complete,req,,1,,,,,,,,8192
      free,req,,1
      free,,,1,,kvec,0xf0000000000+8192
    `,
    [['H-27', 3]],
  ],
]

describe.each(PAIRS.map(([name, ...pair]) => [name, pair] as const))(
  '%s',
  (_name, [rows, found, columns = COLUMNS]) => {
    const audited = async (isSound: boolean) => {
      const findings = await auditText(traceOf(columns, rows, isSound), HAZARD_RULES)
      return findings.map(({ rule, row }) => [rule, row])
    }

    it('is found', async () => {
      expect(await audited(false)).toEqual(found)
    })

    it('and its sound neighbour is not', async () => {
      expect(await audited(true)).toEqual([])
    })
  },
)
