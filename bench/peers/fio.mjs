// The requests of the trace for fio: a log that it replays with O_DIRECT on a file of its own.

import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { command } from './measure.mjs'

const REQUESTS = 100_000
const RECORD_BYTES = 32
const FILE_BYTES = 4 * 2 ** 30
const SECTOR_BYTES = 512

/** A synchronous and a queued engine on a file, timed by fio; and its engine that does no I/O at all, the reading of the log included. */
export function fioCommands(run) {
  const file = join(run.fioFolder, 'fio-file')
  const log = join(run.scratch, 'fio-log')
  writeLog(run.trace('.bin').file, file, log)
  fill(file)
  const engines = [
    ['fio psync', ['--ioengine=psync']],
    ['fio io_uring, 64 in flight', ['--ioengine=io_uring', '--iodepth=64']],
    ['fio null', ['--ioengine=null']],
  ]
  return engines.map(([name, args]) => {
    const common = ['--name=peer', `--read_iolog=${log}`, '--direct=1', '--output-format=json', '--replay_no_stall=1']
    const check = (output) => checkReport(output, name !== 'fio null')
    return command(name, [run.fio, ...common, ...args], REQUESTS, check)
  })
}

/** Offsets are taken modulo the size of the file. */
function writeLog(records, file, log) {
  const bytes = Buffer.alloc(REQUESTS * RECORD_BYTES)
  const fd = openSync(records, 'r')
  const got = readSync(fd, bytes, 0, bytes.length, 0)
  closeSync(fd)
  if (got !== bytes.length) throw new Error(`${records} has fewer than ${REQUESTS} records`)
  const lines = ['fio version 2 iolog', `${file} add`, `${file} open`]
  for (let at = 0; at < bytes.length; at += RECORD_BYTES) {
    const length = bytes.readUInt32LE(at + 24)
    const room = BigInt(FILE_BYTES - length)
    const aligned = ((bytes.readBigUInt64LE(at + 8) % room) / BigInt(SECTOR_BYTES)) * BigInt(SECTOR_BYTES)
    lines.push(`${file} ${bytes.readUInt32LE(at + 28) === 1 ? 'write' : 'read'} ${aligned} ${length}`)
  }
  lines.push(`${file} close`)
  writeFileSync(log, `${lines.join('\n')}\n`)
}

/** Every block written, so that the kernel has something to read. */
function fill(file) {
  if (existsSync(file) && statSync(file).size === FILE_BYTES) return
  const argv = ['if=/dev/zero', `of=${file}`, 'bs=4M', `count=${FILE_BYTES / 2 ** 22}`, 'oflag=direct', 'status=none']
  const { status } = spawnSync('dd', argv, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`${file} of 4 GiB could not be written`)
}

function checkReport(output, isTimedByFio) {
  const text = readFileSync(output, 'utf8')
  const [job] = JSON.parse(text.slice(text.indexOf('{'))).jobs
  const requests = job.read.total_ios + job.write.total_ios
  if (requests !== REQUESTS || job.error !== 0)
    throw new Error(`fio did ${requests} of ${REQUESTS} requests, error ${job.error}`)
  return isTimedByFio ? { runSeconds: job.job_runtime / 1000 } : {}
}
