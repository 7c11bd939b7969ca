import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'

/** The repository: traces are named from there, as a user would. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
export const BIN = join(ROOT, 'packages/cli/bin/run.js')

export interface Ran {
  /** Exit status, or -1 when a signal ended it. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: NodeJS.ProcessEnv
  readonly stdin?: string | Uint8Array
}

/** The environment of the tests, without what changes the output or belongs to vitest. */
export function plainEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { NO_COLOR, FORCE_COLOR, COLUMNS, CI, NODE_ENV, VITEST, NODE_OPTIONS, ...env } = process.env
  return { ...env, ...more }
}

/** Runs the built command to its end. */
export async function pinscope(args: readonly string[], { env = {}, stdin }: RunOptions = {}): Promise<Ran> {
  const child = start(args, { env: plainEnv(env), stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] })
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(stdin)
  return ended(child)
}

/** Starts the built command. */
export function start(args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(process.execPath, [BIN, ...args], { cwd: ROOT, ...options })
}

/** What a started command printed, once it has ended. */
export async function ended(child: ChildProcess): Promise<Ran> {
  const texts = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk) => (texts.stdout += chunk))
  child.stderr?.on('data', (chunk) => (texts.stderr += chunk))
  const status = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
  return { status, ...texts }
}

/** A folder of its own for a test file, gone afterwards. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'pinscope-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
