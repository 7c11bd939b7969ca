// Converts a recording of the iorec recorder (its own CSV columns) into a pinscope trace, version 1.
//
//   node scripts/convert-recording.mjs RECORDING.csv --kernel 6.18 --filesystem ext4 \
//     --title "dd reads 4 MiB" --command "dd if=data4m of=/dev/null bs=64k iflag=direct" -o traces/dd-direct-read.csv
//
// Options
//   --kernel V --filesystem F   as recorded, written to the header (leave --filesystem out for a raw block device)
//   --title T --command C       what was recorded
//   --mm process | tid          process (default): all tids are threads of one address space, named after the first tid;
//                               tid: every tid is an address space of its own (a program that forks)
//   --rows N                    read only the first N rows of the recording
//   --rename OLD=NEW            repeatable: write NEW for a file whose last path component is OLD
//   -o FILE                     default: standard output
//
// The output depends on the input and the options alone. What is decided here, and why:
//
// Operations   Only file I/O becomes `io` rows. Pipes, sockets, /dev (with the program's output that was redirected to
//              /dev/shm), /proc, /sys and calls without a user iterator (sendfile, copy_file_range, splice, ioctl, ...)
//              are dropped and counted in `# dropped`. A direct operation is consumed by `bio`, any other by `buffered`
//              (on tmpfs all are; which ones are on btrfs depends on the file and the alignment: refused).
// Time         `ts` counts from the first row of the recording. A synchronous call leaves `end` empty: it holds its pins
//              only while it runs. An asynchronous one ends when the program reaped its completion (aio:event by iocb,
//              uring:cqe by user data, paired in the order of the file: both are reused). The device was done earlier,
//              so the number of pins held at once is an upper bound. Not reaped: `never`.
// Memory       `map` rows come from the `pages` column: what backed each page before the call. Only pages that an
//              operation used are mapped, in one row for each contiguous area of one kind, before its first use. A
//              shared mapping, and a private file mapping used unmodified, is mapped whole: it is of one kind all through.
//              A huge page is mapped as its 2 MiB block, as far as the mapping reaches. `untouched` marks private
//              anonymous memory only: writing from it finds the zero page. A shared mapping has no zero page.
//              A page that the program's own stores changed in between is mapped anew before the operation that shows it,
//              where it matters: a source found populated, or memory given back (populated before, untouched now).
// Pins         The recorded counts are system-wide. They stand on a row where nothing else that pins was running between
//              the two readings: synchronous calls get both, and a submission that carries one operation gets
//              `pins_acquired`. Releases of asynchronous operations happen at any time and are never put on a row.
//              `# pins-acquired-total` sums over the calls of direct operations and registrations, `# pins-released-total`
//              too, where all of them are synchronous. What an io_uring worker thread pins falls outside every count.

import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const PAGE_BYTES = 4096
const HUGE_PAGES = 512
const MAP_SHARED = 0x1
const PROT_WRITE = 0x2
const RWF_NOWAIT = 0x8
/** The recorder's way of writing "at the file's position" for io_uring. */
const OFFSET_CURRENT = '18446744073709551615'

/** Calls with a user iterator, by direction. */
const READS = new Set(
  'read readv pread64 preadv preadv2 aio:PREAD aio:PREADV uring:READ uring:READV uring:READ_FIXED'.split(' '),
)
const WRITES = new Set(
  'write writev pwrite64 pwritev pwritev2 aio:PWRITE aio:PWRITEV uring:WRITE uring:WRITEV uring:WRITE_FIXED'.split(' '),
)
/** Rows that are used but are no operations of their own. */
const HELPERS = new Set('mmap io_submit io_getevents io_pgetevents aio:event io_uring_enter uring:cqe'.split(' '))

const COLUMNS = [
  ...['ts', 'end', 'event', 'id', 'mm', 'op', 'call', 'iter', 'segs', 'backing', 'file', 'offset', 'len', 'result'],
  ...['flags', 'consumer', 'pins_acquired', 'pins_released'],
]

main()

