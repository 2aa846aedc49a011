import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { accountOf, codeOf, orderOf, summaryOf } from '../../domain/testing/orders.ts';
import type { AccountChange } from '../../domain/types.ts';
import { RecordStatus } from '../../journal/codec.ts';
import { until } from '../../kernel/testing/until.ts';
import { type Pod, RealLedger } from '../testing/real-ledger.ts';

let stage: RealLedger;
let pod: Pod;
let round = 0;
let a: string;
let world: string;

beforeAll(async () => {
  stage = await RealLedger.open({ redisPort: inject('redisPort'), mysqlUrl: inject('mysqlUrl') });
});
afterAll(() => stage[Symbol.asyncDispose]());
beforeEach(async () => {
  round += 1;
  [a, world] = [`a-${round}`, `world-${round}`];
  await stage.begin();
  await stage.open(accountOf(a), accountOf(world));
  pod = await stage.pod();
});

const change = (different: Partial<AccountChange>) =>
  pod.ledger.changeAccount({
    changeId: newUuidV7(Date.now()),
    accountId: a,
    user: 'operator',
    correlationId: 'change',
    ...different,
  });
async function transfer(source: string, destination: string, amount = 10): Promise<string> {
  const [answer] = await pod.apply([orderOf({ source, destination, amount })]);
  return summaryOf(answer);
}

describe('An account change', () => {
  it('affects transfers immediately: status', async () => {
    await transfer(world, a, 100);
    await change({ status: 'SUSPENDED' });
    expect([await transfer(a, world), await transfer(world, a)]).toEqual(['account_suspended', 'POSTED']);
    await change({ status: 'FROZEN' });
    expect([await transfer(a, world), await transfer(world, a)]).toEqual(['account_frozen', 'account_frozen']);
    await change({ status: 'ACTIVE' });
    expect([await transfer(a, world), await transfer(world, a)]).toEqual(['POSTED', 'POSTED']);
  });

  it('affects transfers immediately: overdraft limit, up and down', async () => {
    expect(await transfer(a, world)).toBe('insufficient_funds');
    expect(await change({ overdraftLimit: 20 })).toMatchObject({
      overdraftLimit: 20,
      settingsVersion: 2,
      source: 'cache',
    });
    expect(await transfer(a, world)).toBe('POSTED');
    // The new limit is below what is already used: no further debits are possible, and nothing is taken back.
    await change({ overdraftLimit: 5 });
    expect([await transfer(a, world, 1), await transfer(world, a, 3)]).toEqual(['insufficient_funds', 'POSTED']);
  });

  it('leaves unchanged all fields that it does not contain, including the balance and its version', async () => {
    await transfer(world, a, 100);
    await change({ overdraftLimit: 7 });
    expect(await change({ status: 'SUSPENDED' })).toMatchObject({
      status: 'SUSPENDED',
      overdraftLimit: 7,
      balance: 100,
      version: 1,
      settingsVersion: 3,
    });
  });

  it('reaches MySQL through the journal, and postings have the settings version under which they were decided', async () => {
    await transfer(world, a, 100);
    const changeId = newUuidV7(Date.now());
    await change({ changeId, overdraftLimit: 30, status: 'SUSPENDED' });
    await transfer(world, a, 1);
    await stage.flush();
    expect(await stage.storedAccount(a)).toMatchObject({
      status: 'SUSPENDED',
      overdraft_limit: 30,
      balance: 101,
      version: 2,
    });
    const changes = await stage.database.rows(
      'SELECT change_id, settings_version, user, seq FROM account_changes WHERE account_id = ?',
      [a],
    );
    expect(changes).toEqual([{ change_id: changeId, settings_version: 2, user: 'operator', seq: 2 }]);
    const postings = await stage.database.rows(
      'SELECT version, settings_version FROM postings WHERE account_id = ? ORDER BY version',
      [a],
    );
    expect(postings).toEqual([
      { version: 1, settings_version: 1 },
      { version: 2, settings_version: 2 },
    ]);
  });

  it('is kept in the tail until it is in MySQL', async () => {
    await change({ overdraftLimit: 1 });
    expect(pod.session.view()?.tail.snapshot()).toMatchObject([{ kind: 'account-change', firstSeq: 1 }]);
    await stage.flush();
    await pod.ledger.read([a]);
    expect(pod.session.view()?.tail.size).toBe(0);
  });

  it('of an unknown account returns account_not_found', async () => {
    expect(await codeOf(change({ accountId: 'nobody', status: 'FROZEN' }))).toBe('account_not_found');
  });
});

