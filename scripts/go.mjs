// Bootstraps everything on a machine that has only Node and npm, then runs one task.
// No dependency of its own: it runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PNPM = 'pnpm@10.34.9'
const root = fileURLToPath(new URL('..', import.meta.url))
const [task, ...rest] = process.argv.slice(2)

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`pinscope needs Node 20.19 or later; this is ${process.version} (${process.execPath})`)
  process.exit(2)
}

// Ctrl-C goes to the child as well, which ends in its own way; this process waits for it and hands its status on.
process.on('SIGINT', () => {})

/** Runs a command to its end. Leaves with its status when that is not 0, as a shell would: 128 + signal. */
function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) {
    console.error(`could not run ${command}: ${result.error.message}`)
    process.exit(2)
  }
  if (result.signal) process.exit(128 + constants.signals[result.signal])
  if (result.status !== 0) process.exit(result.status ?? 1)
}

const node = (...args) => run(process.execPath, args)

/** Installed, and not older than the lock file. */
function installed() {
  const stamp = join(root, 'node_modules', '.modules.yaml')
  const lock = join(root, 'pnpm-lock.yaml')
  return existsSync(stamp) && statSync(stamp).mtimeMs >= statSync(lock).mtimeMs
}

function install() {
  if (installed()) return
  console.error(`installing with ${PNPM} (once)`)
  // On Windows npx is a .cmd file, which only a shell can start, and a shell needs its blanks quoted.
  const shell = process.platform === 'win32'
  const folder = shell ? `"${root.replace(/\\$/, '')}"` : root
  // npx must not see this repository's package.json as its own project, hence another working directory.
  const elsewhere = mkdtempSync(join(tmpdir(), 'pinscope-'))
  process.once('exit', () => rmSync(elsewhere, { recursive: true, force: true }))
  run('npx', ['--yes', PNPM, '--dir', folder, 'install', '--frozen-lockfile', '--reporter=append-only'], {
    cwd: elsewhere,
    env: { ...process.env, CI: 'true' },
    stdio: ['ignore', 2, 2],
    shell,
  })
}

function build() {
  install()
  node('node_modules/typescript/bin/tsc', '-b')
  node('scripts/manifest.mjs')
}

const tasks = {
  install,
  build,
  lint: () => {
    build()
    node('node_modules/@biomejs/biome/bin/biome', 'ci', ...rest)
  },
  test: () => {
    build()
    node('node_modules/@biomejs/biome/bin/biome', 'ci')
    node('node_modules/vitest/vitest.mjs', 'run', ...rest)
  },
  demo: () => {
    build()
    node('scripts/demo.mjs', ...rest)
  },
  bench: () => {
    build()
    node('--expose-gc', 'bench/run.mjs', ...rest)
  },
}

if (!Object.hasOwn(tasks, task)) {
  console.error(`unknown task ${task ?? '(none)'}: one of ${Object.keys(tasks).join(', ')}`)
  process.exit(2)
}
tasks[task]()
