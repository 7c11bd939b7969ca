import { isDeepStrictEqual } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { extractPages, ITER_ALLOW_P2PDMA } from '../src/extract/extract-pages.ts'
import { PAGE_LIST_MAX, PageList } from '../src/extract/page-list.ts'
import { findPolicy, type PolicyName } from '../src/extract/policy.ts'
import { IovIter } from '../src/iter/iov-iter.ts'
import { type Kernel, kernelOf } from '../src/kernel/kernel.ts'
import { type Hold, isPinned, isReferenced } from '../src/ledger/hold.ts'
import { Ledger } from '../src/ledger/ledger.ts'
import { AddressSpaces } from '../src/memory/address-spaces.ts'
import { FOLL_GET, FOLL_LONGTERM, FOLL_PCI_P2PDMA, FOLL_PIN, FOLL_WRITE } from '../src/memory/foll.ts'
import { MAPPING_UNTOUCHED } from '../src/memory/mapping.ts'
import { Memory } from '../src/memory/memory.ts'
import { PAGE_KINDS, PageStore, PMD_ORDER } from '../src/memory/page-store.ts'
import { PAGE_SIZE, pageNumberOf } from '../src/units.ts'
import {
  callsText,
  type GupCall,
  type IterCall,
  iteratorOf,
  LISTED_MAX,
  modelledVersion,
  type Outcome,
  POLICY_OF_FUNC,
  type Position,
  type RecordedOperation,
  readOperations,
  recordedVersions,
} from './support/iter-calls.ts'

// Calls of iov_iter_get_pages2, iov_iter_get_pages_alloc2 and iov_iter_extract_pages in running kernels, with the live
// counts of every page they listed (traces/ground-truth/calls), made again in the model, operation by operation.

/**
 * Calls whose outcome a recording does not determine: version, then `operation, line N`, then the reason. None so far.
 * A call that is listed must differ, so that no needless exception stays here.
 */
const UNDETERMINED: Readonly<Record<string, Readonly<Record<string, string>>>> = {}

/** Pages that also answer to the frame number that the recorder saw. */
class RecordedPages extends PageStore {
  private readonly rows = new Map<number, number>()
  private readonly recorded = new Map<number, number>()

  override pageOfFrame(frame: number): number {
    return this.rows.get(frame) ?? super.pageOfFrame(frame)
  }

  /** The recorded frame of a row. A row without one takes `frame`, unless another row has that already: NaN then. */
  recordedFrameOf(row: number, frame: number): number {
    if (!this.recorded.has(row) && !this.rows.has(frame)) {
      this.recorded.set(row, frame)
      this.rows.set(frame, row)
    }
    return this.recorded.get(row) ?? Number.NaN
  }

  countsOf(row: number) {
    return { refcount: this.refcountOf(row), pincount: this.orderOf(row) > 0 ? this.pincountOf(row) : null }
  }
}

/** What the model asks get_user_pages for; `foll` are its own FOLL_* bits. */
class WatchedSpaces extends AddressSpaces {
  request: { address: number; pages: number; foll: number } | null = null

  /** Everything goes through {@link walk}. */
  override walkRun(): number {
    return -1
  }

  override walk(...args: Parameters<AddressSpaces['walk']>): number {
    const [, addresses, index, offsetBytes, pages, foll] = args
    const address = pageNumberOf(addresses[index]! + offsetBytes) * PAGE_SIZE
    this.request = { address, pages, foll }
    return super.walk(...args)
  }
}

class RecordedMemory extends Memory {
  override readonly pages = new RecordedPages()
  override readonly spaces = new WatchedSpaces(this.pages)
}

/** A call made in the model. */
interface Modelled {
  readonly call: IterCall
  readonly outcome: Outcome
  readonly after: Position
  readonly request: WatchedSpaces['request']
  readonly hold: Hold
  /** All pages, by row, and where the data ends in the last one. */
  readonly rows: readonly number[]
  readonly endBytes: number
}

/** The model under one operation: pages, references and pins live from its first call to its last. */
class OperationModel {
  readonly memory = new RecordedMemory()
  readonly ledger = new Ledger(this.memory.pages)
  readonly made: Modelled[] = []
  /** Pages pinned, and as negative numbers unpinned, in order. */
  readonly pins: number[] = []
  private readonly kernel: Kernel

