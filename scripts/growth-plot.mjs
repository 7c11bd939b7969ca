// Draws docs/growth.svg out of bench/growth.json (node bench/growth.mjs measures): time and memory against the rows of a trace.
//
//   node scripts/growth-plot.mjs [FIGURES.json [PICTURE.svg]]
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parse, View } from 'vega'
import { compile } from 'vega-lite'

const WIDTH = 380
const HEIGHT = 300
/** Paul Tol's bright scheme: told apart by every eye, readable on white and on black. */
const COLORS = { CSV: '#4477aa', Arrow: '#ee6677' }
const NAMES = { csv: 'CSV', arrow: 'Arrow' }
const TEXT = '#1f2328'
const FAINT = '#d1d9e0'
/** What the two become where the reader's system is dark. */
const DARK = { [TEXT]: '#f0f6fc', [FAINT]: '#3d444d' }

/** Rows as `1 k`, `10 M`. */
const ROWS_AXIS = {
  title: 'rows of the trace',
  values: [1e3, 1e4, 1e5, 1e6, 1e7, 1e8],
  labelFlush: false,
  labelExpr: "datum.value < 1e6 ? datum.value / 1e3 + ' k' : datum.value / 1e6 + ' M'",
}

function specOf(points) {
  const values = points.map(({ form, rows, wallMs, peakBytes }) => ({
    form: NAMES[form],
    rows,
    seconds: wallMs / 1e3,
    peakMB: peakBytes / 1e6,
  }))
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: null,
    padding: 8,
    spacing: 48,
    hconcat: [timePanel(values), memoryPanel(values)],
    config: {
      font: 'system-ui, sans-serif',
      axis: {
        labelColor: TEXT,
        titleColor: TEXT,
        domainColor: TEXT,
        tickColor: TEXT,
        gridColor: FAINT,
        labelFontSize: 12,
        titleFontSize: 12,
        titleFontWeight: 'normal',
        titlePadding: 10,
      },
      title: { color: TEXT, fontSize: 14, anchor: 'start', frame: 'group', offset: 12 },
      view: { stroke: null },
    },
  }
}

const rows = (points) => {
  const all = points.map((point) => point.rows)
  return { field: 'rows', type: 'quantitative', scale: { type: 'log', domain: [Math.min(...all), Math.max(...all)] } }
}
const color = {
  field: 'form',
  type: 'nominal',
  scale: { domain: Object.keys(COLORS), range: Object.values(COLORS) },
  legend: null,
}
const line = { type: 'line', strokeWidth: 2, point: { size: 45 } }

/** The name of each line, behind its last point. */
function namesLayer(values, x, y) {
  const most = Math.max(...values.map((one) => one.rows))
  return {
    data: { values: values.filter((one) => one.rows === most) },
    mark: { type: 'text', align: 'left', dx: 9, fontSize: 13, fontWeight: 'bold' },
    encoding: { x, y, color, text: { field: 'form' } },
  }
}

/** Through the longest trace of those that took most, down to the lowest time shown. */
function inProportion(values, leastSeconds) {
  const { rows, seconds } = values.reduce((most, one) =>
    one.rows > most.rows || (one.rows === most.rows && one.seconds > most.seconds) ? one : most,
  )
  const rowsAtLeast = (rows * leastSeconds) / seconds
  return [
    { rows: rowsAtLeast, seconds: leastSeconds },
    { rows, seconds },
  ]
}

function timePanel(values) {
  const seconds = values.map((one) => one.seconds)
  const decades = [Math.floor(Math.log10(Math.min(...seconds))), Math.ceil(Math.log10(Math.max(...seconds)))]
  const ticks = Array.from({ length: decades[1] - decades[0] + 1 }, (_, at) => 10 ** (decades[0] + at))
  const linear = inProportion(values, ticks[0])
  const y = {
    field: 'seconds',
    type: 'quantitative',
    scale: { type: 'log', domain: [ticks[0], ticks.at(-1)] },
    axis: {
      title: 'wall time of the process',
      values: ticks,
      labelExpr: "datum.value < 1 ? format(datum.value * 1000, '~') + ' ms' : format(datum.value, '~') + ' s'",
    },
  }
  const x = { ...rows(values), axis: ROWS_AXIS }
  return {
    title: 'Time grows with the rows',
    width: WIDTH,
    height: HEIGHT,
    layer: [
      {
        data: { values: linear },
        mark: { type: 'line', color: TEXT, strokeDash: [5, 4], strokeWidth: 1 },
        encoding: { x, y },
      },
      {
        data: { values: linear.slice(0, 1) },
        mark: { type: 'text', color: TEXT, align: 'left', dx: 24, dy: -10, fontSize: 12 },
        encoding: { x, y, text: { value: 'dashed: in proportion' } },
      },
      { data: { values }, mark: line, encoding: { x, y, color } },
      namesLayer(values, x, y),
    ],
  }
}

function memoryPanel(values) {
  const x = { ...rows(values), axis: ROWS_AXIS }
  const y = {
    field: 'peakMB',
    type: 'quantitative',
    scale: { domainMin: 0, nice: true },
    axis: { title: 'peak memory of the process (MB)', tickCount: 6 },
  }
  return {
    title: 'Memory does not',
    width: WIDTH,
    height: HEIGHT,
    layer: [{ data: { values }, mark: line, encoding: { x, y, color } }, apart(namesLayer(values, x, y), values)],
  }
}

/** Two lines that end beside each other: one name above, one below. */
function apart(layer, values) {
  const ends = layer.data.values.map((one) => one.peakMB)
  const high = Math.max(...values.map((one) => one.peakMB))
  const isClose = Math.abs(ends[0] - ends[1]) < high / 15
  if (!isClose) return layer
  const upper = layer.data.values[ends[0] > ends[1] ? 0 : 1].form
  const dy = { expr: `datum.form === '${upper}' ? -8 : 8` }
  return { ...layer, mark: { ...layer.mark, dy } }
}

/** The picture takes the colours of a dark page by itself: presentation attributes give way to a style sheet. */
function withDarkColors(svg) {
  const rules = Object.entries(DARK).flatMap(([light, dark]) =>
    ['fill', 'stroke'].map((property) => `[${property}="${light}"]{${property}:${dark}}`),
  )
  return svg.replace(/(<svg[^>]*>)/, `$1<style>@media (prefers-color-scheme:dark){${rules.join('')}}</style>`)
}

const file = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url))
const [figures = file('bench/growth.json'), picture = file('docs/growth.svg')] = process.argv.slice(2)
const { points } = JSON.parse(readFileSync(figures, 'utf8'))
const view = new View(parse(compile(specOf(points)).spec), { renderer: 'none' })
writeFileSync(picture, `${withDarkColors(await view.toSVG())}\n`)
