import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { UsageError } from '@pinscope/core'

/** bpftrace at work. */
export interface Watcher {
  /** Ends it, when what the kernel has for it is told. */
  stop(): Promise<void>
}

const SCRIPT = fileURLToPath(new URL('../../recorder/bpftrace/record.bt', import.meta.url))
/** Events are on their way when the command has ended. */
const SETTLE_MS = 500
/** A signal that comes while bpftrace is busy is lost to it (0.17): it is sent until it is heard. */
const SIGNAL_MS = 200
/** Buffer of each CPU, in pages; the default of 64 loses events of a busy program. */
const BUFFER_PAGES = '1024'
/** Files and tasks that it remembers; the default is 4096. */
const MAP_KEYS = '100000'
const HINT =
  'bpftrace 0.17 or later is needed, root, and a kernel with BTF (/sys/kernel/btf/vmlinux). --backend ptrace needs none of these.'

/** Has bpftrace watch a process, and all that it starts; what it prints goes to a file. Resolves when it watches. */
export async function watchProcess(pid: number, spool: string): Promise<Watcher> {
  const env = { ...process.env, BPFTRACE_PERF_RB_PAGES: BUFFER_PAGES, BPFTRACE_MAP_KEYS_MAX: MAP_KEYS }
  // In a group of its own: Ctrl-C is for the command, and what it did last is still to be told.
  const child = spawn('bpftrace', ['-q', '-B', 'line', SCRIPT, String(pid)], {
    ...{ env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
  })
  let complaint = ''
  child.stderr!.on('data', (chunk) => (complaint += chunk))
  const file = createWriteStream(spool)
  const written = once(file, 'finish')
  const exit = once(child, 'exit')
  const isReady = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(failed((error as NodeJS.ErrnoException).code ?? error.message)))
    child.once('exit', () => reject(failed(complaint)))
    // The first thing it prints is that it is ready; it prints nothing before it watches.
    child.stdout!.once('data', () => resolve())
  })
  child.stdout!.pipe(file)
  const end = (): void => void child.kill('SIGKILL')
  process.once('exit', end)
  await isReady
  return {
    stop: async () => {
      await sleep(SETTLE_MS)
      const timer = setInterval(() => child.kill('SIGINT'), SIGNAL_MS)
      child.kill('SIGINT')
      if (child.exitCode === null && child.signalCode === null) await exit
      clearInterval(timer)
      process.off('exit', end)
      await written
    },
  }
}

function failed(complaint: string): UsageError {
  if (complaint === 'ENOENT') return new UsageError('bpftrace is not installed', `apt install bpftrace. ${HINT}`)
  // That it could not raise a limit is said each time, and is no reason.
  const lines = complaint.split('\n').filter((line) => line.trim() !== '' && !/RLIMIT_MEMLOCK|WARNING/.test(line))
  return new UsageError(`bpftrace does not run:\n  ${lines.slice(0, 6).join('\n  ')}`, HINT)
}
