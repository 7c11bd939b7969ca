import { IorecImporter } from '../import/iorec/iorec-importer.ts'
import { attributesOf, headLines, isRecording, versionOf } from '../import/iorec/recording-head.ts'
import type { ImportContext, ImportFormat, ImportOption, LineImporter } from '../import/trace-format.ts'
import { quotedText } from '../printable.ts'

const KERNEL: ImportOption = {
  name: 'kernel',
  summary: 'version of the kernel that was recorded, such as 6.18; recordings of version 1 do not tell',
  words: null,
  default: '',
}
const FILESYSTEM: ImportOption = {
  name: 'filesystem',
  summary: 'file system of the files, such as ext4; recordings of version 1 do not tell',
  words: null,
  default: '',
}
const MM: ImportOption = {
  name: 'mm',
  summary:
    'whose memory buffers are in: as recorded (version 1: one process), one process, or each thread its own (a program of version 1 that forks)',
  words: ['recorded', 'process', 'tid'],
  default: 'recorded',
}
const CALLS: ImportOption = {
  name: 'calls',
  summary:
    'file: reads and writes of files; all: process_vm_*, pipes, splice and zero-copy sends too, for the consumers that model them',
  words: ['file', 'all'],
  default: 'file',
}
const NAMES: ImportOption = {
  name: 'names',
  summary: 'short: the last component of a path, more where two files share it; path: all of it',
  words: ['short', 'path'],
  default: 'short',
}

/**
 * Recordings of pinscope's own recorder, iorec (ptrace + seccomp): address and length of every segment, what backed every page, and
 * what the kernel's pin counters did around each call.
 *
 * Version 2 is what `pinscope trace record` writes. Version 1 came from its prototype: a row stands where the call returned,
 * completions are rows of their own, and kernel, file system and processes are not told.
 */
export const iorec: ImportFormat = {
  name: 'iorec',
  title: 'an iorec recording',
  level: 'L3',
  record: 'pinscope trace record --raw -o FILE -- PROGRAM ARGUMENTS',
  clock: 'us since the recording began (CLOCK_MONOTONIC)',
  options: [KERNEL, FILESYSTEM, MM, CALLS, NAMES],
  detect: isRecording,
  open: openRecording,
}

function openRecording(context: ImportContext): LineImporter {
  const { rows, head } = context
  const version = versionOf(head)
  if (version === null) {
    throw rows.fail(0, 'the recording is of a later version than 2', 'Use a pinscope as new as the recorder.')
  }
  if (version === 1) {
    rows.attributes.set('recorder', 'iorec (ptrace + seccomp)')
    rows.attributes.set('logical-block-size', '512')
    rows.attributes.set('dma-alignment', '512')
  }
  for (const [key, value] of attributesOf(headLines(head))) rows.attributes.set(key, value)
  for (const { name } of [KERNEL, FILESYSTEM]) setOption(context, name)
  return new IorecImporter(context, version)
}

/** What the user says of the recording goes before what it says itself. */
function setOption({ rows, option }: ImportContext, name: string): void {
  const value = option(name)
  if (value === '') return
  if (!/^[!-~]{1,64}$/.test(value)) {
    throw rows.fail(0, `input option ${name} is ${quotedText(value)}, expected a word`, '')
  }
  rows.attributes.set(name, value)
}
