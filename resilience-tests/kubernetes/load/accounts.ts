import { setTimeout as sleep } from 'node:timers/promises';
import { newUuidV7 } from '../../../app/domain/ids.ts';
import { type Client, type Reply, silence } from '../../../verification/harness/client.ts';
import { fieldsOf, majorUnits } from '../../../verification/load/answers.ts';
import type { Population } from '../../../verification/load/population.ts';
import { wallMs } from './attempts.ts';
import { keptOf, type Line } from './lines.ts';

/** The steps before and after the load: opening and funding the accounts, and verifying the books. */

const PATIENCE_MS = 120_000;
const FLUSH_MS_MAX = 300_000;

/**
 * The connections of a new pod may be refused until every node has updated its network policy, so each request is
 * repeated.
 */
async function patiently(what: string, send: () => Promise<Reply>, accepts: (reply: Reply) => boolean): Promise<Reply> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const reply = await send().catch(silence);
    if (accepts(reply)) return reply;
    if (performance.now() > deadline) throw new Error(`${what}: ${reply.status} ${JSON.stringify(reply.body)}`);
    await sleep(500);
  }
}

const succeeded = ({ status }: Reply): boolean => status === 200 || status === 201;

/** @param record gets a line for each transfer that funds an account */
export async function openAccounts(
  client: Client,
  { accounts, openings }: Population,
  record: (line: Line) => void,
): Promise<void> {
  const bodies = accounts.map(({ accountId, currency, overdraftLimit, external }) => ({
    accountId,
    currency,
    external,
    overdraftLimit: majorUnits(overdraftLimit, currency),
  }));
  const { body } = await patiently(
    'opening the accounts',
    () => client.post('/v1/accounts/batch', { accounts: bodies }),
    succeeded,
  );
  const results = fieldsOf(body)['results'];
  if (!Array.isArray(results) || results.some((result) => Number(fieldsOf(result)['status']) >= 300))
    throw new Error(`not all accounts could be opened: ${JSON.stringify(body).slice(0, 500)}`);
  for (const { source, destination, amount, currency } of openings) {
    const transfer = {
      transactionId: newUuidV7(Date.now()),
      sourceAccount: source,
      destinationAccount: destination,
      amount: majorUnits(amount, currency),
      currency,
    };
    const sentAt = wallMs();
    const correlationId = `opening-${transfer.transactionId}`;
    const send = () => client.post('/v1/transfers', transfer, correlationId);
    const reply = await patiently('funding the accounts', send, succeeded);
    const { transactionId: id } = transfer;
    const attempt = { sentAt, endedAt: wallMs(), status: reply.status, body: keptOf(reply.body) };
    record({ kind: 'transfer', id, source, destination, amount, currency, correlationId, via: 'kept', ...attempt });
  }
}

/** Waits until everything is in MySQL, and lets the service verify its own books. */
export async function reconcile(client: Client): Promise<{ clean: boolean; report: unknown }> {
  const deadline = performance.now() + FLUSH_MS_MAX;
  for (;;) {
    const { body } = await client.get('/v1/ops/status').catch(silence);
    const { mode, journal } = fieldsOf(body);
    if (mode === 'CACHE' && fieldsOf(journal)['length'] === 0) break;
    if (performance.now() > deadline) throw new Error(`the journal was not flushed: ${JSON.stringify(body)}`);
    await sleep(250);
  }
  const { body } = await patiently('the reconciliation', () => client.post('/v1/ops/reconciliations', {}), succeeded);
  return { clean: fieldsOf(body)['clean'] === true, report: body };
}
