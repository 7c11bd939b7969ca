import {
  CACHE_OPTIONS,
  type CacheRecordForm,
  CacheRequests,
  mayBeCacheRecords,
} from '../import/cache/cache-requests.ts'
import type { FileHead, ImportFormat } from '../import/trace-format.ts'
import { NONE } from '../op-batch.ts'

const GENERAL: CacheRecordForm = { bytes: 24, sizeBytes: 4, operation: NONE, next: 16 }
/** With an operation and a namespace. */
const OPNS: CacheRecordForm = { bytes: 27, sizeBytes: 4, operation: 16, next: 19 }

/**
 * oracleGeneral of libCacheSim, the form in which most public cache traces are handed on: no header, 24 bytes a request, or 27 with
 * operation and namespace (OpNS). No direction in the first, no position in either: an object id may be the hash of a name or
 * the number of a block. Times are whole seconds. What comes next (for the optimal eviction) is not kept.
 */
export const oracleGeneral: ImportFormat = {
  name: 'oracle-general',
  title: 'a libCacheSim oracleGeneral trace',
  level: 'L0',
  record: 'traceConv of github.com/1a1a11a/libCacheSim',
  clock: 'seconds',
  options: [
    {
      name: 'form',
      summary:
        'Records of 24 bytes (general), or of 27 with operation and namespace (opns); auto: what the content fits.',
      words: ['auto', 'general', 'opns'],
      default: 'auto',
    },
    ...CACHE_OPTIONS,
  ],
  detect: (head) => formOf(head) !== null,
  open(context) {
    const { head, rows, option } = context
    const named = option('form')
    const form = named === 'auto' ? formOf(head) : named === 'opns' ? OPNS : GENERAL
    if (form !== null) return new CacheRequests(context, form, 0)
    const problem = 'the first records fit neither form: times go back, or a next request does not come later'
    throw rows.fail(0, problem, 'If it is such a trace, say which: --input-option form=general|opns')
  },
}

function formOf({ bytes }: FileHead): CacheRecordForm | null {
  return [GENERAL, OPNS].find((form) => mayBeCacheRecords(bytes, 0, form)) ?? null
}
