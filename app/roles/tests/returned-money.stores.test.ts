import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { outOrder, transitAccount } from '../../domain/crossing.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { orderOf } from '../../domain/testing/orders.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { createPodShard, type PodShard } from '../pod-shard.ts';
import type { Role } from '../testing/roles-under-test.ts';
import { ShardedRoles } from '../testing/sharded-roles.ts';

let roles: ShardedRoles;
let api: Role;
let leaving: PodShard;
beforeAll(async () => {
  roles = await ShardedRoles.start(2);
  await roles.keeper();
  api = await roles.api();
  await api.ready();
  for (const shard of [0, 1])
    for (const name of ['world', 'ada', 'bob'])
      await api.request('POST', '/v1/accounts', {
        accountId: roles.accountIn(shard, name),
        currency: 'EUR',
        external: name === 'world',
      });
  const [first] = api.context.process.shards;
  if (!first) throw new Error('no shard');
  leaving = createPodShard(first);
  leaving.session.start();
  await until('it is open', () => leaving.session.view() !== null);
});
afterAll(async () => {
  await leaving?.session.stop();
  await roles.stop();
});

const PATH = '/v1/ops/returned-money';
const transfer = (sourceAccount: string, destinationAccount: string, amount: string) =>
  api.request('POST', '/v1/transfers', {
    transactionId: newUuidV7(systemClock.now()),
    ...{ sourceAccount, destinationAccount, amount, currency: 'EUR', durability: 'persisted' },
  });
const patch = async (accountId: string, status: string) => {
  const { json } = await api.request('GET', `/v1/accounts/${encodeURIComponent(accountId)}`);
  const answer = await api.request('PATCH', `/v1/accounts/${encodeURIComponent(accountId)}`, { status }, undefined, {
    'If-Match': `"${json['settingsVersion']}"`,
  });
  expect(answer, JSON.stringify(answer)).toMatchObject({ status: 200 });
};

/**
 * Sends money to a frozen account, from an account that is closed in the meantime, so that neither can take the money.
 */
async function returned(name: string, amount: string, minor: number): Promise<string> {
  const source = roles.accountIn(0, name);
  const destination = roles.accountIn(1, 'bob');
  await api.request('POST', '/v1/accounts', { accountId: source, currency: 'EUR' });
  await transfer(roles.accountIn(0, 'world'), source, amount);
  // Opens the transit accounts.
  await transfer(roles.accountIn(0, 'world'), roles.accountIn(1, 'ada'), '0.01');
  await patch(destination, 'FROZEN');
  const transactionId = newUuidV7(systemClock.now());
  const order = orderOf({ transactionId, source, destination, amount: minor });
  const out = outOrder(order, { transit: transitAccount('EUR', 0), toShard: 1, refusal: null });
  const [left] = await leaving.ledger.apply([out], 'persisted');
  expect(left).toMatchObject({ status: 'POSTED', persisted: true });
  await patch(source, 'CLOSED');
  await until('it is returned', async () => {
    const { json } = await api.request('GET', PATH);
    return (json['items'] as { transactionId: string }[]).some((item) => item.transactionId === transactionId);
  });
  await patch(destination, 'ACTIVE');
  return transactionId;
}
const payout = (transactionId: string, amount: string, different: object = {}) =>
  api.request('POST', PATH, {
    ...{ shard: 0, transactionId, destinationAccount: roles.accountIn(0, 'ada'), amount, currency: 'EUR' },
    reason: 'the owner named this account',
    ...different,
  });
const balance = async (accountId: string) =>
  (await api.request('GET', `/v1/accounts/${encodeURIComponent(accountId)}/balance`)).json['balance'];

describe('Returned money', () => {
  it('is paid out once, with Redis or without it, and the books stay consistent', async () => {
    const ada = roles.accountIn(0, 'ada');
    const [first, second] = [await returned('gone-1', '7.00', 700), await returned('gone-2', '5.00', 500)];
    const listed = await api.request('GET', PATH);
    expect(listed).toMatchObject({
      status: 200,
      json: {
        balances: [{ shard: 0, currency: 'EUR', amount: '12.00' }],
        items: [
          { transactionId: first, sourceAccount: roles.accountIn(0, 'gone-1'), amount: '7.00', payout: null },
          { transactionId: second },
        ],
      },
    });
    const answers = await Promise.all(Array.from({ length: 8 }, () => payout(first, '7.00')));
    expect(answers.map(({ status }) => status).filter((status) => status === 201)).toHaveLength(1);
    expect(answers.every(({ status }) => status === 201 || status === 200)).toBe(true);
    expect(await payout(first, '7.00', { destinationAccount: roles.accountIn(0, 'bob') })).toMatchObject({
      status: 409,
      json: { code: 'already_paid_out' },
    });

    await roles.servers[0]?.kill();
    const [shard] = api.context.process.shards;
    await until('MySQL decides', async () => (await shard?.authority.read())?.mode === 'DIRECT');
    let answer = await payout(second, '5.00');
    while (answer.status === 503 || answer.status === 504) answer = await payout(second, '5.00');
    expect([200, 201]).toContain(answer.status);
    expect(await payout(first, '7.00')).toMatchObject({ status: 200, json: { replayed: true } });

    await roles.servers[0]?.startAgain();
    await until('Redis decides again', async () => (await shard?.authority.read())?.mode === 'CACHE');
    await until('it is paid', async () => (await payout(second, '5.00')).status === 200);
    expect(await balance(ada)).toBe('12.00');
    expect(await api.request('GET', PATH)).toMatchObject({ json: { items: [] } });
    const { json } = await api.request('GET', `/v1/accounts/${encodeURIComponent(ada)}/postings`);
    expect(json['items']).toMatchObject([
      { transactionId: first, leg: 'payout', amount: '7.00', counterparty: roles.accountIn(0, 'gone-1') },
      { transactionId: second, leg: 'payout', amount: '5.00', metadata: { reason: 'the owner named this account' } },
    ]);
    const shown = await api.request('GET', `/v1/transfers/${first}`);
    expect(shown).toMatchObject({ status: 200, json: { status: 'REJECTED', refusal: 'account_frozen' } });
    await until('the books are clean', async () => {
      const reconciled = await api.request('POST', '/v1/ops/reconciliations');
      return (reconciled.json['crossings'] as { clean: boolean } | undefined)?.clean;
    });
  });

  it('cannot be named by clients', async () => {
    const to = { destinationAccount: roles.accountIn(0, 'ada'), amount: '1.00', currency: 'EUR' };
    const inner = await api.request('POST', '/v1/transfers', { sourceAccount: '~returns:EUR', ...to });
    expect(inner).toMatchObject({ status: 400, json: { code: 'validation_failed' } });
    for (const path of ['/v1/transfers/x~paid:0', '/v1/accounts/~returns:EUR', '/v1/accounts/~returns:EUR/postings'])
      expect((await api.request('GET', path)).status).toBe(400);
    expect((await api.request('POST', '/v1/transfers/x~paid:0/reversal', {})).status).toBe(400);
  });
});
