/** What can be wrong, each by the promise that it breaks. */
export const VIOLATIONS = {
  lost: 'an outcome that a client was told is not in MySQL',
  doubled: 'one id was carried out more than once',
  contradicted: 'one id was answered, or stored, in two ways',
  phantom: 'MySQL holds a transfer that nobody sent, or whose every attempt was refused',
  gap: "an account's versions are not 1, 2, 3, …",
  arithmetic: 'a balance is not the one before plus the amount',
  overdrawn: 'a balance went below its limit',
  'not-in-history': 'an answer carried a balance and version that the history does not have',
  denied: 'an answer said that something did not exist, which had been answered before it was asked',
  settings: 'a limit is not the one that was set, or was not in force when it should have been',
  stale: 'an answer shows less than what had been answered before it was asked',
  balance: 'MySQL, the API and the sum of the postings disagree about a balance',
  sum: 'the balances of a currency do not add up to zero',
} as const;
export type ViolationKind = keyof typeof VIOLATIONS;

export interface Violation {
  kind: ViolationKind;
  what: string;
}

const LISTED_MAX = 50;

/** Counts all, keeps the first of each kind. */
export class Violations {
  readonly listed: Violation[] = [];
  readonly counts = new Map<ViolationKind, number>();

  add(kind: ViolationKind, what: string): void {
    const count = (this.counts.get(kind) ?? 0) + 1;
    this.counts.set(kind, count);
    if (count <= LISTED_MAX) this.listed.push({ kind, what });
  }

  count(...kinds: ViolationKind[]): number {
    return kinds.reduce((sum, kind) => sum + (this.counts.get(kind) ?? 0), 0);
  }

  get any(): boolean {
    return this.counts.size > 0;
  }
}
