// The lines of the table that are not about the rate of one long replay: consumers, memory, garbage collections, start, fio.
import { spawnSync } from 'node:child_process'
import { fioCommands } from './fio.mjs'
import { command, median, ratio, spread } from './measure.mjs'

const START_ROUNDS = 21
const CONSUMERS_TOGETHER = 4
const TIB = 2 ** 40
const PAGE_BYTES = 4096

/**
 * Each consumer against null over the small trace, a few at a time with a null of their own, so that the two are not far apart. A
 * second figure leaves the start out: what a replay of 1,000 rows takes.
 */
export function consumers(run) {
  const trace = { ...run.smallTrace('.arrow'), pages: null }
  const tiny = { ...run.tinyTrace('.arrow'), pages: null }
  const argsOf = (name) => ['-c', name, '-p', 'extract']
  const names = consumerNames(run).filter((name) => name !== 'null')
  const lines = []
  while (names.length > 0) {
    const some = names.splice(0, CONSUMERS_TOGETHER)
    const commands = ['null', ...some].map((name) => run.replay(name, trace, argsOf(name)))
    const rounds = run.rounds([...commands, run.replay('start', tiny, argsOf('null'))])
    run.tell(rounds)
    for (const name of some) lines.push(consumerLine(rounds, name))
  }
  return lines
}

function consumerNames(run) {
  const args = [run.cli, 'consumers', '--json']
  const { status, stdout } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  if (status !== 0) throw new Error('pinscope consumers --json failed')
  return JSON.parse(stdout).consumers.map(({ name }) => name)
}

function consumerLine(rounds, name) {
  const loopSeconds = (round, one) => round[one].seconds - round.start.seconds
  return {
    work: `consumer ${name}`,
    peer: 'null',
    atLeast: name === 'bio' ? 0.6 : 0.3,
    aim: name === 'bio' ? 0.8 : 0.5,
    ratio: ratio(rounds, name, 'null'),
    cpuRatio: ratio(rounds, name, 'null', (result) => result.cpuSeconds),
    withoutStart: spread(rounds.map((round) => loopSeconds(round, 'null') / loopSeconds(round, name))),
  }
}

/** Peak memory at the length of the trace, and at ten times that where such a trace is. */
export function memory(run) {
  const lines = []
  for (const suffix of ['.csv', '.arrow', '-qd64.arrow']) {
    for (const trace of [run.trace(suffix), run.longTrace(suffix)]) {
      if (trace === null) {
        run.absent(`memory over the long trace, ${suffix}`, 'no such trace: see README.md')
        continue
      }
      const rounds = run.rounds([run.replay('replay', trace)], Math.min(run.count, 3))
      const peakMb = spread(rounds.map((round) => round.replay.peakMb))
      lines.push({ work: `peak memory, ${trace.rows} rows ${suffix}, MB`, atMost: 140, aim: 80, figure: peakMb })
    }
  }
  return lines
}

/** Memory for each page once every page of a large memory was pinned, against the same command over the tiny trace. */
export function state(run) {
  const bytes = run.stateGib * 2 ** 30
  const file = run.touchTrace(bytes)
  const pages = bytes / PAGE_BYTES
  const touched = { file, rows: pages / 256, pages }
  const rounds = run.rounds([run.replay('touched', touched), run.replay('tiny', run.tinyTrace('.csv'))], 1)
  run.tell(rounds)
  const bytesAPage = rounds.map((round) => ((round.touched.peakMb - round.tiny.peakMb) * 2 ** 20) / pages)
  const size = bytes >= TIB ? `${bytes / TIB} TiB` : `${run.stateGib} GiB`
  return [{ work: `page state, ${size} touched, bytes a page`, atMost: 1.1, aim: 0.6, figure: spread(bytesAPage) }]
}

/** Garbage collections that ten times the rows add. */
export function collections(run) {
  const lines = []
  for (const suffix of ['.csv', '.arrow', '-qd64.arrow']) {
    const count = ({ file }) => {
      const args = ['--trace-gc', ...run.replayArgs(file, ['-c', 'null', '-p', 'extract'])]
      const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 })
      if (status !== 0) throw new Error(`replay of ${file} under --trace-gc failed`)
      return stdout.split('\n').filter((line) => / ms: (Scavenge|Mark-Compact|Minor)/.test(line)).length
    }
    const small = count(run.smallTrace(suffix))
    const large = count(run.trace(suffix))
    lines.push({
      work: `garbage collections that ten times the rows add, ${suffix}`,
      atMost: 0,
      aim: 0,
      figure: spread([large - small]),
      note: `${small} and ${large} in all`,
    })
  }
  return lines
}

/** What starting costs, against Node that does nothing. */
export function start(run) {
  const tiny = run.tinyTrace('.csv')
  const commands = [
    command('node -e 0', [process.execPath, '-e', '0'], 1),
    command('--version', [process.execPath, run.cli, '--version'], 1),
    { ...run.replay('replay', tiny), rows: 1 },
    command('replay to a table', [process.execPath, run.cli, 'replay', tiny.file], 1),
  ]
  const rounds = run.rounds(commands, Math.max(START_ROUNDS, run.count))
  run.tell(rounds)
  const times = (name, key = 'seconds') => spread(rounds.map((round) => round[name][key] / round['node -e 0'][key]))
  const line = (work, name, atMost, aim) => ({
    work: `${work}, times node -e 0`,
    atMost,
    aim,
    figure: times(name),
    cpuRatio: times(name, 'cpuSeconds'),
  })
  return [
    line('--version', '--version', 2.5, 1.4),
    line(`replay -c null of ${tiny.rows} rows`, 'replay', 4, 2.5),
    line(`replay of ${tiny.rows} rows as it is`, 'replay to a table', 4, 2.5),
  ]
}

/** A real kernel that does the same requests. Its rate is that of its run alone: neither its start nor the reading of the log. */
export function fio(run) {
  if (run.fio === null) return run.absent('fio', 'no fio on the PATH')
  const ours = run.replay('arrow', run.trace('.arrow'))
  const text = run.replay('csv', run.trace('.csv'))
  const peers = fioCommands(run)
  const rounds = run.rounds([ours, text, ...peers], Math.min(run.count, 3))
  run.tell(rounds)
  const runSeconds = (result) => result.runSeconds ?? result.seconds
  return peers.flatMap(({ name }) =>
    ['arrow', 'csv'].map((mine) => ({
      work: mine,
      ours: mine,
      peer: name,
      atLeast: name === 'fio null' ? 5 : 30,
      aim: name === 'fio null' ? 10 : 100,
      ratio: ratio(rounds, mine, name, runSeconds),
      note: `${Math.round(median(rounds.map((round) => round[name].rows / runSeconds(round[name]))))} requests a second`,
    })),
  )
}
