import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { expectIndexOf } from '../testing/expected-index.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

let roles: RolesUnderTest;
let api: Role;
const projectors: Role[] = [];
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper();
  api = await roles.api({ SEARCH: 'on' });
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  for (const accountId of ['bob', 'cy', 'shop:1', 'shop:2', 'shop@3'])
    await post('/v1/accounts', { accountId, currency: 'EUR', name: `Name of ${accountId}` });
});
afterEach(async () => {
  for (const projector of projectors.splice(0)) await projector.stop();
});
afterAll(async () => {
  await roles.stop();
});

async function project(): Promise<void> {
  projectors.push(await roles.search());
}
const post = (path: string, body: object) => api.request('POST', path, body);

/** The ids of all pages of a list. */
async function listed(query: string, path = '/v1/transfers'): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor = ''; ; ) {
    const { status, json } = await api.request('GET', `${path}?limit=2&${query}${cursor}`);
    expect({ status, json }).toMatchObject({ status: 200 });
    const items = json['items'] as { transactionId?: string; accountId?: string }[];
    ids.push(...items.map((item) => item.transactionId ?? item.accountId ?? ''));
    if (json['nextCursor'] === null) return ids;
    cursor = `&cursor=${json['nextCursor']}`;
  }
}

/** Waits until the index contains everything that is in MySQL now. */
async function untilComplete(): Promise<void> {
  const [start] = await roles.db.database.rows<{ ms: number }>('SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS ms');
  const moment = Number(start?.ms);
  await until('the index is complete', async () => {
    const { json } = await api.request('GET', '/v1/accounts?limit=1');
    return Date.parse(String(json['asOf'])) > moment;
  });
}

/** Waits until MySQL has every transfer that has been answered. */
const persisted = (id: string) => api.transfer(id, '1.00', { durability: 'persisted' });