function main() {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      kernel: { type: 'string' },
      filesystem: { type: 'string' },
      title: { type: 'string' },
      command: { type: 'string' },
      mm: { type: 'string', default: 'process' },
      rows: { type: 'string' },
      rename: { type: 'string', multiple: true, default: [] },
      output: { type: 'string', short: 'o' },
    },
  })
  if (positionals.length !== 1) fail('give one recording; the options are at the top of this script')
  if (options.filesystem === 'btrfs') fail('btrfs serves some direct I/O through the page cache: not supported')

  const recorded = readRecording(positionals[0])
  const calls = options.rows ? recorded.slice(0, Number(options.rows)) : recorded
  const mmOf = options.mm === 'tid' ? (call) => call.tid : () => calls[0].tid
  const nameOf = shortNames(options.rename)

  const completions = pairCompletions(calls)
  const submissions = groupSubmissions(calls)
  const directConsumer = options.filesystem === 'tmpfs' ? 'buffered' : 'bio'
  const { operations, dropped } = selectOperations(calls, { mmOf, nameOf, directConsumer, completions, submissions })
  operations.sort((a, b) => a.tsNs - b.tsNs) // stable: the recording's order where the times are equal
  for (const [order, operation] of operations.entries()) operation.order = order
  attributePins(operations)
  const rows = withMapRows(operations, readMappings(calls, mmOf, nameOf))

  const header = headerLines(options, operations, dropped)
  if (calls.length < recorded.length) header.push(`# excerpt first ${calls.length} of ${recorded.length} calls`)
  const text = [...header, COLUMNS.join(','), ...rows.map(formatRow), ''].join('\n')
  if (options.output) writeFileSync(options.output, text)
  else process.stdout.write(text)
}

function fail(message) {
  process.stderr.write(`convert-recording: ${message}\n`)
  process.exit(2)
}

// ---------------------------------------------------------------------------------------------------- the recording

