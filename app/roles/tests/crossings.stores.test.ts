import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { openTransfers } from '../open-transfers.ts';
import type { Role } from '../testing/roles-under-test.ts';
import { ShardedRoles } from '../testing/sharded-roles.ts';

const SHARDS = 3;
let roles: ShardedRoles;
let api: Role;
let [a, b] = ['', ''];

beforeAll(async () => {
  roles = await ShardedRoles.start(SHARDS);
  for (const db of roles.databases) await db.reset(0, 'REBUILDING', 2);
  [a, b] = [accountIn(0, 'a'), accountIn(1, 'b')];
  await roles.keeper();
  api = await roles.api();
  await api.ready();
  for (const shard of [0, 1, 2]) {
    await open(accountIn(shard, 'world'), { external: true });
    for (const name of ['a', 'b']) {
      await open(accountIn(shard, name));
      await transfer(accountIn(shard, 'world'), accountIn(shard, name), '100.00');
    }
  }
});
afterAll(() => roles.stop());

const accountIn = (shard: number, name: string): string => roles.accountIn(shard, name);
const open = (accountId: string, more: object = {}) =>
  api.request('POST', '/v1/accounts', { accountId, currency: 'EUR', ...more });
const newId = () => newUuidV7(systemClock.now());
const transfer = (sourceAccount: string, destinationAccount: string, amount: string, more: object = {}) =>
  api.request('POST', '/v1/transfers', {
    transactionId: newId(),
    ...{ sourceAccount, destinationAccount, amount, currency: 'EUR' },
    ...more,
  });
const balance = async (accountId: string) =>
  (await api.request('GET', `/v1/accounts/${accountId}/balance`)).json['balance'];
const metric = async (name: string) => {
  const text = await api.context.process.metrics.text();
  return Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
};
async function allClosed(): Promise<void> {
  await until('no crossing is open', async () => {
    const open = await Promise.all(
      roles.databases.map(({ database }) => database.rows("SELECT 1 FROM crossings WHERE state = 'OPEN'")),
    );
    return open.flat().length === 0;
  });
}

/** While another pod has all the turns, the courier closes nothing. */
async function putTurns(holder: string, hours: number): Promise<void> {
  for (const { database } of roles.databases)
    for (let shard = 0; shard < SHARDS; shard++)
      await database.rows('REPLACE INTO crossing_turns VALUES (?, ?, NOW(3) + INTERVAL ? HOUR)', [
        shard,
        holder,
        hours,
      ]);
}

