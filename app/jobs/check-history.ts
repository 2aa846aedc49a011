import { isDeepStrictEqual } from 'node:util';
import type { Drift } from './drift.ts';
import type { HistoryRow, LedgerPages } from './ledger-history.ts';

/** Adds up every account's postings: they must equal its balance, and their versions must be 1, 2, … without gaps. */
export async function checkHistory(ledger: LedgerPages) {
  const drift: Drift[] = [];
  let accounts = 0;
  let postings = 0;
  for await (const page of ledger.histories()) {
    for (const row of page) {
      accounts += 1;
      postings += row.postings;
      const found = faultOf(row);
      if (found) drift.push({ accountId: row.accountId, currency: row.currency, ...found });
    }
  }
  return { accounts, transfers: postings / 2, drift };
}

export function faultOf(row: HistoryRow): Pick<Drift, 'what' | 'minorUnits'> | null {
  const off = BigInt(row.balance) - BigInt(row.amountSum);
  if (off !== 0n) return { what: 'has a balance that differs from the sum of its postings', minorUnits: Number(off) };
  const { usage } = row;
  if (usage && !isDeepStrictEqual(usage.counted, usage.posted)) {
    const offUnits = Number(BigInt(usage.counted.dayDebit) - BigInt(usage.posted.dayDebit));
    return { what: 'has usage of its limits that differs from its postings', minorUnits: offUnits };
  }
  // Unique keys prevent a version from appearing twice on one side, but not once on each side. Count, maximum, sum and
  // sum of squares together leave no room for such a gap except in contrived cases.
  const n = BigInt(row.version);
  const gapless =
    row.postings === row.version &&
    row.versionMax === row.version &&
    BigInt(row.versionSum) === (n * (n + 1n)) / 2n &&
    BigInt(row.versionSquareSum) === (n * (n + 1n) * (2n * n + 1n)) / 6n;
  return gapless
    ? null
    : { what: `has ${row.postings} postings up to version ${row.versionMax}, but is at ${row.version}`, minorUnits: 0 };
}
