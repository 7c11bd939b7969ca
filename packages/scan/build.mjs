// Compiles assembly/ to dist/scan-wasm.js: the module in base64, so that no bundler and no loader has to find a file.
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))
const output = `${folder}dist/scan-wasm.js`
const sources = readdirSync(`${folder}assembly`).map((name) => `${folder}assembly/${name}`)
const newest = Math.max(...[...sources, `${folder}build.mjs`].map((path) => statSync(path).mtimeMs))

if (!existsSync(output) || statSync(output).mtimeMs < newest) await compile()

async function compile() {
  // Half a second to load: only where there is something to compile.
  const { default: asc } = await import('assemblyscript/asc')
  const made = []
  const options = [
    '--runtime',
    'stub',
    '--noAssert',
    '--enable',
    'simd',
    '--initialMemory',
    '48',
    '--maximumMemory',
    '48',
  ]
  const { error, stderr } = await asc.main(
    ['assembly/index.ts', '--baseDir', folder, '-O3', ...options, '--outFile', 'scan.wasm'],
    {
      writeFile: (_, contents) => {
        made.push(contents)
      },
    },
  )
  if (error) {
    console.error(stderr.toString())
    throw error
  }
  mkdirSync(`${folder}dist`, { recursive: true })
  const base64 = Buffer.from(made[0]).toString('base64')
  writeFileSync(output, `/** The module, base64. */\nexport const SCAN_WASM = '${base64}'\n`)
}
