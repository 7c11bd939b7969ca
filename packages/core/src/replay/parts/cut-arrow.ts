import { FlatTable } from '../../trace/arrow/flat-table.ts'
import { bodyBytesOf } from '../../trace/arrow/message-guard.ts'
import { FILE_MAGIC } from '../../trace/arrow/message-reader.ts'
import type { ByteFile, ByteRange } from './byte-file.ts'
import type { TraceCut } from './cut-trace.ts'
import { readHeadRows } from './head-rows.ts'
import { partsOf } from './part-ranges.ts'

const FILE_HEAD_BYTES = 8
const CONTINUATION = 0xffffffff
const PREFIX_BYTES = 8
/** Read at once: a prefix and most metadata. */
const STEP_BYTES = 2048
/** The head is read as a whole. */
const HEAD_BYTES_MAX = 1 << 26
const METADATA_BYTES_MAX = 1 << 24
/** Files of more messages are not cut: finding them would take as long as reading them. */
const MESSAGES_MAX = 1 << 16

// Numbers of the Arrow IPC format: format/Message.fbs.
const SLOT_KIND = 1
const SLOT_HEADER = 2
const SLOT_ROWS = 0
const SCHEMA = 1
const DICTIONARY = 2
const RECORDS = 3

interface Message extends ByteRange {
  readonly kind: number
  /** Of a record batch. */
  readonly rows: number
}

/** The file begins as an Arrow file or stream does. */
export function isArrow(file: ByteFile): boolean {
  const head = Buffer.from(file.read(0, FILE_HEAD_BYTES))
  return head.toString('latin1').startsWith(FILE_MAGIC) || (head.length >= 4 && head.readUInt32LE(0) === CONTINUATION)
}

/** Cuts an Arrow trace between record batches. What dictionaries gain between them, every later part reads too. */
export async function cutArrow(
  file: ByteFile,
  name: string,
  count: number,
  headStartBytes: number,
): Promise<TraceCut | null> {
  const messages = messagesOf(file)
  const first = messages?.findIndex(({ kind }) => kind === RECORDS) ?? -1
  if (messages === null || first < 1 || messages[first].to > HEAD_BYTES_MAX) return null
  if (!messages.every(({ kind }, at) => (at === 0 ? kind === SCHEMA : kind === DICTIONARY || kind === RECORDS)))
    return null
  const found = await readHeadRows(file.read(0, messages[first].to), name, 'arrow')
  if (found === null) return null
  const { mapRows } = found
  // With map rows in it, the first batch is read before every part; its operations are the first part's.
  const rows = mapRows === 0 ? 0 : messages[first].rows
  const headBytes = messages[mapRows === 0 ? first - 1 : first].to
  const behind = messages.slice(first).filter(({ to }) => to > headBytes)
  const boundary = (at: number) => behind.find(({ to }) => to >= at)?.to ?? -1
  return {
    mapRows,
    rows,
    lines: rows,
    headBytes,
    isText: false,
    shared: behind.filter(({ kind }) => kind === DICTIONARY).map(({ from, to }) => ({ from, to })),
    parts: partsOf(headBytes, messages.at(-1)!.to, count, headStartBytes, boundary),
  }
}

/** The messages of a stream or file, null where something is odd about it. Bodies are passed over. */
function messagesOf(file: ByteFile): Message[] | null {
  const messages: Message[] = []
  let from = Buffer.from(file.read(0, FILE_HEAD_BYTES)).toString('latin1').startsWith(FILE_MAGIC) ? FILE_HEAD_BYTES : 0
  while (messages.length < MESSAGES_MAX) {
    const step = file.read(from, STEP_BYTES)
    if (step.length < PREFIX_BYTES) return step.length === 0 ? messages : null
    const view = new DataView(step.buffer, step.byteOffset, PREFIX_BYTES)
    const metadataBytes = view.getInt32(4, true)
    if (view.getUint32(0, true) !== CONTINUATION) return null
    if (metadataBytes === 0) return messages
    if (metadataBytes < 0 || metadataBytes > METADATA_BYTES_MAX) return null
    const end = PREFIX_BYTES + metadataBytes
    const metadata = (end <= step.length ? step : file.read(from, end)).subarray(PREFIX_BYTES, end)
    const message = messageOf(metadata, from, from + end)
    if (message === null || message.to > file.sizeBytes) return null
    messages.push(message)
    from = message.to
  }
  return null
}

/** The message from byte `from` on, by its metadata, which ends at byte `at`. */
function messageOf(metadata: Uint8Array, from: number, at: number): Message | null {
  try {
    const message = FlatTable.root(metadata)
    const kind = message.uint8(SLOT_KIND)
    const rows = kind === RECORDS ? (message.table(SLOT_HEADER)?.count(SLOT_ROWS) ?? 0) : 0
    return { kind, rows, from, to: at + bodyBytesOf(metadata) }
  } catch {
    return null
  }
}
