import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A TypeScript file of the repository. */
export interface Source {
  /** From the root, with `/`: `packages/core/src/units.ts`. */
  readonly path: string
  readonly text: string
}

export const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Folder names under `packages/`. */
export function packageNames(): string[] {
  return readdirSync(join(ROOT, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
}

/** Every `.ts` file below a folder of the root; none where the folder is not there. */
export function sourcesBelow(folder: string): Source[] {
  const top = join(ROOT, folder)
  return files(top)
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path: relative(ROOT, path).split(sep).join('/'), text: readFileSync(path, 'utf8') }))
}

/** Every source file of every package, tests apart. */
export function packageSources(): Source[] {
  return packageNames().flatMap((name) => sourcesBelow(`packages/${name}/src`))
}

function files(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
