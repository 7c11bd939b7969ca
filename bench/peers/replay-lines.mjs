// The lines of the table that replay the large trace: CSV, Arrow, held references, huge pages, two threads.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { command, ratio, spread } from './measure.mjs'

/** Native CSV against the C loop, csv-parse and libCacheSim's CSV reader. */
export function csv(run) {
  const trace = run.trace('.csv')
  const small = run.smallTrace('.csv')
  const commands = [
    run.replay('csv', trace),
    ...run.before('csv', trace),
    ...run.loops('csv', 'page', trace),
    run.loop('csv', 'page8', trace),
    csvParse(run, small),
  ]
  const reader = run.libCacheSimReader()
  if (reader !== null) {
    const file = run.trace('-libcs.csv').file
    commands.push(command('libCacheSim csv', [reader, 'csv', file], trace.rows, run.checkRequests(trace)))
  }
  return run.table(commands, [
    row('native CSV', 'csv', 'plain csv page', 0.3, 0.7),
    row('native CSV', 'csv', 'csv page'),
    row('native CSV', 'csv', 'csv page8'),
    row('native CSV', 'csv', 'csv-parse', 12, 30),
    row('native CSV', 'csv', 'libCacheSim csv', 2.5, 6),
    row('native CSV', 'csv', 'before csv'),
  ])
}

/** Arrow against the C loop over records, and libCacheSim's LRU of 1 GiB over the same records. */
export function arrow(run) {
  const trace = run.trace('.arrow')
  const commands = [
    run.replay('arrow', trace),
    ...run.before('arrow', trace),
    ...run.loops('bin', 'page', run.trace('.bin')),
    run.loop('bin', 'page8', run.trace('.bin')),
    ...libCacheSimLru(run),
  ]
  return run.table(commands, [
    row('Arrow', 'arrow', 'plain bin page', 0.25, 0.6),
    row('Arrow', 'arrow', 'bin page'),
    row('Arrow', 'arrow', 'bin page8'),
    row('Arrow', 'arrow', 'libCacheSim LRU', 3, 8),
    row('Arrow', 'arrow', 'before arrow'),
  ])
}

/** References held for 64 operations. */
export function held(run) {
  const trace = run.trace('-qd64.arrow')
  const commands = [
    run.replay('held', trace),
    ...run.before('held', trace),
    run.replay('held csv', run.trace('-qd64.csv')),
    ...run.loops('bin', 'qd', run.trace('.bin')),
    run.loop('bin', 'qd8', run.trace('.bin')),
  ]
  return run.table(commands, [
    row('Arrow, 64 in flight', 'held', 'plain bin qd', 0.2, 0.6),
    row('Arrow, 64 in flight', 'held', 'bin qd'),
    row('Arrow, 64 in flight', 'held', 'bin qd8'),
    row('CSV, 64 in flight', 'held csv', 'plain bin qd'),
    row('Arrow, 64 in flight', 'held', 'before held'),
  ])
}

/** Policy folio over huge pages: one pin an operation. */
export function folio(run) {
  const trace = run.trace('-thp.arrow')
  const onePinEach = { ...trace, pages: trace.rows }
  const args = ['-p', 'folio']
  const commands = [
    run.replay('folio', onePinEach, args),
    ...run.before('folio', onePinEach, args),
    ...run.loops('bin', 'page', run.trace('.bin')),
    run.loop('bin', 'folio', run.trace('.bin')),
  ]
  return run.table(commands, [
    row('Arrow, folio over huge pages', 'folio', 'plain bin page', 0.5, 1.2),
    row('Arrow, folio over huge pages', 'folio', 'bin page'),
    row('Arrow, folio over huge pages', 'folio', 'bin folio'),
    row('Arrow, folio over huge pages', 'folio', 'before folio'),
  ])
}

/** bio against null, over the whole trace. */
export function bio(run) {
  const trace = run.trace('.arrow')
  const commands = [
    run.replay('null', trace),
    run.replay('bio', { ...trace, pages: null }, ['-c', 'bio', '-p', 'extract']),
  ]
  return run.table(commands, [row('bio, Arrow', 'bio', 'null', 0.6, 0.8)])
}

/** Two threads against one, with reports that are the same to the byte. */
export function jobs(run) {
  const option = run.jobsOption()
  if (option === null) return run.absent('two threads', 'pinscope replay has no option --jobs')
  const lines = []
  for (const kind of ['csv', 'arrow']) {
    const trace = run.trace(`.${kind}`)
    const one = run.replay(`${kind} 1`, trace, ['-c', 'null', '-p', 'extract', option, '1'])
    const two = run.replay(`${kind} 2`, trace, ['-c', 'null', '-p', 'extract', option, '2'])
    let report = null
    for (const each of [one, two]) {
      const { check } = each
      each.check = (output) => {
        const text = readFileSync(output, 'utf8')
        report ??= text
        if (text !== report) throw new Error(`${each.name}: the reports of one and two threads differ`)
        return check(output)
      }
    }
    lines.push(...run.table([one, two], [row(`${kind}, two threads`, `${kind} 2`, `${kind} 1`, 1.5, 1.8)]))
  }
  return lines
}

function row(work, ours, peer, atLeast, aim) {
  return { work, ours, peer, atLeast, aim }
}

function csvParse(run, trace) {
  const script = join(run.folder, 'csv-parse-replay.mjs')
  return command('csv-parse', [process.execPath, script, trace.file], trace.rows, run.checkRequests(trace))
}

function libCacheSimLru(run) {
  if (run.cachesim === null) {
    run.absent('libCacheSim LRU', 'no cachesim on the PATH')
    return []
  }
  const { file, rows } = run.trace('.bin')
  const columns = 'time-col=1,obj-id-col=2,obj-size-col=4,format=<QQQII'
  const rest = ['--report-interval', '2000000000', '-o', join(run.scratch, 'cachesim')]
  const argv = [run.cachesim, file, 'binary', 'lru', '1gb', '-t', columns, ...rest]
  return [command('libCacheSim LRU', argv, rows)]
}

/** The rows of the table whose commands took part. */
export function tableOf(rounds, rows) {
  const took = (name) => rounds[0][name] !== undefined
  return rows
    .filter(({ ours, peer }) => took(ours) && took(peer))
    .map((row) => ({
      ...row,
      ratio: ratio(rounds, row.ours, row.peer),
      cpuRatio: ratio(rounds, row.ours, row.peer, cpuSeconds),
    }))
}

function cpuSeconds(result) {
  return result.cpuSeconds
}

/** Rates and peak memory of every command of the rounds. */
export function ratesOf(rounds) {
  return Object.keys(rounds[0]).map((name) => {
    const results = rounds.map((round) => round[name])
    return {
      name,
      rowsPerSecond: spread(results.map(({ rows, seconds }) => rows / seconds)),
      seconds: spread(results.map(({ seconds }) => seconds)),
      cpuSeconds: spread(results.map(({ cpuSeconds }) => cpuSeconds)),
      peakMb: spread(results.map(({ peakMb }) => peakMb)),
    }
  })
}
