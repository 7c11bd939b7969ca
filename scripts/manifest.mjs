// Writes oclif.manifest.json beside the package.json of the CLI and of every plugin: what oclif needs to know of the
// commands without loading them. Made with @oclif/core itself; the `oclif` tool would bring the AWS SDK along.
// And packages/cli/start-notes.json: what a replay or an audit needs to know of its flags and of our plugins without loading oclif or
// them (packages/cli/src/direct).
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const packages = fileURLToPath(new URL('../packages/', import.meta.url))
const require = createRequire(join(packages, 'cli', 'package.json'))
const { Plugin } = await import(pathToFileURL(require.resolve('@oclif/core/config')).href)
const { settings } = await import(pathToFileURL(require.resolve('@oclif/core/settings')).href)
settings.enableAutoTranspile = false
const { DIRECT_COMMANDS } = await import(new URL('../packages/cli/dist/direct/start-notes.js', import.meta.url).href)

/** Hooks that oclif runs around every command. */
const AROUND = ['init', 'preparse', 'prerun', 'postrun', 'finally']

for (const folder of readdirSync(packages)) {
  const root = join(packages, folder)
  if (!existsSync(join(root, 'package.json'))) continue
  if (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).oclif === undefined) continue
  const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true })
  await plugin.load()
  write(join(root, 'oclif.manifest.json'), plugin.manifest)
}
write(join(packages, 'cli', 'start-notes.json'), await startNotes())

/** Whole or not at all: a test may be running the command while this is built. */
function write(file, content) {
  writeFileSync(`${file}.tmp`, `${JSON.stringify(content, null, 2)}\n`)
  renameSync(`${file}.tmp`, file)
}

async function startNotes() {
  const { oclif } = require('./package.json')
  const commands = await Promise.all(DIRECT_COMMANDS.map(async (name) => [name, await notedFlags(name)]))
  const plugins = await Promise.all(oclif.plugins.map(notedPlugin))
  return { flags: Object.fromEntries(commands), plugins: plugins.filter((plugin) => plugin !== null) }
}

async function notedFlags(command) {
  const file = new URL(`cli/bundle/commands/${command}.js`, pathToFileURL(packages))
  const { flags } = (await import(file.href)).default
  return Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, notedFlag(command, name, flag)]))
}

/** A flag that uses more of oclif than the direct way knows cannot be noted: then that has to learn it first. */
function notedFlag(command, name, { type, char = '', multiple = false, ...rest }) {
  const { default: byDefault = null, multipleNonGreedy = false, allowNo = false, ...more } = rest
  const texts = ['summary', 'description', 'helpValue', 'input', 'name', 'parse']
  const others = Object.keys(more).filter((key) => !texts.includes(key))
  const isPlain = multiple === multipleNonGreedy && !allowNo && typeof byDefault !== 'function'
  if (!isPlain || others.length > 0) throw new Error(`--${name} of ${command}: packages/cli/src/direct cannot parse it`)
  return { takesValue: type === 'option', char, multiple, default: byDefault }
}

/** What a plugin brings, by its hook itself. Null when that is more than consumers: then it has to be loaded through oclif. */
async function notedPlugin(name) {
  const plugin = new Plugin({ name, root: join(packages, 'cli'), type: 'core' })
  await plugin.load()
  const [hook = null, ...more] = plugin.hooks['pinscope:register'] ?? []
  if (AROUND.some((around) => around in plugin.hooks) || more.length > 0) return null
  if (hook === null) return { name, hook: '', consumers: [] }
  const { default: register } = await import(pathToFileURL(join(plugin.root, hook.target)).href)
  const { apiVersion: _, consumers, ...others } = await register()
  const names = consumers.map((consumer) => consumer.name)
  return Object.keys(others).length > 0 ? null : { name, hook: hook.target, consumers: names }
}
