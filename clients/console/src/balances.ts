/** What the chart of the balance needs of a posting. */
interface Posted {
  acceptedAt: string;
  balanceAfter: string;
}

/** The balance after each of several postings, oldest first. There is at least one. */
export interface BalanceHistory {
  /** Seconds since 1970, never decreasing. */
  seconds: readonly number[];
  /** Not exact: only for drawing. */
  heights: readonly number[];
  oldest: Posted;
  latest: Posted;
  lowest: Posted;
  highest: Posted;
}

/** Null if there are no postings. @param newestFirst the postings of one account, as the API lists them */
export function balanceHistory(newestFirst: readonly Posted[]): BalanceHistory | null {
  const postings = newestFirst.toReversed();
  const [oldest] = postings;
  const latest = postings.at(-1);
  if (!oldest || !latest) return null;
  let [lowest, highest] = [oldest, oldest];
  const seconds: number[] = [];
  for (const posting of postings) {
    if (unitsOf(posting.balanceAfter) < unitsOf(lowest.balanceAfter)) lowest = posting;
    if (unitsOf(posting.balanceAfter) > unitsOf(highest.balanceAfter)) highest = posting;
    // Times of earlier releases can be slightly out of order.
    seconds.push(Math.max(seconds.at(-1) ?? 0, Date.parse(posting.acceptedAt) / 1000));
  }
  const heights = postings.map(({ balanceAfter }) => Number(balanceAfter));
  return { seconds, heights, oldest, latest, lowest, highest };
}

/** An amount in minor units. Amounts of the API have all the decimals of their currency. */
const unitsOf = (amount: string): bigint => BigInt(amount.replace('.', ''));
