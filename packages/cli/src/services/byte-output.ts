import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { created, isSpecial, realPath } from './output.ts'

/** Where bytes go that come bit by bit. */
export interface ByteOutput {
  /** Writes, and waits while nobody takes them. */
  write(bytes: Uint8Array): Promise<void>
  /** All is written: a file stands in its place from now on. */
  commit(): void
  /** The bytes so far, as a file that can be read; null when they are gone. */
  readonly draft: string | null
  /** Begins a second draft, which takes the place of the first. */
  again(): void
}

/**
 * Standard output for null. For a file, claims a temporary one beside it at once; it is put in place by `commit`, and a run
 * that ends before leaves neither.
 */
export function openByteOutput(file: string | null): ByteOutput {
  if (file === null) return { write: writeStdout, commit: () => undefined, draft: null, again: () => undefined }
  const target = realPath(file)
  return isSpecial(file) ? deviceOutput(target) : fileOutput(file, target)
}

function writeStdout(bytes: Uint8Array): Promise<void> {
  if (process.stdout.write(bytes)) return Promise.resolve()
  return new Promise((resolve) => process.stdout.once('drain', resolve))
}

/** A device or a pipe (/dev/null, a shell's >(...)) must not be replaced by a file. */
function deviceOutput(target: string): ByteOutput {
  const fd = openSync(target, 'w')
  return {
    write: async (bytes) => writeAll(fd, bytes),
    commit: () => closeSync(fd),
    draft: null,
    again: () => undefined,
  }
}

function fileOutput(file: string, target: string): ByteOutput {
  const drafts = ['1', '2'].map((n) => join(dirname(target), `.${basename(target)}.${process.pid}.${n}.tmp`))
  let draft = drafts[0]!
  let fd = created(file, draft)
  const discard = () => {
    for (const one of drafts) rmSync(one, { force: true })
  }
  process.once('exit', discard)
  return {
    write: async (bytes) => writeAll(fd, bytes),
    commit: () => {
      closeSync(fd)
      renameSync(draft, target)
      discard()
      process.off('exit', discard)
    },
    get draft() {
      return draft
    },
    again: () => {
      closeSync(fd)
      draft = drafts[1]!
      fd = created(file, draft)
    },
  }
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}
