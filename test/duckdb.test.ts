import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createDuckDB, type DuckDBConnection, NODE_RUNTIME, VoidLogger } from '@duckdb/duckdb-wasm/blocking'
import { EVENT_NAMES, FLAG_DIRECT, OP_NAMES, openTrace, type WrittenFormat, writeTrace } from '@pinscope/core'
import { beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from './sources.ts'

// DuckDB reads the Arrow that pinscope writes with the Arrow of C++, and pinscope reads what DuckDB writes: nobody here has
// a hand in both. Its WebAssembly build needs nothing but Node.

const DIST = dirname(createRequire(import.meta.url).resolve('@duckdb/duckdb-wasm'))

const SAMPLES = [
  'traces/git-init-commit.csv',
  'traces/fio-uring-fixedbufs.csv',
  'traces/nginx-sendfile-copy-directio.csv',
  'traces/formats/jsonl-script.jsonl',
  'traces/formats/perf-script-python.txt',
]

describe('DuckDB', () => {
  let duck: DuckDBConnection

  beforeAll(async () => {
    const bundle = (name: string) => ({ mainModule: join(DIST, `duckdb-${name}.wasm`), mainWorker: '' })
    const db = await createDuckDB({ mvp: bundle('mvp'), eh: bundle('eh') }, new VoidLogger(), NODE_RUNTIME)
    await db.instantiate()
    duck = db.connect()
  })

  /** The rows of a query, as plain objects. */
  const query = (sql: string): Record<string, unknown>[] =>
    duck
      .query(sql)
      .toArray()
      .map((row) =>
        JSON.parse(JSON.stringify(row.toJSON(), (_, value) => (typeof value === 'bigint' ? Number(value) : value))),
      )

  const insert = async (name: string, bytes: Promise<Uint8Array>) => {
    duck.query(`DROP TABLE IF EXISTS ${name}`)
    duck.insertArrowFromIPCStream(new Uint8Array(await bytes), { name, create: true })
  }

  it.each(SAMPLES)('%s: counts and sums are those of the rows', async (file) => {
    await insert('trace', written(file, 'arrow-stream'))
    const counted = await countedRows(file)
    expect(
      query('SELECT event, op, count(*)::INT AS n, sum(len)::DOUBLE AS bytes FROM trace GROUP BY ALL ORDER BY ALL'),
    ).toEqual(counted.groups)
    expect(query('SELECT count(DISTINCT file)::INT AS files, sum(len(segs))::INT AS segments FROM trace')).toEqual([
      { files: counted.files, segments: counted.segments },
    ])
    expect(
      query(
        'SELECT sum(s.length)::DOUBLE AS bytes, sum(s.address % 4096)::DOUBLE AS offsets FROM (SELECT unnest(segs) AS s FROM trace)',
      ),
    ).toEqual([{ bytes: counted.segmentBytes, offsets: counted.pageOffsets }])
    expect(query("SELECT count(*)::INT AS n FROM trace WHERE flags LIKE '%direct%'")).toEqual([{ n: counted.direct }])
    expect(query('SELECT count(*)::INT AS n FROM trace WHERE "end" IS NULL')).toEqual([{ n: counted.synchronous }])
  })

  it('names that come in later batches', async () => {
    const rows = Array.from({ length: 9000 }, (_, row) => `${row},read,0x1000+4096,/file/${row % 2 === 0 ? 0 : row}`)
    const text = `# pinscope-trace 1\nts,op,segs,file\n${rows.join('\n')}\n`
    await insert('trace', writtenAs(Buffer.from(text), 'arrow-stream'))
    expect(
      query("SELECT count(*)::INT AS n, count(DISTINCT file)::INT AS files FROM trace WHERE file <> '/file/0'"),
    ).toEqual([{ n: 4500, files: 4500 }])
    expect(query('SELECT file FROM trace WHERE ts = 8999')).toEqual([{ file: '/file/8999' }])
  })

  it('what DuckDB writes is read again: other widths, text for names, only some columns', async () => {
    const file = 'traces/git-init-commit.csv'
    await insert('trace', written(file, 'arrow-stream'))
    const sql =
      'SELECT ts, "end", event, mm::BIGINT AS mm, op, iter, segs, backing, file, "offset", len::UINTEGER AS len, flags FROM trace'
    const bytes = duck.useUnsafe((bindings, connection) => bindings.runQuery(connection, sql))
    const left = ['id', 'call', 'result', 'consumer', 'pins_acquired', 'pins_released', 'stack']
    expect(await cellsOf(bytes, left)).toEqual(await cellsOf(readFileSync(join(ROOT, file)), left))
  })
})

async function* bytesOf(bytes: Uint8Array) {
  yield bytes
}

function written(file: string, format: WrittenFormat): Promise<Uint8Array> {
  return writtenAs(readFileSync(join(ROOT, file)), format)
}

async function writtenAs(bytes: Uint8Array, format: WrittenFormat): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of writeTrace(await openTrace(bytesOf(bytes), 't'), format)) chunks.push(chunk.slice())
  return Buffer.concat(chunks)
}

/** The same figures, taken from the rows that pinscope reads. */
async function countedRows(file: string) {
  const reader = await openTrace(bytesOf(readFileSync(join(ROOT, file))), file)
  const groups = new Map<string, { event: string; op: string | null; n: number; bytes: number | null }>()
  const files = new Set<number>()
  const sums = { segments: 0, segmentBytes: 0, pageOffsets: 0, direct: 0, synchronous: 0 }
  for await (const batch of reader.batches()) {
    for (let row = 0; row < batch.length; row++) {
      const event = EVENT_NAMES[batch.event[row]]
      const op = OP_NAMES[batch.direction[row]] ?? null
      const group = groups.get(`${event} ${op}`) ?? { event, op, n: 0, bytes: null }
      group.n++
      if (batch.lengthBytes[row] >= 0) group.bytes = (group.bytes ?? 0) + batch.lengthBytes[row]
      groups.set(`${event} ${op}`, group)
      if (batch.file[row] >= 0) files.add(batch.file[row])
      if ((batch.flags[row] & FLAG_DIRECT) !== 0) sums.direct++
      if (batch.endNs[row] === -1) sums.synchronous++
    }
    for (let at = 0; at < batch.segments.length; at++) {
      sums.segments++
      sums.segmentBytes += batch.segments.lengthBytes[at]
      sums.pageOffsets += batch.segments.addressBytes[at] % 4096
    }
  }
  const order = (text: string | null) => text ?? '~'
  const sorted = [...groups.values()].sort((a, b) =>
    a.event === b.event ? (order(a.op) < order(b.op) ? -1 : 1) : a.event < b.event ? -1 : 1,
  )
  return { groups: sorted, files: files.size, ...sums }
}

/** The rows as JSON has them, without some of the cells. */
async function cellsOf(bytes: Uint8Array, left: readonly string[]): Promise<object[]> {
  const text = Buffer.from(await writtenAs(bytes, 'jsonl')).toString()
  const rows = text.trimEnd().split('\n').slice(1)
  return rows.map((line) => Object.fromEntries(Object.entries(JSON.parse(line)).filter(([key]) => !left.includes(key))))
}