describe('The list of transfers', () => {
  it('contains everything that happened before and after the projector was started', async () => {
    const quoted = "O'Brien \\ \u2028";
    await api.transfer('before-1', '5.00', { reference: 'Invoice 1', metadata: { invoice: '1', color: 'red' } });
    await api.transfer('before-2', '900.00', { sourceAccount: 'ada', destinationAccount: 'bob' });
    expect((await api.request('GET', '/v1/transfers')).json).toMatchObject({ code: 'search_not_ready' });

    await project();
    await api.transfer('t-3', '7.00', { destinationAccount: 'bob', reference: quoted, metadata: { invoice: '1' } });
    await post('/v1/holds', { holdId: 'h-1', account: 'bob', amount: '2.00', currency: 'EUR' });
    await post('/v1/holds/h-1/capture', { transactionId: 'c-4', amount: '1.50', destinationAccount: 'cy' });
    await post('/v1/transfers/t-3/reversal', {});
    const member = { sourceAccount: 'world', amount: '1.00', currency: 'EUR' };
    await post('/v1/transfers/group', {
      groupId: 'g-1',
      transfers: [
        { ...member, transactionId: 'g-5', destinationAccount: 'ada' },
        { ...member, transactionId: 'g-6', destinationAccount: 'cy' },
      ],
    });
    await persisted('t-7');
    await untilComplete();

    await expectIndexOf(roles.db.database);
    expect(await listed('order=asc')).toEqual((await listed('')).reverse());
    expect(await listed('reference=Invoice%201')).toEqual(['before-1']);
    expect(await listed(`reference=${encodeURIComponent(quoted)}`)).toEqual(['t-3']);
    expect(await listed('metadataKey=invoice&metadataValue=1&order=asc')).toEqual(['before-1', 't-3']);
    expect(await listed('metadataKey=invoice&metadataValue=1&account=bob')).toEqual(['t-3']);
    expect(await listed('reference=Invoice%201&account=bob')).toEqual([]);
    expect(await listed('status=REJECTED&kind=transfer')).toEqual(['before-2']);
    expect(await listed('status=REJECTED&kind=capture')).toEqual([]);
    expect(await listed('account=bob&counterparty=ada')).toEqual(['before-2']);
    expect(await listed('account=cy&order=asc')).toEqual(['c-4', 'g-6']);
    expect(await listed('kind=capture')).toEqual(['c-4']);
    expect(await listed('kind=reversal&account=cy')).toEqual([]);
    expect(await listed('currency=EUR&minAmount=5.00&maxAmount=6.00')).toEqual(['before-1']);
    expect(await listed('currency=USD')).toEqual([]);
  });

  it('has the limit on its delay in the metrics, whether or not a process maintains the index', async () => {
    const { text } = (await api.request('GET', '/metrics')).json;
    expect(text).toContain('holdfast_limit{name="search_behind_seconds"} 30');
  });

  it('contains the same records as reads of single transfers', async () => {
    await project();
    await untilComplete();
    const { json } = await api.request('GET', '/v1/transfers');
    const items = json['items'] as { transactionId: string }[];
    expect(items.length).toBeGreaterThan(5);
    for (const item of items)
      expect((await api.request('GET', `/v1/transfers/${item.transactionId}`)).json).toEqual({
        ...item,
        replayed: expect.any(Boolean),
      });
  });

  it('neither finds nor shows personal data that was erased from the books', async () => {
    await api.transfer('erased-1', '1.00', { reference: 'Ada Lovelace', durability: 'persisted' });
    await project();
    await untilComplete();
    expect(await listed(`reference=${encodeURIComponent('Ada Lovelace')}`)).toEqual(['erased-1']);
    await roles.db.database.rows(
      "UPDATE transfers SET `reference` = NULL, salt = NULL WHERE transaction_id = 'erased-1'",
    );
    expect(await listed(`reference=${encodeURIComponent('Ada Lovelace')}`)).toEqual([]);
    await roles.db.database.rows("UPDATE transfers SET `reference` = 'Ada Lovelace' WHERE transaction_id = 'erased-1'");
    const stored = await roles.db.database.rows('SELECT * FROM search_transfers');
    expect(JSON.stringify(stored)).not.toContain('Lovelace');
  });

  it('can be split into pages between transfers that have the same time', async () => {
    await project();
    const at = "accepted_at = '2026-01-01 00:00:00.000'";
    const ids = Array.from({ length: 7 }, (_, n) => `same-${n}`);
    for (const id of ids) await api.transfer(id, '3.21', { durability: 'persisted' });
    await untilComplete();
    await roles.db.database.rows(`UPDATE transfers SET ${at} WHERE transaction_id IN (?)`, [ids]);
    await roles.db.database.rows("DELETE FROM search_transfers WHERE transaction_id LIKE 'same-%'");
    await roles.db.database.rows(
      "UPDATE search_cursor SET state = 'FILLING', filled_transfers = '', moves = moves + 1",
    );
    await until('the index is complete', async () => (await api.request('GET', '/v1/transfers')).status === 200);
    const query = 'to=2026-01-02T00:00:00Z&currency=EUR&minAmount=3.21';
    expect(await listed(`${query}&order=asc`)).toEqual(ids);
    expect(await listed(query)).toEqual(ids.toReversed());
  });
});

describe('The list of accounts', () => {
  it('is sorted by id, with filters by prefix, currency and status', async () => {
    await project();
    await post('/v1/accounts', { accountId: 'usd', currency: 'USD' });
    await api.request('PATCH', '/v1/accounts/shop:2', { status: 'FROZEN' }, undefined, { 'If-Match': '*' });
    await persisted('a-1');
    await untilComplete();
    await expectIndexOf(roles.db.database);
    const everything = ['ada', 'bob', 'cy', 'shop:1', 'shop:2', 'shop@3', 'usd', 'world'];
    expect(await listed('', '/v1/accounts')).toEqual(everything);
    expect(await listed('order=desc', '/v1/accounts')).toEqual(everything.toReversed());
    expect(await listed('prefix=shop:', '/v1/accounts')).toEqual(['shop:1', 'shop:2']);
    expect(await listed('status=FROZEN', '/v1/accounts')).toEqual(['shop:2']);
    expect(await listed('status=FROZEN&currency=USD', '/v1/accounts')).toEqual([]);
    expect(await listed('currency=USD', '/v1/accounts')).toEqual(['usd']);
    expect(await listed('status=ACTIVE&currency=EUR&prefix=shop', '/v1/accounts')).toEqual(['shop:1', 'shop@3']);
    const { json } = await api.request('GET', '/v1/accounts?prefix=bob');
    expect(json['items']).toMatchObject([{ accountId: 'bob', name: 'Name of bob', status: 'ACTIVE' }]);
  });
});

