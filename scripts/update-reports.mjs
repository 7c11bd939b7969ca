// Writes what replaying each trace must print: traces/<name>.report.json beside traces/<name>.csv. Read the diff before
// committing it: a changed figure is a changed claim about the kernel.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

for (const folder of ['traces', 'traces/made']) {
  for (const name of readdirSync(join(root, folder)).filter((file) => file.endsWith('.csv'))) {
    const trace = `${folder}/${name}`
    const report = trace.replace(/\.csv$/, '.report.json')
    const args = ['packages/cli/bin/run.js', 'replay', trace, '--json', '--fail-on', 'none', '-o', report]
    const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' })
    console.log(`${status === 0 ? 'wrote ' : 'FAILED'} ${report}`)
    if (status !== 0) process.exitCode = 1
  }
}
