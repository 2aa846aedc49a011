import type { Database } from '../../connection/pool.ts';
import { accountTerm, EVERY, kindTerm, metadataTerm, pairTerm, referenceTerm, statusTerm } from '../terms.ts';

const PER_STATEMENT = 2_000;
/** The other accounts are `c-0`, `c-1`, and so on. */
const OTHERS = 50;

/**
 * Writes the index of a ledger in which one account, `hub`, takes part in all transfers: one per second; every
 * hundredth is refused, and every fiftieth is a capture. Also writes 20,000 accounts.
 */
export async function writeLongIndex(index: Database, transfers: number): Promise<void> {
  for (let first = 0; first < transfers; first += PER_STATEMENT) {
    const rows: string[] = [];
    for (let n = first; n < Math.min(first + PER_STATEMENT, transfers); n++) rows.push(...rowsOf(n));
    await index.rows(`INSERT INTO search_transfers VALUES ${rows.join(',')}`);
  }
  const accounts = Array.from({ length: 20_000 }, (_, n) => [`c-${n}`, 'EUR', n % 40 === 0 ? 'FROZEN' : 'ACTIVE']);
  await index.rows('INSERT INTO search_accounts VALUES ?', [accounts]);
}

function rowsOf(n: number): string[] {
  const status = n % 100 === 99 ? 'REJECTED' : 'POSTED';
  const kind = n % 50 === 7 ? 'CAPTURE' : 'TRANSFER';
  const other = `c-${n % OTHERS}`;
  const terms = [EVERY, accountTerm('hub'), accountTerm(other), pairTerm('hub', other)];
  terms.push(referenceTerm(`r-${n % 20}`), metadataTerm('n', String(n % 30)));
  if (status !== 'POSTED') terms.push(statusTerm(status));
  if (kind !== 'TRANSFER') terms.push(kindTerm(kind));
  const id = `01890000-0000-7000-8000-${String(n).padStart(12, '0')}`;
  return terms.map((term) => `(x'${term}',${n * 1000},'${id}',${n % 1000},'EUR','${status}','${kind}')`);
}
