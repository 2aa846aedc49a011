import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { History, Period } from '../../ledger/ports/history.ts';
import type { Ledger } from '../../ledger/ports/ledger.ts';

/**
 * By how much the clock of a store may be set back, or may be behind that of the store from which it takes over the
 * authority. If clocks deviate by more than this, transfers that depend on the time are refused.
 */
const CLOCKS_APART_MS = 5_000;
/** A transfer is in MySQL tens of milliseconds after its acceptance. */
const RETRY_MS = 50;
const RETRY_MS_MAX = 500;
const WAIT_MS_MAX = CLOCKS_APART_MS + 5_000;

interface Dependencies {
  ledger: Ledger;
  history: History;
  clock: Clock;
}

/**
 * The versions of a period, once MySQL has all of them, which is known in one of two ways:
 *
 * - MySQL has a later version. Versions reach MySQL in order, and their times never decrease.
 * - The store that decides was read well after the end of the period, by its own clock, and MySQL has the version that
 *   it returned. Everything that is accepted afterwards gets a later time, even if the authority moves to a store whose
 *   clock is a little behind.
 *
 * While the authority moves, or the account waits for a journal, only the first way counts: some postings of the period
 * may still be known to Redis alone.
 * @throws Problem history_incomplete, account_not_found, database_unavailable
 */
export async function completePeriod(
  { ledger, history, clock }: Dependencies,
  accountId: string,
  from: number,
  to: number,
): Promise<Period> {
  const deadline = clock.monotonic() + WAIT_MS_MAX;
  for (let retryMs = RETRY_MS; ; retryMs = Math.min(2 * retryMs, RETRY_MS_MAX)) {
    const known = await knownVersion(ledger, accountId, to);
    const period = await history.period(accountId, from, to);
    if (period.until < period.last || (known !== null && period.last >= known)) return period;
    if (clock.monotonic() >= deadline) break;
    await clock.sleep(retryMs);
  }
  throw new Problem(
    'history_incomplete',
    'Transfers of this period may not be in MySQL yet. Send the same request again, or ask for a period that ends earlier.',
  );
}

/** A version that includes everything accepted before `to`; null if no store can tell. */
async function knownVersion(ledger: Ledger, accountId: string, to: number): Promise<number | null> {
  const [view] = await ledger.read([accountId]);
  if (view === undefined || view instanceof Problem || view.stale || view.asOf < to + CLOCKS_APART_MS) return null;
  return view.version;
}
