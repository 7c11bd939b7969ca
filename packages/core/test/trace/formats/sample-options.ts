import type { OpenOptions } from '../../../src/trace/open-trace.ts'

const csv = (columns: string, others: Readonly<Record<string, string>> = {}): OpenOptions => ({
  format: 'csv',
  formatOptions: { columns, ...others },
})

/** How samples are read whose content does not tell all, by the beginning of their names. */
export const SAMPLE_OPTIONS: readonly (readonly [string, OpenOptions])[] = [
  [
    'csv-semicolons',
    csv('ts=1:ms,pid=2,op=3,file=4,offset=5:page,len=6,latency=7:us,result=8,flags=9', { sep: 'semicolon' }),
  ],
  // The ASCII format of DiskSim and MQSim: 0 is a write there, 1 a read.
  [
    'csv-disksim',
    csv('ts=1:ms,file=2,offset=3:sector,len=4:sector,op=5:0=write/1=read,flags=direct', { sep: 'space' }),
  ],
  ['csv-addresses', csv('mm=1,call=2,op=3,file=4,offset=5,len=6,addr=7,ts=8:ns,end=9:ns,result=10')],
]

/** The options of a sample. */
export function sampleOptions(sample: string): OpenOptions | undefined {
  return SAMPLE_OPTIONS.find(([start]) => sample.startsWith(start))?.[1]
}
