import type { HoldOutcome } from '../../domain/hold-events.ts';
import type { LimitName } from '../../domain/limits.ts';
import type { Problem } from '../../domain/problem.ts';
import type { Outcome, TransferOrder } from '../../domain/types.ts';
import type { LedgerEvents } from '../ports/ledger-events.ts';

/** Counts the ledger's events. */
export class CountedEvents implements LedgerEvents {
  readonly counts = { applied: 0, retried: 0, lookedUp: 0, hit: 0, missed: 0, evicted: 0 };
  readonly limits: LimitName[] = [];
  readonly holds: HoldOutcome[] = [];
  readonly answers: [TransferOrder, Outcome | Problem][] = [];
  applied(transfers: number): void {
    this.counts.applied += transfers;
  }
  answered(order: TransferOrder, answer: Outcome | Problem): void {
    this.answers.push([order, answer]);
  }
  holdEvent(outcome: HoldOutcome): void {
    this.holds.push(outcome);
  }
  limitRefused(limit: LimitName): void {
    this.limits.push(limit);
  }
  retried(): void {
    this.counts.retried += 1;
  }
  lookedUp(ids: number): void {
    this.counts.lookedUp += ids;
  }
  accountsHit(count: number): void {
    this.counts.hit += count;
  }
  accountsMissed(count: number): void {
    this.counts.missed += count;
  }
  evicted(count: number): void {
    this.counts.evicted += count;
  }
}
