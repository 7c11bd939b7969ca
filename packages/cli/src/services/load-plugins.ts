import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Plugin } from '@oclif/core/config'
import type { Config } from '@oclif/core/interfaces'
import { PluginError, Registry, UsageError } from '@pinscope/core'
import type { ConsumerSource } from './consumer-source.ts'

/** The hook that a plugin package lists in its package.json under `oclif.hooks`. */
export const REGISTER_HOOK = 'pinscope:register'

/** A hook that has not answered by then is broken. */
const HOOK_TIMEOUT_MS = 10_000

/**
 * Every consumer there is: the built-in ones, those of the plugins that oclif found, those of `--plugin` folders. oclif
 * swallows what goes wrong in a hook and only warns of a plugin that it cannot load; here each of these is a PluginError,
 * which names the package and exits with 3.
 */
export async function loadPlugins(config: Config, folders: readonly string[] = []): Promise<Registry> {
  await refusePluginsLeftOut(config)
  const linked = []
  for (const folder of folders) linked.push(await linkFolder(config, folder))
  const results = await runRegisterHook(config)
  refuseSilentHooks(config, results)

  const registry = new Registry()
  for (const { plugin, result } of inFixedOrder(results.successes, linked)) register(registry, plugin.name, result)
  return registry
}

/** {@link loadPlugins} for a replay: everything at once. */
export function oclifPlugins(config: Config, folders: readonly string[] = []): ConsumerSource {
  const spec = { kind: 'oclif', root: config.root, folders } as const
  return { spec, load: () => loadPlugins(config, folders), watch: (trace) => trace }
}

type HookResults = Awaited<ReturnType<typeof runRegisterHook>>

async function runRegisterHook(config: Config) {
  // oclif's own timer does not keep the process alive: a hook that never answers would end it without a word.
  const alive = setTimeout(() => undefined, HOOK_TIMEOUT_MS * 2)
  try {
    const results = await config.runHook(REGISTER_HOOK, {}, HOOK_TIMEOUT_MS, true)
    const [failure] = inFixedOrder(results.failures, [])
    if (failure !== undefined)
      throw new PluginError(failure.plugin.name, problemOf(failure.error), { cause: failure.error })
    return results
  } finally {
    clearTimeout(alive)
  }
}

function problemOf(error: unknown): string {
  if (error instanceof Error && /^Timed out after/.test(error.message)) {
    return `its hook ${REGISTER_HOOK} did not answer within ${HOOK_TIMEOUT_MS / 1000} s`
  }
  return `its hook ${REGISTER_HOOK} failed: ${messageOf(error)}`
}

/** A hook file without a function neither fails nor succeeds in oclif. */
function refuseSilentHooks(config: Config, { successes }: HookResults): void {
  for (const plugin of config.getPluginsList()) {
    const hooks = plugin.hooks[REGISTER_HOOK] ?? []
    if (successes.filter((success) => success.plugin === plugin).length < hooks.length) {
      throw new PluginError(plugin.name, `its hook ${REGISTER_HOOK} (${hooks[0]?.target}) exports no function`)
    }
  }
}

function register(registry: Registry, packageName: string, registration: unknown): void {
  try {
    registry.register(packageName, registration)
  } catch (error) {
    if (error instanceof PluginError) throw error
    throw new PluginError(packageName, `what its hook returned cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** oclif loads plugins in parallel. Sorted, so that of two packages with one name it is always the same that is blamed. */
function inFixedOrder<T extends { readonly plugin: { readonly name: string } }>(
  results: readonly T[],
  last: readonly string[],
): T[] {
  const rank = ({ plugin }: T) => last.indexOf(plugin.name)
  return [...results].sort((a, b) => rank(a) - rank(b) || (a.plugin.name < b.plugin.name ? -1 : 1))
}

/** Adds the plugin in a folder to oclif's, as `plugins link` would, for this run. Returns its package name. */
async function linkFolder(config: Config, folder: string): Promise<string> {
  const root = resolve(folder)
  if (!existsSync(join(root, 'package.json'))) {
    throw new UsageError(`--plugin ${folder}: no package.json there`, 'Give the folder of a plugin package.')
  }
  const plugin = await load(folder, { root, type: 'link' })
  if (plugin.hooks[REGISTER_HOOK] === undefined) {
    throw new PluginError(plugin.name, `its package.json has no hook "${REGISTER_HOOK}" under oclif.hooks`)
  }
  // A folder with the name of a loaded package stands in for it: that is how one tries a changed plugin.
  config.plugins.set(plugin.name, plugin)
  return plugin.name
}

async function load(name: string, options: ConstructorParameters<typeof Plugin>[0]): Promise<Plugin> {
  try {
    const plugin = new Plugin(options)
    await plugin.load()
    return plugin
  } catch (error) {
    throw new PluginError(name, `it could not be loaded: ${messageOf(error)}`, { cause: error })
  }
}

/** Plugins that should be there and are not: oclif has warned and gone on. Loading them again tells why. */
async function refusePluginsLeftOut(config: Config): Promise<void> {
  const loaded = new Set(config.getPluginsList().flatMap((plugin) => [plugin.name, plugin.alias]))
  for (const expected of expectedPlugins(config)) {
    if (loaded.has(expected.name)) continue
    await load(expected.name, expected)
    throw new PluginError(expected.name, 'oclif left it out')
  }
}

interface ExpectedPlugin {
  readonly name: string
  readonly root: string
  readonly type: string
}

/** What our package.json lists, and what the user installed or linked (the package.json in oclif's data folder). */
function expectedPlugins(config: Config): ExpectedPlugin[] {
  const core = (config.pjson.oclif.plugins ?? []).filter((name) => name in (config.pjson.dependencies ?? {}))
  const userFile = join(config.dataDir, 'package.json')
  return [
    ...core.map((name) => ({ name, root: config.root, type: 'core' })),
    ...userPlugins(userFile).map(({ name, type, root }) => ({ name, type, root: root ?? userFile })),
  ]
}

function userPlugins(file: string): { name: string; type: string; root?: string }[] {
  if (!existsSync(file)) return []
  try {
    const { oclif } = JSON.parse(readFileSync(file, 'utf8'))
    return (oclif?.plugins ?? []).filter(({ type }: { type: string }) => type === 'user' || type === 'link')
  } catch (error) {
    throw new UsageError(`${file} cannot be read: ${messageOf(error)}`, 'It lists the plugins that you installed.')
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
