import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { fieldsOf } from '../resilience-tests/harness/answers.ts';
import { Client } from '../resilience-tests/harness/client.ts';
import type { StackFile } from '../resilience-tests/harness/stack.ts';

const ACCOUNTS_PER_REQUEST = 1000;
/** Nothing is refused for insufficient funds: this measures the service, not the bank. */
const OVERDRAFT = '10000000.00';

export const accountId = (index: number): string => `load-${String(index).padStart(5, '0')}`;

/** The service to test, and its API key. */
export type Target = Pick<StackFile, 'api' | 'apiKey'>;

/** Opens the accounts, and reads each once, so that all are in Redis before anything is measured. */
export async function openAccounts(stack: Target, count: number): Promise<void> {
  using client = new Client(() => stack.api, stack.apiKey);
  for (let from = 0; from < count; from += ACCOUNTS_PER_REQUEST) {
    const ids = Array.from({ length: Math.min(ACCOUNTS_PER_REQUEST, count - from) }, (_, i) => accountId(from + i));
    const accounts = ids.map((id) => ({ accountId: id, currency: 'EUR', overdraftLimit: OVERDRAFT }));
    const opened = await client.post('/v1/accounts/batch', { accounts });
    const read = await client.post('/v1/balances/query', { accountIds: ids });
    if (opened.status !== 200 || read.status !== 200)
      throw new Error(`accounts: ${JSON.stringify(opened.body).slice(0, 500)}`);
  }
}

export interface Reconciliation {
  clean: boolean;
  report: Record<string, unknown>;
  seconds: number;
}

const RECONCILIATION_MS_MAX = 300_000;

export async function reconcile(stack: Target): Promise<Reconciliation> {
  using client = new Client(() => stack.api, stack.apiKey, { timeoutMs: RECONCILIATION_MS_MAX });
  const since = performance.now();
  const { status, body } = await client.post('/v1/ops/reconciliations', {});
  const report = { ...fieldsOf(body) };
  return { clean: status < 300 && report['clean'] === true, report, seconds: (performance.now() - since) / 1000 };
}

/** Reads MySQL directly. */
export class Books implements AsyncDisposable {
  readonly #connection: Awaited<ReturnType<typeof createConnection>>;
  private constructor(connection: Awaited<ReturnType<typeof createConnection>>) {
    this.#connection = connection;
  }

  static async open({ host, port, user, password, database }: StackFile['mysql']): Promise<Books> {
    return new Books(await createConnection({ host, port, user, password, database, timezone: 'Z' }));
  }

  async rows(sql: string, values: unknown[] = []): Promise<RowDataPacket[]> {
    return (await this.#connection.query<RowDataPacket[]>(sql, values))[0];
  }

  async cursor(): Promise<{ epoch: number; seq: number }> {
    const [row] = await this.rows('SELECT epoch, seq FROM flush_cursor WHERE shard = 0');
    return { epoch: Number(row?.['epoch']), seq: Number(row?.['seq']) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.end();
  }
}
