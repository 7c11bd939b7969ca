// Runs commands in interleaved rounds, and takes ratios within a round.
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One command of a round. `rows` of it make its rate; `check` is handed what it wrote. */
export function command(name, argv, rows, check = () => {}) {
  return { name, argv, rows, check }
}

export class Measurements {
  /** `scratch` is a folder with the program of measure.c; `lock`, if any, is held while a command runs, and not between. */
  constructor(scratch, lock) {
    this.scratch = scratch
    this.lock = lock
  }

  /** Runs every command once a round, each round beginning with another one: a list of results by name. */
  rounds(commands, count, tell) {
    const rounds = []
    for (let round = 0; round < count; round++) {
      const results = {}
      for (let i = 0; i < commands.length; i++) {
        const one = commands[(i + round) % commands.length]
        results[one.name] = this.once(one)
      }
      rounds.push(results)
      tell?.(round + 1, count)
    }
    return rounds
  }

  once({ name, argv, rows, check }) {
    const result = join(this.scratch, 'result.json')
    const output = join(this.scratch, 'output')
    const locked = this.lock === undefined ? [] : ['flock', this.lock]
    const [file, ...args] = [...locked, join(this.scratch, 'measure'), result, ...argv]
    const to = openSync(output, 'w')
    const { status, error, stderr } = spawnSync(file, args, { stdio: ['ignore', to, 'pipe'], maxBuffer: 1 << 26 })
    closeSync(to)
    if (error !== undefined || status !== 0)
      throw new Error(`${argv.join(' ')} could not be measured: ${error ?? stderr}`)
    const measured = JSON.parse(readFileSync(result, 'utf8'))
    if (measured.status !== 0) throw new Error(`${name}: ${argv.join(' ')} ended with ${measured.status}: ${stderr}`)
    const own = check(output, String(stderr)) ?? {}
    return {
      seconds: measured.wallNs / 1e9,
      rows,
      peakMb: measured.peakKib / 1024,
      cpuSeconds: measured.cpuSeconds,
      ...own,
    }
  }
}

/** How many times as many rows a second `a` does as `b`: the median of the rounds, the least and the most. */
export function ratio(rounds, a, b, secondsOf = (result) => result.seconds) {
  const ratios = rounds.map((round) => rate(round[a], secondsOf) / rate(round[b], secondsOf))
  return spread(ratios)
}

function rate(result, secondsOf) {
  return result.rows / secondsOf(result)
}

export function spread(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
