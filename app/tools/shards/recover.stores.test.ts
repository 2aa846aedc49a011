import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, loadConfig } from '../../config/config.ts';
import { checkCrossings } from '../../jobs/crossing-check.ts';
import { until } from '../../kernel/testing/until.ts';
import { Database } from '../../mysql/connection/pool.ts';
import { SqlCrossingPages } from '../../mysql/ledger/crossing-pages.ts';
import { type Backup, backupOf, restore } from '../../mysql/testing/backup.ts';
import { poolOptions } from '../../mysql/testing/test-database.ts';
import { createContext } from '../../roles/context.ts';
import { requireOwnLedger } from '../../roles/shard-identities.ts';
import type { Role } from '../../roles/testing/roles-under-test.ts';
import { ShardedRoles } from '../../roles/testing/sharded-roles.ts';
import { checkOf } from './check.ts';
import { type RecoverOptions, recover } from './recover.ts';

const SHARDS = 3;
let roles: ShardedRoles;
let keeper: Role;
let api: Role;
beforeEach(async () => {
  roles = await ShardedRoles.start(SHARDS);
  await start();
  for (const shard of [0, 1, 2]) {
    await open(cash(shard), { overdraftLimit: '1000.00' });
    await open(roles.accountIn(shard, 'shop'));
  }
});
afterEach(() => roles.stop());

async function start(): Promise<void> {
  keeper = await roles.keeper();
  api = await roles.api();
  await api.ready();
}
async function stop(): Promise<void> {
  await api.stop();
  await until('MySQL has everything', async () => {
    const { reasons } = await recover(config(), [1], { ...OPTIONS, isDryRun: true });
    return reasons.every((reason) => !/journal|registered/.test(reason));
  });
  await keeper.stop();
}

const cash = (shard: number) => roles.accountIn(shard, 'cash');
const shop = (shard: number) => roles.accountIn(shard, 'shop');
const open = async (accountId: string, more: object = {}) =>
  expect((await api.request('POST', '/v1/accounts', { accountId, currency: 'EUR', ...more })).status).toBe(201);
const transfer = (transactionId: string, sourceAccount: string, destinationAccount: string, amount = '1.00') =>
  api.request('POST', '/v1/transfers', {
    ...{ transactionId, sourceAccount, destinationAccount, amount, currency: 'EUR', durability: 'persisted' },
  });
const balance = async (accountId: string) =>
  (await api.request('GET', `/v1/accounts/${accountId}/balance`)).json['balance'];

const databaseOf = (shard: number): Database => {
  const found = roles.databases[shard];
  if (!found) throw new RangeError(`no shard ${shard}`);
  return found.database;
};
const modeOf = async (shard: number) =>
  (await databaseOf(shard).rows<{ mode: string }>('SELECT `mode` FROM authority'))[0]?.mode ?? '';
const config = (): Config => loadConfig({ ...roles.settings, ROLE: 'keeper' });
const OPTIONS: RecoverOptions = { isDryRun: false, allowsConnections: true, onProgress() {} };
const recovered = (...shards: number[]) => recover(config(), shards, OPTIONS);
const openCrossings = async () =>
  (await Promise.all([0, 1, 2].map((n) => databaseOf(n).rows("SELECT 1 FROM crossings WHERE state = 'OPEN'")))).flat()
    .length;
const isClosed = () => until('all transfers are closed', async () => (await openCrossings()) === 0);
const differences = async () =>
  (await checkCrossings([0, 1, 2].map((n) => new SqlCrossingPages(databaseOf(n))))).listed;
async function restoreIn(shard: number, backup: Backup): Promise<void> {
  await using database = new Database(poolOptions(roles.databases[shard]?.url ?? ''));
  await restore(database, backup);
  // The last reports of processes in a backup are as old as the backup, which is hours old in practice.
  for (const table of ['processes', 'keepers']) await database.rows(`DELETE FROM ${table}`);
}

/** The checks with which every process starts. */
async function startProcess(): Promise<void> {
  const context = await createContext(config());
  try {
    await requireOwnLedger(context.shards);
  } finally {
    await context[Symbol.asyncDispose]();
  }
}

/** Two transfers in each direction between shard 1 and the others, one of them after the backup. */
async function loseHalf(more: () => Promise<void> = async () => {}): Promise<Backup> {
  const between = async (when: string) => {
    for (const other of [0, 2]) {
      expect((await transfer(`to-${other}-${when}`, cash(other), shop(1), '2.00')).status).toBe(201);
      expect((await transfer(`from-${other}-${when}`, cash(1), shop(other), '3.00')).status).toBe(201);
    }
  };
  await between('before');
  await isClosed();
  const backup = await backupOf(databaseOf(1));
  await between('after');
  await more();
  await isClosed();
  return backup;
}

