import { isCredit, type PkddRow, signedAmount } from './pkdd99-file.ts';

/** 7! = 5040 orders can be tried; the busiest account-day of 1993 has 5 rows. */
const TRIED_ROWS_MAX = 7;

/**
 * The rows of one account on one day in the order in which the bank booked them. The file does not contain this order,
 * but the recorded balances imply it: it is the order in which each row's balance follows from the previous one with
 * the least total difference (an occasional 0.10 is the bank's own rounding). If several orders fit equally well,
 * credits come first, then the order of the file.
 */
export function orderOfDay(rows: readonly PkddRow[], balanceBefore: number): PkddRow[] {
  const preferred = [...rows.filter(isCredit), ...rows.filter((row) => !isCredit(row))];
  if (preferred.length <= 1) return preferred;
  return preferred.length <= TRIED_ROWS_MAX ? bestOrder(preferred, balanceBefore) : chain(preferred, balanceBefore);
}

function mismatch(balanceBefore: number, row: PkddRow): number {
  return Math.abs(balanceBefore + signedAmount(row) - row.balance);
}

/**
 * Depth-first, abandoning a branch as soon as it is no better than the best so far; the first of several equal orders
 * wins.
 */
function bestOrder(rows: readonly PkddRow[], balanceBefore: number): PkddRow[] {
  let best: PkddRow[] = [...rows];
  let bestCost = Number.POSITIVE_INFINITY;
  const visit = (chosen: PkddRow[], left: readonly PkddRow[], balance: number, cost: number): void => {
    if (cost >= bestCost) return;
    if (left.length === 0) {
      best = chosen;
      bestCost = cost;
      return;
    }
    for (const row of left) {
      const others = left.filter((other) => other !== row);
      visit([...chosen, row], others, row.balance, cost + mismatch(balance, row));
    }
  };
  visit([], rows, balanceBefore, 0);
  return best;
}

/**
 * Always takes the row that fits the previous balance best, which is sufficient if trying all orders would take too
 * long.
 */
function chain(rows: readonly PkddRow[], balanceBefore: number): PkddRow[] {
  const left = [...rows];
  const ordered: PkddRow[] = [];
  let balance = balanceBefore;
  while (left.length > 0) {
    let best = 0;
    for (let index = 1; index < left.length; index++) {
      const row = left[index];
      const champion = left[best];
      if (row !== undefined && champion !== undefined && mismatch(balance, row) < mismatch(balance, champion))
        best = index;
    }
    for (const row of left.splice(best, 1)) {
      ordered.push(row);
      balance = row.balance;
    }
  }
  return ordered;
}
