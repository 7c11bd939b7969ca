/** A format that is known not to be ours, by its first bytes. */
interface Foreign {
  /** What it is, with its article. */
  readonly what: string
  readonly magic: RegExp
  /** What to do instead of converting it. */
  readonly advice?: string
}

const CONVERT = '`pinscope trace convert` reads other formats, `pinscope formats` lists them.'
const DECOMPRESS = 'Decompress it, or use gzip or zstd.'

/** Tried in order, on the first bytes as latin-1. */
const FOREIGN: readonly Foreign[] = [
  { what: 'an Arrow file', magic: /^ARROW1/ },
  { what: 'an Arrow stream', magic: /^\xff\xff\xff\xff/ },
  { what: 'a Parquet file', magic: /^PAR1/ },
  { what: 'xz-compressed', magic: /^\xfd7zXZ\0/, advice: DECOMPRESS },
  { what: 'bzip2-compressed', magic: /^BZh[1-9]/, advice: DECOMPRESS },
  { what: 'lz4-compressed', magic: /^\x04\x22\x4d\x18/, advice: DECOMPRESS },
  { what: 'a zip archive', magic: /^PK\x03\x04/, advice: 'Unpack it.' },
  { what: 'a tar archive', magic: /^[^\0]{1,99}\0[\s\S]{0,256}ustar/, advice: 'Unpack it.' },
  { what: 'UTF-16 text', magic: /^(\xff\xfe|\xfe\xff)/, advice: 'Save it as UTF-8.' },
  { what: 'a program (ELF)', magic: /^\x7fELF/ },
  { what: 'binary blktrace output', magic: /^[\x07\x08]tae|^eat[\x07\x08]/ },
  { what: 'perf data', magic: /^PERFILE2/ },
  { what: 'a trace-cmd file', magic: /^\x17\x08\x44tracing/ },
  { what: 'a fio iolog', magic: /^fio version \d/ },
  { what: 'JSON', magic: /^\s*(\{\s*["}]|\[\s*["[{])/ },
  { what: 'bpftrace output', magic: /^Attaching \d+ probes?\.\.\./ },
  { what: 'LTTng text (babeltrace)', magic: /^\[\d\d:\d\d:\d\d\.\d+\] \(/ },
  { what: 'an iorec recording', magic: /^ts_us,dur_us,tid,op,/ },
  { what: 'strace output', magic: /^(\[pid +\d+\] |\d+ +)?(\d[\d:.]* +)?[a-z_0-9]+\(.*(\)|<unfinished)/ },
  { what: 'perf trace output', magic: /^ *\d+\.\d+ \( *[\d.]* *(ms)?\): / },
  { what: 'blkparse output', magic: /^ *\d+,\d+ +\d+ +\d+ +\d+\.\d+ +\d+ +[A-Z]+ / },
  { what: 'ftrace text', magic: /^# tracer: / },
  { what: 'perf script or trace-cmd output', magic: /^ *\S.* +\d+ +\[\d+\] .*\d+\.\d+: / },
]

/** `what` the bytes are and what to do about it, or null when they could be anything. */
export function foreignFormat(head: Uint8Array): { what: string; advice: string } | null {
  const text = new TextDecoder('latin1').decode(head.subarray(0, 512))
  const found = FOREIGN.find(({ magic }) => magic.test(text))
  return found === undefined ? null : { what: found.what, advice: found.advice ?? CONVERT }
}
