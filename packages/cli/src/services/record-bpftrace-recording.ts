import { closeSync, createReadStream, openSync, rmSync, writeSync } from 'node:fs'
import { arch, release } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { BpftraceEvents } from './record-bpftrace-events.ts'
import { RECORDING_COLUMNS } from './record-bpftrace-row.ts'
import { BpftraceRows } from './record-bpftrace-rows.ts'
import { escaped } from './record-escape.ts'
import type { PinCounts } from './record-pins.ts'

/** What is known of a recording besides its events. */
export interface RecordingFacts {
  readonly command: readonly string[]
  readonly status: number
  readonly signal: number | null
  /** The signal that ended the recording before its time. */
  readonly asked: NodeJS.Signals | null
  /** The counters of the machine, where they were asked for. */
  readonly before: PinCounts | null
  readonly after: PinCounts | null
  /** For what must wait until the header is known. */
  readonly folder: string
}

const WRITE_BYTES = 1 << 16

/** A recording, version 2, out of the lines that record.bt printed. What stands above the rows is known only behind them. */
export async function* recordingOf(lines: Readable, facts: RecordingFacts): AsyncGenerator<Uint8Array> {
  const draft = join(facts.folder, `.pinscope-rows.${process.pid}.tmp`)
  const discard = () => rmSync(draft, { force: true })
  process.once('exit', discard)
  try {
    const rows = await writeRows(lines, draft)
    yield Buffer.from(`${headerOf(facts, rows).join('\n')}\n${RECORDING_COLUMNS}\n`, 'latin1')
    yield* createReadStream(draft)
    yield Buffer.from('# end\n')
  } finally {
    discard()
    process.off('exit', discard)
  }
}

async function writeRows(lines: Readable, draft: string): Promise<BpftraceRows> {
  const fd = openSync(draft, 'w')
  let text = ''
  const flush = (): void => {
    for (let bytes = Buffer.from(text, 'latin1'), at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
    text = ''
  }
  const rows = new BpftraceRows((line) => {
    text += `${line}\n`
    if (text.length > WRITE_BYTES) flush()
  })
  const events = new BpftraceEvents()
  lines.setEncoding('latin1')
  for await (const line of createInterface({ input: lines })) for (const event of events.take(line)) rows.take(event)
  for (const event of events.end()) rows.take(event)
  rows.end()
  flush()
  closeSync(fd)
  if (events.lost > 0) {
    rows.notes.add(
      `bpftrace lost ${events.lost} events: operations are missing (BPFTRACE_PERF_RB_PAGES sets its buffer)`,
    )
  }
  return rows
}

function headerOf({ command, status, signal, asked, before, after }: RecordingFacts, rows: BpftraceRows): string[] {
  const pins =
    before === null || after === null
      ? []
      : [
          `# pins-system-acquired ${after.acquired - before.acquired}`,
          `# pins-system-released ${after.released - before.released}`,
        ]
  return [
    '# iorec 2',
    `# kernel ${release()}`,
    `# machine ${arch() === 'x64' ? 'x86_64' : 'aarch64'}`,
    `# command ${escaped(Buffer.from(command.join(' ')).toString('latin1'))}`,
    '# recorder pinscope record.bt (bpftrace)',
    '# page-size 4096',
    `# rows ${rows.count}`,
    signal === null ? `# exit-status ${status}` : `# exit-signal ${signal}`,
    ...(asked === null ? [] : [`# stopped ${asked}`]),
    ...rows.files.header(),
    ...pins,
    ...[...rows.notes].map((note) => `# note ${escaped(note)}`),
  ]
}
