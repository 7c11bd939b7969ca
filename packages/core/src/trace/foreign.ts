/** A format that is known not to be ours. */
interface Foreign {
  /** What it is, with its article. */
  readonly what: string
  /** How the first bytes begin, as latin-1, or what they look like. */
  readonly magic: readonly string[] | RegExp
  /** What to do instead of converting it. */
  readonly advice?: string
}

const CONVERT = 'Convert it to a trace first: docs/trace-format.md describes one.'
const DECOMPRESS = 'Decompress it, or use gzip or zstd.'

/** Tried in order. */
const FOREIGN: readonly Foreign[] = [
  { what: 'an Arrow file', magic: ['ARROW1'] },
  { what: 'an Arrow stream', magic: ['\xff\xff\xff\xff'] },
  { what: 'a Parquet file', magic: ['PAR1'] },
  { what: 'xz-compressed', magic: ['\xfd7zXZ\0'], advice: DECOMPRESS },
  { what: 'bzip2-compressed', magic: ['BZh'], advice: DECOMPRESS },
  { what: 'lz4-compressed', magic: ['\x04\x22\x4d\x18'], advice: DECOMPRESS },
  { what: 'a zip archive', magic: ['PK\x03\x04'], advice: 'Unpack it.' },
  { what: 'a tar archive', magic: /^.{257}ustar/s, advice: 'Unpack it.' },
  { what: 'UTF-16 text', magic: ['\xff\xfe', '\xfe\xff'], advice: 'Save it as UTF-8.' },
  { what: 'a program (ELF)', magic: ['\x7fELF'] },
  { what: 'binary blktrace output', magic: ['\x07tae', '\x08tae', 'eat\x07', 'eat\x08'] },
  { what: 'perf data', magic: ['PERFILE2'] },
  { what: 'a trace-cmd file', magic: ['\x17\x08\x44tracing'] },
  { what: 'a fio iolog', magic: ['fio version '] },
  { what: 'an iorec recording', magic: ['ts_us,dur_us,tid,op,'] },
  { what: 'ftrace text', magic: ['# tracer: '] },
  { what: 'JSON', magic: /^\s*(\{\s*["}]|\[\s*["[{])/ },
  { what: 'bpftrace output', magic: /^Attaching \d+ probes?\.\.\./ },
  { what: 'LTTng text (babeltrace)', magic: /^\[\d\d:\d\d:\d\d\.\d+\] \(/ },
  { what: 'strace output', magic: /^(\[pid +\d+\] |\d+ +)?(\d[\d:.]* +)?[a-z_0-9]+\(.*(\)|<unfinished)/ },
  { what: 'perf trace output', magic: /^ *\d+\.\d+ \( *[\d.]* *(ms)?\): / },
  { what: 'blkparse output', magic: /^ *\d+,\d+ +\d+ +\d+ +\d+\.\d+ +\d+ +[A-Z]+ / },
  { what: 'perf script or trace-cmd output', magic: /^ *\S.* +\d+ +\[\d+\] .*\d+\.\d+: / },
]

/** `what` the bytes are and what to do about it, or null when they could be anything. */
export function foreignFormat(head: Uint8Array): { what: string; advice: string } | null {
  const text = Buffer.from(head.subarray(0, 512)).toString('latin1')
  const found = FOREIGN.find(({ magic }) =>
    magic instanceof RegExp ? magic.test(text) : magic.some((start) => text.startsWith(start)),
  )
  return found === undefined ? null : { what: found.what, advice: found.advice ?? CONVERT }
}