describe('The API of a ledger with several shards', () => {
  it('posts transfers between any two of them, and shows them like any other transfer', async () => {
    const transactionId = newId();
    const posted = await transfer(a, b, '10.00', { transactionId });
    expect(posted).toMatchObject({
      status: 201,
      json: {
        status: 'POSTED',
        sourceAccount: a,
        destinationAccount: b,
        sourceBalance: '90.00',
        destinationBalance: '110.00',
      },
    });
    expect(await transfer(a, b, '10.00', { transactionId })).toMatchObject({ status: 200, json: { replayed: true } });
    expect(await transfer(a, b, '10.01', { transactionId })).toMatchObject({ status: 409 });
    const shown = await api.request('GET', `/v1/transfers/${transactionId}`);
    expect(shown).toMatchObject({ status: 200, json: { status: 'POSTED', destinationBalance: '110.00' } });
    const wrong = await api.request('GET', `/v1/transfers/${transactionId}?sourceAccount=${encodeURIComponent(b)}`);
    expect(wrong.status).toBe(404);
    await until('the history of both accounts has it', async () => {
      const pages = await Promise.all([a, b].map((id) => api.request('GET', `/v1/accounts/${id}/postings`)));
      const items = pages.map(({ json }) => (json['items'] as Record<string, unknown>[]).at(-1));
      return items[0]?.['counterparty'] === b && items[1]?.['counterparty'] === a;
    });
    expect(await transfer(a, b, '1000.00')).toMatchObject({ status: 422, json: { code: 'insufficient_funds' } });
    expect(await transfer(a, accountIn(1, 'nobody'), '1.00')).toMatchObject({ status: 404 });
    const dry = await transfer(a, b, '1.00', { dryRun: true });
    expect(dry).toMatchObject({
      status: 200,
      json: { dryRun: true, sourceBalance: '89.00', destinationBalance: '111.00' },
    });
  });

  it('reverses a transfer between shards once both shards have it', async () => {
    const transactionId = newId();
    await transfer(a, accountIn(2, 'a'), '3.00', { transactionId });
    const before = await balance(a);
    const reverse = () => api.request('POST', `/v1/transfers/${transactionId}/reversal`, {});
    await until('it is reversed', async () => {
      const { status, json } = await reverse();
      if (status === 503) expect(json).toMatchObject({ code: 'transfer_pending' });
      return status === 201;
    });
    expect(await reverse()).toMatchObject({ status: 200 });
    expect([before, await balance(a)]).toEqual(['87.00', '90.00']);
  });

  it('refuses groups and holds that would span shards, and serves those inside one shard', async () => {
    const member = (sourceAccount: string, destinationAccount: string) => ({
      ...{ sourceAccount, destinationAccount, amount: '1.00', currency: 'EUR' },
    });
    const group = (...transfers: object[]) =>
      api.request('POST', '/v1/transfers/group', { groupId: newId(), transfers });
    expect(await group(member(a, b), member(b, a))).toMatchObject({
      status: 422,
      json: { code: 'group_spans_shards' },
    });
    const own = accountIn(0, 'b');
    expect((await group(member(a, own), member(own, a))).status).toBe(201);
    const hold = { holdId: newId(), account: a, amount: '1.00', currency: 'EUR' };
    const elsewhere = await api.request('POST', '/v1/holds', { ...hold, destinationAccount: b });
    expect(elsewhere).toMatchObject({ status: 422, json: { code: 'hold_spans_shards' } });
    expect((await api.request('POST', '/v1/holds', hold)).status).toBe(201);
    const capture = (destinationAccount: string) =>
      api.request('POST', `/v1/holds/${hold.holdId}/capture`, { destinationAccount });
    expect(await capture(b)).toMatchObject({ status: 422, json: { code: 'hold_spans_shards' } });
    expect((await capture(own)).status).toBe(201);
    expect(await api.request('GET', `/v1/holds/${hold.holdId}`)).toMatchObject({ json: { status: 'CAPTURED' } });
  });

  it('answers a batch over all shards in order', async () => {
    const items = [
      [a, b],
      [b, accountIn(1, 'a')],
      [accountIn(2, 'a'), a],
    ].map(([sourceAccount, destinationAccount]) => ({
      ...{ transactionId: newId(), sourceAccount, destinationAccount, amount: '0.01', currency: 'EUR' },
    }));
    const { json } = await api.request('POST', '/v1/transfers/batch', { transfers: items });
    expect(json['results']).toMatchObject(items.map(({ transactionId }) => ({ status: 201, transactionId })));
    const query = await api.request('POST', '/v1/balances/query', { accountIds: [b, a, 'nobody'] });
    expect(query.json).toMatchObject({ items: [{ accountId: b }, { accountId: a }], missing: ['nobody'] });
  });

  it('closes and counts transfers between shards', async () => {
    await allClosed();
    expect(await metric('holdfast_crossings_total{end="done",by="courier"}')).toBeGreaterThan(3);
    expect(await metric('holdfast_crossing_leg_problems_total{leg="in",unexpected="true"}')).toBeNaN();
  });

  it('compares the transfers of all shards in a reconciliation', async () => {
    await allClosed();
    const reconcile = async () => (await api.request('POST', '/v1/ops/reconciliations')).json['crossings'];
    expect(await reconcile()).toMatchObject({ clean: true, open: 0, differences: 0 });
    const [row] =
      (await roles.databases[0]?.database.rows<{ id: string }>(
        "SELECT MIN(transaction_id) AS id FROM crossings WHERE state = 'DONE' AND to_shard = 1",
      )) ?? [];
    const move = (toShard: number) =>
      roles.databases[0]?.database.rows('UPDATE crossings SET to_shard = ? WHERE transaction_id = ?', [
        toShard,
        row?.id,
      ]);
    await move(2);
    const listed = [{ transactionId: row?.id }, { transactionId: row?.id }, { transactionId: row?.id }];
    expect(await reconcile()).toMatchObject({ clean: false, differences: 3, listed });
    await move(1);
    expect(await reconcile()).toMatchObject({ clean: true });
  });

  it('lists the open transfers of a shard to an operator who accepts its loss', async () => {
    const { shards } = api.context.process;
    await allClosed();
    await putTurns('another pod', 1);
    const ids = await Promise.all(
      [
        [a, b],
        [b, accountIn(2, 'b')],
        [accountIn(2, 'a'), a],
      ].map(async ([source = '', destination = '']) => {
        const transactionId = newId();
        await transfer(source, destination, '0.01', { transactionId, durability: 'persisted' });
        return transactionId;
      }),
    );
    expect(await openTransfers(shards, 1)).toEqual([
      { transactionId: ids[0], from: 0, to: 1 },
      { transactionId: ids[1], from: 1, to: 2 },
    ]);
    await putTurns('nobody', 0);
    await allClosed();
    expect(await openTransfers(shards, 1)).toEqual([]);
  });

  it('continues without the Redis of one shard, and completes the transfers in progress', async () => {
    const ids: string[] = [];
    let stop = false;
    const writing = Promise.all(
      [
        [a, b],
        [b, accountIn(2, 'b')],
        [accountIn(2, 'a'), accountIn(0, 'b')],
      ].map(async ([source = '', destination = '']) => {
        while (!stop) {
          const transactionId = newId();
          ids.push(transactionId);
          for (;;) {
            const { status } = await transfer(source, destination, '0.01', { transactionId });
            if (status < 300 || status === 422) break;
            expect([503, 504]).toContain(status);
            await systemClock.sleep(20);
          }
        }
      }),
    );
    await until('some are made', () => ids.length > 20);
    await roles.servers[1]?.kill();
    const shardOne = api.context.process.shards[1];
    await until('MySQL decides in shard 1', async () => (await shardOne?.authority.read())?.mode === 'DIRECT');
    const inMysql = ids.length;
    await until('some more are made', () => ids.length > inMysql + 20);
    await roles.servers[1]?.startAgain();
    await until('Redis decides again', async () => (await shardOne?.authority.read())?.mode === 'CACHE');
    stop = true;
    await writing;
    await allClosed();
    for (const id of ids) {
      const { json } = await api.request('GET', `/v1/transfers/${id}`);
      expect(json, JSON.stringify(json)).toMatchObject({ status: 'POSTED', persisted: true });
    }
    const transit = await Promise.all(
      roles.databases.map(({ database }) =>
        database.rows<{ sum: number | null }>(
          "SELECT SUM(balance) AS sum FROM accounts WHERE account_id LIKE '~transit%'",
        ),
      ),
    );
    expect(transit.flat().reduce((sum, row) => sum + Number(row.sum), 0)).toBe(0);
  });
});
