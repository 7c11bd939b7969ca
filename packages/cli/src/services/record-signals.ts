const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

type Listener = (signal: NodeJS.Signals) => void

/**
 * Until the answer is called, signals that would end us are passed on: the command is to end, and what was recorded is to be
 * kept. A terminal sends Ctrl-C to the command and to the recorder too; the recorder knows both for one.
 */
export function passSignalsTo(kill: Listener): () => void {
  const before = SIGNALS.map((signal) => [signal, process.listeners(signal) as Listener[]] as const)
  for (const [signal, listeners] of before) replace(signal, listeners, [kill])
  return () => {
    for (const [signal, listeners] of before) replace(signal, [kill], listeners)
  }
}

/** The new ones first: a signal that nobody listens to for a moment is lost, even when it came before. */
function replace(signal: NodeJS.Signals, old: readonly Listener[], others: readonly Listener[]): void {
  for (const listener of others) process.on(signal, listener)
  for (const listener of old) process.removeListener(signal, listener)
}
