import type { BpftraceFile } from './record-bpftrace-files.ts'

/** A row of a recording on its way. */
export interface BpftraceRow {
  readonly ns: number
  readonly tid: number
  readonly pid: number
  readonly op: string
  readonly fd: number
  file: BpftraceFile | null
  oflags: string
  offset: number
  readonly segments: string[]
  segmentsCount: number
  readonly arg: string[]
  /** Its return or completion is awaited. */
  isOpen: boolean
  /** It never was on its way. */
  isDropped: boolean
  durationNs: number | null
  result: string
}

/** How a recording writes that there is no descriptor, and no position. */
export const NONE = -1

/** Columns of a recording, version 2. */
export const RECORDING_COLUMNS =
  'ts_us,dur_us,tid,op,fd,target,oflags,off,nseg,segs,arg,ret,acq,rel,pages,pid,mm,file,shared'

/** A row as a line; an address space has the number of its process. */
export function rowLine(row: BpftraceRow): string {
  const { ns, tid, pid, op, fd, file, oflags, offset, segments, segmentsCount, arg, durationNs, result } = row
  return [
    ...[microseconds(ns), durationNs === null ? '' : microseconds(durationNs), tid, op, fd, file?.target ?? '', oflags],
    ...[offset, segmentsCount, segments.join(';'), arg.join(' '), result, '', '', '', pid, pid, file?.id ?? '', ''],
  ].join(',')
}

const microseconds = (ns: number): string => `${Math.floor(ns / 1000)}.${String(ns % 1000).padStart(3, '0')}`

const O_ACCMODE = 3
const O_RDONLY = 0
const O_WRONLY = 1
const O_APPEND = 0o2000
const O_NONBLOCK = 0o4000
/** Without O_DSYNC, which is a part of it. @kernel include/uapi/asm-generic/fcntl.h: __O_SYNC */
const O_SYNC = 0o4000000
/** @kernel arch/arm64/include/uapi/asm/fcntl.h, include/uapi/asm-generic/fcntl.h: O_DIRECT */
const O_DIRECT = process.arch === 'arm64' ? 0o200000 : 0o40000

/** f_flags of a file, in hexadecimal, as the letters of a recording. */
export function openFlags(hex: string): string {
  const flags = Number.parseInt(hex, 16)
  const access = flags & O_ACCMODE
  return [
    access === O_WRONLY ? '' : 'R',
    access === O_RDONLY ? '' : 'W',
    flags & O_DIRECT ? 'D' : '',
    flags & O_APPEND ? 'A' : '',
    flags & O_SYNC ? 'S' : '',
    flags & O_NONBLOCK ? 'N' : '',
  ].join('')
}
