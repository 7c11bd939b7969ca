import { textOfQuoted } from '../text/quoted.ts'
import { type CallArguments, decorationOf, hasFlag, numberOf } from './call-arguments.ts'
import { O_DIRECT } from './io-calls.ts'
import { namelessFile, notFileOf, type OpenFile, type OpenFiles } from './open-files.ts'

/** A system call that has returned. */
export interface ReturnedCall {
  /** As the kernel calls it: `openat`. */
  readonly name: string
  readonly args: CallArguments
  /** What it returned, or -errno. */
  readonly result: number
  /** What the recorder says that a returned descriptor is (`3</mnt/data>`); null where it says nothing. */
  readonly resultName: string | null
}

/** @kernel include/uapi/asm-generic/fcntl.h: O_CLOEXEC */
const O_CLOEXEC = 0o2000000
/** @kernel include/uapi/linux/close_range.h: CLOSE_RANGE_CLOEXEC */
const CLOSE_RANGE_CLOEXEC = 4

/** Commands of fcntl(2), by their numbers. @kernel include/uapi/asm-generic/fcntl.h, include/uapi/linux/fcntl.h */
const FCNTL_COMMANDS: Readonly<Record<number, string>> = {
  0: 'DUPFD',
  2: 'SETFD',
  3: 'GETFL',
  4: 'SETFL',
  1030: 'DUPFD_CLOEXEC',
}

type Apply = (files: OpenFiles, call: ReturnedCall) => void

const OPEN: Apply = (files, call) => {
  const flags = call.args.get('flags')
  open(files, call, hasFlag(flags, 'O_', 'DIRECT', O_DIRECT), isCloseOnExec(flags))
}

/** What each call does to the table of the process that makes it. */
const CALLS = new Map<string, Apply>([
  ['open', OPEN],
  ['openat', OPEN],
  ['open_by_handle_at', OPEN],
  [
    'openat2',
    (files, call) => {
      const how = call.args.get('how') ?? ''
      const flags = how.startsWith('{flags=') ? how.slice('{flags='.length) : undefined
      open(files, call, hasFlag(flags, 'O_', 'DIRECT', O_DIRECT), isCloseOnExec(flags))
    },
  ],
  ['creat', (files, call) => open(files, call, false, false)],
  ['memfd_create', (files, call) => open(files, call, false, isCloseOnExec(call.args.get('flags')))],
  ['dup', (files, { args, result }) => duplicate(files, args.get('fildes'), result, false)],
  ['dup2', (files, { args, result }) => duplicate(files, args.get('oldfd'), result, false)],
  ['dup3', (files, { args, result }) => duplicate(files, args.get('oldfd'), result, isCloseOnExec(args.get('flags')))],
  ['fcntl', fcntl],
  ['fcntl64', fcntl],
  ['close', (files, { args }) => withNumber(args.get('fd'), (fd) => files.close(fd))],
  ['close_range', closeRange],
  ['pipe', (files, call) => openPair(files, call, 'fildes')],
  ['pipe2', (files, call) => openPair(files, call, 'fildes')],
  ['socketpair', (files, call) => openPair(files, call, 'usockvec')],
])

/** The call opens, closes or changes descriptors. */
export function isFileCall(name: string): boolean {
  return CALLS.has(name) || namelessFile(name) !== null
}

/** Does to the table what the call did. */
export function applyFileCall(files: OpenFiles, call: ReturnedCall): void {
  if (call.result < 0) return
  const apply = CALLS.get(call.name)
  if (apply !== undefined) {
    apply(files, call)
    return
  }
  const nameless = namelessFile(call.name)
  if (nameless !== null) files.open(call.result, nameless)
}

function isCloseOnExec(flags: string | undefined): boolean {
  return hasFlag(flags, 'O_', 'CLOEXEC', O_CLOEXEC) === true
}

function open(files: OpenFiles, call: ReturnedCall, direct: boolean | null, closeOnExec: boolean): void {
  const name = nameOf(call)
  files.open(call.result, { name, direct, notFile: notFileOf(name) }, closeOnExec)
}

/** Name of the file: what the recorder says of the new descriptor, else the path that was asked for, from its directory on. */
function nameOf({ args, resultName }: ReturnedCall): string {
  if (resultName !== null) return resultName
  const path = textOfQuoted(args.get('filename') ?? args.get('pathname') ?? '')
  if (path === null || path.startsWith('/')) return path ?? ''
  const directory = decorationOf(args.get('dfd'))
  return directory === null ? path : `${directory}/${path}`
}

function duplicate(files: OpenFiles, from: string | undefined, to: number, closeOnExec: boolean): void {
  withNumber(from, (fd) => files.duplicate(fd, to, closeOnExec))
}

function fcntl(files: OpenFiles, { args, result }: ReturnedCall): void {
  const text = args.get('cmd') ?? ''
  const number = numberOf(text)
  const command = number === null ? text.replace(/^F_/, '') : FCNTL_COMMANDS[number]
  const fd = numberOf(args.get('fd'))
  if (fd === null) return
  if (command === 'DUPFD' || command === 'DUPFD_CLOEXEC') {
    files.duplicate(fd, result, command === 'DUPFD_CLOEXEC')
  } else if (command === 'SETFL') setDirect(files, fd, hasFlag(args.get('arg'), 'O_', 'DIRECT', O_DIRECT))
  else if (command === 'GETFL') setDirect(files, fd, (result & O_DIRECT) !== 0)
  else if (command === 'SETFD') files.setCloseOnExec(fd, hasFlag(args.get('arg'), 'FD_', 'CLOEXEC', 1) === true)
}

/** F_SETFL and F_GETFL tell of a descriptor that was not seen being opened, too. */
function setDirect(files: OpenFiles, fd: number, direct: boolean | null): void {
  const file = files.find(fd)
  if (file !== undefined) file.direct = direct ?? file.direct
  else if (direct !== null) files.open(fd, { name: '', direct, notFile: null })
}

function closeRange(files: OpenFiles, { args }: ReturnedCall): void {
  const first = numberOf(args.get('fd'))
  const last = numberOf(args.get('max_fd'))
  if (first === null || last === null || hasFlag(args.get('flags'), '', 'CLOSE_RANGE_CLOEXEC', CLOSE_RANGE_CLOEXEC))
    return
  files.close(first, last)
}

/** Descriptors that a call wrote into an array of two: `[9<pipe:[1674631]>, 11]`, of which strace -s 1 prints the first. */
function openPair(files: OpenFiles, { name, args }: ReturnedCall, argument: string): void {
  const pair = /^\[(\d{1,10})(?:<[^\]]*\]>)?(?:, (\d{1,10}))?/.exec(args.get(argument) ?? '')
  const file: OpenFile | null = namelessFile(name)
  if (pair === null || file === null) return
  files.open(Number(pair[1]), file)
  if (pair[2] !== undefined) files.open(Number(pair[2]), file)
}

function withNumber(text: string | undefined, use: (value: number) => void): void {
  const value = numberOf(text)
  if (value !== null) use(value)
}
