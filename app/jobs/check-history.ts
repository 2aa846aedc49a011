import { isDeepStrictEqual } from 'node:util';
import type { Drift } from './drift.ts';
import type { HistoryRow, HoldHistory, LedgerPages } from './ledger-history.ts';

/**
 * Adds up every account's postings and the events of its holds: they must equal its balance and its held amount, and
 * their versions must be 1, 2, … without gaps. The held amount must also equal what is left of its open holds.
 */
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
  const heldOff = BigInt(row.held) - BigInt(row.heldSum);
  if (heldOff !== 0n)
    return {
      what: 'holds an amount that differs from the sum of its hold events and captures',
      minorUnits: Number(heldOff),
    };
  const openOff = BigInt(row.held) - BigInt(row.openHolds);
  if (openOff !== 0n)
    return { what: 'holds an amount that differs from the sum of its open holds', minorUnits: Number(openOff) };
  const { usage } = row;
  if (usage && !isDeepStrictEqual(usage.counted, usage.posted)) {
    const offUnits = Number(BigInt(usage.counted.dayDebit) - BigInt(usage.posted.dayDebit));
    return { what: 'has usage of its limits that differs from its postings', minorUnits: offUnits };
  }
  // Unique keys prevent a version from appearing twice among the debits, the credits, the placings of holds or their
  // other events, but not from appearing once in each of several of these. Count, maximum, sum and sum of squares
  // together reveal the gap that this leaves, except in contrived cases.
  const n = BigInt(row.version);
  const versions = row.postings + row.holdEvents;
  const gapless =
    versions === row.version &&
    row.versionMax === row.version &&
    BigInt(row.versionSum) === (n * (n + 1n)) / 2n &&
    BigInt(row.versionSquareSum) === (n * (n + 1n) * (2n * n + 1n)) / 6n;
  if (gapless) return null;
  const events = row.holdEvents === 0 ? '' : ` and ${row.holdEvents} hold events`;
  const what = `has ${row.postings} postings${events} up to version ${row.versionMax}, but is at ${row.version}`;
  return { what, minorUnits: 0 };
}

/**
 * Adds up the events and captures of every hold: they must have the revisions 1, 2, … once each, and lead to the state
 * of the hold. @returns the ids of the holds that are inconsistent
 */
export async function checkHolds(ledger: LedgerPages): Promise<{ holds: number; inconsistent: string[] }> {
  let holds = 0;
  const inconsistent: string[] = [];
  for await (const page of ledger.holds()) {
    holds += page.length;
    inconsistent.push(...page.filter((hold) => !isConsistent(hold)).map(({ holdId }) => holdId));
  }
  return { holds, inconsistent };
}

export function isConsistent(hold: HoldHistory): boolean {
  const { status, steps, revision } = hold;
  if (status === 'REFUSED') return revision === 0 && steps === 0;
  const n = BigInt(revision);
  const left = BigInt(hold.amount) - BigInt(hold.captured);
  return (
    steps === revision &&
    BigInt(hold.revisionSum) === (n * (n + 1n)) / 2n &&
    hold.capturedSum === hold.captured &&
    BigInt(hold.heldSum) === (status === 'OPEN' ? left : 0n) &&
    hold.voided === (status === 'VOIDED' ? 1 : 0) &&
    hold.expired === (status === 'EXPIRED' ? 1 : 0) &&
    (status !== 'OPEN' || left > 0n)
  );
}
