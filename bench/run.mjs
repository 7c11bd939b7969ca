// `npm run bench`: prints the figures of bench/RESULTS.md. Nothing here is a test: times are for people.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The core that the scripts import, for the plugins too. */
const UNBUNDLED = '--conditions=pinscope-unbundled'
const script = fileURLToPath(new URL('hot-path.mjs', import.meta.url))

console.log(
  'One page of a 16-page operation, replayed, against a bare increment-and-decrement loop over a typed array.',
)
console.log('Medians of 15 interleaved rounds; the ratio is the median of the ratios within a round.')
console.log('as        pages       consumer   bare ns   replay ns   ratio')
for (const as of ['library', 'tuned']) {
  const { stdout } = spawnSync(process.execPath, [script, as], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for (const { order, consumer, bareNs, replayNs, ratio } of JSON.parse(stdout)) {
    const name = as === 'tuned' ? 'command' : as
    const figures = [bareNs.toFixed(2).padStart(8), replayNs.toFixed(2).padStart(11), ratio.toFixed(2).padStart(7)]
    console.log(`${name.padEnd(9)} ${order.padEnd(11)} ${consumer.padEnd(9)} ${figures.join(' ')}`)
  }
}

console.log('\nAn operation of 16 pages in each consumer, as a multiple of the same in null.')
const consumers = spawnSync(process.execPath, [UNBUNDLED, fileURLToPath(new URL('consumers.mjs', import.meta.url))], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
})
for (const { consumer, ratio } of JSON.parse(consumers.stdout))
  console.log(`${consumer.padEnd(16)} ${ratio.toFixed(1)}`)

const { stdout } = spawnSync(process.execPath, [fileURLToPath(new URL('read.mjs', import.meta.url))], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'inherit'],
})
const { bytesPerRow, scanNs, parseNs, ratio } = JSON.parse(stdout)
console.log(`
Reading a row of 16 columns and ${bytesPerRow.toFixed(0)} bytes: the scanner into columns ${scanNs.toFixed(0)} ns, csv-parse into strings
${parseNs.toFixed(0)} ns, ${ratio.toFixed(1)} times as long (medians of 5 interleaved rounds of 300,000 rows, the first, cold one included).`)

const audit = spawnSync(process.execPath, [UNBUNDLED, fileURLToPath(new URL('audit.mjs', import.meta.url))], {
  encoding: 'utf8',
})
console.log(`
Each recorded trace replayed, audited with every hazard rule, and the ratio (medians of 9 interleaved rounds):
${audit.stdout}`)