/** The rows of the recording in the order of the file: a call is written when it returns, its `tsNs` is its entry. */
function readRecording(path) {
  const [head, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n')
  const names = head.split(',')
  let firstUs
  return lines.map((line, index) => {
    const cells = line.split(',')
    if (cells.length !== names.length) fail(`${path}:${index + 2}: ${cells.length} cells, expected ${names.length}`)
    const cell = Object.fromEntries(names.map((name, column) => [name, cells[column]]))
    firstUs ??= Number(cell.ts_us)
    const tsNs = Math.round((Number(cell.ts_us) - firstUs) * 1000)
    return {
      index,
      tsNs,
      returnNs: tsNs + Math.round(Number(cell.dur_us) * 1000),
      tid: cell.tid,
      name: cell.op,
      fd: cell.fd,
      target: cell.target,
      direct: cell.oflags.includes('D'),
      offset: cell.off === '-1' || cell.off === OFFSET_CURRENT ? '' : cell.off,
      segments: cell.segs === '' || cell.segs.includes('|') ? [] : cell.segs.split(';').map(parseSegment),
      arg: Object.fromEntries(cell.arg.split(' ').map((pair) => pair.split('='))),
      result: cell.ret,
      acquired: cell.acq === '' ? null : Number(cell.acq),
      released: cell.rel === '' ? null : Number(cell.rel),
      pages: cell.pages,
    }
  })
}

function parseSegment(text) {
  const [address, length] = text.split(':')
  const segment = { address: Number.parseInt(address, 16), length: Number(length) }
  if (!Number.isSafeInteger(segment.address)) fail(`address ${address} is above 2^53`)
  return segment
}

/** Completion of each asynchronous operation: index of its row → the row of its event. */
function pairCompletions(calls) {
  const pending = new Map()
  const completions = new Map()
  for (const call of calls) {
    const isEvent = call.name === 'aio:event' || call.name === 'uring:cqe'
    if (!isEvent && !isAsync(call)) continue
    const key = call.name.startsWith('aio:') ? `iocb ${call.arg.iocb}` : `ud ${call.arg.ud}`
    if (!pending.has(key)) pending.set(key, [])
    if (isEvent) {
      const submitted = pending.get(key).shift()
      if (submitted) completions.set(submitted.index, call)
    } else {
      pending.get(key).push(call)
    }
  }
  return completions
}

function isAsync(call) {
  return (call.name.startsWith('aio:') || call.name.startsWith('uring:')) && !HELPERS.has(call.name)
}

/** The submitting call of each asynchronous operation, with the number of operations it carried. */
function groupSubmissions(calls) {
  const key = (call) => `${call.tid} ${call.tsNs}`
  const carried = new Map()
  for (const call of calls) if (isAsync(call)) carried.set(key(call), (carried.get(key(call)) ?? 0) + 1)
  const submissions = new Map()
  for (const call of calls) {
    if (call.name !== 'io_submit' && call.name !== 'io_uring_enter') continue
    submissions.set(key(call), { call, count: carried.get(key(call)) ?? 0 })
  }
  return { of: (call) => submissions.get(key(call)) }
}

// -------------------------------------------------------------------------------------------------- the operations

function selectOperations(calls, { mmOf, nameOf, directConsumer, completions, submissions }) {
  const operations = []
  const dropped = new Map()
  const registered = [] // registered buffers in force: { id, ring, segments }
  let registrations = 0

  for (const call of calls) {
    if (HELPERS.has(call.name)) continue
    if (call.name === 'io_uring_register' && (call.arg.op === '0' || call.arg.op === '1')) {
      operations.push(...registration(call))
      continue
    }
    const kind = dropKind(call)
    if (kind === null) operations.push(inputOutput(call))
    else dropped.set(kind, (dropped.get(kind) ?? 0) + 1)
  }
  return { operations, dropped }

  function inputOutput(call) {
    const fixed = call.name.endsWith('_FIXED')
    const submission = isAsync(call) ? submissions.of(call) : undefined
    const event = completions.get(call.index)
    return {
      event: 'io',
      call,
      tsNs: call.tsNs,
      bracketEndNs: submission ? submission.call.returnNs : call.returnNs,
      busyUntilNs: isAsync(call) ? (event ? event.tsNs : Number.POSITIVE_INFINITY) : call.returnNs,
      end: isAsync(call) ? (event ? event.tsNs : 'never') : '',
      id: fixed ? holderOf(call) : '',
      mm: mmOf(call),
      op: READS.has(call.name) ? 'read' : 'write',
      file: nameOf(call.target),
      offset: call.offset,
      len: call.segments.reduce((sum, segment) => sum + segment.length, 0),
      result: isAsync(call) ? (event?.result ?? '') : call.result,
      flags: [
        ...(call.direct ? ['direct'] : []),
        ...(Number.parseInt(call.arg.rwf ?? call.arg.rw ?? '0', 16) & RWF_NOWAIT ? ['nowait'] : []),
        ...(fixed ? ['fixed'] : []),
      ],
      consumer: call.direct ? directConsumer : 'buffered',
      counted: call.direct,
      acquired: submission ? (submission.count === 1 ? submission.call.acquired : null) : call.acquired,
      released: isAsync(call) ? null : call.released,
      countedCall: submission ? submission.call : call,
    }
  }

  /** REGISTER_BUFFERS becomes one row with all its buffers; UNREGISTER_BUFFERS one row for each earlier register row. */
  function registration(call) {
    const base = {
      ...{ call, tsNs: call.tsNs, bracketEndNs: call.returnNs, busyUntilNs: call.returnNs, end: '', mm: mmOf(call) },
      ...{ op: 'read', file: '', offset: '', result: call.result, flags: ['longterm'], consumer: 'bio', counted: true },
      countedCall: call,
    }
    if (call.arg.op === '0') {
      const entry = { id: `buf${registrations++}`, ring: call.fd, segments: call.segments }
      if (Number(call.result) >= 0) registered.push(entry)
      const len = call.segments.reduce((sum, segment) => sum + segment.length, 0)
      return [{ ...base, event: 'register', id: entry.id, len, acquired: call.acquired, released: call.released }]
    }
    const gone = registered.filter((entry) => entry.ring === call.fd)
    for (const entry of gone) registered.splice(registered.indexOf(entry), 1)
    const counts = gone.length === 1 ? call : { acquired: null, released: null }
    const { acquired, released } = counts
    return gone.map(({ id }) => ({ ...base, event: 'unregister', id, op: '', len: '', flags: [], acquired, released }))
  }

  function holderOf(call) {
    const [{ address, length }] = call.segments
    const holds = (segment) => segment.address <= address && address + length <= segment.address + segment.length
    const holder = registered.find((entry) => entry.segments.some(holds))
    if (!holder) fail(`row ${call.index + 2}: no registered buffer holds the address`)
    return holder.id
  }
}

/** Why a call is not a row of the trace; null for file I/O. */
function dropKind(call) {
  if (!READS.has(call.name) && !WRITES.has(call.name)) return call.name
  const target = call.target
  if (target.startsWith('/dev/')) return call.direct ? null : 'dev'
  if (target.startsWith('/proc/')) return 'proc'
  if (target.startsWith('/sys/')) return 'sys'
  if (target.startsWith('/')) return null
  return target.split(':')[0] || 'unknown' // pipe, socket, anon_inode, fixedfile#N
}

/** Last path component; where two files share it, as many components more as tell them apart. */
function shortNames(renames) {
  const renamed = new Map(renames.map((pair) => pair.split('=')))
  const nameByTarget = new Map()
  const taken = new Set()
  return (target) => {
    if (nameByTarget.has(target)) return nameByTarget.get(target)
    const parts = target.split('/').filter((part) => part !== '')
    const last = parts.pop()
    let name = renamed.get(last) ?? last
    while (taken.has(name) && parts.length > 0) name = `${parts.pop()}/${name}`
    taken.add(name)
    nameByTarget.set(target, name)
    return name
  }
}

/** Takes the counts off the rows whose bracket another pinning operation overlaps. */
function attributePins(operations) {
  const pinning = operations.filter((operation) => operation.counted)
  for (const operation of operations) {
    const shared = pinning.some(
      (other) =>
        other !== operation &&
        other.call.tid !== operation.call.tid &&
        other.tsNs < operation.bracketEndNs &&
        operation.tsNs < other.bracketEndNs,
    )
    const completing = pinning.some(
      (other) => isAsync(other.call) && other.tsNs < operation.bracketEndNs && operation.tsNs < other.busyUntilNs,
    )
    if (shared) operation.acquired = null
    if (shared || completing) operation.released = null
  }
}

// ------------------------------------------------------------------------------------------------------ the memory

function readMappings(calls, mmOf, nameOf) {
  return calls
    .filter((call) => call.name === 'mmap' && call.segments.length === 1)
    .map((call) => {
      const [{ address, length }] = call.segments
      const firstPage = address / PAGE_BYTES
      const isFile = call.fd !== '-1' && call.target.startsWith('/')
      return {
        tsNs: call.tsNs,
        mm: mmOf(call),
        firstPage,
        endPage: firstPage + Math.ceil(length / PAGE_BYTES),
        shared: (Number.parseInt(call.arg.fl, 16) & MAP_SHARED) !== 0,
        file: isFile ? nameOf(call.target) : null,
        filePage: Number.parseInt(call.arg.off, 16) / PAGE_BYTES,
        readOnly: (Number.parseInt(call.arg.prot, 16) & PROT_WRITE) === 0,
      }
    })
    .sort((a, b) => a.tsNs - b.tsNs)
}

/** Kind of a page as the trace has it. */
function pageKind(letter, mapping) {
  if (mapping?.shared) return letter === 'H' ? 'hugetlb' : mapping.file === null ? 'shmem' : 'file'
  if (letter === 'A' || letter === 's') return 'anon'
  if (letter === 'T') return 'thp'
  if (letter === 'H') return 'hugetlb'
  if (letter === 'S') return 'shmem'
  if (letter === 'F' || letter === 'X') return 'file'
  if (letter === '-') return mapping?.file ? 'file' : 'untouched'
  if (letter === 'Z') return 'untouched'
  return fail(`page kind ${letter} has no backing in a trace`)
}

/** The pages of an operation with the letter that the recorder saw for each, in the order of the segments. */
function* pagesOf(operation) {
  const runs = [...operation.call.pages.matchAll(/([^0-9])([0-9]+)/g)]
  let run = 0
  let left = Number(runs[0]?.[2] ?? 0)
  let before = 0 // bytes of the operation before this segment
  for (const { address, length } of operation.call.segments) {
    const last = Math.floor((address + length - 1) / PAGE_BYTES)
    for (let page = Math.floor(address / PAGE_BYTES); length > 0 && page <= last; page++) {
      if (left === 0) left = Number(runs[++run]?.[2] ?? 0)
      if (left === 0) return // the recorder looks at the first 20000 pages
      left--
      yield { page, letter: runs[run][1], startByte: before + Math.max(0, page * PAGE_BYTES - address) }
    }
    before += length
  }
}

/** The operations, each with the `map` rows that it needs before it. */
function withMapRows(operations, mappings) {
  const stateByPage = new Map() // address space, mapping, page → kind the trace's reader would believe now
  const firstUses = new Map() // mapping, or address space without one → [{ page, kind, before: operation }]
  const rowsBefore = new Map(operations.map((operation) => [operation, []]))

  for (const operation of operations) {
    const isSource = operation.op === 'write'
    const changed = []
    for (const { page, letter, startByte } of pagesOf(operation)) {
      const mapping = findMapping(mappings, operation, page)
      const owner = mapping ?? operation.mm
      const key = `${operation.mm} ${mapping ? mappings.indexOf(mapping) : '-'} ${page}`
      const kind = pageKind(letter, mapping)
      const believed = stateByPage.get(key)
      if (believed === undefined) {
        if (!firstUses.has(owner)) firstUses.set(owner, [])
        firstUses.get(owner).push({ page, kind, mapping, before: operation })
      } else if (needsRemap(believed, kind, isSource)) {
        changed.push({ page, kind, mapping, before: operation })
      }
      const filled = !isSource && startByte < Number(operation.result)
      const faulted = filled && (kind === 'untouched' || (kind === 'file' && !mapping?.shared))
      stateByPage.set(key, faulted ? 'anon' : kind)
    }
    rowsBefore.get(operation).push(...mergeAreas(changed.map(pageBlock)))
  }

  for (const uses of firstUses.values()) {
    for (const area of mergeAreas(extentsOf(uses, mappings))) rowsBefore.get(area.before).push(area)
  }
  return operations.flatMap((operation) => {
    const rows = rowsBefore.get(operation).sort((a, b) => a.firstPage - b.firstPage)
    return [...rows.map((row) => ({ ...row, event: 'map', tsNs: operation.tsNs, mm: operation.mm })), operation]
  })
}

/** The newest mapping that holds the page. An unmapping is not recorded: a later mapping hides an older one. */
function findMapping(mappings, operation, page) {
  return mappings.findLast(
    (mapping) =>
      mapping.mm === operation.mm &&
      mapping.tsNs <= operation.tsNs &&
      mapping.firstPage <= page &&
      page < mapping.endPage,
  )
}

function needsRemap(believed, kind, isSource) {
  if (believed === kind) return false
  if (believed === 'untouched' || believed === 'file') return isSource || kind === 'thp'
  return true // given back, or a huge page made or split
}

/** What the first uses of one mapping (or of memory without one) tell: page by page, or about the whole mapping. */
function extentsOf(uses, mappings) {
  const kinds = new Set(uses.map((use) => use.kind))
  const whole = uses[0].mapping && kinds.size === 1 && (kinds.has('file') || kinds.has('shmem'))
  return whole ? uses.map((use) => ({ ...use, ...visiblePart(use, mappings) })) : uses.map(pageBlock)
}

/** Areas of contiguous pages of one kind; each is a row before the earliest of its first uses. */
function mergeAreas(blocks) {
  const areas = []
  for (const block of blocks.sort((a, b) => a.firstPage - b.firstPage)) {
    const area = areas.at(-1)
    if (area && area.kind === block.kind && area.mapping === block.mapping && block.firstPage <= area.endPage) {
      area.endPage = Math.max(area.endPage, block.endPage)
      if (block.before.order < area.before.order) area.before = block.before
    } else {
      areas.push({ ...block })
    }
  }
  return areas
}

/** A page, or the 2 MiB block around a huge one, as far as its mapping reaches. */
function pageBlock(use) {
  if (use.kind !== 'thp' && use.kind !== 'hugetlb') return { ...use, firstPage: use.page, endPage: use.page + 1 }
  const firstPage = Math.floor(use.page / HUGE_PAGES) * HUGE_PAGES
  return {
    ...use,
    firstPage: Math.max(firstPage, use.mapping?.firstPage ?? 0),
    endPage: Math.min(firstPage + HUGE_PAGES, use.mapping?.endPage ?? Number.POSITIVE_INFINITY),
  }
}

/** The part of a mapping around a page that no later mapping hides. */
function visiblePart({ page, mapping, before }, mappings) {
  let { firstPage, endPage } = mapping
  for (const later of mappings.slice(mappings.indexOf(mapping) + 1)) {
    if (later.mm !== mapping.mm || later.tsNs > before.tsNs) continue
    if (later.endPage <= page) firstPage = Math.max(firstPage, later.endPage)
    else if (later.firstPage > page) endPage = Math.min(endPage, later.firstPage)
  }
  return { firstPage, endPage }
}

// ------------------------------------------------------------------------------------------------------ the output

function headerLines(options, operations, dropped) {
  const direct = operations.filter((operation) => operation.counted)
  const countedCalls = [...new Map(direct.map(({ countedCall }) => [countedCall.index, countedCall])).values()]
  const sum = (column) => countedCalls.reduce((total, call) => total + (call[column] ?? 0), 0)
  const everySync = direct.every((operation) => !isAsync(operation.call))
  const counted = operations.some(({ countedCall }) => countedCall.acquired !== null)
  const drops = [...dropped].sort().map(([kind, count]) => `${kind}=${count}`)
  return [
    '# pinscope-trace 1',
    ...(options.title ? [`# title ${options.title}`] : []),
    ...(options.kernel ? [`# kernel ${options.kernel}`] : []),
    ...(options.filesystem ? [`# filesystem ${options.filesystem}`] : []),
    '# recorder iorec (ptrace + seccomp)',
    ...(options.command ? [`# command ${options.command}`] : []),
    '# logical-block-size 512',
    '# dma-alignment 512',
    ...(counted ? [`# pins-acquired-total ${sum('acquired')}`] : []),
    ...(counted && everySync ? [`# pins-released-total ${sum('released')}`] : []),
    ...(drops.length > 0 ? [`# dropped ${drops.join(' ')}`] : []),
  ]
}

function formatRow(row) {
  const cells = row.event === 'map' ? mapCells(row) : operationCells(row)
  return COLUMNS.map((column) => cells[column] ?? '').join(',')
}

function operationCells(operation) {
  const { event, end, id, mm, op, call, file, offset, len, result, flags, consumer, acquired, released } = operation
  return {
    ...{ ts: operation.tsNs, end, event, id, mm, op, call: call.name, file, offset, len, result, consumer },
    iter: event === 'unregister' ? '' : call.segments.length === 1 ? 'ubuf' : 'iovec',
    segs: call.segments.map(({ address, length }) => `0x${address.toString(16)}+${length}`).join(';'),
    flags: flags.join(' '),
    pins_acquired: acquired,
    pins_released: released,
  }
}

function mapCells({ tsNs, mm, kind, mapping, firstPage, endPage }) {
  const ofFile = kind === 'file' && mapping?.file
  const flags = [
    ...(kind === 'untouched' ? ['untouched'] : []),
    ...(kind === 'file' && mapping && !mapping.shared ? ['private'] : []),
    ...(kind === 'file' && mapping?.readOnly ? ['prot_read'] : []),
  ]
  return {
    ...{ ts: tsNs, event: 'map', mm, backing: kind === 'untouched' ? 'anon' : kind, flags: flags.join(' ') },
    segs: `0x${(firstPage * PAGE_BYTES).toString(16)}+${(endPage - firstPage) * PAGE_BYTES}`,
    file: ofFile ? mapping.file : '',
    offset: ofFile ? (mapping.filePage + firstPage - mapping.firstPage) * PAGE_BYTES : '',
  }
}
