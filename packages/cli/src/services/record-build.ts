import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { UsageError } from '@pinscope/core'

/** A C compiler as it is called, with words that $CC brought along. */
export interface Compiler {
  readonly command: string
  readonly words: readonly string[]
  /** What `--version` says: another compiler builds anew. */
  readonly version: string
}

const SOURCES = fileURLToPath(new URL('../../recorder', import.meta.url))
const FLAGS = ['-std=gnu11', '-O2', '-D_GNU_SOURCE']
/** Lines of a compiler's complaint that are told. */
const COMPLAINT_LINES = 8
const INSTALL =
  'Install one (apt install gcc libc6-dev, dnf install gcc, apk add gcc musl-dev linux-headers) or name yours in CC.'

const run = promisify(execFile)

/** The recorder, built from the sources of this package with the machine's compiler: once for each of both. */
export async function recorderProgram(cacheDir: string, env: NodeJS.ProcessEnv): Promise<string> {
  const sources = readdirSync(SOURCES)
    .filter((name) => /\.[ch]$/.test(name))
    .sort()
  const compiler = await findCompiler(env)
  const program = join(cacheDir, 'recorder', keyOf(compiler, sources), 'iorec')
  if (!existsSync(program)) await build(compiler, sources, program)
  return program
}

/** $CC where it is set, else the first of cc, gcc and clang. @throws UsageError when there is none. */
export async function findCompiler(env: NodeJS.ProcessEnv): Promise<Compiler> {
  const named = (env.CC ?? '').trim()
  for (const candidate of named === '' ? ['cc', 'gcc', 'clang'] : [named]) {
    const [command = '', ...words] = candidate.split(/\s+/)
    const version = await versionOf(command, words, env)
    if (version !== null) return { command, words, version }
  }
  const hint = `The recorder is a C program that is built when it is first needed. ${INSTALL}`
  if (named !== '') throw new UsageError(`CC is "${named}", which does not run`, hint)
  throw new UsageError('no C compiler was found (cc, gcc, clang)', hint)
}

async function versionOf(command: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<string | null> {
  try {
    return (await run(command, [...words, '--version'], { env })).stdout
  } catch {
    return null
  }
}

function keyOf(compiler: Compiler, sources: readonly string[]): string {
  const hash = createHash('sha256')
  hash.update(JSON.stringify([compiler, FLAGS, process.arch]))
  for (const name of sources) hash.update(`\0${name}\0`).update(readFileSync(join(SOURCES, name)))
  return hash.digest('hex').slice(0, 20)
}

/** Beside its place, and then into it: two that build at once do not meet, and none runs half a program. */
async function build({ command, words }: Compiler, sources: readonly string[], program: string): Promise<void> {
  const draft = `${program}.${process.pid}.tmp`
  const files = sources.filter((name) => name.endsWith('.c')).map((name) => join(SOURCES, name))
  process.stderr.write(`building the recorder with ${command} (once)\n`)
  try {
    mkdirSync(join(program, '..'), { recursive: true })
    await run(command, [...words, ...FLAGS, '-o', draft, ...files])
    renameSync(draft, program)
  } catch (error) {
    throw unbuilt(command, error as Error & { stderr?: string })
  } finally {
    rmSync(draft, { force: true })
  }
}

function unbuilt(command: string, { message, stderr = '' }: Error & { stderr?: string }): UsageError {
  const complaint = stderr.split('\n').filter((line) => /error|fatal|cannot/i.test(line))
  const lines = complaint.length > 0 ? complaint : message.split('\n')
  return new UsageError(
    `the recorder could not be built with ${command}:\n  ${lines.slice(0, COMPLAINT_LINES).join('\n  ')}`,
    `Headers of the C library and of the kernel are needed. ${INSTALL}`,
  )
}
