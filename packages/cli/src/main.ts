import { directStart } from './direct/direct-start.ts'

/**
 * Runs one command line. Whatever goes wrong, in oclif or in a command, comes out here and becomes one message and one
 * exit status. oclif's own `execute` is not used: it exits with 1 where we promise 2, 3 or 130. `bin`: the file that was started.
 */
export async function main(argv: string[], bin: string): Promise<void> {
  exitOnSignals()
  exitWhenNobodyReads()
  // A fault outside any promise we await (a plugin's timer, say) must not exit with 1: that means "a gate failed".
  process.once('uncaughtException', (error) => void fail(error, argv).then(() => process.exit()))
  try {
    if (await directStart(argv, new URL('..', bin))) return
    // Commands and plugins run as they are built, whatever NODE_ENV says: no search for TypeScript sources.
    const { settings } = await import('@oclif/core/settings')
    settings.enableAutoTranspile = false
    const { run } = await import('@oclif/core/run')
    await run(argv, bin)
  } catch (error) {
    await fail(error, argv)
  }
}

async function fail(error: unknown, argv: readonly string[]): Promise<void> {
  const { reportFailure } = await import('./services/failure.ts')
  process.exitCode = reportFailure(error, argv)
}

/** Ctrl-C: whoever has something to tidy up does it in its own `exit` listener, then one line says what happened. */
function exitOnSignals(): void {
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      process.once('exit', () => process.stderr.write('pinscope: interrupted, nothing was written\n'))
      process.exit(status)
    })
  }
}

/**
 * `pinscope replay ... | head`: the reader has seen enough. As ripgrep does, stop without a word. The status is the one
 * decided before the first line was printed (0, or 1 when a gate failed), so that `pipefail` still sees a failed gate.
 */
function exitWhenNobodyReads(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit()
      if (stream === process.stdout) process.stderr.write(`pinscope: cannot write standard output: ${error.message}\n`)
      process.exit(2)
    })
  }
}
