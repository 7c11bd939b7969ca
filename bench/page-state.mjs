// Bytes of page state for each page that operations touched: what the columns of the page store, the page tables and the
// ledger take, and what the process takes. `node --expose-gc bench/page-state.mjs [GiB]`, 1024 unless told; a line of JSON.
import { fileURLToPath } from 'node:url'
import { PageList } from '../packages/core/dist/extract/page-list.js'
import { RETAIN_PIN } from '../packages/core/dist/extract/retention.js'
import { Ledger } from '../packages/core/dist/ledger/ledger.js'
import { FOLL_PIN, FOLL_WRITE } from '../packages/core/dist/memory/foll.js'
import { Memory } from '../packages/core/dist/memory/memory.js'
import { KIND_THP, PMD_ORDER } from '../packages/core/dist/memory/page-store.js'

const PAGE = 4096
const LEAF = 512
const FIRST = 2 ** 34 / LEAF

/** Pins and lets go of `count` pages from each address that `regions` and `place` give. */
function touch({ regions, count, order = 0 }) {
  const before = process.memoryUsage().rss
  const memory = new Memory()
  const ledger = new Ledger(memory.pages)
  const list = new PageList()
  const address = new Float64Array(1)
  memory.spaces.references = ledger.mappingReferences
  if (order > 0) memory.spaces.map(0, FIRST * LEAF, (FIRST + regions) * LEAF, KIND_THP, order, 0)
  list.retention = RETAIN_PIN
  const start = process.hrtime.bigint()
  for (let region = 0; region < regions; region++) {
    address[0] = (FIRST + region) * LEAF * PAGE
    const first = memory.spaces.walkRun(0, address, 0, 0, count, FOLL_PIN | FOLL_WRITE)
    list.clear()
    if (first < 0) memory.spaces.walk(0, address, 0, 0, count, FOLL_PIN | FOLL_WRITE, list.page)
    list.describe(count, 0, count * PAGE)
    if (first >= 0) list.setRun(first, count)
    ledger.unpinDirty(ledger.acquire(list))
  }
  const pages = regions * count
  return {
    pages,
    nsPerPage: Number(process.hrtime.bigint() - start) / pages,
    columnBytesPerPage: (memory.pages.byteLength + memory.spaces.byteLength) / pages,
    processBytesPerPage: (process.memoryUsage().rss - before) / pages,
  }
}

export function pageState(gib = 1024) {
  const regions = gib * 512
  const results = {}
  // The zero page has a row too: of 1 TiB, all but one region.
  results.dense = touch({ regions: regions - 1, count: LEAF })
  globalThis.gc?.()
  results.scattered = touch({ regions: Math.min(regions, 2 ** 18), count: 1 })
  globalThis.gc?.()
  results.huge = touch({ regions: regions - 1, count: LEAF, order: PMD_ORDER })
  return results
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(pageState(Number(process.argv[2] ?? 1024)), null, 1))
}
