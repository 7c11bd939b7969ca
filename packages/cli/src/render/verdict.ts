import type { Verdict } from '../services/gate.ts'
import { styled, type Terminal } from './terminal.ts'
import { counted, wrapped } from './text.ts'

const WORDS: Readonly<Record<Verdict['failed'][number]['gate'], (count: number) => string>> = {
  leak: (count) => counted(count, 'leak'),
  violation: (count) => counted(count, 'violation'),
  mismatch: (count) => counted(count, 'mismatch', 'mismatches'),
  error: (count) => `${counted(count, 'operation')} ended with an errno`,
}

/** `clean: nothing leaked, no violation` or `FAILED: 1 leak, 2 violations (exit 1)`. */
export function verdictLine(terminal: Terminal, { failed, passed, exitStatus, neverFreedBytes }: Verdict): string {
  const told = (tallies: Verdict['failed']) => tallies.map(({ gate, count }) => WORDS[gate](count)).join(', ')
  const unfreed = neverFreedBytes === 0 ? '' : `; ${counted(neverFreedBytes, 'byte')} allocated and never freed`
  const aside = `${unfreed}${passed.length === 0 ? '' : `; not gated: ${told(passed)}`}`
  if (exitStatus === 1)
    return styled(terminal, 'red', wrapped(`FAILED: ${told(failed)} (exit 1)${aside}`, terminal.columns))
  const dirty = neverFreedBytes > 0 || passed.some(({ gate }) => gate === 'leak' || gate === 'violation')
  const head = dirty ? 'passed' : 'clean: nothing leaked, no violation'
  return styled(terminal, dirty ? 'yellow' : 'green', wrapped(`${head}${aside}`, terminal.columns))
}
