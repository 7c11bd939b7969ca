// The hook of note-modules.mjs: notes the URL of every module that is imported.
import { appendFileSync } from 'node:fs'

const notes = { file: '' }

export function initialize(file) {
  notes.file = file
}

export function load(url, context, nextLoad) {
  if (url.startsWith('file:')) appendFileSync(notes.file, `${url}\n`)
  return nextLoad(url, context)
}
