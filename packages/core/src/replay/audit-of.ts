import type { Operation } from '../consumer/operation.ts'
import { Audit } from '../lifetime/audit.ts'
import { AuditRows } from './audit-rows.ts'
import { LaneAudit } from './lane-audit.ts'
import type { LaneSetup } from './lane-setup.ts'
import type { RowPages } from './row-pages.ts'

/** The audit of a lane, listening; null where no rule is asked for. */
export function auditOf(setup: LaneSetup, io: Operation, pages: RowPages): LaneAudit | null {
  const { rules, calls, kernel, filesystem, stableWrites, consumer } = setup
  if (rules.length === 0) return null
  const { memory, ledger, borrows } = io
  const visitFile = pages.visitPages.bind(pages)
  const audit = new Audit({ memory, ledger, borrows, visitFile, kernel, filesystem, stableWrites }, rules)
  ledger.tap = audit.tokens
  io.audit = audit
  return new LaneAudit(audit, new AuditRows(audit, pages, calls), ledger, consumer.definition)
}
