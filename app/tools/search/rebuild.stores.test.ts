import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../../kernel/testing/until.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { emptyDatabase, migratedDatabase, poolOptions } from '../../mysql/testing/test-database.ts';
import { prepareIndexes } from '../../roles/search-wiring.ts';
import { expectIndexOf } from '../../roles/testing/expected-index.ts';
import { type Role, RolesUnderTest } from '../../roles/testing/roles-under-test.ts';
import { testConfig } from '../../roles/testing/test-context.ts';
import { NotLogged, rebuildIndex } from './rebuild.ts';

let roles: RolesUnderTest;
let api: Role;
beforeAll(async () => {
  roles = await RolesUnderTest.start();
  await roles.keeper();
  api = await roles.api({ SEARCH: 'on' });
  await api.ready();
  await api.worksIn('CACHE');
  await roles.openAccounts(api);
  for (let n = 0; n < 1_200; n += 100)
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => api.transfer(`t-${n + i}`, '1.00', { reference: `r-${i}` })),
    );
  await persisted('t-last');
});
afterAll(async () => {
  await roles.stop();
});
const persisted = (id: string) => api.transfer(id, '1.00', { durability: 'persisted' });
const settings = (env: Record<string, string> = {}) =>
  testConfig(roles.db.url, { REDIS_URL: roles.redis.url, SEARCH: 'on', ...env });

it('rebuilds the index, even after an interruption and while a projector runs', async () => {
  await rebuildIndex(settings(), 'rebuild');
  await expectIndexOf(roles.db.database);

  await roles.db.database.rows('UPDATE search_transfers SET amount = 1 LIMIT 500');
  await roles.db.database.rows('DELETE FROM search_transfers LIMIT 400');
  await expect(
    rebuildIndex(settings(), 'rebuild', ({ state, entries }) => {
      if (state === 'FILLING' && entries === 0) throw new Error('interrupted');
    }),
  ).rejects.toThrow('interrupted');
  expect((await api.request('GET', '/v1/transfers')).json).toMatchObject({ code: 'search_not_ready' });
  await rebuildIndex(settings(), 'resume');
  await expectIndexOf(roles.db.database);

  const projector = await roles.search();
  await roles.db.database.rows('DELETE FROM search_transfers LIMIT 400');
  await rebuildIndex(settings(), 'rebuild');
  await expectIndexOf(roles.db.database);
  await projector.stop();
});

it('refuses a ledger without a log', async () => {
  const old = await migratedDatabase();
  await old.database.rows("UPDATE authority SET mode = 'DIRECT'");
  const config = testConfig(old.url, { REDIS_URL: roles.redis.url });
  await expect(rebuildIndex(config, 'rebuild')).rejects.toThrow(NotLogged);
  await old.drop();
});

it('can be in a database of its own, which belongs to one ledger', async () => {
  const { url, drop } = await emptyDatabase();
  const env = { SEARCH: 'on', SEARCH_MYSQL_URL: url };
  const config = testConfig(roles.db.url, { ...env, REDIS_URL: roles.redis.url });
  await rebuildIndex(config, 'rebuild');
  await rebuildIndex(config, 'resume');
  await using index = new Database(poolOptions(url));
  await expectIndexOf(roles.db.database, index);

  const projector = await roles.search(env);
  const pod = await roles.api(env);
  await pod.ready();
  await persisted('in-own-database');
  await until('it is listed', async () => {
    const { json } = await pod.request('GET', '/v1/transfers?limit=1');
    return (json['items'] as { transactionId: string }[])[0]?.transactionId === 'in-own-database';
  });
  await expectIndexOf(roles.db.database, index);

  const other = await migratedDatabase();
  await expect(prepareIndexes(testConfig(other.url, { ...env, REDIS_URL: roles.redis.url }))).rejects.toThrow(
    /SEARCH_MYSQL_URL: a database belongs to|SEARCH_MYSQL_URL: the database is the index of/,
  );
  await projector.stop();
  await pod.stop();
  await other.drop();
  await drop();
});
