/** The request for one destination of a split: an amount, a share of the rest as a weight, or all of the rest. */
export type SplitPart = { amount: number } | { share: number } | { remaining: true };

/** Why an amount cannot be split: the index of the part that is wrong, or -1 for all of them together, and what is wrong. */
export interface SplitError {
  index: number;
  detail: string;
}

/**
 * Splits an amount to the last minor unit: first the parts with an amount, then the shares of the rest, or one part
 * that takes all of it. Shares are rounded by largest remainders: each gets its exact part rounded down, and the units
 * that are left go to the largest remainders and, among equal ones, to the earliest. So the sum is always exact, and no
 * share is a whole unit away from its exact value.
 *
 * In BigInt, because an amount times a share may be above 2^53.
 * @param total minor units, > 0. @returns minor units per part, in order; some may be 0
 */
export function split(total: number, parts: readonly SplitPart[]): number[] | SplitError {
  const fixed = parts.reduce((sum, part) => sum + ('amount' in part ? BigInt(part.amount) : 0n), 0n);
  const rest = BigInt(total) - fixed;
  if (rest < 0n) return { index: -1, detail: 'the amounts add up to more than the amount to be split' };
  const takers = parts.filter((part) => !('amount' in part));
  const second = parts.findLastIndex((part) => 'remaining' in part);
  if (second >= 0 && takers.length > 1)
    return { index: second, detail: 'must be the only part without an amount: what remains can be assigned only once' };
  if (takers.length === 0 && rest > 0n)
    return { index: -1, detail: 'the amounts add up to less than the amount to be split' };
  const shares = shared(
    rest,
    takers.map((part) => ('share' in part ? BigInt(part.share) : 1n)),
  );
  let next = 0;
  return parts.map((part) => ('amount' in part ? part.amount : Number(shares[next++])));
}

/** Divides an amount in proportion to weights, by largest remainders. @param weights each > 0 */
function shared(rest: bigint, weights: readonly bigint[]): bigint[] {
  const whole = weights.reduce((sum, weight) => sum + weight, 0n);
  const shares = weights.map((weight) => (rest * weight) / whole);
  const left = Number(rest - shares.reduce((sum, share) => sum + share, 0n));
  const byRemainder = weights
    .map((weight, index) => ({ index, remainder: (rest * weight) % whole }))
    // A stable sort: equal remainders stay in order.
    .sort((a, b) => (a.remainder === b.remainder ? 0 : a.remainder > b.remainder ? -1 : 1));
  for (const { index } of byRemainder.slice(0, weights.length === 0 ? 0 : left))
    shares[index] = (shares[index] ?? 0n) + 1n;
  return shares;
}
