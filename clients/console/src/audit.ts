/** The answer of `GET /v1/ops/audit`: the audit of the ledger or, if it has several shards, of each of them. */
export interface AuditReport extends Partial<ShardAudit> {
  shards?: readonly (Partial<ShardAudit> & { shard: number; problem?: { code: string; detail: string } })[];
}
export interface ShardAudit {
  log: { length: number; hash: string; sealedAt: string | null };
  lastCheck: SelfCheck | null;
  lastSuccessAt: string | null;
  hashesWalkedAt: string | null;
}
export interface SelfCheck {
  startedAt: string;
  finishedAt: string;
  clean: boolean;
  /** False if time ran out. */
  complete: boolean;
  from: number;
  position: number;
  entries: number;
  accounts: number;
  sampled: number;
  walked: boolean;
  faults: readonly AuditFault[];
}
export interface AuditFault {
  /** Null if the fault has no place in the log. */
  position: number | null;
  index: number | null;
  what: string;
  problem: string;
}

/** What a fault means, for readers who do not know how the log is checked. */
export function meaningOf({ what, position }: AuditFault): string {
  if (what === 'log')
    return 'The log itself is damaged, or somebody has changed it. Nothing after this position was checked.';
  if (position === null)
    return 'The log is intact, but MySQL no longer agrees with it: somebody has changed MySQL, or data was lost. A balance may be wrong.';
  return 'What MySQL has for this entry is not what was committed, or the entry contradicts those before it. The history may be wrong.';
}

/** The alert HoldfastAuditOverdue fires after this time without a success, ms. */
const OVERDUE_MS = 3 * 86_400_000;

/** Whether the last success is so long ago that nobody should rely on it. */
export const isOverdue = ({ lastSuccessAt }: Pick<ShardAudit, 'lastSuccessAt'>, nowMs: number): boolean =>
  lastSuccessAt !== null && nowMs - Date.parse(lastSuccessAt) > OVERDUE_MS;
