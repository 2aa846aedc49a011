import { expect } from 'vitest';
import { newUuidV7 } from '../../../domain/ids.ts';
import { systemClock } from '../../../kernel/clock.ts';
import { until } from '../../../kernel/testing/until.ts';
import type { Role } from '../../../roles/testing/roles-under-test.ts';

/** Requests that are sent at the same time. */
const TOGETHER = 20;
export const newId = () => newUuidV7(systemClock.now());
export const CUSTOMERS = Array.from({ length: 6 }, (_, index) => `customer-${index}`);
const ACME = ['cash@acme', 'fees@acme', 'rest@acme'] as const;
export const ACCOUNTS = ['world', ...CUSTOMERS, ...ACME];

interface Sent {
  path: string;
  body: Record<string, unknown>;
  status: number;
  code: unknown;
}
/** Everything that clients have sent, and the answers that they received. */
export const sent: Sent[] = [];

async function send(api: Role, path: string, body: Record<string, unknown>): Promise<Sent> {
  for (;;) {
    const { status, json } = await api.request('POST', path, body);
    if (status === 503 || status === 504) continue;
    const one = { path, body, status, code: json['code'] };
    sent.push(one);
    return one;
  }
}
const transfer = (api: Role, sourceAccount: string, destinationAccount: string, amount: string, more: object = {}) =>
  send(api, '/v1/transfers', {
    ...{ transactionId: newId(), sourceAccount, destinationAccount, amount, currency: 'EUR' },
    ...{ reference: 'ünïcode ✓', metadata: { from: sourceAccount }, ...more },
  });
export const member = (sourceAccount: string, destinationAccount: string, amount: string) => ({
  ...{ transactionId: newId(), sourceAccount, destinationAccount, amount, currency: 'EUR' },
});

/** A small economy: transfers between any accounts, and groups and holds within one key. */
export async function live(api: Role): Promise<void> {
  for (const [index, customer] of CUSTOMERS.entries()) {
    const next = CUSTOMERS[(index + 1) % CUSTOMERS.length] ?? '';
    await transfer(api, 'world', customer, '100.00');
    await transfer(api, customer, next, `${index + 1}.00`, { transactionId: `plain-${index}-${sent.length}` });
    await transfer(api, customer, next, '99999.00');
    await transfer(api, customer, 'cash@acme', '2.00', { timestamp: '2026-01-01T00:00:00.000Z' });
  }
  const original = await transfer(api, 'customer-1', 'customer-2', '5.00');
  await send(api, `/v1/transfers/${original.body['transactionId']}/reversal`, {});
  await send(api, '/v1/transfers/group', {
    groupId: newId(),
    transfers: [member('cash@acme', 'fees@acme', '1.00'), member('fees@acme', 'rest@acme', '0.50')],
  });
  await send(api, '/v1/transfers/group', {
    groupId: newId(),
    transfers: [member('cash@acme', 'fees@acme', '1.00'), member('fees@acme', 'rest@acme', '99999.00')],
  });
  for (const [hold, capture] of [
    [{ amount: '3.00' }, { destinationAccount: 'fees@acme', amount: '1.00', final: false }],
    [{ amount: '2.00', destinationAccount: 'rest@acme' }, {}],
    [{ amount: '1.00' }, null],
  ] as const) {
    const holdId = newId();
    await send(api, '/v1/holds', { holdId, account: 'cash@acme', currency: 'EUR', ...hold });
    if (capture) await send(api, `/v1/holds/${holdId}/capture`, { transactionId: newId(), ...capture });
  }
}

const WITHOUT = new Set(['leg', 'persisted', 'durability', 'asOf', 'source', 'nextCursor', 'previousCursor']);
const plain = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, inner]) => (WITHOUT.has(name) ? [] : [[name, plain(inner)]])),
  );
};
/** What clients can read: accounts, their histories, transfers, groups and holds. */
export async function readAll(api: Role): Promise<Record<string, unknown>> {
  const paths = new Set<string>();
  for (const id of ACCOUNTS.map(encodeURIComponent))
    for (const end of ['', '/balance', '/postings?limit=1000']) paths.add(`/v1/accounts/${id}${end}`);
  for (const { body } of sent) {
    const { transactionId, groupId, holdId } = body;
    if (transactionId) paths.add(`/v1/transfers/${transactionId}`);
    if (groupId) paths.add(`/v1/transfers/group/${groupId}`);
    if (holdId) paths.add(`/v1/holds/${holdId}`);
  }
  const seen: Record<string, unknown> = {};
  for (const path of paths) {
    // On a busy machine, a pod may briefly lose the store that decides; its answers then show this.
    const { status, json } = await until(`${path} is up to date`, async () => {
      const answer = await api.request('GET', path);
      return answer.status === 503 || answer.json['stale'] ? null : answer;
    });
    seen[path] = plain({ status, ...json });
  }
  return seen;
}
/** Sends everything again, and sends transfers with different content, too. */
export async function expectIdempotent(api: Role): Promise<void> {
  const all = [...sent];
  for (let from = 0; from < all.length; from += TOGETHER)
    await Promise.all(all.slice(from, from + TOGETHER).map((one) => expectReplayed(api, one)));
}
async function expectReplayed(api: Role, { path, body, status, code }: Sent): Promise<void> {
  const again = await api.request('POST', path, body);
  expect([path, body, again.status, again.json['code']]).toEqual([path, body, status === 201 ? 200 : status, code]);
  if (path !== '/v1/transfers') return;
  const other = await api.request('POST', path, { ...body, amount: '0.77' });
  expect([body, other.status]).toEqual([body, 409]);
}
