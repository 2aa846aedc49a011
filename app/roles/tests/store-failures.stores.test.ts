import { type Connection, createConnection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { migrate } from '../../mysql/schema/data-source.ts';
import { emptyDatabase } from '../../mysql/testing/test-database.ts';
import { type Role, RolesUnderTest } from '../testing/roles-under-test.ts';

const SHORT = {
  REQUEST_TIMEOUT_MS: '2000',
  MYSQL_QUERY_TIMEOUT_MS: '1000',
  REDIS_COMMAND_TIMEOUT_MS: '1000',
  MYSQL_LOCK_WAIT_TIMEOUT_S: '1',
};
const USER = 'holdfast_failing';

let roles: RolesUnderTest;
let root: Connection;
let pod: Role;

/** A pod in mode DIRECT, whose MySQL account the test can lock. */
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  root = await createConnection(inject('mysqlUrl'));
  await root.query(`CREATE USER ${USER} IDENTIFIED BY 'secret'`);
  const url = new URL(roles.db.url);
  await root.query(`GRANT ALL ON ${url.pathname.slice(1)}.* TO ${USER}`);
  url.username = USER;
  url.password = 'secret';
  pod = await roles.api({ MYSQL_URL: url.href, ...SHORT });
  await pod.ready();
  await roles.openAccounts(pod);
});
afterAll(async () => {
  await root.query(`DROP USER ${USER}`);
  await root.end();
  await roles.stop();
});

async function endConnections(): Promise<void> {
  const [rows] = await root.query('SELECT id FROM information_schema.processlist WHERE user = ?', [USER]);
  for (const { id } of rows as { id: number }[]) await root.query(`KILL CONNECTION ${id}`).catch(() => {});
}

describe('While MySQL refuses a pod', () => {
  it.each([
    ['by locking its account', `ALTER USER ${USER} ACCOUNT LOCK`, `ALTER USER ${USER} ACCOUNT UNLOCK`],
    [
      'by changing its password',
      `ALTER USER ${USER} IDENTIFIED BY 'other'`,
      `ALTER USER ${USER} IDENTIFIED BY 'secret'`,
    ],
    [
      'by a limit of its account',
      `ALTER USER ${USER} WITH MAX_QUERIES_PER_HOUR 1`,
      `ALTER USER ${USER} WITH MAX_QUERIES_PER_HOUR 0`,
    ],
  ])(
    '%s, the pod answers 503 to every request that needs MySQL, and recovers without a restart',
    async (how, cause, cure) => {
      await root.query(cause);
      await endConnections();
      const id = how.replaceAll(' ', '-');
      const ask = () =>
        Promise.all([
          pod.request('POST', '/v1/accounts', { accountId: id, currency: 'EUR' }),
          pod.request('POST', '/v1/accounts/batch', { accounts: [{ accountId: id, currency: 'EUR' }] }),
          pod.request('GET', '/v1/accounts/ada/balance'),
          pod.request('GET', '/v1/accounts/ada/postings'),
          pod.request('GET', '/v1/transfers/unknown'),
          pod.transfer(`t-${id}`),
        ]);
      await until('MySQL refuses it', async () => (await ask()).every(({ status }) => status === 503));
      for (const { json } of await ask()) expect(json).toMatchObject({ status: 503, code: 'database_unavailable' });
      await root.query(cure);
      await until('it works again', async () => (await pod.transfer(`t-${id}`)).status === 201);
      expect((await pod.request('POST', '/v1/accounts', { accountId: id, currency: 'EUR' })).status).toBe(201);
      expect(pod.context.messages('error')).toEqual([]);
    },
  );
});

describe('A pod whose schema has not been migrated', () => {
  it('returns 503 until the migration has run', async () => {
    const { url, drop } = await emptyDatabase();
    const early = await roles.api({ MYSQL_URL: url });
    expect((await early.request('GET', '/v1/accounts/ada/balance')).json).toMatchObject({
      status: 503,
      code: 'database_unavailable',
    });
    await migrate(url);
    await until('it serves', async () => (await early.request('GET', '/v1/accounts/ada/balance')).status === 404);
    await early.stop();
    await drop();
  });
});
