import type { ByteWindow } from '../byte-window.ts'
import { DETECT_BYTES_MAX, DETECT_LINES_MAX } from '../limits.ts'
import type { FileHead, TraceFormat } from './trace-format.ts'

/** The first bytes of the file, from the start of the window, which must hold them. */
export function headOf(window: ByteWindow): FileHead {
  const end = Math.min(window.start + DETECT_BYTES_MAX, window.dataEnd)
  const bytes = window.bytes.slice(window.start, end)
  const text = Buffer.from(bytes).toString('latin1')
  const all = text.split('\n')
  const isWhole = window.ended && end === window.dataEnd
  const lines = (isWhole ? all : all.slice(0, -1))
    .map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
    .filter((line) => line.trim() !== '')
  return { bytes, text, lines: lines.slice(0, DETECT_LINES_MAX) }
}

/** Fills the window until it holds the bytes that tell a format, or all there are. */
export async function fillHead(window: ByteWindow): Promise<void> {
  while (!window.ended && window.end - window.start < DETECT_BYTES_MAX) await window.fill()
}

/** The formats that the head fits: one, unless formats are too alike, or none knows it. */
export function formatsOf(head: FileHead, formats: readonly TraceFormat[]): TraceFormat[] {
  const found = formats.filter((format) => format.detect(head))
  return found.length === 0 && hasCutLine(head) ? formatsOf(withoutLastLine(head), formats) : found
}

/** Its last line has no end, as a recorder leaves it that was killed, and it is not the only one. */
function hasCutLine({ text, lines }: FileHead): boolean {
  return lines.length > 1 && !text.endsWith('\n') && text.length < DETECT_BYTES_MAX && !text.includes('\0')
}

function withoutLastLine({ bytes, text, lines }: FileHead): FileHead {
  const end = text.lastIndexOf('\n') + 1
  const isLast = lines.at(-1) === text.slice(end).replace(/\r$/, '')
  return { bytes: bytes.subarray(0, end), text: text.slice(0, end), lines: isLast ? lines.slice(0, -1) : lines }
}