  constructor(version: string, calls: readonly IterCall[]) {
    this.kernel = kernelOf(modelledVersion(version))
    for (const call of calls) if (call.type !== 'bvec') this.map(call)
  }

  /**
   * Memory is touched anonymous memory, an address space's default, but: a page with a pincount is one of a huge page,
   * and one frame at several addresses of a call is the zero page, under memory that nobody wrote.
   */
  private map({ baseAddress, iovOffsetBytes, npages, pages }: IterCall): void {
    const { spaces } = this.memory
    const first = pageNumberOf(baseAddress + iovOffsetBytes)
    const huge = 2 ** PMD_ORDER
    if (pages.some(({ pincount }) => pincount !== null)) {
      const end = Math.ceil((first + npages) / huge) * huge
      spaces.map(0, Math.floor(first / huge) * huge, end, PAGE_KINDS.indexOf('thp'), PMD_ORDER, 0)
    } else if (new Set(pages.map(({ frame }) => frame)).size < pages.length) {
      spaces.map(0, first, first + npages, PAGE_KINDS.indexOf('anon'), 0, MAPPING_UNTOUCHED)
    }
  }

  make(call: IterCall, policy: PolicyName): Modelled {
    const { memory, kernel } = this
    const iter = iteratorOf(call, new IovIter())
    iter.kernel = kernel
    const list = new PageList()
    const pagesMax = Math.min(call.maxpages, PAGE_LIST_MAX)
    const flags = call.allowP2pdma ? ITER_ALLOW_P2PDMA : 0
    memory.spaces.request = null
    const ret = extractPages(iter, findPolicy(policy)!, memory, list, pagesMax, call.maxsizeBytes, flags)
    const hold = this.ledger.acquire(list) as Hold
    const rows = [...list.page.subarray(0, list.length)]
    if (isPinned(hold)) this.pins.push(rows.length)
    const outcome = {
      ret,
      startBytes: list.offsetBytes[0]!,
      leftBytes: iter.countBytes,
      npages: rows.length,
      pages: rows.slice(0, LISTED_MAX).map((row, i) => ({
        frame: memory.pages.recordedFrameOf(row, call.pages[i]?.frame ?? Number.NaN),
        ...memory.pages.countsOf(row),
      })),
    }
    const last = list.length - 1
    const made: Modelled = {
      call,
      outcome,
      after: {
        iovOffsetBytes: iter.iovOffsetBytes,
        countBytes: iter.countBytes,
        segments: iter.segmentsLeft,
      },
      request: memory.spaces.request,
      hold,
      rows,
      endBytes: list.offsetBytes[last]! + list.lengthBytes[last]!,
    }
    this.made.push(made)
    return made
  }

  /** Drops what a hold has on its first page. */
  dropFirst(hold: Hold): void {
    if (isPinned(hold)) this.pins.push(-1)
    this.ledger.releaseFirst(hold)
  }

  /** Drops all that the operation still holds. */
  finish(): void {
    for (const { hold } of this.made) {
      if (!this.ledger.isOpen(hold)) continue
      const entries = this.ledger.entriesHeld(hold)
      if (isPinned(hold) && entries > 0) this.pins.push(-entries)
      this.ledger.letGo(hold)
    }
  }
}

type Caller = (model: OperationModel, now: Modelled, before: Modelled | undefined) => void

/**
 * A piece that goes on where the one before it ended, in the same page, joins its bvec, and the second hold on that
 * page is dropped.
 * @kernel block/bio.c: bio_iov_add_folio (6.1: bio_iov_add_page, put_page)
 */
const joinsBvec: Caller = (model, now, before) => {
  if (before?.rows.at(-1) === now.rows[0] && before?.endBytes === now.outcome.startBytes) model.dropFirst(now.hold)
}

/**
 * A call is one request, and its references are dropped before the next. The pins of the iterator's maker stay.
 * @kernel net/9p/trans_virtio.c: p9_virtio_zc_request; net/9p/trans_common.c: p9_release_pages
 */
const endsRequest: Caller = (model, now) => {
  if (isReferenced(now.hold)) model.ledger.put(now.hold)
}

/**
 * Pages of one large folio become one fragment, which keeps one reference. Every call begins a new skb.
 * @kernel net/core/datagram.c: zerocopy_fill_skb_from_iter (6.1: __zerocopy_sg_from_iter)
 */
