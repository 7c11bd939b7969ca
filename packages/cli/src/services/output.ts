import {
  closeSync,
  fstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { UsageError } from '@pinscope/core'

/** Where a result goes: standard output, or a file that is written whole or not at all. */
export interface Output {
  write(text: string): void
}

/** The file of `-o`; undefined, and for `-`: standard output. */
export function outputFile(flag: string | undefined): string | undefined {
  return flag === '-' ? undefined : flag
}

/**
 * Standard output for `undefined`. For a file, claims a temporary one beside it at once (so that a folder that is not
 * there is told before a long replay) and puts it in place when the text is complete; a run that ends before leaves
 * neither. `inputs`: names of what is read, none of which may be written over.
 */
export function openOutput(file: string | undefined, inputs: readonly string[]): Output {
  if (file === undefined) return { write: (text) => void process.stdout.write(text) }
  const target = realPath(file)
  // A device or a pipe (/dev/null, a shell's >(...)) must not be replaced by a file.
  if (isSpecial(file)) return { write: (text) => writeFileSync(target, text) }

  refuseInput(file, inputs)
  const temporary = join(dirname(target), `.${basename(target)}.${process.pid}.tmp`)
  closeSync(created(file, temporary))
  const discard = () => rmSync(temporary, { force: true })
  process.once('exit', discard)
  return {
    write: (text) => {
      writeFileSync(temporary, text)
      renameSync(temporary, target)
      process.off('exit', discard)
    },
  }
}

/** Makes the temporary file that a result is written to; a UsageError says why it cannot be made. */
export function created(file: string, temporary: string): number {
  try {
    return openSync(temporary, 'w')
  } catch (error) {
    throw notWritten(file, error)
  }
}

/** What is read is not written over: a report in the place of a trace is never meant. */
function refuseInput(file: string, inputs: readonly string[]): void {
  const target = statOf(file)
  if (target === undefined) return
  const input = inputs.find((name) => {
    const stat = name === '-' ? stdinStat() : statSync(name, { throwIfNoEntry: false })
    return stat?.dev === target.dev && stat.ino === target.ino
  })
  if (input === undefined) return
  throw new UsageError(`cannot write ${file}: it is what is read (${input})`, 'Choose another name for -o.')
}

/** Standard input may be a file too (`- < trace.csv`); undefined: there is none. */
function stdinStat(): Stats | undefined {
  try {
    return fstatSync(0)
  } catch {
    return undefined
  }
}

/** What the system says of a file that is to be written; undefined: it is not there. */
function statOf(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false })
  } catch (error) {
    throw notWritten(file, error)
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'a part of the path is not a folder',
  ENAMETOOLONG: 'the name is too long',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
}

function notWritten(file: string, error: unknown): UsageError {
  const { code = '', message } = error as NodeJS.ErrnoException
  const why = code === 'ENOENT' ? `there is no folder ${dirname(file)}` : (REASONS[code] ?? message)
  return new UsageError(`cannot write ${file}: ${why}`)
}

/** What a symbolic link points to: the link itself must stay. */
export function realPath(file: string): string {
  try {
    return realpathSync(file)
  } catch {
    return file
  }
}

/** A device or a pipe, which must not be replaced by a file. */
export function isSpecial(file: string): boolean {
  const stat = statOf(file)
  if (stat?.isDirectory()) throw new UsageError(`cannot write ${file}: it is a folder`)
  return stat !== undefined && !stat.isFile()
}
