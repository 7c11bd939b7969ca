import type { AuditLaneReport, AuditReport, KeptBy } from '@pinscope/core/audit'
import { type Align, tableText } from './table.ts'
import { styled, type Terminal } from './terminal.ts'
import { grouped, wrapped } from './text.ts'

/** Rows of a table that are drawn; the rest is in the JSON. */
const SHOWN_MAX = 30

/** What keeps pages, by its word in the report. */
const KEPT_BY: Readonly<Record<KeptBy, string>> = {
  pin: 'a pin',
  ref: 'a reference',
  lock: 'a lock',
  registration: 'a registration',
  owner: 'its owner',
}

/** What runs when references are taken or dropped, by its word in the report. */
const PHASES: Readonly<Record<string, string>> = {
  submit: 'submission',
  abort: 'error path',
  complete: 'completion',
  register: 'registration',
  unregister: 'unregistration',
  event: 'trace row',
  close: 'close',
}

/** A line of a table, before lanes and traces are added up: words, then figures. */
interface Line {
  /** Consumer and policy that it is of. */
  readonly lane: string
  readonly words: readonly string[]
  readonly figures: readonly number[]
}

type LaneColumn = 'consumer' | 'policy'

interface Question {
  readonly title: string
  readonly head: readonly string[]
  /** What words of the table mean, told where they stand in it. */
  readonly notes: Readonly<Record<string, string>>
  /** What tells the lines of several lanes apart, and where in the line it stands. */
  readonly laneColumns: readonly LaneColumn[]
  readonly laneColumnsAt: number
  readonly lines: (lane: AuditLaneReport) => readonly Omit<Line, 'lane'>[]
}

const QUESTIONS: readonly Question[] = [
  {
    title: 'Where pages are put into iterators that take nothing, and what keeps them alive',
    head: ['iterator', 'kept by', 'operations', 'pages'],
    notes: {
      'its owner': 'nothing but whoever made the iterator, which must outlive the I/O',
      'a registration': 'of the buffer, which is pinned for long',
    },
    laneColumns: ['consumer', 'policy'],
    laneColumnsAt: 0,
    lines: ({ iterators }) =>
      iterators.map(({ iterator, keptBy, operations, pages }) => ({
        words: [iterator, KEPT_BY[keptBy] ?? keptBy],
        figures: [operations, pages],
      })),
  },
  {
    title: 'Where references from extractions go, and who drops them',
    head: ['holder', 'kind', 'taken in', 'dropped in', 'pages'],
    notes: { ref: 'a plain reference (FOLL_GET, get_page)', 'trace row': 'a pin, get, unpin or put row' },
    // The holder is the consumer, or a row of the trace that its lane replays.
    laneColumns: ['policy'],
    laneColumnsAt: 1,
    lines: ({ consumer, references }) =>
      references.map(({ holder, retention, taken, dropped, pages }) => ({
        words: [
          holder === consumer ? holder : `${consumer}: ${holder}`,
          retention,
          PHASES[taken] ?? taken,
          dropped === null ? 'held at end' : (PHASES[dropped] ?? dropped),
        ],
        figures: [pages],
      })),
  },
]

/** The two questions of an audit, each a table over all traces; a question that no lane answers is left out. */
export function auditTables(terminal: Terminal, { traces }: AuditReport): string[] {
  const lanes = traces.flatMap((trace) => trace.lanes)
  return QUESTIONS.flatMap((question) => questionTable(terminal, question, lanes))
}

function questionTable(terminal: Terminal, question: Question, lanes: readonly AuditLaneReport[]): string[] {
  const { title, laneColumnsAt: at } = question
  const columns = question.laneColumns.filter((column) => new Set(lanes.map((lane) => lane[column])).size > 1)
  const rows = addedUp(
    lanes.flatMap((lane) =>
      question.lines(lane).map(({ words, figures }) => ({
        lane: `${lane.consumer} ${lane.policy}`,
        words: words.toSpliced(at, 0, ...columns.map((column) => lane[column])),
        figures,
      })),
    ),
  )
  if (rows.length === 0) return []
  const head = question.head.toSpliced(at, 0, ...columns)
  const table = tableText(terminal, {
    head,
    align: head.map((_, column): Align => (column < rows[0].words.length ? 'left' : 'right')),
    rows: rows.slice(0, SHOWN_MAX).map(({ words, figures }) => [...words, ...figures.map(grouped)]),
  })
  const rest = rows.length - SHOWN_MAX
  return [
    [
      styled(terminal, 'bold', wrapped(title, terminal.columns)),
      table,
      ...(rest > 0 ? [`and ${grouped(rest)} more lines (--json lists all)`] : []),
      ...notes(terminal, question, rows),
    ].join('\n'),
  ]
}

function notes(terminal: Terminal, question: Question, rows: readonly Line[]): string[] {
  const told = Object.entries(question.notes).filter(([word]) => rows.some(({ words }) => words.includes(word)))
  const text = told.map(([word, meaning]) => `${word}: ${meaning}`).join('; ')
  return text === '' ? [] : [styled(terminal, 'dim', wrapped(text, terminal.columns))]
}

/** Lines with the same words are one; those of a lane together, most pages first. */
function addedUp(lines: readonly Line[]): Line[] {
  const byWords = new Map<string, Line>()
  for (const { lane, words, figures } of lines) {
    const key = words.join('\0')
    const known = byWords.get(key)
    byWords.set(key, { lane, words, figures: figures.map((figure, at) => figure + (known?.figures[at] ?? 0)) })
  }
  const lanes = [...new Set(lines.map(({ lane }) => lane))]
  const rank = ({ lane }: Line) => lanes.indexOf(lane)
  const pages = ({ figures }: Line) => figures[figures.length - 1]
  return [...byWords.values()].sort((a, b) => rank(a) - rank(b) || pages(b) - pages(a))
}