const joinsFragments: Caller = (model, now) => {
  const { pages } = model.memory
  for (let i = 1; i < now.rows.length && pages.headOf(now.rows[i]!) === pages.headOf(now.rows[i - 1]!); i++)
    model.dropFirst(now.hold)
}

type Callers = Readonly<Record<string, Caller>>

/** What is let go of before the next call of an operation, by group. Those not here keep everything to its end. */
const CALLERS: Callers = {
  brd: joinsBvec,
  null_blk: joinsBvec,
  nvme: joinsBvec,
  scsi_debug: joinsBvec,
  virtio_blk: joinsBvec,
  '9p': endsRequest,
  net: joinsFragments,
}

function replayCalls(
  version: string,
  operation: RecordedOperation,
  policyOf: (call: IterCall) => PolicyName,
  callers: Callers = CALLERS,
): OperationModel {
  const model = new OperationModel(version, operation.iter)
  operation.iter.forEach((call, i) => {
    const now = model.make(call, policyOf(call))
    callers[call.group]?.(model, now, model.made[i - 1])
  })
  model.finish()
  return model
}

const standsFor = ({ func }: IterCall): PolicyName => POLICY_OF_FUNC[func]

function outcomeOf({ ret, startBytes, leftBytes, npages, pages }: Outcome): Outcome {
  return { ret, startBytes, leftBytes, npages, pages }
}

/** The call goes on with the iterator of the call before it. */
function goesOn(call: IterCall, before: IterCall | undefined): boolean {
  return before !== undefined && before.func === call.func && before.type === call.type
}

// What mm/gup.c was asked for under them.

/** Bits of gup_flags; most moved in 6.3. @kernel include/linux/mm.h (6.1), include/linux/mm_types.h and mm/internal.h */
const FOLL_BEFORE_6_3 = { WRITE: 0x1, GET: 0x4, FORCE: 0x10, LONGTERM: 0x10000, PIN: 0x40000, PCI_P2PDMA: 0 }
const FOLL_SINCE_6_3 = { WRITE: 0x1, GET: 0x2, FORCE: 0x8, LONGTERM: 0x100, PIN: 0x80000, PCI_P2PDMA: 0x400 }
type FollName = keyof typeof FOLL_SINCE_6_3

/** The model's own bits. What it takes pages for never needs FOLL_FORCE. */
const FOLL_OF_MODEL = [
  ['WRITE', FOLL_WRITE],
  ['GET', FOLL_GET],
  ['LONGTERM', FOLL_LONGTERM],
  ['PIN', FOLL_PIN],
  ['PCI_P2PDMA', FOLL_PCI_P2PDMA],
] as const

function follOf(version: string): Readonly<Record<FollName, number>> {
  return modelledVersion(version) === '6.1' ? FOLL_BEFORE_6_3 : FOLL_SINCE_6_3
}

/** What a recorded function does. An inner one is what the two `_fast` functions call, with their kind as a flag. */
const GUP_FUNCS: Readonly<Record<string, 'get' | 'pin' | 'inner' | 'release'>> = {
  gup_fast: 'get',
  gup_remote: 'get',
  pin_fast: 'pin',
  pin_remote: 'pin',
  pin_user_pages: 'pin',
  gup_internal612: 'inner',
  unpin_page: 'release',
  unpin_pages: 'release',
  unpin_dirty: 'release',
  unpin_range: 'release',
  unpin_folio: 'release',
}

