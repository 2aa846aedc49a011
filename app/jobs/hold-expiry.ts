import { newUuidV7 } from '../domain/ids.ts';
import { Problem } from '../domain/problem.ts';
import type { Origin } from '../domain/types.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Lease } from './single-run.ts';

/** A hold that is open and due according to MySQL. */
export interface DueHold {
  holdId: string;
  account: string;
  currency: string;
  expiresAt: number;
}

export interface DueHolds {
  /**
   * Due holds in order of (expiresAt, holdId), after the given hold, except those whose accounts wait for a journal.
   * @param nowMs by the ledger's clock @throws Problem database_unavailable
   */
  due(nowMs: number, after: DueHold | null, holdsMax: number): Promise<DueHold[]>;
}

/** Ends a hold that is open and due, in the store that decides. */
interface ExpiringLedger {
  /** @returns whether this call has ended the hold; a Problem if that could not be decided */
  expire(request: Omit<DueHold, 'expiresAt'> & Origin & { eventId: string }): Promise<boolean | Problem>;
}

interface HoldExpiryDependencies {
  lease: Lease;
  holds: DueHolds;
  ledger: ExpiringLedger;
  /** Whether a store can decide about holds now, and this pod may call it. */
  ready(): boolean;
  /** The time by the ledger's clock, ms. */
  ledgerNow(): number;
  clock: Clock;
  holder: string;
  /** The number of holds that have ended. */
  onExpired(holds: number): void;
  leaseMs?: number;
  pageHolds?: number;
}

/** Recorded as the user of the events. */
export const EXPIRY_USER = 'holdfast';

/** How long the lease of a crashed pod blocks the others, ms. */
const LEASE_MS = 10_000;
/**
 * The holds of a page go to the ledger together, in the same queue as clients' requests; a page is small enough not to
 * delay them.
 */
const PAGE_HOLDS = 100;
/** A decided hold is not sent again for this long, ms: MySQL still shows it as open until the next flush. */
const DECIDED_MS = 10_000;
/** A hold that could not be decided is sent again after this time, ms. */
const UNDECIDED_MS = 2_000;
const SENT_MAX = 50_000;

/**
 * Expires holds that are due, in one pod at a time. MySQL provides only candidates: the store that has the authority
 * decides whether a hold is open and due. The lease therefore only saves work, and correctness does not depend on it:
 * two pods that expire the same hold write one event, and a pod that was paused after its lookup does not end a hold
 * that has been extended since.
 */
export class HoldExpiry {
  readonly #deps: HoldExpiryDependencies;
  readonly #leaseMs: number;
  readonly #pageHolds: number;
  /** When this pod last obtained or renewed the lease, on the monotonic clock, ms; null if it has none. */
  #leasedAt: number | null = null;
  /** When each hold may be sent again, on the monotonic clock, ms. */
  readonly #sent = new Map<string, number>();

  constructor(deps: HoldExpiryDependencies) {
    this.#deps = deps;
    this.#leaseMs = deps.leaseMs ?? LEASE_MS;
    this.#pageHolds = deps.pageHolds ?? PAGE_HOLDS;
  }

  /**
   * Expires everything that is due, unless another pod has the lease. @throws Problem: why the round could not continue
   */
  async round(): Promise<void> {
    const { ready, ledgerNow, clock } = this.#deps;
    if (!ready()) return this.release();
    this.#forgetSent(clock.monotonic());
    const now = ledgerNow();
    // One id for everything that a round does.
    const correlationId = newUuidV7(clock.now());
    let after: DueHold | null = null;
    let trouble: Problem | null = null;
    try {
      while (ready() && (await this.#hasLease())) {
        const page: DueHold[] = await this.#deps.holds.due(now, after, this.#pageHolds);
        const { undecided, problem } = await this.#expire(page, correlationId);
        trouble ??= problem;
        after = page.at(-1) ?? null;
        // One hold must not keep others from ending. But if none of a page could be decided, the next ones could not be
        // either.
        if (page.length < this.#pageHolds || undecided === page.length) break;
      }
      if (trouble) throw trouble;
    } catch (error) {
      // Another pod may be able to continue.
      await this.release().catch(() => {});
      throw error;
    }
  }

  /** Lets another pod continue at once. @throws Problem database_unavailable */
  async release(): Promise<void> {
    if (this.#leasedAt === null) return;
    this.#leasedAt = null;
    await this.#deps.lease.finish(this.#deps.holder, null);
  }

  async #hasLease(): Promise<boolean> {
    const { lease, holder, clock } = this.#deps;
    const now = clock.monotonic();
    if (this.#leasedAt !== null) {
      if (now - this.#leasedAt < this.#leaseMs / 3) return true;
      this.#leasedAt = (await lease.renew(holder, this.#leaseMs)) ? now : null;
      return this.#leasedAt !== null;
    }
    // The lease is read first: another pod nearly always has it, and a read takes no locks.
    if ((await lease.state()).held) return false;
    if (await lease.take(holder, this.#leaseMs, null)) this.#leasedAt = now;
    return this.#leasedAt !== null;
  }

  async #expire(page: readonly DueHold[], correlationId: string) {
    const { ledger, clock, onExpired } = this.#deps;
    const origin = { user: EXPIRY_USER, correlationId };
    const open = page.filter(({ holdId }) => !this.#sent.has(holdId));
    const answers = await Promise.all(
      open.map(({ holdId, account, currency }) =>
        ledger.expire({ ...origin, eventId: newUuidV7(clock.now()), holdId, account, currency }),
      ),
    );
    const now = clock.monotonic();
    const problems = answers.filter((answer) => answer instanceof Problem);
    const expired = answers.filter((answer) => answer === true).length;
    for (const [index, { holdId }] of open.entries()) {
      if (this.#sent.size >= SENT_MAX) break;
      this.#sent.set(holdId, now + (answers[index] instanceof Problem ? UNDECIDED_MS : DECIDED_MS));
    }
    if (expired > 0) onExpired(expired);
    return { undecided: problems.length, problem: problems[0] ?? null };
  }

  #forgetSent(now: number): void {
    for (const [holdId, until] of this.#sent) if (until <= now) this.#sent.delete(holdId);
  }
}
