import type { TransferFilter, TransferPlace } from '../../app/ledger/ports/search.ts';
import type { Database } from '../../app/mysql/connection/pool.ts';
import { SqlSearch } from '../../app/mysql/search/sql-search.ts';

const REPEATED = 50;
const LIMIT = 100;

const FILTERS: Readonly<Record<string, TransferFilter>> = {
  'no filter': {},
  'a busy account': { account: 'account-7' },
  'a busy account, minimum amount': { account: 'account-7', currency: 'EUR', amountMin: 90_000 },
  'a busy account, refused': { account: 'account-7', status: 'REJECTED' },
  'an account with few transfers': { account: 'account-70000' },
  'a reference': { reference: 'Invoice 3000' },
  metadata: { metadata: { key: 'order', value: '40' } },
  'a reference of one account': { reference: 'Invoice 3000', account: 'account-7' },
  refused: { status: 'REJECTED' },
  'an amount that no transfer has': { currency: 'EUR', amountMin: 1_000_000 },
  'another currency': { currency: 'USD' },
};

/** For each filter: the rows that MySQL reads for the first page and for a deep one, and how long each page takes. */
export async function pagesOf(database: Database): Promise<string[]> {
  const search = new SqlSearch({ books: database, index: database, requireActive: () => {} });
  const lines = ['| page of 100 | items | rows read | ms (p50 / p99) |', '|---|---|---|---|'];
  const middle = await middleOf(database);
  for (const [name, filter] of Object.entries(FILTERS))
    for (const [where, after] of [
      ['newest', null],
      ['in the middle', middle],
    ] as const) {
      const page = () => search.transfers({ filter, order: 'desc', after, limit: LIMIT });
      const before = await rowsRead(database);
      const { items } = await page();
      const read = (await rowsRead(database)) - before;
      const times: number[] = [];
      for (let n = 0; n < REPEATED; n++) {
        const since = performance.now();
        await page();
        times.push(performance.now() - since);
      }
      times.sort((a, b) => a - b);
      const at = (share: number) => (times[Math.floor(share * (REPEATED - 1))] ?? 0).toFixed(1);
      lines.push(`| ${name}, ${where} | ${items.length} | ${read} | ${at(0.5)} / ${at(0.99)} |`);
    }
  return lines;
}

async function middleOf(database: Database): Promise<TransferPlace> {
  const [row] = await database.rows<{ at: number }>(
    'SELECT FLOOR((MIN(at_ms) + MAX(at_ms)) / 2) AS `at` FROM search_transfers',
  );
  return { at: Number(row?.at), transactionId: 'z' };
}

async function rowsRead(database: Database): Promise<number> {
  const rows = await database.rows<{ Value: string }>("SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'");
  return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
}
