import { type Connection, createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { until } from '../../kernel/testing/until.ts';
import { hashOfKey } from '../../mysql/operations/api-keys.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';
import { ShardedRoles } from '../testing/sharded-roles.ts';

const USER = 'holdfast_batches';
const OTHER_KEY = 'the-key-of-somebody-else';
const id = () => newUuidV7(Date.now());
const payment = (transactionId: string, more: object = {}) => ({
  ...{ transactionId, sourceAccount: 'world', destinationAccount: 'ada', amount: '1.00', currency: 'EUR' },
  ...more,
});

describe('A batch in mode CACHE', () => {
  let roles: RolesUnderTest;
  let root: Connection;
  let pod: Role;
  beforeAll(async () => {
    roles = await RolesUnderTest.start();
    root = await createConnection(inject('mysqlUrl'));
    await root.query(`CREATE USER ${USER} IDENTIFIED BY 'secret'`);
    const url = new URL(roles.db.url);
    await root.query(`GRANT ALL ON ${url.pathname.slice(1)}.* TO ${USER}`);
    url.username = USER;
    url.password = 'secret';
    await roles.keeper();
    pod = await roles.api({ MYSQL_URL: url.href, MYSQL_QUERY_TIMEOUT_MS: '1000', MYSQL_LOCK_WAIT_TIMEOUT_S: '1' });
    await pod.ready();
    await roles.openAccounts(pod);
    await pod.worksIn('CACHE');
    await roles.db.database.rows('INSERT INTO api_keys (key_hash, `user`, scopes) VALUES (?, ?, ?)', [
      hashOfKey(OTHER_KEY),
      'somebody',
      'transfers:write',
    ]);
  });
  afterAll(async () => {
    await root.query(`DROP USER ${USER}`);
    await root.end();
    await roles.stop();
  });
  const post = (batchId: string, transfers: object[]) =>
    pod.request('POST', '/v1/transfers/batch', { batchId, transfers });
  const results = async (batchId: string, query = '') =>
    (await pod.request('GET', `/v1/batches/${batchId}/transfers${query}`)).json['items'] as Record<string, unknown>[];

  it('still shows later which items did not become transfers, and why', async () => {
    const ids = Array.from({ length: 50 }, id).sort();
    const transfers = ids.map((transactionId, i) =>
      payment(transactionId, i % 10 === 3 ? { destinationAccount: 'nobody' } : i % 10 === 7 ? { amount: '0' } : {}),
    );
    transfers.push(payment(id(), { sourceAccount: 'ada', destinationAccount: 'world', amount: '9999.00' }));
    for (let from = 0; from < transfers.length; from += 20)
      expect((await post('salaries', transfers.slice(from, from + 20))).json).toMatchObject({
        batch: { recorded: true },
      });
    expect((await pod.request('GET', '/v1/batches/salaries')).json).toMatchObject({
      ...{ items: 51, posted: 40, rejected: 1, failed: 10, undecided: 0, postedBy: 'bootstrap' },
    });
    const failed = await results('salaries', '?status=FAILED');
    expect(failed.map(({ transactionId, code }) => [transactionId, code])).toEqual(
      ids.flatMap((transactionId, i) => {
        if (i % 10 === 3) return [[transactionId, 'account_not_found']];
        return i % 10 === 7 ? [[transactionId, 'validation_failed']] : [];
      }),
    );
    expect(await results('salaries', '?status=REJECTED')).toMatchObject([{ code: 'insufficient_funds' }]);
    // Another user has no such batch, and may not read this one.
    const asOther = (query: string) => pod.request('GET', `/v1/batches/salaries${query}`, undefined, OTHER_KEY);
    expect((await asOther('')).status).toBe(404);
    expect((await asOther('?postedBy=bootstrap')).status).toBe(403);
  });

  it('shows that a failed item was later posted outside the batch', async () => {
    const transactionId = id();
    await post('later', [payment(transactionId, { destinationAccount: 'late' })]);
    await pod.request('POST', '/v1/accounts', { accountId: 'late', currency: 'EUR' });
    await pod.request('POST', '/v1/transfers', payment(transactionId, { destinationAccount: 'late' }));
    expect(await results('later')).toMatchObject([{ status: 'FAILED', transfer: 'POSTED' }]);
    expect((await post('later', [payment(transactionId, { destinationAccount: 'late' })])).json).toMatchObject({
      results: [{ status: 200, replayed: true }],
    });
    expect(await results('later')).toMatchObject([{ status: 'POSTED' }]);
  });

  it('is posted while MySQL is unavailable, is reported as not recorded, and is recorded when sent again', async () => {
    await root.query(`ALTER USER ${USER} ACCOUNT LOCK`);
    const [rows] = await root.query('SELECT id FROM information_schema.processlist WHERE user = ?', [USER]);
    for (const { id: connection } of rows as { id: number }[])
      await root.query(`KILL CONNECTION ${connection}`).catch(() => {});
    const item = payment(id());
    await until('it is posted, but not recorded', async () => {
      const { status, json } = await post('away', [item]);
      const [result] = json['results'] as [{ status: number }];
      expect(status).toBe(200);
      const batch = json['batch'] as { recorded: boolean; reason?: string };
      return result.status < 300 && !batch.recorded && batch.reason === 'database_unavailable';
    });
    expect((await pod.request('GET', '/v1/batches/away')).json).toMatchObject({ code: 'database_unavailable' });
    await root.query(`ALTER USER ${USER} ACCOUNT UNLOCK`);
    await until('it is recorded', async () => {
      const { json } = await post('away', [item]);
      expect(json).toMatchObject({ results: [{ status: 200, replayed: true }] });
      return (json['batch'] as { recorded: boolean }).recorded;
    });
    expect((await pod.request('GET', '/v1/batches/away')).json).toMatchObject({ items: 1, posted: 1 });
  });
});

describe('A batch over several shards', () => {
  let roles: ShardedRoles;
  beforeAll(async () => {
    roles = await ShardedRoles.start(2);
  });
  afterAll(() => roles.stop());

  it('has one record', async () => {
    await roles.keeper();
    const pod = await roles.api();
    await pod.ready();
    const accounts = [0, 1].flatMap((shard) => [roles.accountIn(shard, 'w'), roles.accountIn(shard, 'a')]);
    for (const accountId of accounts)
      await pod.request('POST', '/v1/accounts', { accountId, currency: 'EUR', external: accountId.startsWith('w') });
    const pairs = [0, 1].flatMap((from) =>
      [0, 1].map((to) => ({ sourceAccount: roles.accountIn(from, 'w'), destinationAccount: roles.accountIn(to, 'a') })),
    );
    const failing = { ...pairs[3], destinationAccount: roles.accountIn(1, 'nobody') };
    const transfers = [...pairs, failing].map((pair) => payment(id(), pair));
    await until('all have an outcome', async () => {
      const { json } = await pod.request('POST', '/v1/transfers/batch', { batchId: 'b', transfers });
      return (json['results'] as { status: number }[]).every(({ status }) => status < 500);
    });
    expect((await pod.request('GET', '/v1/batches/b')).json).toMatchObject({ items: 5, posted: 4, failed: 1 });
    expect((await pod.request('GET', '/v1/batches/b/transfers?status=FAILED')).json).toMatchObject({
      items: [{ transactionId: transfers[4]?.transactionId, code: 'account_not_found' }],
    });
    const counts = await Promise.all(
      roles.databases.map(({ database }) => database.rows('SELECT COUNT(*) AS n FROM batch_items')),
    );
    expect(counts).toEqual([[{ n: 5 }], [{ n: 0 }]]);
  });
});
