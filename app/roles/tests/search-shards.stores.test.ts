import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { expectIndexOf } from '../testing/expected-index.ts';
import type { Role } from '../testing/roles-under-test.ts';
import { ShardedRoles } from '../testing/sharded-roles.ts';

const TRANSFERS = 60;
let roles: ShardedRoles;
let api: Role;
let names: string[];
beforeAll(async () => {
  roles = await ShardedRoles.start(2);
  await roles.keeper();
  api = await roles.api({ SEARCH: 'on' });
  await api.ready();
  names = [0, 1].flatMap((shard) => ['ada', 'bob'].map((name) => roles.accountIn(shard, name)));
  for (const accountId of names)
    await api.request('POST', '/v1/accounts', { accountId, currency: 'EUR', overdraftLimit: '20.00' });
});
afterAll(async () => {
  await roles.stop();
});

const between = (n: number) => ({
  sourceAccount: names[n % 4],
  destinationAccount: names[(n + 1 + (n % 3)) % 4],
  durability: 'persisted',
});
const transfer = (n: number) =>
  api.transfer(`t-${n}`, `${1 + (n % 25)}.00`, { ...between(n), reference: `r-${n % 3}` });
type Item = Record<'transactionId' | 'status' | 'sourceAccount' | 'acceptedAt', string>;

async function listed(query: string, limit = 7): Promise<Item[]> {
  const items: Item[] = [];
  for (let cursor = ''; ; ) {
    const { status, json } = await api.request('GET', `/v1/transfers?limit=${limit}&${query}${cursor}`);
    expect({ status, json }).toMatchObject({ status: 200 });
    items.push(...(json['items'] as Item[]));
    if (json['nextCursor'] === null) return items;
    cursor = `&cursor=${json['nextCursor']}`;
  }
}
const idsOf = (items: readonly Item[]) => items.map(({ transactionId }) => transactionId);
const equalsBooks = () => Promise.all(roles.databases.map(({ database }) => expectIndexOf(database)));
const untilEqual = (what: string) =>
  until(what, () =>
    equalsBooks().then(
      () => true,
      () => false,
    ),
  );

it('lists each transfer of all shards once, in a single order, with its outcome', async () => {
  for (let n = 0; n < TRANSFERS; n += 10)
    await Promise.all(Array.from({ length: 10 }, (_, index) => transfer(n + index)));
  // The destination refuses this transfer, either before or after its source accepts it.
  await api.request('PATCH', `/v1/accounts/${names[3]}`, { status: 'FROZEN' }, undefined, { 'If-Match': '*' });
  await Promise.all(Array.from({ length: 5 }, (_, n) => transfer(TRANSFERS + n)));
  const projector = await roles.search();
  const crossings = async (state: string) => {
    const rows = await Promise.all(
      roles.databases.map(({ database }) => database.rows('SELECT 1 FROM crossings WHERE state = ?', [state])),
    );
    return rows.flat().length;
  };
  await until('all transfers are decided', async () => (await crossings('OPEN')) === 0);
  await until('searches are answered', async () => (await api.request('GET', '/v1/transfers')).status === 200);
  await untilEqual('the index equals the books');

  const oldest = await listed('order=asc');
  const all = Array.from({ length: TRANSFERS + 5 }, (_, n) => `t-${n}`);
  expect(idsOf(oldest).sort()).toEqual(all.sort());
  expect(await listed('order=desc', 3)).toEqual((await listed('order=asc')).reverse());
  const times = (await listed('order=asc')).map(({ acceptedAt }) => acceptedAt);
  expect(times).toEqual([...times].sort());
  expect(await crossings('DONE')).toBeGreaterThan(0);
  for (const item of await listed('')) {
    const path = `/v1/transfers/${item.transactionId}?sourceAccount=${encodeURIComponent(item.sourceAccount)}`;
    expect((await api.request('GET', path)).json).toEqual({ ...item, replayed: expect.any(Boolean) });
  }
  const refused = (await listed('')).filter(({ status }) => status === 'REJECTED');
  expect(refused.length).toBeGreaterThan(0);
  expect(await listed('status=REJECTED')).toEqual(refused);
  const account = names[1] ?? '';
  const ofAccount = (await listed('')).filter((item) => JSON.stringify(item).includes(`"${account}"`));
  expect(await listed(`account=${encodeURIComponent(account)}`)).toEqual(ofAccount);
  const { json } = await api.request('GET', '/v1/accounts');
  expect((json['items'] as { accountId: string }[]).map(({ accountId }) => accountId)).toEqual([...names].sort());
  await projector.stop();
});

it('lists a transfer as pending until it is decided', async () => {
  await api.stop();
  const [first] = roles.databases;
  const [crossing] = (await first?.database.rows<{ id: string }>(
    "SELECT transaction_id AS `id` FROM crossings WHERE state = 'DONE' LIMIT 1",
  )) ?? [{ id: '' }];
  const set = (state: string) =>
    first?.database.rows('UPDATE crossings SET state = ? WHERE transaction_id = ?', [state, crossing?.id]);
  await set('OPEN');
  for (const { database } of roles.databases)
    await database.rows("UPDATE search_cursor SET state = 'EMPTYING', moves = moves + 1");
  await roles.search();
  await untilEqual('the transfer is pending in the index');
  const pending = await first?.database.rows("SELECT 1 FROM search_transfers WHERE `status` = 'PENDING'");
  expect(pending?.length).toBeGreaterThan(0);
  await set('DONE');
  await untilEqual('the transfer is decided in the index');
});
