import { CONSUMER_API_VERSION, type Consumer, type ConsumerDefinition, type Operation } from '@pinscope/core'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { traceOf } from './trace-text.ts'

const EFAULT = -14

/**
 * Real bugs of the kernel that are not in the collection, each as a few rows: the rules were not written for them.
 * Rows as in a diff: `- ` before the fix, `+ ` after it.
 */
interface Unlisted {
  readonly name: string
  /** Commit and CVE; `from memory` where neither was looked up. */
  readonly source: string
  readonly columns: string
  readonly rows: string
  /** Rule and row of each finding before the fix, in the order of rows. */
  readonly found: readonly (readonly [rule: string, row: number])[]
}

const UNLISTED: readonly Unlisted[] = [
  {
    name: 'direction: videobuf2 pins a bidirectional user buffer for reading, and the device stores into it',
    source: 'media: videobuf2-core (FOLL_WRITE for every direction but DMA_TO_DEVICE); from memory',
    columns: 'event,id,mm,op,segs',
    rows: `
      - pin,frames,1,write,0x10000+8192
      + pin,frames,1,read,0x10000+8192
        dma,camera,1,read,0x10000+8192
        dma_end,camera,1
        unpin,frames,1
    `,
    found: [['H-29', 3]],
  },
  {
    name: 'partial failure: vhost-vdpa pins a second chunk, which is short, and lets go of the first one only',
    source: '7ed9e3d97c32 "vhost-vdpa: fix page pinning leakage in error path" (5.10); from memory',
    columns: 'event,id,mm,op,iter,segs,backing,len,result,flags',
    rows: `
        map,,1,,,0x16000+4096,pfn
        init,map,1,read,ubuf,0x10000+32768,,32768
        pin,mapped,1,read,,0x10000+16384,,,,longterm
        pin,chunk,1,read,,0x14000+16384,,,,longterm
        unpin,mapped,1
      + unpin,chunk,1
        return,map,1,,,,,,-12
    `,
    found: [['H-12', 4]],
  },
  {
    name: 'partial failure: the same with a short-term pin, whose call fails after a full one',
    source: 'misc drivers that test the number of pages with !=; from memory',
    columns: 'event,id,mm,op,iter,segs,len,result',
    rows: `
        init,call,1,write,ubuf,0x10000+8192,8192
        get,pages,1,write,,0x10000+8192
      + put,pages,1
        return,call,1,,,,,-22
        init,next,1,write,ubuf,0x20000+4096,4096
        get,others,1,write,,0x20000+4096
        put,others,1
        return,next,1,,,,,0
    `,
    found: [['H-12', 2]],
  },
  {
    name: 'double release: tls puts the pages of a record that its completion has put',
    source: 'CVE-2024-26800, 13114dc55430 "tls: fix use-after-free on failed backlog decryption"; hash from memory',
    columns: 'event,id,call,mm,op,segs,result',
    rows: `
        get,pages,,1,read,0x10000+16384
        alloc,request,aead_request,1
        attach,request,,1,,0x10000+16384
        submit,request,,1
        complete,request,,1,,,-74
        dirty,,,1,,0x10000+16384
        put,pages,,1
      - put,pages,,1
        free,request,,1
    `,
    found: [['H-14', 8]],
  },
  {
    name: 'never taken: fsl_hypervisor puts pages when the allocation before the pin fails',
    source: '7f360bec3785 "drivers/virt/fsl_hypervisor: Fix error handling path" (5.10); hash from memory',
    columns: 'event,id,mm,op,segs,result',
    rows: `
        get,other,1,write,0x20000+4096
      - put,,1,,0x10000+8192
        put,other,1
    `,
    found: [['H-16', 2]],
  },
  {
    name: 'wrong kind: skb_shift takes a page reference on a frag and drops one of the page pool',
    source: 'a580ea994fd3 "net: mirror skb frag ref/unref helpers" (6.10)',
    columns: 'event,id,mm,op,segs',
    rows: `
        get,frag,1,write,0x10000+4096
      - unpin,frag,1
      + put,frag,1
    `,
    found: [
      ['H-11', 1],
      ['H-15', 2],
    ],
  },
  {
    name: 'wrong count: two vectors in one page are merged into one entry, which drops one reference',
    source: '"block: fix page leak when merging to same page" (5.3); from memory',
    columns: 'event,id,call,mm,op,iter,segs,len',
    rows: `
        get,pages,,1,write,iovec,0x10000+1024;0x10400+1024
        alloc,bio,bio,1,,,,4
        attach,bio,,1,,,0x10000+2048
        submit,bio,,1,,,,2048
        complete,bio,,1
        put,pages,,1,,,0x10000+2048
      + put,pages,,1,,,0x10400+1024
        free,bio,,1
    `,
    found: [['H-17', 6]],
  },
  {
    name: 'too early: a buffer ring that is still mapped into the process is freed when it is unregistered',
    source: 'CVE-2024-0582, c392cbecd8ec "io_uring/kbuf: defer release of mapped buffer rings" (6.7)',
    columns: 'event,id,call,mm,iter,segs',
    rows: `
        alloc,vma,vm_area_struct,1
        attach,vma,,1,bvec,0x500:0+8192
        submit,vma,,1
      - free,,,1,bvec,0x500:0+8192
        complete,vma,,1
      + free,,,1,bvec,0x500:0+8192
        free,vma,,1
    `,
    found: [['H-44', 4]],
  },
  {
    name: 'too early: a driver unpins the memory of a region and stops the device after that',
    source: 'umem released before the memory key is destroyed: RDMA drivers; from memory',
    columns: 'event,id,mm,op,segs,flags',
    rows: `
        pin,umem,1,read,0x10000+8192,longterm
        dma,nic,1,read,0x10000+8192
      - unpin,umem,1,,,dirty
        dma_end,nic,1
      + unpin,umem,1,,,dirty
    `,
    found: [['H-43', 3]],
  },
  {
    name: 'migrate: a device works by address on a page that nobody holds, and the page moves away',
    source: 'users of mmu notifiers that do not wait for their device (userptr, ODP); from memory',
    columns: 'event,id,mm,op,segs,backing',
    rows: `
        map,,1,,0x10000+8192,anon
        store,,1,,0x10000+8192
        dma,gpu,1,read,0x10000+4096
      - migrate,,1,,0x10000+4096
        dma_end,gpu,1
      + migrate,,1,,0x10000+4096
    `,
    found: [['H-44', 4]],
  },
  {
    name: 'atomic context: the pages of an unbound AF_XDP umem are made dirty and unpinned in an RCU callback',
    source: '537cf4e3cc2f "xsk: Fix umem cleanup bug at socket destruct" (5.10); from memory',
    columns: 'event,id,mm,op,segs,len,flags',
    rows: `
        account,,1,,,8192
        pin,umem,1,read,0x10000+8192,,longterm
      - unpin,umem,1,,,,dirty atomic
      + unpin,umem,1,,,,dirty worker
        unaccount,,1,,,8192
    `,
    found: [['H-09', 3]],
  },
  {
    name: 'slab: libiscsi gives a kmalloced segment to sendpage',
    source: '"scsi: libiscsi: use sendpage_ok() in iscsi_tcp_segment_map()" (5.10); from memory',
    columns: 'event,id,call,mm,op,iter,segs,backing',
    rows: `
        map,,,1,,kvec,0xf0000000000+8192,slab
      - get,segment,,1,write,kvec,0xf0000000100+512
      - put,segment,,1
      + load,,,1,,kvec,0xf0000000100+512
    `,
    found: [['H-18', 2]],
  },
  {
    name: 'capacity: qib fills the addresses of a packet without a look at how many it has room for',
    source: 'CVE-2021-47485, d39bf40e55e6 "IB/qib: Protect from buffer overflow"; from memory',
    columns: 'event,id,call,mm,op,segs,len',
    rows: `
        alloc,packet,qib_user_sdma_pkt,1,,,4
        pin,pages,,1,write,0x10000+20480
        attach,packet,,1,,0x10000+4096
        attach,packet,,1,,0x11000+4096
        attach,packet,,1,,0x12000+4096
        attach,packet,,1,,0x13000+4096
      - attach,packet,,1,,0x14000+4096
        submit,packet,,1
        complete,packet,,1
        unpin,pages,,1
        free,packet,,1
    `,
    found: [['H-27', 7]],
  },
  {
    name: 'length: hfi1 sends the rest of the page behind a vector that ends inside it',
    source: 'CVE-2023-52474, 00cbce5cbf88 "IB/hfi1: Fix bugs with non-PAGE_SIZE-end multi-iovec"; from memory',
    columns: 'event,id,mm,op,iter,segs,len,result',
    rows: `
        init,request,1,write,iovec,0x10000+1000;0x20000+4096,5096
        extract,request,1,,,,1000
      - consume,request,1,,,,4096
      + consume,request,1,,,,1000
        extract,request,1,,,,4096
        consume,request,1,,,,4096
        return,request,1,,,,,5096
    `,
    found: [
      ['H-25', 4],
      ['H-25', 6],
    ],
  },
  {
    name: 'length: an ESP page fragment has room for less than what the packet is long',
    source: 'CVE-2022-27666, ebe48d368e97 "esp: Fix possible buffer overflow in ESP transformation"; from memory',
    columns: 'event,id,call,mm,op,iter,segs',
    rows: `
        get,frag,,1,write,kvec,0xf0000000000+8192
        alloc,skb,skb,1
      - attach,skb,,1,,kvec,0xf0000000000+12288
      + attach,skb,,1,,kvec,0xf0000000000+8192
        put,frag,,1
        free,skb,,1
    `,
    found: [['H-28', 3]],
  },
  {
    name: 'advance: tls takes pages for zero copy, fails, and copies from where the iterator stands then',
    source: '4718799817c5 "tls: Fix zerocopy_from_iter iov handling"; from memory',
    columns: 'event,id,mm,op,iter,segs,len,result',
    rows: `
        init,send,1,write,ubuf,0x10000+16384,16384
        extract,send,1,,,,8192
      + revert,send,1,,,,8192
        copy,send,1,write
    `,
    found: [['H-25', 3]],
  },
  {
    name: 'revert: a block device cuts the iterator, and io_uring reverts by the difference of counts',
    source: '2112ff5ce0c1 "iov_iter: track truncated size", 89c2b3b74918 (5.14); from memory',
    columns: 'event,id,mm,op,iter,segs,len,result',
    rows: `
        init,rw,1,read,iovec,0x10000+32768;0x20000+32768,65536
        advance,rw,1,,,,4096
      - revert,rw,1,,,,65536
      + revert,rw,1,,,,4096
    `,
    found: [['H-26', 3]],
  },
  {
    name: 'dirty: gntdev copies a grant into referenced pages and puts them clean',
    source: '779055842da5 "xen/gntdev.c: Mark pages as dirty" (5.9); from memory',
    columns: 'event,id,mm,op,segs,backing',
    rows: `
        map,,1,,0x10000+8192,shmem
        get,batch,1,read,0x10000+8192
        dma,,1,read,0x10000+8192
      + dirty,,1,,0x10000+8192
        put,batch,1
        reclaim,,1,,0x10000+8192
    `,
    found: [['H-06', 4]],
  },
  {
    name: 'dirty: direct I/O of a loop device dirties the pages of its bvec, which are not its own',
    source: '53cbf3b157a0 "fs: direct-io: don\'t dirtying pages for ITER_BVEC/ITER_KVEC direct read"; from memory',
    columns: 'event,id,mm,op,iter,segs,flags',
    rows: `
        pin,pages,1,read,bvec,0x500:0+4096
        dma,,1,read,bvec,0x500:0+4096
      - unpin,pages,1,,,,dirty
      + unpin,pages,1
    `,
    found: [['H-07', 3]],
  },
  {
    name: 'in place: rxrpc decrypts a packet whose frags were spliced from a file',
    source: 'CVE-2026-43500 (rxrpc_input_call_event, rxrpc_verify_response)',
    columns: 'event,id,call,mm,op,iter,segs,backing,flags',
    rows: `
        map,,,1,,,0x10000+4096,file
        get,frag,,1,write,,0x10000+4096
        alloc,skb,skb,1
        attach,skb,,1,,,0x10000+1024
      - store,,,1,,,0x10000+1024,,kernel
      + load,,,1,,,0x10000+1024,,kernel
      + store,,,1,,bvec,0x900:0+1024,,kernel
        put,frag,,1
        free,skb,,1
    `,
    found: [['H-29', 5]],
  },
  {
    name: 'stale flag: af_alg appends to the last entry because merge is left over from a call that failed',
    source: 'CVE-2025-39931, 9574b2330dbd "crypto: af_alg - Set merge to zero early in af_alg_sendmsg"; from memory',
    columns: 'event,id,mm,op,segs,backing,flags',
    rows: `
        map,,1,,0x10000+4096,file
        map,,1,,0x20000+4096,anon
        slot,tsgl,1,,0x20000+1024,,reset
        append,tsgl,1,,0x20000+1024
        get,spliced,1,write,0x10000+4096
      - slot,tsgl,1,,0x10000+1024
      - append,tsgl,1,,0x10000+1024
      + slot,tsgl,1,,0x10000+1024,,reset
      + slot,tsgl,1,,0x20000+1024,,reset
        put,spliced,1
    `,
    found: [['H-49', 7]],
  },
  {
    name: 'fork: a direct read holds its buffer by references',
    source:
      'a7e689dd1c06 "block: Convert bio_iov_iter_get_pages to use iov_iter_extract_pages" (6.3); hash from memory',
    columns: 'event,id,mm,op,segs,backing,result',
    rows: `
        map,,1,,0x10000+8192,anon
        store,,1,,0x10000+8192
      - get,bio,1,read,0x10000+8192
      + pin,bio,1,read,0x10000+8192
        dma,disk,1,read,0x10000+8192
        fork,,1,,,,2
        store,,1,,0x11ff8+8
        dma_end,disk,1
      - put,bio,1
      + unpin,bio,1
    `,
    found: [['H-21', 7]],
  },
  {
    name: 'lock order: dedupe locks two pages of one file as they come',
    source: 'edc58dd0123b "vfs: fix page locking deadlocks when deduping files" (5.3)',
    columns: 'event,mm,segs,backing,file,offset,len',
    rows: `
        map,1,0x10000+16384,file,f,0
        load,1,0x10000+16384
      - lock,1,,,f,8192,4096
        lock,1,,,f,4096,4096
      + lock,1,,,f,8192,4096
        unlock,1,,,f,8192,4096
        unlock,1,,,f,4096,4096
    `,
    found: [['H-30', 4]],
  },
  {
    name: 'lock order: dedupe locks one page for both files, twice',
    source: 'edc58dd0123b "vfs: fix page locking deadlocks when deduping files" (5.3), blocks smaller than pages',
    columns: 'event,mm,segs,backing,file,offset,len',
    rows: `
        map,1,0x10000+4096,file,f,0
        load,1,0x10000+4096
        lock,1,,,f,0,4096
      - lock,1,,,f,0,4096
      - unlock,1,,,f,0,4096
        unlock,1,,,f,0,4096
    `,
    found: [['H-30', 4]],
  },
  {
    name: 'wait: ceph asks its server for inline data with the page locked',
    source: 'ceph_filemap_fault, inline data; from memory',
    columns: 'event,mm,call,segs,backing,file,offset,len',
    rows: `
        map,1,,0x10000+4096,file,f,0
        load,1,,0x10000+4096
      + wait,1,network
        lock,1,,,,f,0,4096
      - wait,1,network
        unlock,1,,,,f,0,4096
    `,
    found: [['H-33', 4]],
  },
  {
    name: 'allocation: the body of a symlink is written with its page locked and GFP_KERNEL',
    source: '54566b2c1594 "fs: symlink write_begin allocation context fix" (2.6.29); from memory',
    columns: 'event,mm,call,segs,backing,file,offset,len',
    rows: `
        map,1,,0x10000+4096,file,f,0
        load,1,,0x10000+4096
        lock,1,,,,f,0,4096
      - allocation,1,GFP_KERNEL
      + allocation,1,GFP_NOFS
        unlock,1,,,,f,0,4096
    `,
    found: [['H-34', 4]],
  },
  {
    name: 'lock leak: f2fs refuses a large folio and returns without unlocking it',
    source: 'a5d8b9d94e18 "f2fs: fix to unlock folio in f2fs_read_data_large_folio()" (2026)',
    columns: 'event,mm,segs,backing,file,offset,len',
    rows: `
        map,1,0x10000+4096,file,f,0
        load,1,0x10000+4096
        lock,1,,,f,0,4096
      + unlock,1,,,f,0,4096
    `,
    found: [['H-52', 3]],
  },
  {
    name: 'unlock early: a folio read in two parts is unlocked when the first arrives',
    source: 'read_bytes_pending counted per request and not per part: iomap, fuse; from memory',
    columns: 'event,id,mm,op,segs,backing,file,offset,len',
    rows: `
        map,,1,,0x10000+4096,file,f,0
        load,,1,,0x10000+4096
        lock,,1,,,,f,0,4096
        dma,first,1,read,0x10000+2048
        dma,second,1,read,0x10800+2048
        dma_end,first,1
      - unlock,,1,,,,f,0,4096
        dma_end,second,1
      + unlock,,1,,,,f,0,4096
    `,
    found: [['H-45', 7]],
  },
  {
    name: 'blocks: xfs punches delayed allocation under a page that a fault has made dirty meanwhile',
    source: '198dd8aedee6 "xfs: punching delalloc extents on write failure is racy" (6.2); from memory',
    columns: 'event,mm,segs,backing,file,offset,len,result',
    rows: `
        map,1,0x10000+12288,file,f,0
        reserve,1,,,f,0,12288
        copy_in,1,,,f,0,4096
        store,1,0x12000+64
      - punch,1,,,f,4096,8192
      + punch,1,,,f,4096,4096
        write_end,1,,,f,0,12288,4096
    `,
    found: [['H-36', 6]],
  },
  {
    name: 'blocks: a failed write leaves the delayed allocation of what it did not copy',
    source: 'fa7f138ac4c7 "xfs: clear delalloc and cache on buffered write failure" (4.11); from memory',
    columns: 'event,mm,file,offset,len,result',
    rows: `
        extend,1,f,0
        reserve,1,f,0,65536
        copy_in,1,f,0,8192
      + punch,1,f,8192,57344
        extend,1,f,8192
        write_end,1,f,0,65536,8192
    `,
    found: [['H-37', 5]],
  },
  {
    name: 'stale: exfat grows the valid size over blocks that it has not zeroed',
    source: 'exfat: valid_size extended without writing what lies between; from memory',
    columns: 'event,mm,file,offset,len,result',
    rows: `
        extend,1,f,4096
        allocate,1,f,4096,12288
      + zero,1,f,4096,8192
        copy_in,1,f,12288,4096
        extend,1,f,16384
        write_end,1,f,12288,4096,4096
    `,
    found: [['H-32', 4]],
  },
  {
    name: 'lease: reflink shares the blocks that a pNFS client has a layout of',
    source: '"xfs: reflink should break pnfs leases before sharing blocks" (4.16); from memory',
    columns: 'event,mm,segs,backing,file,offset,len',
    rows: `
        map,1,0x10000+8192,file,a,0
        lease,1,,,a
      + lease_break,2,,,a
        reflink,2,,,a,0,8192
    `,
    found: [['H-40', 3]],
  },
  {
    name: 'dedupe: a direct write gets in between the comparison and the remap of the source',
    source: '5d888b481e6a "xfs: fix reflink source file racing with directio writes" (5.3)',
    columns: 'event,mm,op,segs,backing,file,offset,len',
    rows: `
        map,1,,0x10000+4096,file,a,0
        store,1,,0x10000+4096
      + store,1,,0x10000+64
        compare,2,,,,a,0,4096
      - store,1,,0x10000+64
        dedupe,2,,,,a,0,4096
    `,
    found: [['H-39', 5]],
  },
  {
    name: 'DAX: ext4 truncates a file whose pages a device still writes to',
    source: '430657b6be89 "ext4: handle layout changes to pinned DAX mappings" (4.19); from memory',
    columns: 'event,id,mm,op,segs,backing,file,offset,flags',
    rows: `
        map,,1,,0x10000+8192,fsdax,f,0
        pin,buffer,1,read,0x10000+8192
        dma,nic,1,read,0x10000+8192
      - truncate,,1,,,,f,0
        dma_end,nic,1
        unpin,buffer,1,,,,,,dirty
      + truncate,,1,,,,f,0
    `,
    found: [['H-42', 4]],
  },
  {
    name: 'account: after execve the pages are taken off an address space that has none',
    source:
      'CVE-2023-53171, 046eca5018f8 "vfio/type1: prevent underflow of locked_vm via exec()" (6.3); hash from memory',
    columns: 'event,id,mm,op,segs,len,flags',
    rows: `
        account,,1,,,16384
        pin,dma,1,read,0x10000+16384,,longterm
        unpin,dma,1,,,,dirty
      - unaccount,,2,,,16384
      + unaccount,,1,,,16384
    `,
    found: [
      ['H-50', 1],
      ['H-50', 4],
    ],
  },
  {
    name: 'mixed kinds: a frag of the page pool is coalesced with one that has a plain reference',
    source: '1effe8ca4e34 "skbuff: fix coalescing for page_pool fragment recycling" (5.18); hash from memory',
    columns: 'event,id,call,mm,op,iter,segs',
    rows: `
        get,plain,,1,write,,0x10000+4096
        alloc,skb,skb,1
        attach,skb,,1,,bvec,0x500:0+4096
      - merge,skb,,1,,,0x10000+4096
        put,plain,,1
        free,skb,,1
    `,
    found: [['H-46', 4]],
  },
  {
    name: 'escape: a USB function keeps the iterator of an asynchronous read for its worker',
    source: 'c993c39b8639 "gadget/function/f_fs.c: use put iov_iter into io_data" (4.1); from memory',
    columns: 'event,id,mm,op,iter,segs,len,result,flags',
    rows: `
        init,call,1,read,iovec,0x10000+2048;0x20000+2048,4096
      + init,copy,1,read,iovec,0x10000+2048;0x20000+2048,4096
        return,call,1,,,,,0
      - copy,call,1,read,,,,,worker
      + copy,copy,1,read
    `,
    found: [['H-20', 3]],
  },
  {
    name: 'result: a 9p server answers a read with more bytes than were asked for',
    source: '0f1db7dee200 "9p: cope with bogus responses from server in p9_client_{read,write}" (4.2); from memory',
    columns: 'event,id,call,mm,len,result',
    rows: `
        alloc,request,p9_req_t,1
        submit,request,,1,4096
      - complete,request,,1,,65536
      + complete,request,,1,,-5
        free,request,,1
    `,
    found: [['H-53', 3]],
  },
  {
    name: 'stable pages: xfs does not wait on a file of the realtime device, which has checksums',
    source: '"xfs: respect the stable writes flag on the RT device" (6.7); from memory',
    columns: 'event,mm,segs,backing,flags',
    rows: `
      # stable-writes yes
        map,1,0x10000+4096,file
        store,1,0x10000+4096
        writeback,1,0x10000+4096
      - store,1,0x10000+64,,nowait
      + store,1,0x10000+64
        writeback_end,1,0x10000+4096
    `,
    found: [['H-01', 4]],
  },
  {
    name: 'torn: a program changes its buffer while btrfs has checksummed it and writes it out',
    source:
      '968f19c5b1b7 "btrfs: always fallback to buffered write if the inode requires checksum" (6.15); from memory',
    columns: 'event,id,mm,op,iter,segs,flags',
    rows: `
      - pin,buffer,1,write,,0x10000+4096
      - dma,disk,1,write,,0x10000+4096
      + load,,1,,,0x10000+4096,kernel
      + dma,disk,1,write,bvec,0x700:0+4096
        store,,1,,,0x10000+64
        dma_end,disk,1
      - unpin,buffer,1
    `,
    found: [['H-04', 3]],
  },
  {
    name: 'too early: of two pages in flight another buffer keeps only the first',
    source: 'io_uring buffers updated in flight, and one page shared by two of them; from memory',
    columns: 'event,id,call,mm,op,segs,len,result',
    rows: `
        pin,other,,1,read,0x10000+4096
        pin,buffer,,1,read,0x10000+8192
        alloc,request,request,1
        attach,request,,1,,0x10000+8192
        submit,request,,1,,,8192
      - unpin,buffer,,1
        complete,request,,1,,,,8192
      + unpin,buffer,,1
        free,request,,1
        unpin,other,,1
    `,
    found: [['H-43', 6]],
  },
  {
    name: 'owner freed: the context of a device goes, and the long-term pins of its memory stay',
    source: 'accelerator drivers whose context release forgets user pointers; from memory',
    columns: 'event,id,call,mm,op,segs,flags',
    rows: `
        alloc,context,hl_ctx,1
        pin,memory,,1,read,0x10000+8192,longterm
        attach,context,,1,,0x10000+8192
      + unpin,memory,,1,,,dirty
        free,context,,1
    `,
    found: [['H-10', 2]],
  },
  {
    name: 'dirty late: a driver puts its pages and makes them dirty after that',
    source: 'put_page before set_page_dirty_lock: staging drivers; from memory',
    columns: 'event,id,mm,op,segs,backing',
    rows: `
        map,,1,,0x10000+8192,shmem
        get,pages,1,read,0x10000+8192
        dma,,1,read,0x10000+8192
      + dirty,,1,,0x10000+8192
        put,pages,1
      - dirty,,1,,0x10000+8192
    `,
    found: [['H-08', 5]],
  },
  {
    name: 'double free: nvmet-tcp frees the commands of a queue that its error path has freed',
    source: 'nvmet-tcp: error path of nvmet_tcp_build_pdu_iovec and of the release work; from memory',
    columns: 'event,id,call,mm,op,segs',
    rows: `
        alloc,sgl,scatterlist,1,,
        get,pages,,1,read,0x10000+8192
        attach,sgl,,1,,0x10000+8192
        put,pages,,1
        free,sgl,,1
      - free,sgl,,1
    `,
    found: [['H-14', 6]],
  },
  {
    name: 'advance: a caller of iov_iter_get_pages2 goes on to advance as with iov_iter_get_pages',
    source: 'the conversion of 2022 (1ef255e257173) at callers that were missed; from memory',
    columns: 'event,id,mm,op,iter,segs,len,result',
    rows: `
        init,read,1,read,ubuf,0x10000+16384,16384
        extract,read,1,,,,8192
        consume,read,1,,,,8192
      - advance,read,1,,,,8192
        extract,read,1,,,,8192
        consume,read,1,,,,8192
        return,read,1,,,,,16384
    `,
    found: [
      ['H-25', 5],
      ['H-25', 7],
    ],
  },
  {
    name: 'DAX: a hole is punched under a device that stores into the blocks',
    source: '430657b6be89 "ext4: handle layout changes to pinned DAX mappings" (4.19), punch and collapse; from memory',
    columns: 'event,id,mm,op,segs,backing,file,offset,len,flags',
    rows: `
        map,,1,,0x10000+8192,fsdax,f,0
        pin,buffer,1,read,0x10000+4096
        dma,nic,1,read,0x10000+4096
        layout,,1,,,,f,4096,4096
      - layout,,1,,,,f,0,4096
        dma_end,nic,1
        unpin,buffer,1,,,,,,,dirty
      + layout,,1,,,,f,0,4096
    `,
    found: [['H-42', 5]],
  },
  {
    name: 'blocks: a direct write into a hole fails, and its blocks are in the file as written ones',
    source: 'direct I/O that allocates written extents before the data is there; from memory',
    columns: 'event,mm,file,offset,len,result',
    rows: `
        extend,1,f,65536
        allocate,1,f,4096,8192
      + punch,1,f,4096,8192
        write_end,1,f,4096,8192,-5
    `,
    found: [
      ['H-31', 3],
      ['H-32', 3],
    ],
  },
  {
    name: 'clone: a descriptor with the pointer of a buffer node is copied, and each copy drops it',
    source: 'io_uring: buffers cloned between rings without a count of their own; from memory',
    columns: 'event,id,call,mm',
    rows: `
        alloc,node,io_mapped_ubuf,1
        clone,node,,1
      + share,node,,1
        drop,node,,1
        drop,node,,1
    `,
    found: [['H-47', 3]],
  },
  {
    name: 'invalidate: a list of bare page cache pages is in flight when they are dropped',
    source: 'XARRAY iterators of reads that neither lock nor reference their folios; from memory',
    columns: 'event,id,call,mm,segs,backing,file,offset,len,result',
    rows: `
        map,,,1,0x10000+8192,file,f,0
        load,,,1,0x10000+8192
      + lock,,,1,,,f,0,8192
        alloc,request,request,1
        attach,request,,1,0x10000+8192
        submit,request,,1,,,,,8192
        invalidate,,,1,,,f,4096,4096
        complete,request,,1,,,,,,8192
      + unlock,,,1,,,f,0,8192
        free,request,,1
    `,
    found: [['H-44', 6]],
  },
  {
    name: 'partial failure: the second of two vectors cannot be pinned, and the array goes with the pages of the first',
    source: 'kpc2000, "Unpin partial pinned pages" and its like; from memory',
    columns: 'event,id,call,mm,op,iter,segs,backing,len,result',
    rows: `
        map,,,1,,,0x20000+8192,pfn
        init,call,,1,read,iovec,0x10000+8192;0x20000+8192,,16384
        pin,first,,1,read,,0x10000+8192
        pin,second,,1,read,,0x20000+8192
      + unpin,first,,1
        return,call,,1,,,,,,-14
    `,
    found: [['H-12', 3]],
  },
  {
    name: 'wrong kind: extraction pins, and the completion puts as it did with get_pages',
    source: 'callers of iov_iter_extract_pages that kept put_page; from memory',
    columns: 'event,id,call,mm,op,segs,len,result',
    rows: `
        pin,pages,,1,read,0x10000+8192
        alloc,request,request,1
        attach,request,,1,,0x10000+8192
        submit,request,,1,,,8192
        complete,request,,1,,,,8192
        dirty,,,1,,0x10000+8192
      - put,pages,,1
      + unpin,pages,,1
        free,request,,1
    `,
    found: [
      ['H-10', 1],
      ['H-15', 7],
    ],
  },
  {
    name: 'private state: a pipe buffer with a page of its own state is teed, and both release the state',
    source: 'fs/fuse, net/smc and others with a private of their own; the class of 24dd586bb4cb; from memory',
    columns: 'event,id,call,mm',
    rows: `
        alloc,state,private,1
      - clone,state,,1
      + alloc,copy,private,1
        free,state,,1
      - free,state,,1
      + free,copy,,1
    `,
    found: [['H-48', 4]],
  },
  {
    name: 'vectors: a write of several is short, and the caller goes on behind all of it',
    source: 'retries of netfs and SMB after a short write; from memory',
    columns: 'event,id,mm,op,iter,segs,len,result',
    rows: `
        init,write,1,write,bvec,0x500:0+4096;0x600:0+4096;0x700:0+4096,12288
        advance,write,1,,,,12288
        consume,write,1,,,,5000
      + revert,write,1,,,,7288
        return,write,1,,,,,5000
    `,
    found: [['H-25', 4]],
  },
  {
    name: 'lock: a page is still locked when the program that serves it is waited for',
    source: 'FUSE, page lock held while user pages are faulted in or the daemon answers; from memory',
    columns: 'event,mm,call,segs,backing,file,offset,len',
    rows: `
        map,1,,0x10000+4096,file,f,0
        load,1,,0x10000+4096
      + wait,1,user
        lock,1,,,,f,0,4096
      - wait,1,user
        copy_in,1,,,,f,0,4096
        unlock,1,,,,f,0,4096
    `,
    found: [['H-33', 4]],
  },
  {
    name: 'progress: an append commits one folio, faults in the next one, and returns -EFAULT for all',
    source: 'buffered writes that return the error of the last round; from memory',
    columns: 'event,mm,file,offset,len,result',
    rows: `
        extend,1,f,4096
        reserve,1,f,4096,8192
        copy_in,1,f,4096,4096
        extend,1,f,8192
        punch,1,f,8192,4096
      - write_end,1,f,4096,8192,-14
      + write_end,1,f,4096,8192,4096
    `,
    found: [['H-54', 6]],
  },
  {
    name: 'account: the error path takes the pages off the account and keeps them pinned',
    source: 'umem registration of io_uring, siw, xsk; from memory',
    columns: 'event,id,mm,op,iter,segs,len,result,flags',
    rows: `
        init,register,1,read,ubuf,0x10000+16384,16384
        account,,1,,,,16384
        pin,region,1,read,,0x10000+16384,,,longterm
      + unpin,region,1
        unaccount,,1,,,,16384
        return,register,1,,,,,-12
    `,
    found: [
      ['H-12', 3],
      ['H-50', 4],
    ],
  },
  {
    name: 'freed in flight: a request that timed out is freed while its data is still on the wire',
    source: 'NVMe over TCP and nbd, error recovery against sending; from memory',
    columns: 'event,id,call,mm,op,segs,len,result',
    rows: `
        pin,pages,,1,write,0x10000+8192
        alloc,request,request,1
        attach,request,,1,,0x10000+8192
        submit,request,,1,,,8192
      - free,request,,1
      + complete,request,,1,,,,-110
        unpin,pages,,1
      + free,request,,1
    `,
    found: [['H-19', 5]],
  },
  {
    name: 'too early: a pin is handed from one owner to the next, which drops it under the device',
    source: 'buffers of dma-buf and vb2 queued twice; from memory',
    columns: 'event,id,mm,op,segs,flags',
    rows: `
        pin,first,1,read,0x10000+8192
        dma,nic,1,read,0x10000+8192
        pin,second,1,read,0x10000+8192
        unpin,first,1,,,dirty
      - unpin,second,1,,,dirty
        dma_end,nic,1
      + unpin,second,1,,,dirty
    `,
    found: [['H-43', 5]],
  },
]

