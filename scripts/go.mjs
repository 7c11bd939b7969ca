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

/** Runs a command to its end and returns its status, as a shell would: 128 + signal when one ended it. */
function statusOf(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) {
    console.error(`could not run ${command}: ${result.error.message}`)
    process.exit(2)
  }
  return result.signal ? 128 + constants.signals[result.signal] : (result.status ?? 1)
}

/** Runs a command to its end. Leaves with its status when that is not 0. */
function run(command, args, options = {}) {
  const status = statusOf(command, args, options)
  if (status !== 0) process.exit(status)
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
  node('packages/scan/build.mjs')
  node('node_modules/typescript/bin/tsc', '-b')
  node('scripts/bundle.mjs')
  node('scripts/manifest.mjs')
}

/** Style, and the types of the tests, which the build leaves out. */
function lint() {
  node('node_modules/@biomejs/biome/bin/biome', 'ci')
  node('node_modules/typescript/bin/tsc', '-p', 'tsconfig.tests.json')
}

const tasks = {
  install,
  build,
  lint: () => {
    build()
    lint()
  },
  test: () => {
    build()
    // A formatting slip must not hide what the tests say; both count.
    const tests = statusOf(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', ...rest])
    if (tests > 128) process.exit(tests)
    lint()
    process.exit(tests)
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
