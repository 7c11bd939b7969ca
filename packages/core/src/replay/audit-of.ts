import type { Operation } from '../consumer/operation.ts'
import { Audit } from '../lifetime/audit.ts'
import type { HazardRule } from '../lifetime/rule.ts'
import { AuditRows } from './audit-rows.ts'
import { LaneAudit } from './lane-audit.ts'
import type { LaneSetup } from './lane-setup.ts'
import { pageName } from './page-name.ts'
import type { RowPages } from './row-pages.ts'

/** Makes the audit of a lane, with these rules listening. */
export function auditOf(rules: readonly HazardRule[], setup: LaneSetup, io: Operation, pages: RowPages): LaneAudit {
  const { calls, files, kernel, filesystem, stableWrites, isImported, consumer, inFlight: isCutOff } = setup
  const { memory, ledger, borrows } = io
  const visitFile = memory.cache.visit.bind(memory.cache)
  const stableOf = memory.spaces.files.stableOf.bind(memory.spaces.files)
  const nameOf = (page: number) => pageName(memory, pages, files, page)
  const told = { kernel, filesystem, stableWrites, stableOf, isImported, isCutOff }
  const audit = new Audit({ memory, ledger, borrows, visitFile, nameOf, ...told }, rules)
  ledger.tap = audit.tokens
  io.audit = audit
  return new LaneAudit(audit, new AuditRows(audit, pages, calls), ledger, consumer.definition)
}
