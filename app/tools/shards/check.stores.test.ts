import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../config/config.ts';
import { until } from '../../kernel/testing/until.ts';
import { ShardedRoles } from '../../roles/testing/sharded-roles.ts';
import { checkOf } from './check.ts';

const SHARDS = 3;
const OPEN_SECONDS_MAX = 60;
let roles: ShardedRoles;

beforeAll(async () => {
  roles = await ShardedRoles.start(SHARDS);
  const keeper = await roles.keeper();
  const api = await roles.api();
  await api.ready();
  const accounts = [0, 1, 2].map((shard) => roles.accountIn(shard, 'cash'));
  for (const accountId of accounts)
    await api.request('POST', '/v1/accounts', { accountId, currency: 'EUR', overdraftLimit: '9.00' });
  for (const [index, sourceAccount] of accounts.entries()) {
    const transfer = { sourceAccount, destinationAccount: accounts[(index + 1) % SHARDS], currency: 'EUR' };
    const { status } = await api.request('POST', '/v1/transfers', {
      ...{ transactionId: `ring-${index}`, amount: '1.23', durability: 'persisted' },
      ...transfer,
    });
    expect(status).toBe(201);
  }
  await until('every crossing is closed', async () => (await openRows()) === 0);
  // A slow Redis may have been given up, or may not be in use yet.
  await until('every shard uses its Redis', async () => (await modes()).every((mode) => mode.startsWith('CACHE')));
  await api.stop();
  await keeper.stop();
});
afterAll(() => roles.stop());

async function openRows(): Promise<number> {
  const found = await Promise.all(
    roles.databases.map((db) => db.database.rows("SELECT 1 FROM crossings WHERE state = 'OPEN'")),
  );
  return found.flat().length;
}
async function modes(): Promise<string[]> {
  const found = await Promise.all(
    roles.databases.map((db) => db.database.rows<{ mode: string }>('SELECT `mode` FROM authority')),
  );
  return found.flat().map(({ mode }) => mode);
}
const checked = (env: Partial<ShardedRoles['settings']> = {}, sleep = async () => {}) =>
  checkOf(loadConfig({ ...roles.settings, ROLE: 'keeper', ...env }), OPEN_SECONDS_MAX, { sleep });
/** Changes a row, and undoes the change after the work. */
async function changed(shard: number, change: string, undo: string, work: () => Promise<void>) {
  const database = roles.databases[shard]?.database;
  expect(await database?.rows(change)).toMatchObject({ affectedRows: 1 });
  await work();
  await database?.rows(undo);
}

describe('npm run shards -- check', () => {
  it('finds nothing wrong after transfers between all shards', async () => {
    const check = await checked();
    expect(check).toMatchObject({ faults: [], notes: [], crossings: [], returned: [] });
    // Six legs: each of the three transfers has left one shard and arrived in another.
    expect(check.inTransit).toEqual([{ currency: 'EUR', held: 0, underWay: 0, legs: 6 }]);
    expect(check.shards).toEqual(
      [0, 1, 2].map((shard) => ({
        ...{ shard, ledgerId: check.shards[0]?.ledgerId, identity: { shard, shards: SHARDS } },
        ...{ mode: 'CACHE', redis: 'own', faults: [] },
      })),
    );
  });

  it('finds databases in the wrong order', async () => {
    const [one, two, three] = roles.databases.map(({ url }) => url);
    const { faults } = await checked({ MYSQL_URL: `${two} ${one} ${three}` });
    expect(faults).toEqual([
      'shard 0: MySQL is shard 1 of 3, not 0 of 3',
      'shard 1: MySQL is shard 0 of 3, not 1 of 3',
    ]);
  });

  it('finds a Redis that is not that of the shard, or does not answer', async () => {
    const [one, , three] = roles.servers.map(({ url }) => url);
    const { faults } = await checked({ REDIS_URL: `${one} redis://127.0.0.1:1 ${one}` });
    expect(faults).toEqual([
      expect.stringContaining('shard 1: Redis: '),
      'shard 2: Redis is empty, but this shard is in CACHE: it is not the Redis of its epoch',
    ]);
    expect(three).not.toBe(one);
  });

  it('finds the database of another ledger, and one that is missing', async () => {
    await changed(
      2,
      `UPDATE ledger_identity SET ledger_id = '${'0'.repeat(32)}'`,
      `UPDATE ledger_identity SET ledger_id = (SELECT ledger_id FROM authority)`,
      async () => {
        const { faults } = await checked();
        expect(faults).toContainEqual(expect.stringMatching(/^the databases belong to 2 ledgers: .*0{32}/));
        expect(faults).toContain(`shard 2: Redis belongs to another ledger: ${(await checked()).shards[0]?.ledgerId}`);
      },
    );
    const [one, two] = roles.databases.map(({ url }) => url);
    const { faults, notes } = await checked({ MYSQL_URL: `${one} ${two} mysql://nobody@127.0.0.1:1/none` });
    expect(faults).toEqual([expect.stringContaining('shard 2: MySQL: ')]);
    expect(notes).toEqual(['crossings and money in transit were not checked, because a database is missing']);
  });

  it('finds an old open crossing', async () => {
    await changed(
      0,
      "UPDATE crossings SET state = 'OPEN', opened_at = NOW(3) - INTERVAL 90 SECOND",
      "UPDATE crossings SET state = 'DONE'",
      async () => {
        const { faults, crossings, inTransit } = await checked();
        expect(faults).toEqual([expect.stringMatching(/^a transfer from shard 0 to shard 1 has been open for 9\d s$/)]);
        expect(crossings).toMatchObject([{ from: 0, to: 1, open: 1 }]);
        // The transfer has arrived, and only its row is open, so nothing is in transit.
        expect(inTransit).toMatchObject([{ currency: 'EUR', held: 0, underWay: 0 }]);
      },
    );
  });

  it('finds money that is missing from the transit accounts', async () => {
    await changed(
      1,
      "UPDATE accounts SET balance = balance - 5 WHERE account_id LIKE '~transit:EUR:%' ORDER BY account_id LIMIT 1",
      "UPDATE accounts SET balance = balance + 5 WHERE account_id LIKE '~transit:EUR:%' ORDER BY account_id LIMIT 1",
      async () => {
        const { faults } = await checked();
        expect(faults).toEqual(['money in transit differs from the open crossings: EUR by -5 minor units']);
      },
    );
  });

  it('does not report a fault while legs are still being posted', async () => {
    const [, second] = roles.databases;
    await changed(
      1,
      "UPDATE accounts SET balance = balance - 5 WHERE account_id LIKE '~transit:EUR:%' ORDER BY account_id LIMIT 1",
      "UPDATE accounts SET balance = balance + 5 WHERE account_id LIKE '~transit:EUR:%' ORDER BY account_id LIMIT 1",
      async () => {
        const { faults, notes } = await checked({}, async () => {
          await second?.database.rows(
            "UPDATE accounts SET version = version + 1 WHERE account_id LIKE '~transit:EUR:%'",
          );
        });
        expect(faults).toEqual([]);
        expect(notes).toEqual([expect.stringContaining('check again while there are none')]);
      },
    );
  });
});
