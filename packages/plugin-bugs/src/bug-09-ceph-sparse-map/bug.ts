import { BIO_VEC_BYTES, type Consumer, ENOMEM, HOLD_NONE, type Hold, ITER_DEST, type Operation } from '@pinscope/core'
import { defineBug } from '../bug.ts'

/** @kernel fs/ceph/file.c: ITER_GET_BVECS_PAGES */
const GET_BVECS_PAGES = 64
/** struct ceph_osd_request; struct ceph_sparse_extent, of which there are 16 at first. */
const REQUEST_BYTES = 1024
const SPARSE_MAP_BYTES = 256

/**
 * Direct I/O gathers the pages of all segments in bvecs, which the request names and does not own. A sparse read needs a
 * map of extents too; before the fix that was allocated after the pages were taken, and where it could not be had only the
 * request was put.
 * @kernel fs/ceph/file.c: ceph_direct_read_write, iter_get_bvecs_alloc, put_bvecs
 */
class CephDirect implements Consumer {
  private readonly isFixed: boolean
  /** What the bvecs of the operation at work have. */
  private hold: Hold = HOLD_NONE

  constructor(isFixed: boolean) {
    this.isFixed = isFixed
  }

  submit(io: Operation): number {
    const { audit } = io
    const isSparse = io.iter.direction === ITER_DEST
    io.allocations.take(REQUEST_BYTES)
    const request = audit?.objects.alloc('ceph_osd_request') ?? 0
    io.scratch = request
    if (this.isFixed && isSparse && !io.allocate(SPARSE_MAP_BYTES)) return this.putRequest(io, ENOMEM)
    const bytes = this.gather(io, request)
    if (bytes < 0) return this.putRequest(io, bytes)
    if (!this.isFixed && isSparse && !io.allocate(SPARSE_MAP_BYTES)) return this.putRequest(io, ENOMEM)
    io.keep(this.hold)
    audit?.objects.submit(request, bytes)
    return bytes
  }

  abort(io: Operation): void {
    io.letGoOfKept()
  }

  complete(io: Operation): void {
    io.audit?.objects.complete(io.scratch, io.result)
    io.letGoOfKept()
    if (io.iter.direction === ITER_DEST) io.free(SPARSE_MAP_BYTES)
    this.putRequest(io, 0)
  }

  counters(): Readonly<Record<string, number>> {
    return {}
  }

  /** One segment at a time. Bytes, fewer where a later page cannot be had, or the errno of the first. */
  private gather(io: Operation, request: number): number {
    const { ledger, list } = io
    this.hold = HOLD_NONE
    let bytes = 0
    let bvecs = 0
    while (io.iter.countBytes > 0) {
      const taken = io.extract(GET_BVECS_PAGES, io.iter.countBytes)
      if (taken < 0) break
      for (let i = 0; i < list.length; i++) {
        io.audit?.objects.attach(request, HOLD_NONE, list.page[i], list.offsetBytes[i], list.lengthBytes[i])
      }
      this.hold = ledger.join(this.hold, io.hold)
      bytes += taken
      bvecs += list.length
    }
    io.built(bvecs, BIO_VEC_BYTES)
    return bytes === 0 ? ENOMEM : bytes
  }

  /** @kernel net/ceph/osd_client.c: ceph_osdc_put_request, ceph_osd_data_release */
  private putRequest(io: Operation, result: number): number {
    io.audit?.objects.drop(io.scratch)
    io.free(REQUEST_BYTES)
    return result
  }
}

export const bug09 = defineBug({
  number: 9,
  title: 'a ceph read without memory for its extents keeps the pages',
  summary:
    'Direct reads with sparse extents took references on all pages and then allocated the map of extents: where that failed the bvecs and the references were lost.',
  cases: [
    {
      name: 'ceph-sparse-map',
      kernel: 'fs/ceph/file.c: ceph_direct_read_write',
      commit: '66e0c4f91461',
      cve: 'CVE-2024-56710',
      trace: 'trace.csv',
      rules: ['H-13'],
      row: 4,
      faults: 'alloc@2',
      accepts: ['ubuf', 'iovec'],
      policy: () => 'get-pages',
      dirtiesDest: () => true,
      create: (_environment, isFixed) => new CephDirect(isFixed),
    },
  ],
})
