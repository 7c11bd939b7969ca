import { existsSync, readFileSync } from 'node:fs'

/** A flag that takes its value, if any, as it was typed. */
export interface NotedFlag {
  readonly takesValue: boolean
  /** Its letter; empty when it has none. */
  readonly char: string
  /** May be repeated. */
  readonly multiple: boolean
  /** Null when there is none. */
  readonly default: string | boolean | null
}

/** A plugin that comes with the command: one that brings consumers and nothing else, or that nobody asks for anything. */
export interface NotedPlugin {
  readonly name: string
  /** File of its hook `pinscope:register`, from its folder; empty when it has none. */
  readonly hook: string
  /** Names of the consumers that the hook returns. */
  readonly consumers: readonly string[]
}

/** The commands that have a direct way. */
export const DIRECT_COMMANDS = ['replay', 'audit'] as const
export type DirectCommand = (typeof DIRECT_COMMANDS)[number]

/** What they must know before they load anything. `scripts/manifest.mjs` writes it at each build, as oclif.manifest.json. */
export interface StartNotes {
  readonly flags: Readonly<Record<DirectCommand, Readonly<Record<string, NotedFlag>>>>
  readonly plugins: readonly NotedPlugin[]
}

/** What the direct way looks at in our package.json. */
export interface OwnPackage {
  readonly name: string
  readonly version: string
  readonly oclif: { readonly plugins?: readonly string[] }
}

/** Our package.json. `root`: the folder of our package. */
export function readPackage(root: URL): OwnPackage {
  return JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
}

/** The notes; null when there are none, or package.json lists a plugin that the build did not note. */
export function readNotes(root: URL, { oclif }: OwnPackage): StartNotes | null {
  const file = new URL('start-notes.json', root)
  if (!existsSync(file)) return null
  const notes: StartNotes = JSON.parse(readFileSync(file, 'utf8'))
  const noted = new Set(notes.plugins.map(({ name }) => name))
  return (oclif.plugins ?? []).every((name) => noted.has(name)) ? notes : null
}
