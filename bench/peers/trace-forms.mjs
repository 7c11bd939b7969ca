// The forms that one operation is written in: a file's suffix, what stands above the rows, a row, and the columns if it is a trace.
import { ByteFile } from './byte-file.mjs'

const COMMA = 44
const PLUS = 43
const LINE_FEED = 10
const FIRST_LINE = '# pinscope-trace 1\n'

/** A file of one form, its head written; `pool` is the memory that holds every buffer, which only `thp` maps. */
export function openForm(prefix, kind, pool) {
  const form = FORMS[kind]
  if (form === undefined) throw new Error(`no form of a trace is called ${kind}: ${Object.keys(FORMS).join(', ')}`)
  const file = new ByteFile(fileOf(prefix, kind))
  file.text(form.head(pool))
  return { file, write: form.write }
}

export function fileOf(prefix, kind) {
  return `${prefix}${FORMS[kind].suffix}`
}

export function isPinscopeTrace(kind) {
  return FORMS[kind].isPinscope === true
}

const FORMS = {
  csv: {
    suffix: '.csv',
    isPinscope: true,
    head: () => `${FIRST_LINE}ts,op,offset,segs\n`,
    write(file, row) {
      file.decimal(row.ts)
      offsetAndSegment(file, row)
    },
  },
  qd64: {
    suffix: '-qd64.csv',
    isPinscope: true,
    head: () => `${FIRST_LINE}ts,end,op,offset,segs\n`,
    write(file, row) {
      file.decimal(row.ts)
      file.byte(COMMA)
      file.decimal(row.end)
      offsetAndSegment(file, row)
    },
  },
  thp: {
    suffix: '-thp.csv',
    isPinscope: true,
    head: ({ address, bytes }) =>
      `${FIRST_LINE}ts,event,backing,op,offset,segs\n0,map,thp,,,0x${address.toString(16)}+${bytes}\n`,
    write(file, row) {
      file.decimal(row.ts)
      file.text(',,')
      offsetAndSegment(file, row)
    },
  },
  bin: {
    suffix: '.bin',
    head: () => '',
    write(file, row) {
      file.u64(row.ts)
      file.u64(row.offset)
      file.u64(row.address)
      file.u32(row.length)
      file.u32(row.isWrite)
    },
  },
  libcs: {
    suffix: '-libcs.csv',
    head: () => 'ts,op,offset,length,addr\n',
    write(file, row) {
      file.decimal(row.ts)
      file.text(row.isWrite ? ',write,' : ',read,')
      file.decimal(row.offset)
      file.byte(COMMA)
      file.decimal(row.length)
      file.byte(COMMA)
      file.decimal(row.address)
      file.byte(LINE_FEED)
    },
  },
}

function offsetAndSegment(file, row) {
  file.text(row.isWrite ? ',write,' : ',read,')
  file.decimal(row.offset)
  file.text(',0x')
  file.hex(row.address)
  file.byte(PLUS)
  file.decimal(row.length)
  file.byte(LINE_FEED)
}
