// `node --import note-modules.mjs ...`: at exit, the modules that were loaded are in the file that NOTE_MODULES names, a URL
// a line. What is imported is noted by a hook, what is required stands in Node's cache.
import { appendFileSync } from 'node:fs'
import { createRequire, register } from 'node:module'
import { pathToFileURL } from 'node:url'

const file = process.env.NOTE_MODULES
register('./note-modules-hook.mjs', { parentURL: import.meta.url, data: file })
process.once('exit', () => {
  const required = Object.keys(createRequire(import.meta.url).cache)
  appendFileSync(file, required.map((path) => `${pathToFileURL(path).href}\n`).join(''))
})
