// The tables of docs/formats.md: every format that traces are read in, from what the formats say of themselves.
// `node scripts/formats-page.mjs` writes them; test/formats-page.test.ts holds them up to date.
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { LAYOUT_POLICIES, TRACE_FORMATS } from '../packages/core/dist/formats.js'
import { withTable } from './generated-table.mjs'

export const PAGE = new URL('../docs/formats.md', import.meta.url)

/** The page with its tables made anew. */
export function formatsPage(text) {
  const tables = { formats: formats(), options: options(), layouts: layouts() }
  return Object.entries(tables).reduce((page, [name, table]) => withTable(page, 'docs/formats.md', name, table), text)
}

const formats = () =>
  table(
    ['`--input-format`', 'what', 'buffers', 'how to make one', 'clock'],
    TRACE_FORMATS.map(({ name, title, level, record, clock }) => [`\`${name}\``, title, level, record, clock]),
  )

const options = () =>
  table(
    ['format', '`--input-option`', 'default', 'meaning'],
    TRACE_FORMATS.flatMap(({ name, options: list = [] }) =>
      list.map((option) => [
        `\`${name}\``,
        `\`${option.name}=${option.words === null ? '…' : option.words.join('\\|')}\``,
        option.default === '' ? '' : `\`${option.default}\``,
        option.summary,
      ]),
    ),
  )

const layouts = () =>
  table(
    ['`--layout`', 'where buffers begin'],
    LAYOUT_POLICIES.map(({ usage, summary }) => [`\`${usage}\``, summary]),
  )

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(PAGE, formatsPage(readFileSync(PAGE, 'utf8')))
}
