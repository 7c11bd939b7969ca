import type { NotedFlag } from './start-notes.ts'

/** A command line as oclif parses it: arguments, and flags by name. */
export interface PlainWords {
  readonly args: readonly string[]
  readonly flags: Readonly<Record<string, string | boolean | readonly string[]>>
}

/**
 * Parses a command line on which nothing is in doubt: `--name value`, `--name=value`, `-n value`, `--switch`, arguments.
 * Null for anything else, right or wrong (`--help`, `--`, `-nvalue`, a value that begins with a dash, a flag that is unknown
 * or comes twice): what that means, or what to say about it, is left to oclif.
 */
export function plainWords(words: readonly string[], known: Readonly<Record<string, NotedFlag>>): PlainWords | null {
  const args: string[] = []
  const typed = new Map<string, string[]>()
  for (let at = 0; at < words.length; at++) {
    const word = words[at]
    if (isPlainValue(word)) {
      args.push(word)
      continue
    }
    const found = flagOf(word, known)
    if (found === null) return null
    const { name, joined } = found
    const { takesValue, multiple } = known[name]
    if (!takesValue && joined !== null) return null
    const value = takesValue ? (joined ?? words[++at]) : ''
    if (takesValue && !isPlainValue(value)) return null
    const values = typed.get(name) ?? []
    if (takesValue && !multiple && values.length > 0) return null
    typed.set(name, [...values, value])
  }
  return { args, flags: flagValues(known, typed) }
}

/** Not empty, and no flag; `-` is standard input. */
function isPlainValue(word: string | undefined): word is string {
  return word !== undefined && word !== '' && (word === '-' || !word.startsWith('-'))
}

/** The flag that a word names, and the value that is joined to it by `=`. */
function flagOf(
  word: string,
  known: Readonly<Record<string, NotedFlag>>,
): { name: string; joined: string | null } | null {
  if (/^-[^-]$/.test(word)) {
    const name = Object.keys(known).find((candidate) => known[candidate].char === word[1])
    return name === undefined ? null : { name, joined: null }
  }
  const [, name, joined = null] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? []
  return name !== undefined && Object.hasOwn(known, name) ? { name, joined } : null
}

function flagValues(
  known: Readonly<Record<string, NotedFlag>>,
  typed: ReadonlyMap<string, readonly string[]>,
): PlainWords['flags'] {
  const flags: Record<string, string | boolean | readonly string[]> = {}
  for (const [name, flag] of Object.entries(known)) {
    const values = typed.get(name)
    if (values === undefined) {
      if (flag.default !== null) flags[name] = flag.default
    } else {
      flags[name] = !flag.takesValue ? true : flag.multiple ? values : values[0]
    }
  }
  return flags
}
