import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { decompress } from '@bokuweb/zstd-wasm'
import { describe, expect, it } from 'vitest'
import { compressed } from '../src/services/compress.ts'
import { pinscope, ROOT, temporaryFolder } from './run.ts'

const SQLITE = 'traces/sqlite3.csv'
const SCRIPT = 'traces/formats/jsonl-script.jsonl'
const folder = temporaryFolder()
const at = (name: string) => join(folder, name)

/** The trace as JSON Lines, whatever it is in: they do not tell which columns the file had. */
async function asText(file: string): Promise<string> {
  const { stdout, stderr } = await pinscope(['trace', 'convert', file, '-q', '--to', 'jsonl'])
  expect(stderr).toBe('')
  return stdout
}

describe('trace convert', () => {
  it.each(['a.csv', 'a.jsonl', 'a.arrow', 'a.arrows', 'a.csv.gz', 'a.arrow.zst', 'a.jsonl.zst', 'a.arrows.gz'])(
    '-o %s: the same trace',
    async (name) => {
      const { status, stdout, stderr } = await pinscope(['trace', 'convert', SQLITE, '-o', at(name), '-q'])
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' })
      expect(await asText(at(name))).toBe(await asText(SQLITE))
      expect(readdirSync(folder).filter((file) => file.endsWith('.tmp'))).toEqual([])
    },
  )

  it('--to says the format where the name does not, and how to compress', async () => {
    await pinscope(['trace', 'convert', SQLITE, '-o', at('plain'), '--to', 'jsonl.gz', '-q'])
    expect(gunzipSync(readFileSync(at('plain'))).toString()).toMatch(/^\{"format":"pinscope-trace","version":1,/)
  })

  it('tells on standard error what it read and what it made of it, and the trace alone on standard output', async () => {
    const { stdout, stderr } = await pinscope(['trace', 'convert', SCRIPT, '-o', '-'])
    expect(stdout).toMatch(/^# pinscope-trace 1\n# layout L0 aligned\n/)
    expect(stderr).toContain('layout        L0, addresses assumed: aligned')
    expect(stderr).toContain('8 rows to standard output (csv, ')
    expect(stderr).toContain('9 lines or records, 8 rows made')
  })

  it('--json: the report, with the trace in a file', async () => {
    const { stdout, stderr } = await pinscope(['trace', 'convert', SCRIPT, '-o', at('r.arrow'), '--json', '-q'])
    expect(stderr).toBe('')
    const bytes = readFileSync(at('r.arrow')).length
    expect(JSON.parse(stdout)).toMatchObject({
      files: [
        {
          input: SCRIPT,
          inputFormat: 'jsonl',
          output: { format: 'arrow', compression: null, rows: 8, bytes, layout: { level: 'L0', assumed: 'aligned' } },
          mix: { reads: 3, writes: 2, otherRows: 3, bytesRead: 16484, bytesWritten: 2048, spanNs: 7000 },
          imported: { format: 'jsonl', rows: 8 },
        },
      ],
    })
  })

  it('several traces go to a folder', async () => {
    mkdirSync(at('out'))
    const { status } = await pinscope(['trace', 'convert', SQLITE, SCRIPT, '-o', at('out'), '--to', 'csv.zst', '-q'])
    expect(status).toBe(0)
    expect(readdirSync(at('out')).sort()).toEqual(['jsonl-script.csv.zst', 'sqlite3.csv.zst'])
    expect(await asText(at('out/sqlite3.csv.zst'))).toBe(await asText(SQLITE))
  })

  it('reads standard input, and can be read by what follows', async () => {
    const { stdout } = await pinscope(['trace', 'convert', '-', '-q', '--to', 'jsonl'], {
      stdin: readFileSync(join(ROOT, SQLITE)),
    })
    expect(stdout).toBe(await asText(SQLITE))
  })

  it('--sort puts rows in order that stand far from it', async () => {
    const line = (ts: number) => `{"ts":${ts},"op":"read","len":512}\n`
    const late = `${Array.from({ length: 5000 }, (_, row) => line(row + 10)).join('')}${line(1)}`
    writeFileSync(at('late.jsonl'), late)
    const refused = await pinscope(['trace', 'convert', at('late.jsonl'), '-o', at('late.csv'), '-q'])
    expect(refused.status).toBe(2)
    expect(refused.stderr).toContain('trace convert --sort')
    expect(existsSync(at('late.csv'))).toBe(false)
    await pinscope(['trace', 'convert', '--sort', at('late.jsonl'), '-o', at('late.csv'), '-q'])
    expect(readFileSync(at('late.csv')).toString().split('\n')[3]).toMatch(/^1,/)
  })
})

describe('the layout, which only the last rows may tell', () => {
  const addressed = Array.from({ length: 5000 }, (_, row) => `{"ts":${row},"op":"read","segs":["0x1000+512"]}\n`).join(
    '',
  )
  const mixed = `${addressed}{"ts":9000,"op":"read","len":512}\n`

  it.each(['m.csv', 'm.csv.gz', 'm.jsonl.zst', 'm.arrow', 'm.arrows.zst'])(
    '%s is put right at the end',
    async (name) => {
      writeFileSync(at('mixed.jsonl'), mixed)
      const { status, stderr } = await pinscope(['trace', 'convert', at('mixed.jsonl'), '-o', at(name), '-q'])
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      const text = await asText(at(name))
      // Not toMatch: a message with all of it is of no use.
      expect(text.split('\n')[0]).toBe('{"format":"pinscope-trace","version":1,"layout":"L0 aligned"}')
      expect(text.trimEnd().split('\n').length).toBe(1 + 5001)
      expect(readdirSync(folder).filter((file) => file.endsWith('.tmp'))).toEqual([])
    },
  )

  it('on standard output it is too late', async () => {
    const { status, stderr } = await pinscope(['trace', 'convert', '-', '-q'], { stdin: mixed })
    expect(status).toBe(2)
    expect(stderr).toBe(
      'pinscope: the header that was written is wrong: behind the first rows there are some of level L0\nWrite to a file (-o FILE): its header is put right at the end.\n',
    )
  })
})

describe('what convert refuses', () => {
  it.each<[string, readonly string[], string]>([
    ['a name without a format', [SQLITE, '-o', 'x.txt'], '-o x.txt: its name does not tell a format\n'],
    ['a format that is none', [SQLITE, '--to', 'parquet'], '--to parquet: expected csv, jsonl, arrow, arrow-stream\n'],
    ['several traces for one file', [SQLITE, SCRIPT, '-o', 'x.csv'], 'several traces need a folder to be written to\n'],
    ['a folder without a format', [SQLITE, '-o', 'traces'], '-o traces is a folder: its name does not tell a format\n'],
    [
      'JSON and the trace in one place',
      [SQLITE, '--json', '-o', '-'],
      '--json and the trace both go to standard output\n',
    ],
    [
      'a folder that is not there',
      [SQLITE, '-o', 'nowhere/x.csv'],
      'cannot write nowhere/x.csv: there is no folder nowhere\n',
    ],
  ])('%s', async (_, args, message) => {
    const { status, stderr } = await pinscope(['trace', 'convert', ...args])
    expect(status).toBe(2)
    expect(stderr.split('\n')[0]).toBe(`pinscope: ${message.trimEnd()}`)
  })

  it('a trace with a fault: neither the file nor a part of it is there', async () => {
    const text = readFileSync(join(ROOT, SQLITE)).toString().trimEnd()
    const { status, stderr } = await pinscope(['trace', 'convert', '-', '-o', at('bad.csv.gz')], {
      stdin: `${text}\nx\n`,
    })
    expect(status).toBe(2)
    expect(stderr).toContain('-:')
    expect(readdirSync(folder).filter((file) => file.includes('bad'))).toEqual([])
  })
})

describe('compressed', () => {
  it('zstd is frames of four MiB, one behind the other', async () => {
    const bytes = Buffer.alloc(9_000_000)
    for (let index = 0; index < bytes.length; index++) bytes[index] = (index * index) >> 7
    async function* pieces() {
      for (let from = 0; from < bytes.length; from += 100_001) yield bytes.subarray(from, from + 100_001)
    }
    // Twice: the second must not begin the compressor anew.
    for (let time = 1; time <= 2; time++) {
      const chunks: Uint8Array[] = []
      for await (const chunk of compressed(pieces(), 'zstd')) chunks.push(chunk)
      expect(chunks.length).toBe(3)
      expect(Buffer.concat(chunks.map((chunk) => decompress(chunk))).equals(bytes)).toBe(true)
    }
  })
})
