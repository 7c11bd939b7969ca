// Bundles the JavaScript of every package into packages/*/bundle: a few files where dist has hundreds, because Node takes
// longer to find and open a small module than to run it. Types and dist, module by module, stay what tsc makes of them.
// What a package imports from others stays an import, so that all share one copy of @pinscope/core; but for a small library
// of a dozen files that most replays need.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const packages = fileURLToPath(new URL('../packages/', import.meta.url))

/** Modules of the command that are loaded by path: by bin/run.js, and by oclif, which looks into folders. */
const CLI_ENTRIES = ['main', 'jobs-worker', ...filesBelow('cli', 'commands'), ...filesBelow('cli', 'hooks')]

/** What is loaded together, and so is one file: a module with all that it imports at once, but for what is in one above. */
const TOGETHER = {
  core: ['index'],
  cli: ['services/did-you-mean', 'services/replay-command', 'render/table', 'render/report'],
}

/** Libraries that go into a bundle: that of tables, and what it needs to know how wide a text is. */
const INSIDE = ['cli-table3', 'string-width', 'strip-ansi', 'ansi-regex', 'is-fullwidth-code-point', 'emoji-regex']

for (const folder of readdirSync(packages)) {
  const entries = folder === 'cli' ? CLI_ENTRIES : namedEntries(folder)
  if (entries.length > 0) await bundle(folder, entries)
}

/** Modules that a package.json names, for those who import the package and for oclif. */
function namedEntries(folder) {
  const file = join(packages, folder, 'package.json')
  const named = existsSync(file) ? readFileSync(file, 'utf8').matchAll(/"\.\/bundle\/([^"]+)\.js"/g) : []
  return [...named].map(([, entry]) => entry)
}

async function bundle(folder, entries) {
  const source = (entry) => join(packages, folder, 'src', `${entry}.ts`)
  const made = await rolldown({
    input: Object.fromEntries(entries.map((entry) => [entry, source(entry)])),
    external: (id) => !id.startsWith('.') && !isAbsolute(id) && !INSIDE.includes(id),
    platform: 'node',
  })
  const together = TOGETHER[folder] ?? []
  const groups = together.map((module, at) => ({
    name: basename(module),
    test: (id) => id === source(module),
    priority: together.length - at,
  }))
  const { output } = await made.generate({
    format: 'esm',
    chunkFileNames: 'parts/[name]-[hash].js',
    codeSplitting: { groups },
  })
  await made.close()
  write(join(packages, folder, 'bundle'), [...output, ...licencesOf(output)])
}

/** Whoever copies a library copies its licence. */
function licencesOf(output) {
  const modules = output.flatMap((chunk) => Object.keys(chunk.modules))
  const roots = new Set(modules.map((id) => /^.*\/node_modules\/(@[^/]+\/)?[^/]+\//.exec(id)?.[0]).filter(Boolean))
  const texts = [...roots].sort().map((root) => {
    const licence = readdirSync(root).find((name) => /^licen[cs]e/i.test(name))
    return `${basename(root)}\n\n${readFileSync(join(root, licence), 'utf8')}`
  })
  return texts.length === 0 ? [] : [{ fileName: 'LICENCES.txt', code: texts.join('\n\n'), isEntry: false }]
}

/** Whole files, entries last, and what an earlier build left goes after them: the command may be running meanwhile. */
function write(dir, output) {
  const files = [...output].sort((a, b) => Number(a.isEntry) - Number(b.isEntry))
  for (const { fileName, code } of files) {
    const file = join(dir, fileName)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(`${file}.tmp`, code)
    renameSync(`${file}.tmp`, file)
  }
  const kept = new Set(files.map(({ fileName }) => join(dir, fileName)))
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name)
    if (entry.isFile() && !kept.has(file) && !file.endsWith('.tmp')) rmSync(file)
  }
}

/** Modules of a folder of a package's src, as entries: `commands/trace/info`. */
function filesBelow(folder, below) {
  const src = join(packages, folder, 'src')
  return readdirSync(join(src, below), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(src, join(entry.parentPath, entry.name)).split(sep).join('/').slice(0, -'.ts'.length))
}
