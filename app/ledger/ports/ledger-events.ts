/** Events in the ledger that may be counted; the ledger itself has no dependency on metrics. */
export interface LedgerEvents {
  /** One script call applied (or answered) this many transfers. */
  applied(transfers: number, ms: number): void;
  retried(what: 'apply' | 'read' | 'load' | 'change' | 'database'): void;
  lookedUp(ids: number): void;
  accountsHit(count: number): void;
  accountsMissed(count: number): void;
  evicted(count: number): void;
}
