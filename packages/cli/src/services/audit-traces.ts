import type { OpenOptions, TraceReader } from '@pinscope/core'
import {
  AUDIT_SCHEMA,
  type AuditOptions,
  type AuditReport,
  auditTrace,
  type TraceAuditReport,
} from '@pinscope/core/audit'
import { openInputs } from './input.ts'
import { openInputTrace } from './open-input.ts'
import type { Progress } from './progress.ts'
import { tuneV8 } from './tune-v8.ts'

/** Audits each trace by itself, one after the other. `watch` is given each trace first. */
export async function auditTraces(
  names: readonly string[],
  reading: OpenOptions,
  options: AuditOptions,
  progress: Progress | null,
  watch: (trace: TraceReader) => TraceReader,
): Promise<AuditReport> {
  const inputs = openInputs(names)
  tuneV8()
  const traces: TraceAuditReport[] = []
  try {
    for (const input of inputs) {
      const reader = watch(await openInputTrace(input, reading))
      const trace = await auditTrace(reader, { ...options, onProgress: (state) => progress?.update(input, state) })
      progress?.inputDone(trace.rows)
      traces.push(trace)
    }
  } finally {
    progress?.erase()
  }
  return { schema: AUDIT_SCHEMA, rules: options.rules.map(({ id }) => id), traces }
}
