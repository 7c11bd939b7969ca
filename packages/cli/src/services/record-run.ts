import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { PassThrough, type Readable } from 'node:stream'
import { UsageError } from '@pinscope/core'

/** How a recorded command ended. */
export interface Ended {
  /** Its exit status; 128 + the signal when one ended it, as a shell has it. */
  readonly status: number
  readonly signal: number | null
}

/** A recorder at work. */
export interface Recorder {
  /** When the command, and all that it started, has ended. Rejects when nothing can be recorded. */
  readonly ended: Promise<Ended>
  /** The recording; comes after `ended`. */
  readonly raw: Readable
  /** Passes on a signal that the user sent to us. */
  kill(signal: NodeJS.Signals): void
}

/** What to do about it, by the word that the recorder gives. */
const HINTS: Readonly<Record<string, string>> = {
  'not-found': 'Check its name, or give its path.',
  ptrace:
    'In a container, add the capability SYS_PTRACE. Else see /proc/sys/kernel/yama/ptrace_scope, which must not be 3. As root, --backend bpftrace needs no ptrace.',
  seccomp: 'The recorder stops the command at its I/O alone by a filter; a sandbox around it may forbid that.',
  kernel: 'Record on another machine: traces are read everywhere.',
  bits: 'Record a 64-bit build of it. `strace -f` records 32-bit programs, and pinscope reads what it writes.',
  pins: 'Run it as root, outside of containers that hide it, or leave --pins out.',
  pages: 'Run it as root, outside of containers that hide it, or leave --pages out.',
}

/** Starts the recorder on a command. `folder`: where it keeps what is not sorted yet. */
export function startRecorder(
  program: string,
  command: readonly string[],
  { pins, pages, folder }: { readonly pins: boolean; readonly pages: boolean; readonly folder: string },
): Recorder {
  const flags = [...(pins ? ['-p'] : []), ...(pages ? ['-k'] : []), '-c', '3', '-O', '4', '-t', folder]
  const child = spawn(program, [...flags, '--', ...command], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', 'pipe'],
  })
  // Node empties what nobody reads when a child ends: the recording must have a reader from the first.
  const raw = (child.stdio[4] as Readable).pipe(new PassThrough())
  return {
    ended: endOf(child, program),
    raw,
    kill: (signal) => void child.kill(signal),
  }
}

function endOf(child: ChildProcess, program: string): Promise<Ended> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(notStarted(program, error as NodeJS.ErrnoException)))
    const lines = createInterface({ input: child.stdio[3] as Readable })
    lines.on('line', (line) => {
      const [, word, rest = ''] = /^(\S+) ?(.*)$/.exec(line) ?? []
      if (word === 'ended') resolve(endedAs(rest))
      else if (word === 'refused') reject(refusal(rest))
      else if (word === 'left') tellLeft(Number(rest))
    })
    // Behind the lines: what has not been told by then never will be.
    lines.once('close', () => reject(new UsageError('the recorder ended without a word: nothing was recorded')))
  })
}

function endedAs(text: string): Ended {
  const [how, number] = text.split(' ')
  const value = Number(number)
  return how === 'signal' ? { status: 128 + value, signal: value } : { status: value, signal: null }
}

function refusal(text: string): UsageError {
  const [, reason = '', message = text] = /^(\S+) (.*)$/.exec(text) ?? []
  return new UsageError(message, HINTS[reason] ?? '')
}

function tellLeft(count: number): void {
  const those = count === 1 ? 'a task that it started is' : `${count} tasks that it started are`
  process.stderr.write(`the command has ended; ${those} still recorded. Ctrl-C ends them.\n`)
}

function notStarted(program: string, { code, message }: NodeJS.ErrnoException): UsageError {
  const hint =
    code === 'EACCES' ? 'Is the cache on a file system mounted noexec? XDG_CACHE_HOME names another folder for it.' : ''
  return new UsageError(`cannot run the recorder ${program}: ${code ?? message}`, hint)
}