describe('An account change with If-Match', () => {
  it('is made only if the settings version is the expected one', async () => {
    expect(await change({ overdraftLimit: 1, expectedSettingsVersion: 1 })).toMatchObject({ settingsVersion: 2 });
    expect(await codeOf(change({ overdraftLimit: 2, expectedSettingsVersion: 1 }))).toBe('settings_version_mismatch');
    expect(await change({ overdraftLimit: 3, expectedSettingsVersion: 2 })).toMatchObject({ settingsVersion: 3 });
  });

  it('fails if another one with the same version succeeds', async () => {
    const codes = await Promise.all([
      codeOf(change({ overdraftLimit: 1, expectedSettingsVersion: 1 })),
      codeOf(change({ overdraftLimit: 2, expectedSettingsVersion: 1 })),
    ]);
    expect(codes.sort()).toEqual(['no problem', 'settings_version_mismatch']);
  });

  it('is not affected by transfers', async () => {
    await transfer(world, a, 100);
    expect(await change({ status: 'FROZEN', expectedSettingsVersion: 1 })).toMatchObject({ settingsVersion: 2 });
  });
});

describe('closing', () => {
  it('is possible only at a balance of zero, not above or below it', async () => {
    await transfer(world, a, 1);
    expect(await codeOf(change({ status: 'CLOSED' }))).toBe('account_not_empty');
    await transfer(a, world, 1);
    await change({ overdraftLimit: 5 });
    await transfer(a, world, 1);
    expect(await codeOf(change({ status: 'CLOSED' }))).toBe('account_not_empty');
    await transfer(world, a, 1);
    expect(await change({ status: 'CLOSED' })).toMatchObject({ status: 'CLOSED', balance: 0 });
  });

  it('is permanent: no change or transfer is possible afterwards', async () => {
    await change({ status: 'CLOSED' });
    expect(await codeOf(change({ status: 'ACTIVE' }))).toBe('account_closed');
    expect(await codeOf(change({ overdraftLimit: 5 }))).toBe('account_closed');
    expect([await transfer(world, a), await transfer(a, world)]).toEqual(['account_closed', 'account_closed']);
  });

  it('remains in effect in MySQL and in the next epoch', async () => {
    await change({ status: 'CLOSED' });
    await stage.flush();
    await stage.begin();
    await pod.sit(stage.epoch);
    expect(await codeOf(change({ status: 'ACTIVE' }))).toBe('account_closed');
  });
});

describe('a repeated change id', () => {
  it('is not applied twice: it returns the current account', async () => {
    const changeId = newUuidV7(Date.now());
    await change({ changeId, overdraftLimit: 5 });
    await change({ overdraftLimit: 9 });
    await stage.flush();
    expect(await change({ changeId, overdraftLimit: 5 })).toMatchObject({ overdraftLimit: 9, settingsVersion: 3 });
  });

  it('is not rejected because of the settings version that it created itself', async () => {
    const changeId = newUuidV7(Date.now());
    const expected = { changeId, overdraftLimit: 5, expectedSettingsVersion: 1 };
    await change(expected);
    await stage.flush();
    expect(await change(expected)).toMatchObject({ settingsVersion: 2 });
  });

  it('is not answered until it is in MySQL: its entry was in a reply that may have been lost', async () => {
    const changeId = newUuidV7(Date.now());
    await change({ changeId, overdraftLimit: 5 });
    const again = { answered: false };
    const repeated = change({ changeId, overdraftLimit: 5 }).finally(() => {
      again.answered = true;
    });
    const before = pod.cache.changes.length;
    await until('it was repeated several times', () => pod.cache.changes.length > before + 2);
    expect(again.answered).toBe(false);
    await stage.flush();
    expect(await repeated).toMatchObject({ overdraftLimit: 5, settingsVersion: 2 });
  });

  it('that is not later than the lookup horizon is replaced by a new one if no attempt is in doubt', async () => {
    await pod.ledger.read([a]);
    const changeId = newUuidV7(Date.now() - 120_000);
    expect(await change({ changeId, overdraftLimit: 5 })).toMatchObject({ overdraftLimit: 5, settingsVersion: 2 });
    expect(pod.cache.changes).toHaveLength(2);
    expect(pod.cache.changes[1]).not.toBe(changeId);
  });

  it('must be a UUIDv7', async () => {
    const command = {
      accountId: a,
      changeId: 'mine',
      expectedSettingsVersion: null,
      status: 1,
      overdraftLimit: null,
      payload: '{}',
    };
    await expect(stage.scripts.change(pod.caller, command)).rejects.toThrow(TypeError);
  });
});

describe('A settings version at its maximum', () => {
  it('allows no more changes', async () => {
    const last = `last-${round}`;
    await stage.open(accountOf(last, { settingsVersion: 4_294_967_295 }));
    expect(await codeOf(change({ accountId: last, overdraftLimit: 5 }))).toBe('internal_error');
    const command = {
      accountId: last,
      changeId: newUuidV7(Date.now()),
      expectedSettingsVersion: null,
      status: 1,
      overdraftLimit: null,
      payload: '{}',
    };
    const { record, entries } = await stage.scripts.change(pod.caller, command);
    expect([record.status, record.detail, entries]).toEqual([RecordStatus.REJECTED, 4, []]);
  });
});
