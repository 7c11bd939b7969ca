import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { BIN, plainEnv, ROOT, temporaryFolder } from './run.ts'

// What the command loads before it begins. Each file that Node finds, opens and compiles costs about as much as ten rows of
// a trace, a library more than a short replay: bench/RESULTS.md, "Starting".

const NOTE_MODULES = fileURLToPath(new URL('support/note-modules.mjs', import.meta.url))
const folder = temporaryFolder()
const run = promisify(execFile)

/** The modules that a command line loads, from the root of the repository, or from its package in node_modules. */
async function modulesOf(...args: string[]): Promise<string[]> {
  const notes = join(folder, 'notes.txt')
  writeFileSync(notes, '')
  await run(process.execPath, ['--import', NOTE_MODULES, BIN, ...args], {
    cwd: ROOT,
    env: plainEnv({ NOTE_MODULES: notes }),
  })
  const urls = new Set(readFileSync(notes, 'utf8').trim().split('\n'))
  return [...urls].map((url) =>
    fileURLToPath(url)
      .replace(ROOT, '')
      .replace(/^.*node_modules\//, ''),
  )
}

const isOf = (folder: string) => (module: string) => module.startsWith(`${folder}/`)

/** A row for each of these consumers; a row without a name goes to bio. */
function traceOf(name: string, ...consumers: string[]): string {
  const file = join(folder, name)
  const rows = consumers.map((consumer, i) => `${i}00,${i}50,read,0x10000+4096,${consumer}\n`)
  writeFileSync(file, `# pinscope-trace 1\nts,end,op,segs,consumer\n${rows.join('')}`)
  return file
}

describe('modules that are loaded', () => {
  it('--version: what was started, and the file that answers', async () => {
    expect(await modulesOf('--version')).toEqual(['packages/cli/bin/run.js', 'packages/cli/bundle/main.js'])
  })

  it('replay -c null: a dozen at most, no oclif, no plugin, no library', async () => {
    const modules = await modulesOf('replay', traceOf('null.csv', 'rds', ''), '-c', 'null')
    const own = /^packages\/(cli|core|scan)\//
    expect(modules.filter((module) => !own.test(module))).toEqual([])
    // Of the command: run.js, main, the replay, our plugins, the report, its table, and where rolldown puts one behind another.
    // Of core: its entry, and what is behind it.
    expect(modules.length).toBeLessThanOrEqual(12)
  })

  it('audit: the rules besides, and still no oclif, no library, no plugin that nobody asks for', async () => {
    const modules = await modulesOf('audit', traceOf('audit.csv', 'buffered', ''))
    const own = /^packages\/(cli|core|scan)\//
    expect(modules.filter((module) => !own.test(module))).toEqual([])
    expect(modules).toContain('packages/core/bundle/audit.js')
    expect(modules.length).toBeLessThanOrEqual(20)
  })

  it('replay: of plugins, those that have a consumer that a row names', async () => {
    const plain = await modulesOf('replay', traceOf('bio.csv', '', 'buffered'))
    expect(plain.filter((module) => /^packages\/plugin-/.test(module))).toEqual([])
    const named = await modulesOf('replay', traceOf('rds.csv', '', 'rds'))
    const plugins = named.filter((module) => /^packages\/plugin-/.test(module))
    expect(plugins.length).toBeGreaterThan(0)
    expect(plugins.filter((module) => !isOf('packages/plugin-rdma')(module))).toEqual([])
    // A plugin is two files: its hook, and everything else.
    expect(plugins.length).toBeLessThanOrEqual(2)
  })

  it('any other command: oclif, and none of the libraries that read and check', async () => {
    const modules = await modulesOf('consumers', '--json')
    const libraries = ['apache-arrow', 'zod', 'csv-parse', 'fzstd', '@bokuweb/zstd-wasm', 'cli-table3', 'typescript']
    expect(modules.filter((module) => libraries.some((library) => isOf(library)(module)))).toEqual([])
    expect(modules.filter(isOf('@oclif/core')).length).toBeGreaterThan(0)
    // The rules of an audit, the formats of others and the writers are parts of core that nobody asked for.
    expect(modules.filter(isOf('packages/core')).length).toBeLessThanOrEqual(2)
  })
})
