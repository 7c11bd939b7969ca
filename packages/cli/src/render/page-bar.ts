import type { Terminal } from './terminal.ts'
import { grouped } from './text.ts'

const PAGE_BYTES = 4096
/** One mark is a sector. */
const MARK_BYTES = 512

/** Pages drawn at each end of a long segment. */
const FIRST_PAGES = 3
const LAST_PAGES = 2

interface Marks {
  readonly none: string
  readonly part: string
  readonly whole: string
  readonly edge: string
  readonly gap: string
}

const ASCII: Marks = { none: '.', part: '+', whole: '#', edge: '|', gap: '...' }
const UNICODE: Marks = { none: '·', part: '▒', whole: '█', edge: '│', gap: '…' }

const marksOf = (terminal: Terminal): Marks => (terminal.unicode ? UNICODE : ASCII)

/** What the marks mean: for the foot of a drawing. */
export function legend(terminal: Terminal): string {
  const { none, part, whole, edge } = marksOf(terminal)
  return `${edge} page boundary; one mark is ${MARK_BYTES} bytes: ${whole} used, ${part} in part, ${none} not`
}

/** `[..+#####]`: the part of one page that is used. */
export function pageBar(terminal: Terminal, offsetBytes: number, lengthBytes: number): string {
  return `[${pageMarks(marksOf(terminal), offsetBytes, offsetBytes + lengthBytes)}]`
}

/** `|.+######|####....|`: bytes laid over page boundaries; long ones are shortened in the middle. */
export function segmentBar(terminal: Terminal, offsetBytes: number, lengthBytes: number): string {
  const marks = marksOf(terminal)
  const pages = Math.ceil((offsetBytes + lengthBytes) / PAGE_BYTES)
  const boxes = (from: number, to: number): string => {
    let text = marks.edge
    for (let page = from; page < to; page++) {
      const start = page * PAGE_BYTES
      text += pageMarks(marks, Math.max(0, offsetBytes - start), offsetBytes + lengthBytes - start) + marks.edge
    }
    return text
  }
  const left = pages - FIRST_PAGES - LAST_PAGES
  if (left <= 1) return boxes(0, pages)
  return `${boxes(0, FIRST_PAGES)} ${marks.gap} ${grouped(left)} more ${marks.gap} ${boxes(pages - LAST_PAGES, pages)}`
}

function pageMarks({ none, part, whole }: Marks, fromBytes: number, toBytes: number): string {
  let text = ''
  for (let start = 0; start < PAGE_BYTES; start += MARK_BYTES) {
    const used = Math.min(toBytes, start + MARK_BYTES) - Math.max(fromBytes, start)
    text += used <= 0 ? none : used < MARK_BYTES ? part : whole
  }
  return text
}
