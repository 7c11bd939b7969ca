import { readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { packageSources, ROOT, type Source } from './sources.ts'

/**
 * Folders and files of packages/core/src from the left to the right: each may import itself and what stands to its left.
 * (DESIGN.md section 1, but report before replay: the replay builds the report.)
 */
const CORE_ORDER = [
  ['units', 'errno', 'invariant', 'grown', 'row-pool'],
  ['kernel'],
  ['memory'],
  ['iter'],
  ['extract'],
  ['ledger'],
  ['build'],
  ['lifetime'],
  ['consumer'],
  ['report'],
  ['replay'],
] as const

/** `trace` stands aside: it may import these, and only `replay` may import it. */
const TRACE_MAY_IMPORT = ['units', 'errno', 'invariant', 'grown', 'iter']

/** Plugins register formats where they register consumers: the registry knows what a format is, and loads none. */
const FORMAT_REGISTRIES = ['registry', 'plugin-formats'].map((file) => `packages/core/src/consumer/${file}.ts`)
const FORMAT_CONTRACT = 'packages/core/src/trace/import/trace-format.ts'

/** The public entry points of core, and the file that gathers them; they may import anything of core. */
const CORE_ENTRIES = ['index', 'audit', 'formats', 'schema', 'testing']

/** zod, csv-parse and apache-arrow take longer to load than a small trace to replay: only these may name them. */
const SLOW_LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  zod: [
    'report/audit-schema.ts',
    'report/bench-schema.ts',
    'report/report-schema.ts',
    'report/compare-schema.ts',
    'report/leaks-schema.ts',
    'trace/',
  ],
  'csv-parse': ['trace/'],
  'apache-arrow': ['trace/arrow/', 'trace/write/arrow-'],
}

/** Packages that may load the hazard rules: the command does so where it audits, and loads the bugs only when told to. */
const AUDITING = ['cli', 'plugin-bugs']

/** Built-in modules of Node that a pure library may use: decompression is not I/O. */
const CORE_NODE_MODULES = ['node:zlib', 'node:stream', 'node:util']

describe('who may import whom', () => {
  const sources = packageSources()

  it('finds the sources', () => {
    expect(sources.length).toBeGreaterThan(50)
  })

  it('holds in every file of packages/*/src', () => {
    expect(sources.flatMap((source) => importsOf(source).flatMap((target) => problems(source, target)))).toEqual([])
  })

  it('would find a forbidden import', () => {
    const found = (path: string, text: string) =>
      importsOf({ path, text }).flatMap((target) => problems({ path, text }, target)).length
    expect(found('packages/core/src/iter/a.ts', "import { L } from '../ledger/ledger.ts'")).toBe(1)
    expect(found('packages/core/src/iter/a.ts', "export type { L } from '../ledger/ledger.ts'")).toBe(1)
    expect(found('packages/core/src/trace/a.ts', "import { L } from '../memory/page-store.ts'")).toBe(1)
    expect(found('packages/core/src/replay/a.ts', "const x = await import('node:fs')")).toBe(1)
    expect(found('packages/plugin-a/src/a.ts', "import '@oclif/core'")).toBe(1)
    expect(found('packages/plugin-a/src/a.ts', "import '@pinscope/plugin-b'")).toBe(1)
    expect(found('packages/plugin-a/src/a.ts', "import '@pinscope/core/dist/units.js'")).toBe(1)
    expect(found('packages/cli/src/a.ts', "await import('@pinscope/plugin-vhost')")).toBe(1)
    expect(found('packages/cli/src/a.ts', "import { x } from '../../core/src/units.ts'")).toBe(1)
    expect(found('packages/core/src/report/a.ts', "import { z } from 'zod'")).toBe(1)
    expect(found('packages/core/src/report/a.ts', "import type { z } from 'zod'")).toBe(0)
    expect(found('packages/cli/src/a.ts', "import { x } from '@pinscope/core'")).toBe(0)
    expect(found('packages/core/src/ledger/a.ts', "import { x } from '../memory/page-store.ts'")).toBe(0)
    expect(found('packages/plugin-fs/src/a.ts', "import { x } from '@pinscope/core/audit'")).toBe(1)
    expect(found('packages/plugin-fs/src/a.ts', "import type { x } from '@pinscope/core/audit'")).toBe(0)
  })
})

interface Import {
  readonly target: string
  /** `import type`, `export type`: nothing is loaded. */
  readonly typeOnly: boolean
}

