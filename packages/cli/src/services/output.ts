import { closeSync, openSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { UsageError } from '@pinscope/core'

/** Where a result goes: standard output, or a file that is written whole or not at all. */
export interface Output {
  write(text: string): void
}

/**
 * Standard output for `undefined`. For a file, claims a temporary one beside it at once (so that a folder that is not
 * there is told before a long replay) and puts it in place when the text is complete; a run that ends before leaves
 * neither.
 */
export function openOutput(file: string | undefined): Output {
  if (file === undefined) return { write: (text) => void process.stdout.write(text) }
  const target = realPath(file)
  // A device or a pipe (/dev/null, a shell's >(...)) must not be replaced by a file.
  if (isSpecial(file, target)) return { write: (text) => writeFileSync(target, text) }

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
    const { code, message } = error as NodeJS.ErrnoException
    const why =
      code === 'ENOENT' ? `there is no folder ${dirname(file)}` : code === 'EACCES' ? 'permission denied' : message
    throw new UsageError(`cannot write ${file}: ${why}`)
  }
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
export function isSpecial(file: string, target: string): boolean {
  const stat = statSync(target, { throwIfNoEntry: false })
  if (stat?.isDirectory()) throw new UsageError(`cannot write ${file}: it is a folder`)
  return stat !== undefined && !stat.isFile()
}
