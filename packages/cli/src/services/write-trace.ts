import { createReadStream } from 'node:fs'
import {
  LayoutChangedError,
  type OpBatch,
  openTrace,
  type TraceLayout,
  type TraceReader,
  UsageError,
  WRITTEN_FORMATS,
  type WrittenFormat,
  writeTrace,
} from '@pinscope/core'
import { type ByteOutput, openByteOutput } from './byte-output.ts'
import { type Compression, compressed } from './compress.ts'

/** The flags of `writeFlags`, as oclif parsed them. */
export interface WriteFlags {
  readonly output?: string | undefined
  readonly to?: string | undefined
}

/** Where a trace is to be written, and as what. */
export interface WriteTarget {
  readonly format: WrittenFormat
  readonly compression: Compression | null
  /** As the user named it; null: standard output. */
  readonly file: string | null
  readonly bytes: ByteOutput
}

/** What was written. */
export interface Written {
  readonly format: WrittenFormat
  readonly compression: Compression | null
  readonly file: string | null
  readonly rows: number
  /** Of the file, compressed if it is. */
  readonly bytes: number
  readonly layout: TraceLayout
}

const EXTENSIONS: readonly (readonly [string, WrittenFormat])[] = [
  ['.csv', 'csv'],
  ['.jsonl', 'jsonl'],
  ['.ndjson', 'jsonl'],
  ['.arrows', 'arrow-stream'],
  ['.arrow', 'arrow'],
  ['.feather', 'arrow'],
]
const COMPRESSIONS: readonly (readonly [string, Compression])[] = [
  ['.gz', 'gzip'],
  ['.zst', 'zstd'],
]

/** Checks the flags and claims the output, before anything is read. Throws a UsageError. */
export function writeTarget(flags: WriteFlags): WriteTarget {
  const file = flags.output === undefined || flags.output === '-' ? null : flags.output
  const { format, compression } = formatOf(file, flags.to)
  return { format, compression, file, bytes: openByteOutput(file) }
}

/**
 * Writes the rest of an open trace. A file is there whole or not at all. Where only the last rows tell what is known of the
 * buffers, a file is written once more from itself, with the right line above its rows.
 */
export async function writeTraceTo(
  target: WriteTarget,
  reader: TraceReader,
  onRows: (rowsSoFar: number, batch: OpBatch) => void = () => undefined,
): Promise<Written> {
  let rows = 0
  let changed: TraceLayout | null = null
  const onBatch = (batch: OpBatch) => {
    rows += batch.length
    onRows(rows, batch)
  }
  // What was written is complete where only the header is wrong: what compresses it must come to its end.
  async function* text(): AsyncGenerator<Uint8Array> {
    try {
      yield* writeTrace(reader, target.format, { onBatch })
    } catch (error) {
      if (!(error instanceof LayoutChangedError)) throw error
      changed = error.layout
    }
  }
  let bytes = await pour(target, text())
  if (changed !== null) bytes = await writeAgain(target, changed)
  target.bytes.commit()
  const { format, compression, file } = target
  return { format, compression, file, rows, bytes, layout: reader.layout }
}

async function pour({ bytes, compression }: WriteTarget, text: AsyncIterable<Uint8Array>): Promise<number> {
  let written = 0
  for await (const chunk of compressed(text, compression)) {
    await bytes.write(chunk)
    written += chunk.length
  }
  return written
}

async function writeAgain(target: WriteTarget, layout: TraceLayout): Promise<number> {
  const { draft } = target.bytes
  if (draft === null) {
    throw new UsageError(
      `the header that was written is wrong: behind the first rows there are some of level ${layout.level}`,
      'Write to a file (-o FILE): its header is put right at the end.',
    )
  }
  target.bytes.again()
  const format = { csv: 'pinscope', jsonl: 'jsonl', arrow: 'arrow', 'arrow-stream': 'arrow' }[target.format]
  const reader = await openTrace(createReadStream(draft), target.file ?? draft, { format })
  return pour(target, writeTrace(reader, target.format, { layout }))
}

/** The ending of a file that `--to` makes: `.csv.gz` for `csv.gz`. */
export function extensionOf(to: string): string {
  const { format, compression } = formatOf(null, to)
  const ending = COMPRESSIONS.find(([, one]) => one === compression)?.[0] ?? ''
  return `${EXTENSIONS.find(([, one]) => one === format)![0]}${ending}`
}

function formatOf(file: string | null, to: string | undefined): Pick<WriteTarget, 'format' | 'compression'> {
  const named = file === null ? null : split(file.toLowerCase())
  if (to !== undefined) {
    const asked = split(to)
    const format = WRITTEN_FORMATS.find((one) => one === asked.rest)
    if (format === undefined) {
      throw new UsageError(`--to ${to}: expected ${WRITTEN_FORMATS.join(', ')}`, '.gz or .zst may follow: csv.gz.')
    }
    return { format, compression: asked.compression ?? named?.compression ?? null }
  }
  if (named === null) return { format: 'csv', compression: null }
  const found = EXTENSIONS.find(([extension]) => named.rest.endsWith(extension))
  if (found !== undefined) return { format: found[1], compression: named.compression }
  throw new UsageError(
    `-o ${file}: its name does not tell a format`,
    `Names end in ${EXTENSIONS.map(([extension]) => extension).join(' ')}, with .gz or .zst behind it if wanted; or say --to csv.`,
  )
}

/** A name without the ending of its compression, and that compression. */
function split(name: string): { rest: string; compression: Compression | null } {
  const found = COMPRESSIONS.find(([ending]) => name.endsWith(ending))
  if (found === undefined) return { rest: name, compression: null }
  return { rest: name.slice(0, -found[0].length), compression: found[1] }
}