/** Every module that a file names, in `import`, `export from`, `import type`, `import()`. */
function importsOf({ path, text }: Source): Import[] {
  const typeOnly = new Set(
    ts.createSourceFile(path, text, ts.ScriptTarget.Latest).statements.flatMap((statement) => {
      if (ts.isImportDeclaration(statement) && statement.importClause?.isTypeOnly)
        return [statement.moduleSpecifier.pos]
      return ts.isExportDeclaration(statement) && statement.isTypeOnly ? [statement.moduleSpecifier?.pos ?? -1] : []
    }),
  )
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName, pos }) => ({
    target: fileName,
    // The position of the specifier includes the blank before it.
    typeOnly: [...typeOnly].some((start) => start <= pos && pos <= start + 2),
  }))
}

function problems(source: Source, { target, typeOnly }: Import): string[] {
  const [, folder = ''] = source.path.split('/')
  const problem = target.startsWith('.')
    ? relativeProblem(source, folder, target)
    : packageProblem(source, folder, target, typeOnly)
  return problem === null ? [] : [`${source.path} imports ${target}: ${problem}`]
}

function relativeProblem(source: Source, folder: string, target: string): string | null {
  const resolved = posix.join(posix.dirname(source.path), target)
  const own = `packages/${folder}/src/`
  if (!resolved.startsWith(own)) return 'leaves its package'
  if (!target.endsWith('.ts')) return 'has no .ts extension'
  if (folder !== 'core') return null
  const isContract = FORMAT_REGISTRIES.includes(source.path) && resolved === FORMAT_CONTRACT
  return isContract ? null : coreProblem(corePart(source.path), corePart(resolved))
}

/** `packages/core/src/iter/iov-iter.ts` is part of `iter`, `packages/core/src/units.ts` is `units`. */
function corePart(path: string): string {
  return path.split('/')[3].replace(/\.ts$/, '')
}

function coreProblem(from: string, to: string): string | null {
  if (from === to || CORE_ENTRIES.includes(from)) return null
  if (from === 'trace') return TRACE_MAY_IMPORT.includes(to) ? null : 'trace may not'
  if (to === 'trace') return from === 'replay' ? null : 'only replay may import trace'
  const rank = (part: string) => CORE_ORDER.findIndex((parts) => (parts as readonly string[]).includes(part))
  if (rank(from) === -1) return `"${from}" has no place in CORE_ORDER`
  if (rank(to) === -1) return `"${to}" has no place in CORE_ORDER`
  return rank(to) <= rank(from) ? null : `${to} does not stand to the left of ${from}`
}

function packageProblem(source: Source, folder: string, target: string, typeOnly: boolean): string | null {
  if (target.startsWith('node:')) return nodeProblem(folder, target)
  const name = target.split('/', target.startsWith('@') ? 2 : 1).join('/')
  if (/^@pinscope\/plugin-/.test(name)) return 'nobody imports a plugin by name'
  if (name === '@oclif/core' && folder !== 'cli') return 'only the CLI knows oclif'
  if (!(name in manifestOf(folder).dependencies)) return `${name} is not in its dependencies`
  if (name === '@pinscope/core' && !isPublicEntry(target)) return 'no public entry point of core'
  if (target === '@pinscope/core/audit' && !AUDITING.includes(folder) && !typeOnly)
    return 'every replay would load every rule'
  return folder === 'core' && !typeOnly ? libraryProblem(source, name) : null
}

function nodeProblem(folder: string, target: string): string | null {
  return folder === 'core' && !CORE_NODE_MODULES.includes(target) ? 'core is a pure library' : null
}

function libraryProblem({ path }: Source, name: string): string | null {
  const allowed = SLOW_LIBRARIES[name]
  const own = path.replace('packages/core/src/', '')
  return allowed === undefined || allowed.some((prefix) => own.startsWith(prefix)) ? null : 'loads too slowly here'
}

function isPublicEntry(target: string): boolean {
  return `.${target.slice('@pinscope/core'.length)}` in manifestOf('core').exports
}

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, unknown>>
}

function manifestOf(folder: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(ROOT, 'packages', folder, 'package.json'), 'utf8'))
  } catch {
    // The made-up packages of the self-test.
    return { dependencies: { '@pinscope/core': '', '@oclif/core': '' }, exports: {} }
  }
}
