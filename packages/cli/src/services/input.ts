import { accessSync, constants, createReadStream, readdirSync, statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { type ByteSource, TraceError, UsageError } from '@pinscope/core'
import { didYouMean } from './did-you-mean.ts'
import { FileSource } from './file-source.ts'

/** A trace file that can be read, or standard input. */
export interface TraceInput {
  /** As the user typed it; `-` is standard input. */
  readonly name: string
  /** Bytes on disk; null when unknown (a pipe). */
  readonly sizeBytes: number | null
  readonly bytes: ByteSource
  /** Bytes taken so far, as they are on disk (compressed ones where the file is). */
  readBytes(): number
}

/** Names told on one line. */
const LISTED_MAX = 4

/**
 * Opens every input, so that a missing file is told before a long replay starts. Where several traces are named, folders
 * and files that end in .md or .json are passed over with a word on stderr: a shell's `traces/*` brings them.
 */
export function openInputs(names: readonly string[]): TraceInput[] {
  if (names.filter((name) => name === '-').length > 1) {
    throw new UsageError('standard input (-) can be read once only')
  }
  const traces = names.filter((name) => !isBesideTraces(name))
  if (traces.length < 2 || traces.length === names.length) return names.map(openInput)
  const others = names.filter(isBesideTraces)
  process.stderr.write(`passed over, no traces: ${listed(others)}\n`)
  return traces.map(openInput)
}

/** What `traces/*` brings besides traces: folders, pages to read, reports. Named alone it is an error, as anything else. */
function isBesideTraces(name: string): boolean {
  if (name === '-') return false
  return /\.(md|json)$/i.test(name) || (statSync(name, { throwIfNoEntry: false })?.isDirectory() ?? false)
}

function listed(names: readonly string[]): string {
  const shown = names.length <= LISTED_MAX ? names : names.slice(0, LISTED_MAX - 1)
  const rest = names.length - shown.length
  return `${shown.join(', ')}${rest === 0 ? '' : ` and ${rest} more`}`
}

/** Opens one input. A file that is missing, a folder, or not readable is a TraceError without a line. */
export function openInput(name: string): TraceInput {
  if (name === '-') return counted(name, () => process.stdin)
  const stat = fileStat(name)
  if (stat.isDirectory()) throw unreadable(name, 'is a folder', `Name the files: ${name.replace(/\/$/, '')}/*.csv`)
  if (!stat.isFile()) return counted(name, () => createReadStream(name))
  const bytes = new FileSource(name, (error) => readError(name, error))
  return { name, sizeBytes: stat.size, bytes, readBytes: () => bytes.readBytes }
}

function fileStat(name: string) {
  try {
    accessSync(name, constants.R_OK)
    return statSync(name)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') throw unreadable(name, 'no such file', neighbour(name))
    throw unreadable(name, reason(error), '')
  }
}

/** What is no regular file: a pipe, for example. */
function counted(name: string, open: () => AsyncIterable<Uint8Array>): TraceInput {
  let read = 0
  async function* bytes(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of open()) {
        read += chunk.length
        yield chunk
      }
    } catch (error) {
      throw readError(name, error)
    }
  }
  return { name, sizeBytes: null, bytes: bytes(), readBytes: () => read }
}

/** What the system reports becomes an error of the file. */
export function readError(name: string, error: unknown): unknown {
  return codeOf(error) === undefined ? error : unreadable(name, reason(error), '')
}

function neighbour(name: string): string {
  try {
    const guess = didYouMean(basename(name), readdirSync(dirname(name)))
    return guess === '' ? 'Check the path; - reads standard input.' : `D${guess.slice(1)}`
  } catch {
    return `There is no folder ${dirname(name)} either.`
  }
}

function unreadable(file: string, problem: string, hint: string): TraceError {
  return new TraceError({ file, line: 0, column: 0, problem, hint })
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  ENOTDIR: 'a part of the path is not a folder',
  EISDIR: 'is a folder',
  EIO: 'the device reports an I/O error',
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code
const reason = (error: unknown): string => REASONS[codeOf(error) ?? ''] ?? (error as Error).message