describe('A shard that was restored from a backup', () => {
  it('agrees with the others again after its recovery', async () => {
    const lent = roles.accountIn(1, 'new');
    const backup = await loseHalf(async () => {
      await open(lent);
      await transfer('to-new', cash(0), lent, '5.00');
      await transfer('refused', cash(1), shop(2), '4.00');
    });
    await stop();
    await restoreIn(1, backup);
    expect((await differences()).length).toBeGreaterThan(0);

    const dry = await recover(config(), [1], { ...OPTIONS, isDryRun: true });
    const [{ epoch, report } = { epoch: 0, report: null }] = (await recovered(1)).shards;
    // Higher than every epoch of which Redis may still have keys.
    expect(epoch).toBeGreaterThan(1_700_000_000);
    expect(report).toMatchObject({ reopened: 3, accountsOpened: 1, paid: 3, loss: { EUR: '1000' }, contradictions: 0 });
    expect(dry).toMatchObject({ reasons: [], shards: [{ report }] });

    await start();
    await until('Redis is used again', async () => (await modeOf(1)).startsWith('CACHE'));
    await isClosed();
    expect(await differences()).toEqual([]);
    expect((await checkOf(config(), 60)).faults).toEqual([]);
    const { json } = await api.request('POST', '/v1/ops/reconciliations');
    expect(json).toMatchObject({ shards: [0, 1, 2].map(() => ({ clean: true })), crossings: { clean: true } });
    // Amounts that shard 1 had received are sent again; amounts that it had sent are not debited again.
    expect([await balance(shop(1)), await balance(lent), await balance(shop(0))]).toEqual(['8.00', '5.00', '6.00']);
    expect(await balance(cash(1))).toBe('-6.00');
    const again = await transfer('from-0-after', cash(1), shop(0), '3.00');
    expect(again).toMatchObject({
      status: 200,
      json: { status: 'POSTED', sourceVersion: 0, destinationBalance: '6.00' },
    });
    expect(again.json).not.toHaveProperty('sourceBalance');
    expect((await transfer('from-0-after', cash(1), shop(0), '9.00')).status).toBe(409);
  });
});

describe('A recovery', () => {
  it('is refused while processes run, or while some entries of another shard are only in its journal', async () => {
    for (const shard of [0, 1, 2])
      await until('the shard is in CACHE', async () => (await modeOf(shard)).startsWith('CACHE'));
    await until('the pod is registered', async () => (await databaseOf(0).rows('SELECT 1 FROM pods')).length > 0);
    const running = await recovered(1);
    expect(running.shards).toEqual([]);
    expect(running.reasons).toContainEqual(expect.stringMatching(/^shard 1: 2 pods or keepers have reported/));
    expect(running.reasons).toContainEqual(expect.stringMatching(/^shard 0: 1 pods are registered/));
    await stop();
    const unseen = await recover(config(), [1], { ...OPTIONS, allowsConnections: false });
    expect(unseen.reasons).toContainEqual(expect.stringMatching(/^shard 0: \d+ other connections/));
    await databaseOf(0).rows('UPDATE flush_cursor SET seq = seq - 1');
    expect((await recovered(1)).reasons).toEqual([expect.stringMatching(/^shard 0: the journal ends at/)]);
    await databaseOf(0).rows('UPDATE flush_cursor SET seq = seq + 1');
    await databaseOf(2).rows('UPDATE ledger_identity SET shard = 1');
    expect((await recovered(1)).reasons).toEqual(['shard 2: MySQL is shard 1 of 3']);
  });

  it('keeps the shard closed until it is complete, and can be repeated after an interruption', async () => {
    const backup = await loseHalf();
    await stop();
    await restoreIn(1, backup);
    for (const pages of [1, 3]) {
      let left = pages;
      const broken = recover(config(), [1], {
        ...OPTIONS,
        onProgress() {
          left -= 1;
          if (left === 0) throw new Error('interrupted');
        },
      });
      await expect(broken).rejects.toThrow('interrupted');
      await expect(startProcess()).rejects.toThrow(/shard 1 of 3 of ledger \w+, which is being recovered/);
      expect((await recovered(0)).reasons).toContainEqual('shard 1: is itself waiting to be recovered: name it, too');
    }
    await databaseOf(1).rows("UPDATE job_leases SET holder = 'x', leased_until = NOW(3) + INTERVAL 1 MINUTE");
    expect((await recovered(1)).reasons).toEqual([expect.stringMatching(/^shard 1: another run is at work/)]);
    await databaseOf(1).rows("UPDATE job_leases SET holder = '', leased_until = NULL");
    expect((await recovered(1)).reasons).toEqual([]);
    expect((await recovered(1)).shards).toMatchObject([{ report: { reopened: 0, paid: 0, contradictions: 0 } }]);
    await start();
    await isClosed();
    expect(await differences()).toEqual([]);
  });

  it('can cover several shards that were restored from backups of different times', async () => {
    const earlier = await backupOf(databaseOf(2));
    const backup = await loseHalf(async () => {
      await transfer('one-two', cash(1), shop(2), '7.00');
      await transfer('two-one', cash(2), shop(1), '7.50');
    });
    await stop();
    await restoreIn(1, backup);
    await restoreIn(2, earlier);
    const { shards } = await recovered(1, 2);
    expect(shards.map(({ shard, report }) => [shard, report.contradictions])).toEqual([
      [1, 0],
      [2, 0],
    ]);
    await start();
    await isClosed();
    expect(await differences()).toEqual([]);
    expect((await checkOf(config(), 60)).faults).toEqual([]);
  });
});
