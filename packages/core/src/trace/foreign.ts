/** A format that is known not to be ours. */
interface Foreign {
  /** What it is, with its article. */
  readonly what: string
  /** How the first bytes begin, as latin-1, or what they look like. */
  readonly magic: readonly string[] | RegExp
  /** What to do. */
  readonly advice: string
}

const FORMATS = 'pinscope formats lists what is read.'
/** It is read, but this one is not as its format has it. */
const insist = (format: string): string => `--input-format ${format} tells what is wrong with it.`
const DECOMPRESS = 'Decompress it, or use gzip or zstd.'

/** pcap, in either byte order. */
const CAPTURES = ['\xd4\xc3\xb2\xa1', '\xa1\xb2\xc3\xd4', '\x4d\x3c\xb2\xa1']

/** Tried in order. */
const FOREIGN: readonly Foreign[] = [
  { what: 'an Arrow file', magic: ['ARROW1'], advice: insist('arrow') },
  { what: 'an Arrow stream', magic: ['\xff\xff\xff\xff'], advice: insist('arrow') },
  { what: 'a Parquet file', magic: ['PAR1'], advice: 'Write it as Arrow: DuckDB, pandas and polars do.' },
  { what: 'xz-compressed', magic: ['\xfd7zXZ\0'], advice: DECOMPRESS },
  { what: 'bzip2-compressed', magic: ['BZh'], advice: DECOMPRESS },
  { what: 'lz4-compressed', magic: ['\x04\x22\x4d\x18'], advice: DECOMPRESS },
  { what: 'a zip archive', magic: ['PK\x03\x04'], advice: 'Unpack it.' },
  { what: 'a tar archive', magic: /^.{257}ustar/s, advice: 'Unpack it into a pipe: tar xOf FILE | pinscope replay -' },
  { what: 'UTF-16 text', magic: ['\xff\xfe', '\xfe\xff'], advice: 'Save it as UTF-8.' },
  { what: 'a program (ELF)', magic: ['\x7fELF'], advice: FORMATS },
  { what: 'perf data', magic: ['PERFILE2'], advice: 'Print it: perf script --ns -F comm,pid,tid,cpu,time,event,trace' },
  { what: 'a trace-cmd file', magic: ['\x17\x08\x44tracing'], advice: 'Print it: trace-cmd report -i FILE' },
  { what: 'a packet capture', magic: CAPTURES, advice: 'Print its fields with tshark: pinscope formats tshark' },
  { what: 'binary blktrace output', magic: ['\x07tae', '\x08tae', 'eat\x07', 'eat\x08'], advice: insist('blktrace') },
  { what: 'a fio iolog', magic: ['fio version '], advice: insist('fio-iolog') },
  { what: 'ftrace text', magic: ['# tracer: '], advice: insist('ftrace') },
  { what: 'JSON', magic: /^\s*(\{\s*["}]|\[\s*["[{])/, advice: FORMATS },
]

/** `what` the bytes are and what to do about it, or null when they could be anything. */
export function foreignFormat(head: Uint8Array): { what: string; advice: string } | null {
  const text = Buffer.from(head.subarray(0, 512)).toString('latin1')
  const found = FOREIGN.find(({ magic }) =>
    magic instanceof RegExp ? magic.test(text) : magic.some((start) => text.startsWith(start)),
  )
  return found === undefined ? null : { what: found.what, advice: found.advice }
}
