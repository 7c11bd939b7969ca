// Writes a trace of any length to standard output: the rows of a trace over and over, each round later than the one before.
//
//   node bench/repeat-trace.mjs traces/fio-uring-randrw.csv 10GB | zstd -q -o big.csv.zst
//
// Rows that map memory come in the first round alone. The size is that of the text.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'

const [file, sizeText = '1GB'] = process.argv.slice(2)
const match = /^(\d+)(MB|GB)$/.exec(sizeText)
if (file === undefined || match === null) {
  process.stderr.write('usage: repeat-trace.mjs TRACE SIZE, such as 10GB\n')
  process.exit(2)
}
const sizeBytes = Number(match[1]) * (match[2] === 'GB' ? 1e9 : 1e6)

const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
const headerAt = lines.findIndex((line) => line.startsWith('ts,end,event,'))
if (headerAt < 0) {
  process.stderr.write(`${file}: its columns do not begin with ts,end,event\n`)
  process.exit(2)
}
const rows = lines.slice(headerAt + 1).map((line) => {
  const [ts, end, ...rest] = line.split(',')
  return { ts: Number(ts), end: /^\d+$/.test(end) ? Number(end) : end, rest: rest.join(',') }
})
const io = rows.filter(({ rest }) => rest.startsWith(',') || rest.startsWith('io,'))
const roundNs = Math.max(...rows.map(({ ts, end }) => Math.max(ts, typeof end === 'number' ? end : 0))) + 1

let written = 0
await write(`${lines.slice(0, headerAt + 1).join('\n')}\n`)
for (let round = 0; written < sizeBytes; round++) {
  const shift = round * roundNs
  let text = ''
  for (const { ts, end, rest } of round === 0 ? rows : io) {
    text += `${ts + shift},${typeof end === 'number' ? end + shift : end},${rest}\n`
  }
  await write(text)
}

async function write(text) {
  written += text.length
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}
