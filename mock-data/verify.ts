import type { BookedAccount, BookedSum, BooksReader } from './books.ts';
import { type ApiClient, member } from './client.ts';
import { toDecimal, toMinor } from './money.ts';
import { Check, type Tally } from './tally.ts';

const QUERY_MAX = 1000;
const POLL_MS = 25;

/** Waits until the service reports each of these transfers as persisted. @throws Error after `limitMs` */
export async function waitPersisted(
  client: ApiClient,
  transactionIds: Iterable<string>,
  limitMs: number,
): Promise<void> {
  const deadlineMs = client.clock.monotonic() + limitMs;
  for (const id of transactionIds) {
    for (;;) {
      const { body } = await client.json('GET', `/v1/transfers/${encodeURIComponent(id)}`);
      if (member(body, 'persisted') === true) break;
      if (client.clock.monotonic() > deadlineMs) throw new Error(`${id} was not persisted after ${limitMs / 1000} s`);
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
    versions: new Check('postings in MySQL = version in MySQL and API'),
    others: new Check('MySQL has these accounts and no others'),
  };
  const stored = await books.accounts(prefix);
  const sums = await books.sums(prefix);
  const api = await readBalances(client, [...tally.accounts.keys()]);
  for (const [id, tallied] of tally.accounts) {
    const shown = api.get(id);
    const row = stored.get(id);
    const sum = sums.get(id) ?? { sum: 0n, postings: 0n };
    checks.api.expect(shown?.balance === tallied.balance, () => `${id}: ${shown?.balance} ≠ ${tallied.balance}`);
    checks.stored.expect(
      row !== undefined && row.balance === shown?.balance,
      () => `${id}: ${row?.balance} ≠ ${shown?.balance}`,
    );
    checks.summed.expect(sum.sum === row?.balance, () => `${id}: ${sum.sum} ≠ ${row?.balance}`);
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
): Promise<Map<string, { balance: bigint; version: bigint }>> {
  const balances = new Map<string, { balance: bigint; version: bigint }>();
  for (let from = 0; from < accountIds.length; from += QUERY_MAX) {
    const { body } = await client.json('POST', '/v1/balances/query', {
      accountIds: accountIds.slice(from, from + QUERY_MAX),
    });
    const items = member(body, 'items');
    if (!Array.isArray(items)) throw new Error('POST /v1/balances/query was answered without items');
    for (const item of items as unknown[]) {
      const currency = String(member(item, 'currency'));
      balances.set(String(member(item, 'accountId')), {
        balance: toMinor(String(member(item, 'balance')), currency),
        version: BigInt(String(member(item, 'version'))),
      });
    }
  }
  return balances;
}