describe.each(UNLISTED.map((bug) => [bug.name, bug] as const))('%s', (_name, { columns, rows, found }) => {
  it('is found before its fix, by these rules in these rows', async () => {
    const findings = await auditText(traceOf(columns, rows, false), HAZARD_RULES)
    expect(findings.map(({ rule, row }) => [rule, row])).toEqual(found)
  })

  it('is silent after its fix, under every rule', async () => {
    expect(await auditText(traceOf(columns, rows, true), HAZARD_RULES)).toEqual([])
  })
})

/**
 * CVE-2021-22543, f8be156be163 "KVM: do not allow mapping valid but non-reference-counted pages" (5.13; hash from memory):
 * a driver maps pages of an allocation that is no folio into user space; a guest reaches them by gfn_to_pfn, which takes a
 * reference where there is none.
 */
class GuestMemory implements Consumer {
  private readonly isFixed: boolean
  private tails: readonly number[] = []

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    if (this.tails.length > 0 && this.isFixed) return EFAULT
    const bytes = io.extract(4, Number.MAX_SAFE_INTEGER)
    for (const page of this.tails) io.ledger.getPage(page)
    return bytes
  }

  abort(): void {}

  complete(io: Operation): void {
    for (const page of this.tails) io.ledger.putPage(page)
    if (this.tails.length > 0) return
    // The first operation is the driver, which allocates without __GFP_COMP: the pages behind the first have no count.
    this.tails = [...io.list.page.subarray(1, 4)]
    for (const page of this.tails) io.ledger.mappingReferences.put(page)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }
}

it.each([
  ['is found before its fix', false, [['H-18', 2]]],
  ['is silent after its fix', true, []],
] as const)('refcount 0: a guest maps tail pages that have no count: %s', async (_, isFixed, expected) => {
  const text = traceOf(
    'end,event,mm,op,iter,segs,file,offset,len,result',
    `
      0,io,1,read,bvec,0x500:0+16384,/dev/kvm,0,16384
      3,io,1,read,bvec,0x500:0+16384,/dev/kvm,0,16384${isFixed ? ',-14' : ''}
    `,
    isFixed,
  )
  const consumer: ConsumerDefinition = {
    apiVersion: CONSUMER_API_VERSION,
    name: 'guest-memory',
    summary: 'for this test',
    kernel: 'virt/kvm/kvm_main.c: hva_to_pfn_remapped',
    accepts: ['bvec'],
    entriesMax: 4,
    avoided: 'nothing',
    kernelPolicy: () => 'extract',
    create: () => new GuestMemory(isFixed),
  }
  const findings = await auditText(text, HAZARD_RULES, { consumers: [consumer], consumer: consumer.name })
  expect(findings.map(({ rule, row }) => [rule, row])).toEqual(expected)
})
