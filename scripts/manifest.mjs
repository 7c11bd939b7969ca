// Writes oclif.manifest.json beside the package.json of the CLI and of every plugin: what oclif needs to know of the
// commands without loading them. Made with @oclif/core itself; the `oclif` tool would bring the AWS SDK along.
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const packages = fileURLToPath(new URL('../packages/', import.meta.url))
const require = createRequire(join(packages, 'cli', 'package.json'))
const { Plugin } = await import(pathToFileURL(require.resolve('@oclif/core/config')).href)
const { settings } = await import(pathToFileURL(require.resolve('@oclif/core/settings')).href)
settings.enableAutoTranspile = false

for (const folder of readdirSync(packages)) {
  const root = join(packages, folder)
  if (!existsSync(join(root, 'package.json'))) continue
  if (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).oclif === undefined) continue
  const file = join(root, 'oclif.manifest.json')
  const plugin = new Plugin({ root, type: 'core', ignoreManifest: true, errorOnManifestCreate: true })
  await plugin.load()
  // Whole or not at all: a test may be running the command while this is built.
  writeFileSync(`${file}.tmp`, `${JSON.stringify(plugin.manifest, null, 2)}\n`)
  renameSync(`${file}.tmp`, file)
}