/** Operations that take user pages without an iterator: who does it, and with which flags. */
const WITHOUT_ITERATOR: Readonly<Record<string, readonly [caller: string, kind: 'get' | 'pin', ...FollName[]]>> = {
  'net: process_vm_readv 64K': ['mm/process_vm_access.c: process_vm_rw_single_vec', 'pin'],
  'net: process_vm_writev 64K': ['mm/process_vm_access.c: process_vm_rw_single_vec', 'pin', 'WRITE'],
  'net: /proc/self/mem pread 64K': ['mm/memory.c: __access_remote_vm', 'get', 'FORCE'],
  'net: AF_XDP UMEM_REG 64 pages': ['net/xdp/xdp_umem.c: xdp_umem_pin_pages', 'pin', 'WRITE', 'LONGTERM'],
  'rxe: rxe reg_mr 64K': ['drivers/infiniband/core/umem.c: ib_umem_get', 'pin', 'WRITE', 'LONGTERM'],
  'rxe: rxe reg_mr 64K@+100': ['drivers/infiniband/core/umem.c: ib_umem_get', 'pin', 'WRITE', 'LONGTERM'],
  'rxe: rxe reg_mr 1M': ['drivers/infiniband/core/umem.c: ib_umem_get', 'pin', 'WRITE', 'LONGTERM'],
  'rxe: rxe reg_mr 2M THP': ['drivers/infiniband/core/umem.c: ib_umem_get', 'pin', 'WRITE', 'LONGTERM'],
  'rxe: rxe reg_mr 64K untouched': ['drivers/infiniband/core/umem.c: ib_umem_get', 'pin', 'WRITE', 'LONGTERM'],
  'uring: io_uring REGISTER_BUFFERS 1M': ['io_uring: io_pin_pages', 'pin', 'WRITE', 'LONGTERM'],
  'uring: io_uring REGISTER_BUFFERS 2M THP': ['io_uring: io_pin_pages', 'pin', 'WRITE', 'LONGTERM'],
}

function takes({ gup }: RecordedOperation): GupCall[] {
  return gup.filter(({ func }) => GUP_FUNCS[func] === 'get' || GUP_FUNCS[func] === 'pin')
}

function requestOf({ address, pages, flags, ret }: GupCall) {
  return { address, pages, flags, ret }
}

/** Pages pinned and unpinned, in order, with releases that follow each other as one. */
function joinReleases(pins: readonly number[]): number[] {
  const joined: number[] = []
  for (const pages of pins) {
    if (pages < 0 && (joined.at(-1) ?? 0) < 0) joined.push(joined.pop()! + pages)
    else joined.push(pages)
  }
  return joined
}

/** The same of a recording. References are dropped by put_page, which was not probed. */
function recordedPins({ gup }: RecordedOperation): number[] {
  const pins = gup.flatMap(({ func, pages, ret }) => {
    if (GUP_FUNCS[func] === 'pin') return [ret]
    return GUP_FUNCS[func] === 'release' ? [-pages] : []
  })
  return joinReleases(pins)
}

