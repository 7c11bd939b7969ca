const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Until the answer is called, signals that would end us are passed on: the command is to end, and what was recorded is to be
 * kept. A terminal sends Ctrl-C to the command and to the recorder too; the recorder knows both for one.
 */
export function passSignalsTo(kill: (signal: NodeJS.Signals) => void): () => void {
  const before = SIGNALS.map((signal) => [signal, process.listeners(signal)] as const)
  for (const signal of SIGNALS) {
    process.removeAllListeners(signal)
    process.on(signal, kill)
  }
  return () => {
    for (const [signal, listeners] of before) {
      process.removeAllListeners(signal)
      for (const listener of listeners) process.once(signal, listener)
    }
  }
}
