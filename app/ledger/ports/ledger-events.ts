/** What happens in the ledger that someone may want to count; the ledger itself knows no metrics. */
export interface LedgerEvents {
  /** One script call applied (or answered) so many transfers. */
  applied(transfers: number, ms: number): void;
  retried(what: 'apply' | 'read' | 'load' | 'change'): void;
  lookedUp(ids: number): void;
  accountsHit(count: number): void;
  accountsMissed(count: number): void;
  evicted(count: number): void;
}
