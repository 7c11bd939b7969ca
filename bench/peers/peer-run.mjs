// What every line of the table is made with: the traces, the commands of both sides, and the rounds.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { command, Measurements } from './measure.mjs'
import { ratesOf, tableOf } from './replay-lines.mjs'
import { buildLibCacheSimReader, buildLoops, found } from './tools.mjs'
import { writeTouchTrace } from './touch-trace.mjs'

const TINY_ROWS = 1000

export class Run {
  constructor(values) {
    this.folder = fileURLToPath(new URL('.', import.meta.url))
    this.values = values
    this.scratch = values.scratch
    this.count = Number(values.rounds)
    this.stateGib = Number(values['state-gib'])
    this.cli = cliOf(values.pinscope)
    this.programs = buildLoops(values.scratch)
    this.cachesim = found('cachesim')
    this.fio = found('fio')
    this.fioFolder = values['fio-folder'] ?? values.scratch
    this.measurements = new Measurements(values.scratch, values.lock)
    this.missing = []
    this.rates = []
  }

  trace(suffix) {
    return this.traceNamed(this.values.large, suffix) ?? missingTrace(this.values.traces, this.values.large, suffix)
  }

  smallTrace(suffix) {
    return this.traceNamed(this.values.small, suffix) ?? missingTrace(this.values.traces, this.values.small, suffix)
  }

  /** Null where there is none. */
  longTrace(suffix) {
    return this.traceNamed(this.values.long, suffix)
  }

  /** The first 1,000 operations, made where they are missing. */
  tinyTrace(suffix) {
    const prefix = join(this.scratch, 'tiny')
    if (!existsSync(`${prefix}${suffix}`)) {
      const script = join(this.folder, 'make-trace.mjs')
      const { status } = spawnSync(process.execPath, [
        script,
        '--rows',
        String(TINY_ROWS),
        '--forms',
        'csv',
        '--out',
        prefix,
      ])
      if (status !== 0) throw new Error('the tiny trace could not be made')
    }
    return { file: `${prefix}${suffix}`, ...JSON.parse(readFileSync(`${prefix}.json`, 'utf8')) }
  }

  /** A trace that pins every page of so much memory once. */
  touchTrace(bytes) {
    const file = join(this.scratch, `touch-${bytes}.csv`)
    if (!existsSync(file)) writeTouchTrace(file, bytes)
    return file
  }

  traceNamed(name, suffix) {
    const prefix = join(this.values.traces, name)
    if (!existsSync(`${prefix}${suffix}`)) return null
    return { file: `${prefix}${suffix}`, ...JSON.parse(readFileSync(`${prefix}.json`, 'utf8')) }
  }

  /** `args` are those of the lane; null extracted from user memory without. `trace.pages` null: not compared. */
  replay(name, trace, args = ['-c', 'null', '-p', 'extract'], cli = this.cli) {
    const argv = [process.execPath, ...this.replayArgs(trace.file, withConsumer(args), cli)]
    return command(name, argv, trace.rows, (output) => checkReport(output, trace))
  }

  replayArgs(file, args, cli = this.cli) {
    return [cli, 'replay', file, ...args, '--fail-on', 'none', '--no-progress', '--json']
  }

  /** The same by the checkout of --before. */
  before(name, trace, args) {
    const { before } = this.values
    return before === undefined ? [] : [this.replay(`before ${name}`, trace, args, cliOf(before))]
  }

  loop(form, mode, trace, program = this.programs.loop, prefix = '') {
    return command(`${prefix}${form} ${mode}`, [program, form, mode, trace.file], trace.rows, this.checkRequests(trace))
  }

  /** As fast as was found, and as gcc makes it of plain loops. */
  loops(form, mode, trace) {
    return [this.loop(form, mode, trace), this.loop(form, mode, trace, this.programs.plain, 'plain ')]
  }

  checkRequests({ rows, pages, bytes }) {
    return (output) => {
      const told = JSON.parse(readFileSync(output, 'utf8'))
      expectSame('requests', told.requests, rows)
      if (told.pages !== undefined) expectSame('pages', told.pages, pages)
      if (told.bytes !== undefined) expectSame('bytes', told.bytes, bytes)
    }
  }

  libCacheSimReader() {
    const reader = buildLibCacheSimReader(this.scratch, this.values.libcachesim)
    if (reader === null) this.absent('libCacheSim csv', 'no built checkout of it: --libcachesim')
    return reader
  }

  /** `--jobs`, or null where the command has no such option. */
  jobsOption() {
    const { stdout } = spawnSync(process.execPath, [this.cli, 'replay', '--help'], { encoding: 'utf8' })
    return /(^|\s)--jobs\b/.test(stdout) ? '--jobs' : null
  }

  rounds(commands, count = this.count) {
    return this.measurements.rounds(commands, count)
  }

  /** Measures, prints rates, and makes the rows of the table. */
  table(commands, rows) {
    const rounds = this.rounds(commands)
    this.tell(rounds)
    return tableOf(rounds, rows)
  }

  tell(rounds) {
    const rates = ratesOf(rounds)
    this.rates.push(...rates)
    for (const { name, rowsPerSecond, seconds, cpuSeconds, peakMb } of rates) {
      const million = `${(rowsPerSecond.median / 1e6).toFixed(3)} M rows/s`.padStart(18)
      const took = `${seconds.median.toFixed(3)} s, CPU ${cpuSeconds.median.toFixed(3)} s (${seconds.min.toFixed(3)} – ${seconds.max.toFixed(3)})`
      console.log(`   ${name.padEnd(30)} ${million}  ${took}, ${peakMb.median.toFixed(0)} MB`)
    }
  }

  absent(what, why) {
    this.missing.push({ what, why })
    return []
  }
}

function withConsumer(args) {
  return args.includes('-c') ? args : ['-c', 'null', ...args]
}

function cliOf(checkout) {
  return join(checkout, 'packages', 'cli', 'bin', 'run.js')
}

function checkReport(output, { rows, pages }) {
  const report = JSON.parse(readFileSync(output, 'utf8'))
  expectSame('operations', report.trace.operations, rows)
  if (pages !== null) expectSame('pins', report.lanes[0].pins.acquired, pages)
}

function expectSame(what, got, expected) {
  if (got !== expected) throw new Error(`${what}: ${got} where the trace has ${expected}`)
}

function missingTrace(folder, name, suffix) {
  throw new Error(
    `${join(folder, name)}${suffix} is missing: node bench/peers/make-trace.mjs --out ${join(folder, name)} makes it`,
  )
}
