import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { UsageError } from '@pinscope/core'
import { recordingOf } from './record-bpftrace-recording.ts'
import { type Watcher, watchProcess } from './record-bpftrace-watcher.ts'
import { readPins } from './record-pins.ts'
import type { Ended, Recorder } from './record-run.ts'

/** Stops itself, so that it is watched before it becomes the command. */
const STOPPED = ['-c', 'kill -STOP $$; exec "$@"', 'pinscope']
const POLL_MS = 20
/** A terminal tells the command as well: only what was not heard by then is passed on. */
const PASS_ON_MS = 300

/** Starts a command and has bpftrace watch it. `folder`: where what bpftrace prints is kept until the command has ended. */
export function startBpftrace(
  command: readonly string[],
  { pins, folder }: { readonly pins: boolean; readonly folder: string },
): Recorder {
  const spool = join(folder, `.pinscope-record.${process.pid}.tmp`)
  writeFileSync(spool, '')
  process.once('exit', () => rmSync(spool, { force: true }))
  const asked: NodeJS.Signals[] = []
  const before = pins ? readPins() : null
  const child = spawn('/bin/sh', [...STOPPED, ...command], { stdio: 'inherit' })
  const ended = follow(child, command, spool)
  const raw = async function* (): AsyncGenerator<Uint8Array> {
    const { status, signal } = await ended
    const after = pins ? readPins() : null
    const lines = createReadStream(spool)
    yield* recordingOf(lines, { command, status, signal, asked: asked[0] ?? null, before, after, folder })
  }
  return {
    ended,
    raw: Readable.from(raw(), { objectMode: false }),
    kill: (signal) => {
      asked.push(signal)
      setTimeout(() => child.kill(asked.length > 1 ? 'SIGKILL' : signal), PASS_ON_MS).unref()
    },
  }
}

async function follow(child: ChildProcess, command: readonly string[], spool: string): Promise<Ended> {
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
  const pid = child.pid!
  await stopped(pid)
  let watcher: Watcher
  try {
    watcher = await watchProcess(pid, spool)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
  child.kill('SIGCONT')
  const [code, signal] = await exit
  await watcher.stop()
  if ((code === 126 || code === 127) && !ran(pid, spool)) throw notRun(command[0] ?? '', code)
  if (signal === null) return { status: code ?? 0, signal: null }
  const { constants } = await import('node:os')
  const number = constants.signals[signal]
  return { status: 128 + number, signal: number }
}

/** Waits until the shell that is to become the command has stopped itself. */
async function stopped(pid: number): Promise<void> {
  const state = (): string => /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))?.[1] ?? ''
  for (let tries = 0; tries < 500 && state() !== 'T'; tries++) await sleep(POLL_MS)
}

/** The shell has become another program: a line says so. */
function ran(pid: number, spool: string): boolean {
  return new RegExp(`^P,\\d+,${pid},`, 'm').test(readFileSync(spool, 'latin1'))
}

function notRun(program: string, code: number): UsageError {
  if (code === 127) return new UsageError(`command not found: ${program}`, 'Check its name, or give its path.')
  return new UsageError(`cannot run ${program}`)
}
