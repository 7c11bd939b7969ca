import { existsSync } from 'node:fs'
import { arch, homedir, release, version } from 'node:os'
import { join } from 'node:path'
import type { AuditFlags } from '../services/audit-command.ts'
import type { ConsumerSource } from '../services/consumer-source.ts'
import type { ReplayFlags } from '../services/replay-command.ts'
import { type PlainWords, plainWords } from './plain-words.ts'
import { DIRECT_COMMANDS, type DirectCommand, type OwnPackage, readNotes, readPackage } from './start-notes.ts'

/** Only where the folders are as on Linux and macOS, and the platform is what Node says: oclif knows the others. */
const PLATFORMS: readonly string[] = ['linux', 'darwin']

/**
 * The direct way: `--version`, and a plain `replay` or `audit`, without oclif, which takes longer to load than a short trace to replay.
 * True when the command line was one of these and has been run. False, with nothing done, for everything else, and wherever
 * something could make a difference: a plugin that the user installed or gives, a setting in the environment, a command line
 * that is wrong or says more than it must. `root`: the folder of our package.
 */
export async function directStart(argv: readonly string[], root: URL): Promise<boolean> {
  const [first, ...words] = argv
  const command = DIRECT_COMMANDS.find((name) => name === first)
  if (first !== '--version' && command === undefined) return false
  if (!PLATFORMS.includes(process.platform) || isSet(process.env) || hasUserPlugins(process.env)) return false
  const own = readPackage(root)
  return command === undefined ? printVersion(own) : runDirectly(command, words, own, root)
}

/** Settings of oclif: where it looks for plugins, what it prints of itself. */
function isSet(env: NodeJS.ProcessEnv): boolean {
  return env.DEBUG !== undefined || Object.keys(env).some((name) => name.startsWith('PINSCOPE_'))
}

/** oclif lists what the user installed or linked in its data folder. */
function hasUserPlugins(env: NodeJS.ProcessEnv): boolean {
  const data = env.XDG_DATA_HOME || join(env.HOME || homedir(), '.local/share')
  return existsSync(join(data, 'pinscope', 'package.json'))
}

/** What oclif prints. Under WSL it prints another platform. */
function printVersion(own: OwnPackage): boolean {
  const isWsl = /microsoft/i.test(release() + version()) || existsSync('/run/WSL')
  if (isWsl) return false
  process.stdout.write(`${own.name}/${own.version} ${process.platform}-${arch()} node-${process.version}\n`)
  return true
}

async function runDirectly(
  command: DirectCommand,
  words: readonly string[],
  own: OwnPackage,
  root: URL,
): Promise<boolean> {
  const notes = readNotes(root, own)
  const plain = notes === null ? null : plainWords(words, notes.flags[command])
  if (notes === null || plain === null || plain.args.length === 0 || 'plugin' in plain.flags) return false
  const [run, { OwnPlugins }] = await Promise.all([RUN[command](), import('../services/own-plugins.ts')])
  await run(new OwnPlugins(notes.plugins), plain)
  return true
}

type Run = (source: ConsumerSource, plain: PlainWords) => Promise<void>

/** Each command, loaded. The notes are made of the flags that oclif parses: the same names, the same kinds of values. */
const RUN: Readonly<Record<DirectCommand, () => Promise<Run>>> = {
  replay: async () => {
    const { replayCommand } = await import('../services/replay-command.ts')
    return (source, { args, flags }) => replayCommand(source, args, flags as unknown as ReplayFlags)
  },
  audit: async () => {
    const { auditCommand } = await import('../services/audit-command.ts')
    return (source, { args, flags }) => auditCommand(source, args, flags as unknown as AuditFlags)
  },
}
