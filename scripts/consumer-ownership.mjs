// What each consumer takes of each type of iterator, by running it: the rows of docs/consumers/ownership.md.
import { KERNEL_ITER_TYPE_NAMES, KERNEL_VERSIONS } from '../packages/core/dist/index.js'
import { ownershipCell } from '../packages/core/dist/testing/index.js'
import { CASES, CORE_CASES } from './consumer-cases.mjs'

const known = new Map()

/**
 * One row for each way of calling a consumer and each kernel version: { name, kernel, cells }, with a cell for each type of
 * iterator. Run once for each consumer.
 */
export function ownershipRows(definition) {
  const { name } = definition
  if (!known.has(name)) known.set(name, rowsOf(definition))
  return known.get(name)
}

async function rowsOf(definition) {
  const rows = []
  for (const { name, shapes, kernels = KERNEL_VERSIONS, types = KERNEL_ITER_TYPE_NAMES } of CASES[definition.name] ??
    CORE_CASES[definition.name] ??
    []) {
    for (const kernel of kernels) {
      const cells = {}
      for (const type of KERNEL_ITER_TYPE_NAMES) {
        cells[type] = types.includes(type) ? await ownershipCell(definition, kernel, type, shapes) : 'n/a'
      }
      rows.push({ name, kernel, cells })
    }
  }
  return rows
}
