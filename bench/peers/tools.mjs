// What the peers need on this machine: the programs of this folder, built, and those of others, where they are.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The limit is what gcc -O3 makes of a plain loop; beside it the fastest loop that was found, for this very processor. */
const PLAIN_FLAGS = ['-O3', '-DPLAIN']
const C_FLAGS = ['-O3', '-march=native']

/** Builds into `scratch`. Without a C compiler there is nothing to measure with. */
export function buildLoops(scratch) {
  const built = {
    measure: build(scratch, 'measure', 'measure.c', ['-O2']),
    loop: build(scratch, 'loop', 'loop.c', C_FLAGS),
    plain: build(scratch, 'loop-plain', 'loop.c', PLAIN_FLAGS),
  }
  if (Object.values(built).includes(null)) throw new Error('the C loops need a C compiler: cc')
  return built
}

/** libCacheSim's readers alone: null without a checkout that is built in its folder `build`. */
export function buildLibCacheSimReader(scratch, checkout) {
  const library = checkout === undefined ? '' : join(checkout, 'build', 'liblibCacheSim.a')
  if (!existsSync(library)) return null
  const glib = (what) => spawnSync('pkg-config', [what, 'glib-2.0'], { encoding: 'utf8' }).stdout.trim().split(/\s+/)
  const flags = ['-O3', '-I', join(checkout, 'libCacheSim', 'include'), ...glib('--cflags')]
  const libraries = [library, ...glib('--libs'), '-lzstd', '-lm', '-lpthread', '-ldl']
  return build(scratch, 'libcachesim-read', 'libcachesim-read.c', flags, libraries)
}

/** The path of a program, or null. */
export function found(program) {
  const { status, stdout } = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}

/** Versions of what takes part, for the record. */
export function versions() {
  const firstLine = (...argv) => {
    const { stdout, status } = spawnSync(argv[0], argv.slice(1), { encoding: 'utf8' })
    return status === 0 ? stdout.split('\n')[0].trim() : null
  }
  const cpu = /model name\s*:\s*(.*)/.exec(existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '')
  return {
    node: process.version,
    cc: firstLine('cc', '--version'),
    fio: found('fio') === null ? null : firstLine('fio', '--version'),
    kernel: firstLine('uname', '-r'),
    processor: cpu?.[1] ?? null,
    processors: Number(firstLine('nproc') ?? 0),
  }
}

function build(scratch, name, source, flags, libraries = []) {
  const program = join(scratch, name)
  const file = fileURLToPath(new URL(source, import.meta.url))
  const { status } = spawnSync('cc', [...flags, '-o', program, file, ...libraries], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return status === 0 ? program : null
}