/** Connections of the projectors that are in the middle of a transaction. */
async function killTransactions(): Promise<number> {
  const found = await roles.db.database.rows<{ id: number }>(
    "SELECT `id` FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE 'INSERT INTO search\\_%'",
  );
  for (const { id } of found) await roles.db.database.rows(`KILL ${id}`).catch(() => {});
  return found.length;
}

describe('The index', () => {
  it('equals the books after random load, a switch-over, two projectors and killed transactions', async () => {
    await project();
    await project();
    const isOver = { value: false };
    let killed = 0;
    const killing = (async () => {
      while (!isOver.value) killed += await killTransactions();
    })();
    const names = ['world', 'ada', 'bob', 'cy', 'shop:1'];
    let next = 0;
    const load = async (rounds: number) => {
      for (let round = 0; round < rounds; round++)
        await Promise.all(
          Array.from({ length: 40 }, () => {
            const n = next++;
            const [sourceAccount, destinationAccount] = [names[n % 5], names[(n + 1 + (n % 3)) % 5]];
            const more = { reference: `r-${n % 7}`, ...(n % 2 === 0 && { metadata: { n: String(n % 5), k: 'v' } }) };
            return api.transfer(`load-${n}`, `${1 + (n % 9)}.00`, { sourceAccount, destinationAccount, ...more });
          }),
        );
    };
    await load(15);
    await roles.redis.kill();
    await api.worksIn('DIRECT');
    await load(5);
    await roles.redis.startAgain();
    await api.worksIn('CACHE');
    await load(5);
    await persisted('load-end');
    await until('a transaction of a projector was killed', async () => {
      if (killed === 0) await load(1);
      return killed > 0;
    });
    isOver.value = true;
    await killing;
    await persisted('load-last');
    await untilComplete();
    await expectIndexOf(roles.db.database);
  });

  it('is rebuilt if it follows another log', async () => {
    await project();
    await untilComplete();
    for (const projector of projectors.splice(0)) await projector.stop();
    await roles.db.database.rows("UPDATE search_cursor SET `hash` = REPEAT('x', 32)");
    await roles.db.database.rows('UPDATE search_transfers SET amount = amount + 1');
    await project();
    await persisted('other-log');
    await until('the index is complete', async () => {
      const { status } = await api.request('GET', '/v1/transfers');
      const [found] = await roles.db.database.rows("SELECT 1 FROM search_transfers WHERE transaction_id = 'other-log'");
      return status === 200 && found !== undefined;
    });
    await expectIndexOf(roles.db.database);
  });
});

it('refuses searches when they are disabled', async () => {
  const without = await roles.api();
  await without.ready();
  expect((await without.request('GET', '/v1/transfers')).json).toMatchObject({ code: 'search_disabled' });
  expect((await without.request('GET', '/v1/accounts')).status).toBe(503);
});

it('shows a restricted key only the accounts that it may use, and their transfers', async () => {
  await project();
  const user = { user: 'shop', scopes: ['balances:read'], accountPrefixes: ['shop:', 'ada'] };
  const { json: created } = await post('/v1/ops/keys', user);
  const key = String(created['secret']);
  const as = (path: string) => api.request('GET', path, undefined, key);
  await until('the key is known', async () => (await as('/v1/accounts')).status === 200);
  const { json: accounts } = await as('/v1/accounts');
  expect((accounts['items'] as { accountId: string }[]).map(({ accountId }) => accountId)).toEqual([
    ...['ada', 'shop:1', 'shop:2'],
  ]);
  expect((await as('/v1/accounts?prefix=b')).json).toMatchObject({ items: [], nextCursor: null });
  expect((await as('/v1/transfers')).json).toMatchObject({ code: 'validation_failed' });
  expect((await as('/v1/transfers?account=bob')).status).toBe(403);
  await api.transfer('foreign', '1.00', { destinationAccount: 'bob', reference: 'same' });
  await api.transfer('own', '1.00', { reference: 'same', durability: 'persisted' });
  await untilComplete();
  const { json } = await as('/v1/transfers?account=ada&reference=same&limit=1');
  expect(json['items']).toMatchObject([{ transactionId: 'own', destinationAccount: 'ada' }]);
  expect(JSON.stringify(json['items'])).not.toContain('sourceBalance');
});
