import { CONSUMER_API_VERSION, type Consumer, type ConsumerDefinition, EFAULT, KERNEL_VERSIONS } from '@pinscope/core'
import { HAZARD_RULES } from '@pinscope/core/audit'
import { auditText } from '@pinscope/core/testing'
import { describe, expect, it } from 'vitest'
import { ioUringFixed } from '../src/io-uring-fixed/definition.ts'

// lifetime.md 19, scenario 15: a fixed buffer is unregistered while a request is in flight.

/** Registered, two requests over slices of it, and dropped (row 4) before the second of them is over. */
const TRACE = `# pinscope-trace 1
ts,end,event,id,mm,op,iter,segs,backing,file,offset,flags
0,,map,,1,,,0x10000+65536,anon,,,
1,,register,buffer,1,,ubuf,0x10000+65536,,,,
2,40,io,buffer,1,write,ubuf,0x10000+16384,,/data,0,fixed direct
3,100,io,buffer,1,read,ubuf,0x14000+16384,,/data,16384,fixed direct
50,,unregister,buffer,1,,,,,,,
150,,register,buffer,1,,ubuf,0x10000+65536,,,,
160,,unregister,buffer,1,,,,,,,
`

/** As io-uring-fixed, but requests have no reference on the node of the buffer: it is unpinned at once. */
const WITHOUT_NODE: ConsumerDefinition = {
  ...ioUringFixed,
  apiVersion: CONSUMER_API_VERSION,
  name: 'without-node',
  create: (environment) => {
    const inner = ioUringFixed.create(environment)
    const consumer: Consumer = {
      submit: (io) => inner.submit(io),
      abort: (io) => inner.abort(io),
      complete: (io) => inner.complete(io),
      register: (io) => inner.register?.(io) ?? EFAULT,
      unregister: (io) => inner.unregister?.(io),
      defersUnregister: false,
      counters: () => inner.counters(),
    }
    return consumer
  },
}

async function found(consumer: ConsumerDefinition, kernel: (typeof KERNEL_VERSIONS)[number], trace = TRACE) {
  const options = { consumers: [consumer], consumer: consumer.name, kernel }
  return (await auditText(trace, HAZARD_RULES, options)).map(({ rule, row, since }) => [rule, row, since])
}

describe.each(KERNEL_VERSIONS)('a buffer is unregistered while a request uses it, %s', (kernel) => {
  it('and stays pinned, since the request has a reference on its node', async () => {
    expect(await found(ioUringFixed, kernel)).toEqual([])
  })

  it('and without that the device stores into pages that are let go', async () => {
    expect(await found(WITHOUT_NODE, kernel)).toEqual([['H-43', 5, { row: 2, what: 'registered' }]])
  })

  it('and without that nothing is wrong once the requests are over', async () => {
    expect(await found(WITHOUT_NODE, kernel, TRACE.replace('\n50,', '\n100,'))).toEqual([])
  })
})
