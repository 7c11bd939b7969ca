import type { KernelVersion } from '../../src/kernel/version.ts'
import { BY_CPU, BY_KERNEL } from '../../src/lifetime/lifetime-event.ts'
import { AuditWorld } from './audit-world.ts'

/** The states of lifetime.md 3.1 that a kernel reaches by stores and writeback. */
export type ReachedState = 'C0' | 'C1' | 'D0' | 'D1' | 'W0' | 'W1'

/** A world with one page in a state that the table names, reached as a kernel reaches it. */
export function folioIn(kernel: KernelVersion, state: ReachedState, stableWrites = false) {
  const world = new AuditWorld(kernel, stableWrites)
  const page = world.page()
  const { folios } = world
  if (state === 'C1') folios.clean(page)
  if (state === 'D0') write(world, page)
  if (state === 'D1' || state === 'W0' || state === 'W1') folios.store(page, 0, 64, BY_CPU)
  if (state === 'W0' || state === 'W1') {
    folios.clean(page)
    folios.writeback(page)
  }
  if (state === 'W1') folios.store(page, 0, 64, BY_CPU)
  return { world, folios, page }
}

/** write(2): the folio is locked, the file system asked (write_begin), the bytes copied. */
export function write(world: AuditWorld, page: number): void {
  world.audit.tasks.lock(page)
  world.folios.store(page, 0, 64, BY_KERNEL)
  world.folios.dirty(page, true)
  world.audit.tasks.unlock(page)
}
