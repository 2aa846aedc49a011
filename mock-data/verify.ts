import type { BookedAccount, BookedSum, BooksReader } from './books.ts';
import { type ApiClient, member } from './client.ts';
import { toDecimal, toMinor } from './money.ts';
import { Check, type Tally } from './tally.ts';

const QUERY_MAX = 1000;
const POLL_MS = 25;

/** Waits until the service reports the outcome at each of these paths as persisted. @throws Error after `limitMs` */
export async function waitPersisted(client: ApiClient, paths: Iterable<string>, limitMs: number): Promise<void> {
  const deadlineMs = client.clock.monotonic() + limitMs;
  for (const path of paths) {
    for (;;) {
      const { body } = await client.json('GET', path);
      if (member(body, 'persisted') === true) break;
      if (client.clock.monotonic() > deadlineMs) throw new Error(`${path} was not persisted after ${limitMs / 1000} s`);
      await client.clock.sleep(POLL_MS, client.signal);
    }
  }
}

/**
 * Compares four sources for every account: the client's own tally, the API, the balances in MySQL, and the sum of the
 * transfers in MySQL. `prefix` is the prefix of the ids of all these accounts, and of no others.
 */
export async function verifyBooks(
  client: ApiClient,
  books: Pick<BooksReader, 'accounts' | 'sums'>,
  tally: Tally,
  prefix: string,
): Promise<Check[]> {
  const checks = {
    api: new Check('API balance = sum of acknowledged transfers'),
    stored: new Check('MySQL balance = API balance'),
    summed: new Check('sum of transfers in MySQL = MySQL balance'),
    versions: new Check('postings and hold events in MySQL = version in MySQL and API'),
    held: new Check('open holds in MySQL = held in MySQL, in the API, and in the tally'),
    others: new Check('MySQL has these accounts and no others'),
  };
  const stored = await books.accounts(prefix);
  const sums = await books.sums(prefix);
  const api = await readBalances(client, [...tally.accounts.keys()]);
  for (const [id, tallied] of tally.accounts) {
    const shown = api.get(id);
    const row = stored.get(id);
    const sum = sums.get(id) ?? { sum: 0n, held: 0n, postings: 0n };
    checks.api.expect(shown?.balance === tallied.balance, () => `${id}: ${shown?.balance} ≠ ${tallied.balance}`);
    checks.stored.expect(
      row !== undefined && row.balance === shown?.balance,
      () => `${id}: ${row?.balance} ≠ ${shown?.balance}`,
    );
    checks.summed.expect(sum.sum === row?.balance, () => `${id}: ${sum.sum} ≠ ${row?.balance}`);
    checks.held.expect(
      sum.held === row?.held && row.held === shown?.held && sum.held === tallied.held,
      () =>
        `${id}: ${sum.held} in holds, ${row?.held} in MySQL, ${shown?.held} in the API, ${tallied.held} acknowledged`,
    );
    checks.versions.expect(
      sum.postings === row?.version && row.version === shown?.version && sum.postings === tallied.postings,
      () =>
        `${id}: ${sum.postings} postings, ${row?.version} in MySQL, ${shown?.version} in the API, ${tallied.postings} acknowledged`,
    );
  }
  for (const id of stored.keys()) checks.others.expect(tally.accounts.has(id), () => `${id} is not part of this run`);
  return [...Object.values(checks), conservation(stored, sums)];
}

/** Checks that each currency adds up to zero, because all money came from external accounts of the same bank. */
function conservation(stored: Map<string, BookedAccount>, sums: Map<string, BookedSum>): Check {
  const check = new Check('the sum over all accounts of a currency is zero');
  const totals = new Map<string, { balances: bigint; transfers: bigint }>();
  for (const [id, { currency, balance }] of stored) {
    const total = totals.get(currency) ?? { balances: 0n, transfers: 0n };
    total.balances += balance;
    total.transfers += sums.get(id)?.sum ?? 0n;
    totals.set(currency, total);
  }
  for (const [currency, total] of totals) {
    check.expect(
      total.balances === 0n && total.transfers === 0n,
      () =>
        `${currency}: balances ${toDecimal(total.balances, currency)}, transfers ${toDecimal(total.transfers, currency)}`,
    );
  }
  return check;
}

async function readBalances(
  client: ApiClient,
  accountIds: readonly string[],
): Promise<Map<string, Omit<BookedAccount, 'currency'>>> {
  const balances = new Map<string, Omit<BookedAccount, 'currency'>>();
  for (let from = 0; from < accountIds.length; from += QUERY_MAX) {
    const { body } = await client.json('POST', '/v1/balances/query', {
      accountIds: accountIds.slice(from, from + QUERY_MAX),
    });
    const items = member(body, 'items');
    if (!Array.isArray(items)) throw new Error('POST /v1/balances/query returned no items');
    for (const item of items as unknown[]) {
      const currency = String(member(item, 'currency'));
      balances.set(String(member(item, 'accountId')), {
        balance: toMinor(String(member(item, 'balance')), currency),
        held: toMinor(String(member(item, 'held')), currency),
        version: BigInt(String(member(item, 'version'))),
      });
    }
  }
  return balances;
}
