import type { TraceFormat } from '../import/trace-format.ts'
import { alibaba } from './alibaba.ts'
import { arrow } from './arrow.ts'
import { blkparse } from './blkparse.ts'
import { blktrace } from './blktrace.ts'
import { bpftraceCsv } from './bpftrace-csv.ts'
import { bpftraceJson } from './bpftrace-json.ts'
import { cachelib } from './cachelib.ts'
import { csv } from './csv.ts'
import { fioIolog } from './fio-iolog.ts'
import { ftrace } from './ftrace.ts'
import { iorec } from './iorec.ts'
import { jsonLines } from './json-lines.ts'
import { lcs } from './lcs.ts'
import { lttng } from './lttng.ts'
import { msr } from './msr.ts'
import { oracleGeneral } from './oracle-general.ts'
import { perfScript } from './perf-script.ts'
import { perfTrace } from './perf-trace.ts'
import { spc } from './spc.ts'
import { strace } from './strace.ts'
import { systor } from './systor.ts'
import { tencent } from './tencent.ts'
import { tshark } from './tshark.ts'
import { vscsi } from './vscsi.ts'

/** Every format that is read besides pinscope's own text. A new one is a file here and a line in this list. */
export const TRACE_FORMATS: readonly TraceFormat[] = [
  alibaba,
  arrow,
  blkparse,
  blktrace,
  bpftraceCsv,
  bpftraceJson,
  cachelib,
  csv,
  fioIolog,
  ftrace,
  iorec,
  jsonLines,
  lcs,
  lttng,
  msr,
  oracleGeneral,
  perfScript,
  perfTrace,
  spc,
  strace,
  systor,
  tencent,
  tshark,
  vscsi,
]
