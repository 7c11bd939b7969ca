// Instructions that a row takes, of the whole process: what reads and replays N rows, less what reads and replays half of them, so
// that the start cancels out. Counted by the processor where `perf stat` can (no virtual machine without counters), else by
// valgrind's cachegrind, which is 20 to 50 times slower. V8 runs in one thread and compiles at the same rows each time; two runs
// differ by some hundredths of a per cent.
//
//   node bench/instructions.mjs [--rows 200000] [--json] [WORKLOAD ...]
//
// Needs a build. Prints instructions a row of each standard workload, and says when there is no counter (exit status 2).
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const WORKLOADS = ['null', 'bio', 'held', 'folio', 'csv', 'arrow', 'read-csv', 'read-arrow']
const script = fileURLToPath(new URL('run-standard-work.mjs', import.meta.url))

/** One thread, and nothing that depends on time. */
const NODE_FLAGS = ['--single-threaded', '--predictable', '--disable-wasm-trap-handler']

const COUNTERS = {
  perf: (command) => {
    const { status, stderr } = run('perf', ['stat', '-x,', '-e', 'instructions:u', '--', ...command])
    const [count] = /^\d+(?=,)/m.exec(stderr) ?? []
    return status === 0 && count !== undefined ? Number(count) : null
  },
  valgrind: (command) => {
    const options = [
      '--tool=cachegrind',
      '--cache-sim=no',
      '--cachegrind-out-file=/dev/null',
      '--smc-check=all-non-file',
    ]
    const { status, stderr } = run('valgrind', [...options, ...command])
    const [, count] = /I +refs: +([\d,]+)/.exec(stderr) ?? []
    return status === 0 && count !== undefined ? Number(count.replaceAll(',', '')) : null
  },
}

function run(program, args) {
  return spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'] })
}

/** The first counter that counts something; null where there is none. */
export function findCounter() {
  return Object.keys(COUNTERS).find((name) => COUNTERS[name](['true']) !== null) ?? null
}

/** Instructions a row of a workload takes, by the difference of two lengths. */
export function instructionsPerRow(counter, workload, rows) {
  const counted = [rows / 2, rows].map((length) => {
    const count = COUNTERS[counter]([process.execPath, ...NODE_FLAGS, script, workload, String(rows), String(length)])
    if (count === null) throw new Error(`${workload} of ${length} rows did not run under ${counter}`)
    return count
  })
  return (counted[1] - counted[0]) / (rows / 2)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    options: { rows: { type: 'string', default: '200000' }, json: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const counter = findCounter()
  if (counter === null) {
    process.stderr.write('no counter of instructions: `perf stat` counts none here, and there is no valgrind\n')
    process.exit(2)
  }
  const rows = Number(values.rows)
  const found = {}
  for (const workload of positionals.length === 0 ? WORKLOADS : positionals) {
    found[workload] = Math.round(instructionsPerRow(counter, workload, rows))
    if (!values.json) console.log(`${workload.padEnd(12)} ${String(found[workload]).padStart(8)} instructions a row`)
  }
  if (values.json) console.log(JSON.stringify({ counter, rows, instructionsPerRow: found }))
  else console.log(`counted by ${counter}, ${rows} rows against ${rows / 2}`)
}
