/** The kinds of violations, by the guarantee that is broken. */
export const VIOLATIONS = {
  lost: 'a client received an outcome that is not in MySQL',
  doubled: 'the request under one id was carried out more than once',
  contradicted: 'the answers about one id contradict each other or MySQL',
  phantom: 'MySQL has something that no client requested, or that was refused in every attempt',
  gap: "an account's versions are not 1, 2, 3, …",
  arithmetic: 'a balance is not the previous one plus the amount',
  time: 'a version of an account was accepted before the version that it follows',
  overdrawn: 'a debit took a balance below its limit',
  limits:
    'the debits and holds of a business day exceed the limit of their account, or differ from the usage that it stores',
  rules: 'a transfer or a change was carried out although a rule forbids it',
  held: 'the held amount of an account is not the sum of its open holds',
  hold: 'the events of a hold do not follow from one another, or from the requests',
  'in-part': 'some transfers of a group were posted, and others were not',
  'not-in-history': 'an answer showed a balance, settings or a hold that never existed',
  denied: 'something was not found although an earlier answer had confirmed that it exists',
  settings: 'settings are not those that were requested, or did not apply when they should have',
  stale: 'an answer shows an older state than another answer that had arrived before the request was sent',
  crossing: 'the legs of a transfer between shards do not fit together, or it is still in progress',
  transit: 'money that belongs to no transfer is in transit between shards',
  events: 'the change feed does not match MySQL exactly, or its events are not in version order',
  balance: 'MySQL, another view of the balances, and the sum of the postings disagree',
  sum: 'the balances of a currency do not add up to zero',
  log: 'the sealed log lacks entries, contains entries twice or in the wrong order, or its chain of hashes is broken',
} as const;
export type ViolationKind = keyof typeof VIOLATIONS;

export interface Violation {
  kind: ViolationKind;
  what: string;
}

const LISTED_MAX = 50;

/** Counts all violations, and keeps the first ones of each kind. */
export class Violations {
  readonly listed: Violation[] = [];
  readonly counts = new Map<ViolationKind, number>();

  add(kind: ViolationKind, what: string): void {
    const count = this.count(kind) + 1;
    this.counts.set(kind, count);
    if (count <= LISTED_MAX) this.listed.push({ kind, what });
  }

  count(kind: ViolationKind): number {
    return this.counts.get(kind) ?? 0;
  }
}
