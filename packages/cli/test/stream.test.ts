import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { BIN, ended, pinscope, plainEnv, ROOT, start, temporaryFolder } from './run.ts'

const CLEAN = 'traces/fio-libaio-randrw.csv'
const LEAKS = 'traces/made/release-errors.csv'
const HEAD = '# pinscope-trace 1\nts,end,op,segs,flags\n'
const folder = temporaryFolder()

/** Runs a line of bash with pipefail; `$PINSCOPE` is the command. */
function bash(line: string): { status: number; stdout: string; stderr: string } {
  const script = `set -o pipefail; ${line} 2>"${join(folder, 'stderr')}"; echo "status ${'$'}?"`
  const stdout = execFileSync('bash', ['-c', script], {
    cwd: ROOT,
    env: plainEnv({ PINSCOPE: `${process.execPath} ${BIN}` }),
    encoding: 'utf8',
  })
  const [, text = '', status] = /^([\s\S]*)status (\d+)\n$/.exec(stdout) ?? []
  return { status: Number(status), stdout: text, stderr: readFileSync(join(folder, 'stderr'), 'utf8') }
}

describe('a reader that goes away', () => {
  it('a clean trace, piped into head: quiet, 0', () => {
    expect(bash(`$PINSCOPE replay ${CLEAN} | head -1`)).toEqual({ status: 0, stdout: `${CLEAN}\n`, stderr: '' })
  })

  it('a failed gate stays failed: the verdict stands before the first line', () => {
    const { status, stderr } = bash(`$PINSCOPE replay ${LEAKS} --json | true`)
    expect([status, stderr]).toEqual([1, ''])
  })

  it('help', () => {
    expect(bash('$PINSCOPE --help | true')).toMatchObject({ status: 0, stderr: '' })
  })
})

describe('Ctrl-C', () => {
  it('in a long standard input: 130, one line, no file', async () => {
    const output = join(folder, 'interrupted', 'report.json')
    mkdirSync(join(folder, 'interrupted'))
    const child = start(['replay', '-', '--json', '-o', output], { env: plainEnv(), stdio: ['pipe', 'pipe', 'pipe'] })
    const done = ended(child)
    child.stdin?.write(`${HEAD}0,,read,0x7f0000000000+4096,direct\n`)
    // The temporary file tells that the replay has begun.
    while (readdirSync(join(folder, 'interrupted')).length === 0) await sleep(20)
    await sleep(100)
    child.kill('SIGINT')
    expect(await done).toEqual({ status: 130, stdout: '', stderr: 'pinscope: interrupted, nothing was written\n' })
    expect(readdirSync(join(folder, 'interrupted'))).toEqual([])
  })
})

describe('-o FILE', () => {
  it('writes what standard output would get, and tells the verdict on stderr', async () => {
    const output = join(folder, 'report.txt')
    const [file, stdout] = await Promise.all([pinscope(['replay', LEAKS, '-o', output]), pinscope(['replay', LEAKS])])
    expect(readFileSync(output, 'utf8')).toBe(stdout.stdout)
    expect(file).toEqual({
      status: 1,
      stdout: '',
      stderr: `FAILED: 2 leaks, 2 violations (exit 1)\nreport written to ${output}\n`,
    })
  })

  it('leaves an older report alone when the trace turns out bad', async () => {
    const own = join(folder, 'kept')
    mkdirSync(own)
    writeFileSync(join(own, 'report.json'), 'old')
    writeFileSync(join(own, 'bad.csv'), `${HEAD}0,,read,0x1000+512,\nx\n`)
    expect((await pinscope(['replay', join(own, 'bad.csv'), '-o', join(own, 'report.json')])).status).toBe(2)
    expect(readFileSync(join(own, 'report.json'), 'utf8')).toBe('old')
    expect(readdirSync(own).sort()).toEqual(['bad.csv', 'report.json'])
  })

  it('writes through a symbolic link, and to a device', async () => {
    const link = join(folder, 'link.json')
    writeFileSync(join(folder, 'real.json'), '')
    symlinkSync(join(folder, 'real.json'), link)
    await pinscope(['replay', CLEAN, '--json', '-o', link])
    expect(JSON.parse(readFileSync(join(folder, 'real.json'), 'utf8')).schema).toBe('pinscope-report/1')
    expect((await pinscope(['replay', CLEAN, '-o', '/dev/null'])).status).toBe(0)
    expect(existsSync('/dev/null')).toBe(true)
  })
})
