/**
 * Everything that a load needs from the service in addition to its requests: accounts, balances, and the reconciliation
 * of the books.
 */
import type { BalanceView } from '../checker/books.ts';
import type { OpenedAccount } from '../checker/history.ts';
import { type Client, silence } from '../harness/client.ts';
import { until } from '../harness/time.ts';
import { fieldsOf, majorUnits, minorUnits } from './answers.ts';

const ACCOUNTS_PER_REQUEST = 1000;
const REQUESTS_AT_ONCE = 4;
const FLUSH_MS_MAX = 300_000;
/** The reconciliation reads everything. */
export const RECONCILIATION_MS_MAX = 300_000;

/** Splits the accounts into parts, and sends a request for each part. */
async function inParts(
  accounts: readonly OpenedAccount[],
  send: (part: readonly OpenedAccount[]) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < accounts.length) {
      const from = next;
      next += ACCOUNTS_PER_REQUEST;
      await send(accounts.slice(from, next));
    }
  };
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, work));
}

export function openAccounts(client: Client, accounts: readonly OpenedAccount[]): Promise<void> {
  return inParts(accounts, async (part) => {
    const bodies = part.map(({ accountId, currency, overdraftLimit, external }) => ({
      accountId,
      currency,
      external,
      overdraftLimit: majorUnits(overdraftLimit, currency),
    }));
    const { status, body } = await client.post('/v1/accounts/batch', { accounts: bodies });
    const results = fieldsOf(body)['results'];
    const isOpened = Array.isArray(results) && results.every((result) => Number(fieldsOf(result)['status']) < 300);
    if (status !== 200 || !isOpened)
      throw new Error(`accounts could not be opened: ${status} ${JSON.stringify(body).slice(0, 500)}`);
  });
}

/** The balances that the API returns. They come from Redis while it has the authority. */
export async function balancesOf(client: Client, accounts: readonly OpenedAccount[]): Promise<BalanceView> {
  const found: BalanceView['accounts'][number][] = [];
  await inParts(accounts, async (part) => {
    const accountIds = part.map(({ accountId }) => accountId);
    const { status, body } = await client.post('/v1/balances/query', { accountIds });
    const items = fieldsOf(body)['items'];
    if (status !== 200 || !Array.isArray(items))
      throw new Error(`the request for balances was answered with ${status} ${JSON.stringify(body).slice(0, 500)}`);
    for (const item of items.map(fieldsOf)) {
      const balance = minorUnits(item['balance'], String(item['currency']));
      const held = item['held'] === undefined ? {} : { held: minorUnits(item['held'], String(item['currency'])) };
      found.push({ accountId: String(item['accountId']), balance, ...held, version: Number(item['version']) });
    }
  });
  return { of: 'the API', accounts: found };
}

/** Waits until everything is in MySQL. @param check called before each poll */
export async function untilFlushed(client: Client, check: () => void = () => {}): Promise<void> {
  let last: unknown;
  const isFlushed = async () => {
    check();
    last = (await client.get('/v1/ops/status').catch(silence)).body;
    return shardsIn(last).every(({ mode, journal }) => mode === 'CACHE' && fieldsOf(journal)['length'] === 0);
  };
  await until('everything is in MySQL', FLUSH_MS_MAX, isFlushed).catch((error: unknown) => {
    throw new Error(`the status is ${JSON.stringify(last)}`, { cause: error });
  });
}

/** The reports of all shards; with one shard, the report itself. */
function shardsIn(report: unknown): ReturnType<typeof fieldsOf>[] {
  const { shards } = fieldsOf(report);
  return Array.isArray(shards) ? shards.map(fieldsOf) : [fieldsOf(report)];
}

export interface Reconciliation {
  clean: boolean;
  report: Readonly<Record<string, unknown>>;
  seconds: number;
}

/** The service's own reconciliation. @param client with RECONCILIATION_MS_MAX */
export async function reconcile(client: Client): Promise<Reconciliation> {
  const since = performance.now();
  const { status, body } = await client.post('/v1/ops/reconciliations', {}).catch(silence);
  const report = status === 0 ? { error: body } : { status, ...fieldsOf(body) };
  const { crossings } = fieldsOf(body);
  const parts = [...shardsIn(body), ...(crossings === undefined ? [] : [fieldsOf(crossings)])];
  const clean = status >= 200 && status < 300 && parts.every((part) => part['clean'] === true);
  return { clean, report, seconds: (performance.now() - since) / 1000 };
}
