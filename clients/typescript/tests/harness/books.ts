import type { Cluster } from '../../../../verification/harness/cluster.ts';
import { until } from '../../../../verification/harness/time.ts';
import type { Holdfast } from '../../src/client.ts';

/** What the client reported about one transfer, in minor units. */
export interface Reported {
  readonly outcome: 'posted' | 'rejected' | 'failed';
  readonly source: string;
  readonly destination: string;
  readonly cents: number;
}

/** Where the books disagree with the reports; the lists are empty if they agree. */
export interface Comparison {
  /** Reported as posted or rejected, but missing from the books, or there with another outcome or other content. */
  wrong: string[];
  /** In the books, although the client reported that nothing was changed, or sent no such transfer. */
  unexpected: string[];
  /** Accounts whose balance is not the sum of what was reported. */
  balances: string[];
}

const ROWS = 20_000;
const PERSISTED_MS_MAX = 300_000;
const LISTED_MAX = 10;

/** Compares every report with MySQL, after every accepted transfer has been stored there. */
export async function compare(
  cluster: Cluster,
  holdfast: Holdfast,
  reports: ReadonlyMap<string, Reported>,
): Promise<Comparison> {
  const decided = [...reports.values()].filter(({ outcome }) => outcome !== 'failed').length;
  await until('MySQL has every outcome', PERSISTED_MS_MAX, async () => (await countOf(cluster)) >= decided);
  const comparison: Comparison = { wrong: [], unexpected: [], balances: [] };
  const seen = new Set<string>();
  for (let last = ''; ; ) {
    const rows = await cluster.query(
      `SELECT transaction_id, \`status\`, source_account, destination_account, amount FROM transfers
       WHERE transaction_id > '${last}' ORDER BY transaction_id LIMIT ${ROWS}`,
    );
    for (const row of rows) {
      const id = String(row['transaction_id']);
      seen.add(id);
      const reported = reports.get(id);
      if (!reported || reported.outcome === 'failed') comparison.unexpected.push(id);
      else if (!isSame(reported, row)) comparison.wrong.push(id);
    }
    last = String(rows.at(-1)?.['transaction_id'] ?? '');
    if (rows.length < ROWS) break;
  }
  for (const [id, { outcome }] of reports) if (outcome !== 'failed' && !seen.has(id)) comparison.wrong.push(id);
  comparison.balances = await wrongBalances(holdfast, reports);
  for (const list of [comparison.wrong, comparison.unexpected, comparison.balances]) list.splice(LISTED_MAX);
  return comparison;
}

async function countOf(cluster: Cluster): Promise<number> {
  const [row] = await cluster.query('SELECT COUNT(*) AS n FROM transfers');
  return Number(row?.['n']);
}

const isSame = (reported: Reported, row: Record<string, unknown>): boolean =>
  row['status'] === reported.outcome.toUpperCase() &&
  row['source_account'] === reported.source &&
  row['destination_account'] === reported.destination &&
  Number(row['amount']) === reported.cents;

async function wrongBalances(holdfast: Holdfast, reports: ReadonlyMap<string, Reported>): Promise<string[]> {
  const sums = new Map<string, number>();
  const add = (account: string, cents: number) => sums.set(account, (sums.get(account) ?? 0) + cents);
  for (const { outcome, source, destination, cents } of reports.values()) {
    if (outcome !== 'posted') continue;
    add(source, -cents);
    add(destination, cents);
  }
  const { items } = await holdfast.accounts.balances([...sums.keys()]);
  return items
    .filter(({ accountId, balance }) => Math.round(Number(balance) * 100) !== sums.get(accountId))
    .map(({ accountId, balance }) => `${accountId}: ${balance}, not ${(sums.get(accountId) ?? 0) / 100}`);
}
