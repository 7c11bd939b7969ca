import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { COLUMN_NAMES } from '../../src/trace/columns.ts'
import { EVENT_RULES } from '../../src/trace/event-rules.ts'
import { HEADER_KEYS } from '../../src/trace/header.ts'
import { EVENT_NAMES } from '../../src/trace/op-batch.ts'
import { headerDescriptions, traceJsonSchema, traceRowSchema } from '../../src/trace/schema.ts'
import { traceFormatMarkdown, withGeneratedParts } from '../../src/trace/trace-format-markdown.ts'

const CORE = fileURLToPath(new URL('../../', import.meta.url))
const PAGE = join(CORE, '../../docs/trace-format.md')

describe('the definition of the format', () => {
  it('the shipped JSON Schema is the one of schema.ts (npm test -- -u writes it anew)', async () => {
    const text = `${JSON.stringify(traceJsonSchema(), null, 2)}\n`
    await expect(text).toMatchFileSnapshot('../../schema/pinscope-trace-1.schema.json')
  })

  it('docs/trace-format.md is up to date (npm test -- -u writes it anew)', async () => {
    const page = readFileSync(PAGE, 'utf8')
    for (const name of Object.keys(traceFormatMarkdown())) expect(page).toContain(`<!-- generated: ${name} -->`)
    await expect(withGeneratedParts(page)).toMatchFileSnapshot(PAGE)
  })

  it('the JSON Schema accepts a row and refuses a wrong one', () => {
    const validate = new Ajv2020({ strict: false }).compile(traceJsonSchema())
    const trace = (row: object) => ({ header: { version: 1, kernel: '6.18', title: 'x' }, rows: [row] })
    expect(validate(trace({ ts: 0, op: 'read', segs: ['0x1000+512'], flags: ['direct', 'order=9'], x_y: '1' }))).toBe(
      true,
    )
    expect(validate(trace({ ts: 0, op: 'raed' }))).toBe(false)
    expect(validate(trace({ op: 'read' }))).toBe(false)
    expect(validate(trace({ ts: 0.5 }))).toBe(false)
    expect(validate({ header: { version: 2 }, rows: [] })).toBe(false)
  })

  it('names every column and every known header key once', () => {
    const shape = Object.keys((traceRowSchema as unknown as { shape: object }).shape)
    expect(shape).toEqual([...COLUMN_NAMES])
    expect(Object.keys(headerDescriptions())).toEqual(['version', ...HEADER_KEYS])
  })

  it('has one rule an event, in the order of the codes', () => {
    expect(EVENT_RULES.map(({ event }) => event)).toEqual([...EVENT_NAMES])
  })
})

describe('what opening a trace loads', () => {
  it('neither zod nor csv-parse, fzstd or node:zlib', () => {
    for (const entry of ['open-trace.ts', 'trace-info.ts', 'trace-error.ts', 'op-batch.ts']) {
      const modules = loadedBy(join(CORE, 'src/trace', entry))
      expect(modules.size).toBeGreaterThan(0)
      expect([...modules].filter((module) => !module.startsWith('/'))).toEqual([])
    }
  })

  it('would find them', () => {
    expect([...loadedBy(join(CORE, 'src/trace/schema.ts'))]).toContain('zod')
    expect([...loadedBy(join(CORE, 'src/trace/formats/quoted-csv.ts'))]).toContain('csv-parse/sync')
  })
})

/** Every module that a file imports at load time, over and over: paths, and names of libraries. */
function loadedBy(path: string, seen = new Set<string>()): Set<string> {
  if (seen.has(path)) return seen
  seen.add(path)
  const source = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest)
  for (const statement of source.statements) {
    const imports = ts.isImportDeclaration(statement) && statement.importClause?.isTypeOnly !== true
    const reexports = ts.isExportDeclaration(statement) && !statement.isTypeOnly
    if (!imports && !reexports) continue
    const target = (statement.moduleSpecifier as ts.StringLiteral | undefined)?.text
    if (target === undefined) continue
    if (target.startsWith('.')) loadedBy(join(dirname(path), target), seen)
    else seen.add(target)
  }
  return seen
}
