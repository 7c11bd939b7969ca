// Writes test/row-steps.json: how many steps a row of each standard workload takes (test/support/count-steps.mjs counts them).
//
//   node scripts/row-steps.mjs             after a build
//   node scripts/row-steps.mjs null        prints where the steps of one workload are, and writes nothing
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const WORKLOADS = ['null', 'bio', 'held', 'folio', 'csv', 'arrow', 'read-csv', 'read-arrow']
const script = fileURLToPath(new URL('../test/support/count-steps.mjs', import.meta.url))
const count = (name) => {
  const { stdout } = spawnSync(process.execPath, ['--jitless', script, name], { encoding: 'utf8' })
  return JSON.parse(stdout)
}

const [only] = process.argv.slice(2)
if (only !== undefined) {
  const { perRow, most } = count(only)
  console.log(`${only}: ${perRow[0].toFixed(1)} steps a row`)
  for (const [name, steps] of most) console.log(`${steps.toFixed(2).padStart(8)}  ${name}`)
} else {
  const stepsPerRow = Object.fromEntries(WORKLOADS.map((name) => [name, Number(count(name).perRow[0].toFixed(1))]))
  const file = fileURLToPath(new URL('../test/row-steps.json', import.meta.url))
  writeFileSync(file, `${JSON.stringify({ stepsPerRow }, null, 2)}\n`)
  console.log(stepsPerRow)
}
