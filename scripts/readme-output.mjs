// Puts the real output of the commands that README.md shows between its `<!-- output: … -->` marks. A command that is to
// exit with 1, because something is found, is marked `(exit 1)`.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const readme = `${root}README.md`

/** README.md with the outputs of today. */
export function withOutputs(text) {
  return text.replace(/<!-- output: pinscope (.*?)( \(exit 1\))? -->\n```\n[\s\S]*?```\n/g, (_, command, exit = '') => {
    const args = ['packages/cli/bin/run.js', ...command.split(' ').flatMap(expanded)]
    const { stdout, status } = spawnSync(process.execPath, args, {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, COLUMNS: '80' },
    })
    if (status !== (exit === '' ? 0 : 1)) throw new Error(`pinscope ${command} exited with ${status}`)
    return `<!-- output: pinscope ${command}${exit} -->\n\`\`\`\n$ pinscope ${command}\n${stdout.trimEnd()}\n\`\`\`\n`
  })
}

/** As a shell would: `traces/*` and `traces/*.csv`. */
function expanded(word) {
  const [, folder, ending] = /^(.*)\/\*(.*)$/.exec(word) ?? []
  if (folder === undefined) return [word]
  const names = readdirSync(join(root, folder)).filter((name) => !name.startsWith('.') && name.endsWith(ending))
  return names.sort().map((name) => `${folder}/${name}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(readme, withOutputs(readFileSync(readme, 'utf8')))
}