describe.each(recordedVersions())('kernel %s', (version) => {
  const operations = readOperations(version)
  const withIterator = operations.filter(({ iter }) => iter.length > 0)
  const undetermined = UNDETERMINED[version] ?? {}
  const foll = follOf(version)

  it('has a row for each line, and all functions are known', () => {
    const linesOf = (file: 'iter-calls' | 'gup-calls') => callsText(version, file).trimEnd().split('\n').length - 1
    expect(operations.flatMap(({ iter }) => iter)).toHaveLength(linesOf('iter-calls'))
    expect(operations.flatMap(({ gup }) => gup)).toHaveLength(linesOf('gup-calls'))
    expect(operations.flatMap(({ gup }) => gup).filter(({ func }) => GUP_FUNCS[func] === undefined)).toEqual([])
  })

  describe.each(withIterator.map((operation) => [operation.name, operation] as const))('%s', (name, operation) => {
    let model: OperationModel
    beforeAll(() => {
      model = replayCalls(version, operation, standsFor)
    })
    const isListed = ({ line }: IterCall) => Object.hasOwn(undetermined, `${name}, line ${line}`)

    it('gives the bytes, the offset, the bytes left, the pages, and what each page counts', () => {
      for (const { call, outcome } of model.made) {
        if (isListed(call)) expect(outcome, `line ${call.line} is needlessly listed`).not.toEqual(outcomeOf(call))
        else expect(outcome, `line ${call.line}`).toEqual(outcomeOf(call))
      }
    })

    it('leaves the iterator where the next call found it', () => {
      model.made.forEach(({ call }, i) => {
        const before = model.made[i - 1]
        if (before === undefined || !goesOn(call, before.call)) return
        const { iovOffsetBytes, countBytes, segments } = call
        expect(before.after, `line ${call.line}`).toEqual({ iovOffsetBytes, countBytes, segments })
      })
    })

    it('asks for the user pages that the kernel asked for', () => {
      const asked = model.made.flatMap(({ request, outcome }) => {
        if (request === null) return []
        const { address, pages } = request
        // The kind is in the function's name; it becomes a flag inside of it.
        const flags = FOLL_OF_MODEL.reduce((sum, [name, bit]) => sum | ((request.foll & bit) === 0 ? 0 : foll[name]), 0)
        const func = (request.foll & FOLL_PIN) !== 0 ? 'pin_fast' : 'gup_fast'
        return [{ func, address, pages, flags, ret: outcome.npages }]
      })
      const recorded = takes(operation).map((call) => {
        const flags = call.flags | (GUP_FUNCS[call.func] === 'pin' ? foll.PIN : foll.GET)
        return { func: call.func, ...requestOf(call), flags }
      })
      expect(asked).toEqual(recorded)
    })

    it('pins and unpins as the kernel did, and ends with nothing held', () => {
      expect(joinReleases(model.pins)).toEqual(recordedPins(operation))
      const rows = model.made.flatMap(({ rows }) => rows)
      expect(rows.filter((row) => model.memory.pages.countsOf(row).refcount !== 1)).toEqual([])
      expect(rows.filter((row) => (model.memory.pages.countsOf(row).pincount ?? 0) !== 0)).toEqual([])
      expect(model.ledger.violations).toEqual([])
    })

    it('would count otherwise under the other policy: the counts tell', () => {
      const other = replayCalls(version, operation, (call) => (standsFor(call) === 'extract' ? 'get-pages' : 'extract'))
      for (const { call, outcome } of other.made) {
        expect(outcome.pages, `line ${call.line}`).not.toEqual(call.pages)
      }
    })
  })

  it('passes the kind on as a flag, where the inner function was recorded', () => {
    const inner = operations.filter(({ gup }) => gup.some(({ func }) => GUP_FUNCS[func] === 'inner'))
    const fast = operations.filter(({ gup }) => gup.some(({ func }) => func === 'gup_fast' || func === 'pin_fast'))
    expect(inner).toEqual(inner.length === 0 ? [] : fast)
    for (const { name, gup } of inner) {
      const outer = gup.filter(({ func }) => func === 'gup_fast' || func === 'pin_fast')
      const flagged = outer.map((call) => {
        const kind = call.func === 'pin_fast' ? foll.PIN : foll.GET
        return { ...requestOf(call), flags: call.flags | kind }
      })
      expect(gup.filter(({ func }) => GUP_FUNCS[func] === 'inner').map(requestOf), name).toEqual(flagged)
    }
  })

  it('takes pages without an iterator only where it is known who does', () => {
    const without = operations.filter((operation) => operation.iter.length === 0 && takes(operation).length > 0)
    for (const operation of without) {
      const [, kind, ...flags] = WITHOUT_ITERATOR[operation.name] ?? ['']
      const word = flags.reduce((sum, flag) => sum | foll[flag], 0)
      const found = takes(operation).map((call) => [GUP_FUNCS[call.func], call.flags, call.ret])
      expect(found, operation.name).toEqual(takes(operation).map(({ pages }) => [kind, word, pages]))
    }
  })

  it('lists no call as undetermined that it has not', () => {
    const names = operations.flatMap(({ name, iter }) => iter.map(({ line }) => `${name}, line ${line}`))
    expect(Object.keys(undetermined).filter((name) => !names.includes(name))).toEqual([])
  })
})

describe('over all recordings', () => {
  const versions = recordedVersions().map((version) => ({ version, operations: readOperations(version) }))

  it('nothing is said to go without an iterator that does not', () => {
    const operations = versions.flatMap(({ operations }) => operations)
    const without = operations.filter((operation) => operation.iter.length === 0 && takes(operation).length > 0)
    const names = new Set(without.map(({ name }) => name))
    expect(Object.keys(WITHOUT_ITERATOR).filter((name) => !names.has(name))).toEqual([])
  })

  it.each(Object.keys(CALLERS))('%s: what its caller lets go of between calls shows in a count', (group) => {
    const calls = versions.flatMap(({ version, operations }) =>
      operations
        .filter(({ iter }) => iter[0]?.group === group)
        .flatMap((operation) => replayCalls(version, operation, standsFor, {}).made),
    )
    const differing = calls.filter(({ call, outcome }) => !isDeepStrictEqual(outcome, outcomeOf(call)))
    expect(differing.length).toBeGreaterThan(0)
  })

  it('holds the 691 calls that were recorded on 6.1 and 6.12', () => {
    const countOf = (version: string) => readOperations(version).flatMap(({ iter }) => iter).length
    expect([countOf('6.1'), countOf('6.12')]).toEqual([284, 407])
  })
})
