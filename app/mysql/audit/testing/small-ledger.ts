import type { Limits } from '../../../domain/limits.ts';
import { businessDaysFrom } from '../../../domain/testing/business-days.ts';
import { batchOf } from '../../../journal/flush-batch.ts';
import type { HoldItem } from '../../../journal/hold-codec.ts';
import { ACCEPTED_AT, modelEpoch, order } from '../../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../../kernel/clock.ts';
import type { Database } from '../../connection/pool.ts';
import { AccountOpener } from '../../ledger/account-opener.ts';
import { DirectStore } from '../../ledger/direct-store.ts';
import { FlushStore } from '../../ledger/flush-store.ts';
import { LedgerReader } from '../../ledger/ledger-reader.ts';
import { MysqlLogStore } from '../../ledger/log-store.ts';
import { directItem } from '../../testing/direct-accounts.ts';
import { capturing, placing, updating } from '../../testing/direct-holds.ts';
import { putBusinessDays, type TestDatabase } from '../../testing/test-database.ts';

const LIMITS: Limits = {
  ...{ transferMax: 900, dailyDebitMax: 5_000, monthlyDebitMax: 9_000 },
  ...{ dailyCreditMax: null, balanceMax: null },
};
const CACHE_EPOCH = 2;
export const DIRECT_EPOCH = 3;
export const changeId = (number: number): string => `01890000-0000-7000-8000-${String(number).padStart(12, '0')}`;

/**
 * A ledger with everything that a log can contain, written by the code of the ledger itself: openings, transfers,
 * reversals, refusals, groups, holds with all their events, limits and changes of accounts, by the flush and in direct mode.
 */
export async function smallLedger({ database, reset }: TestDatabase): Promise<void> {
  await reset(1, 'CACHE', 2);
  await putBusinessDays(database, businessDaysFrom(ACCEPTED_AT, 500));
  const opener = new AccountOpener({ database, clock: systemClock });
  const account = (accountId: string, limits: Limits | null = null, overdraftLimit = 0) => ({
    ...{ accountId, currency: 'EUR', overdraftLimit, name: `Ms ${accountId}`, external: accountId === 'world', limits },
  });
  await opener.open([account('world'), account('ada', null, 100), account('bob'), account('lea', LIMITS)], 'ann');
  await cachePart(database);
  await directPart(database);
  await sealAll(database);
  await new MysqlLogStore(database).addStates();
}

export async function sealAll(database: Database): Promise<void> {
  const store = new MysqlLogStore(database);
  while (await store.sealNext());
}

const place = (holdId: string, account: string, amount: number): HoldItem => ({
  op: 'place',
  order: {
    ...{ holdId, account, destination: null, amount, currency: 'EUR', expiresAt: null },
    ...{ reference: 'deposit', metadata: { room: '7' }, user: 'till', correlationId: 'c-7' },
  },
});

async function cachePart(database: Database): Promise<void> {
  await database.rows("UPDATE authority SET epoch = ?, mode = 'CACHE_2', cache_epoch = ?, cache_format = 2", [
    ...[CACHE_EPOCH, CACHE_EPOCH],
  ]);
  await database.rows('UPDATE flush_cursor SET epoch = ?, seq = 0', [CACHE_EPOCH]);
  const { accounts } = await new LedgerReader(database).loadAccounts(['world', 'ada', 'bob', 'lea']);
  const epoch = await modelEpoch([...accounts.values()], CACHE_EPOCH);
  await epoch.apply(order('t1', { amount: 5_000, reference: 'wages', metadata: { invoice: '1' } }));
  await epoch.apply(order('t2', { source: 'ada', destination: 'bob', amount: 700, reference: 'rent' }));
  await epoch.apply(order('t3', { destination: 'lea', amount: 3_000 }));
  await epoch.apply(order('t4', { source: 'lea', destination: 'bob', amount: 800 }));
  await epoch.apply(order('t5', { source: 'lea', destination: 'bob', amount: 901 }));
  await epoch.apply(order('t6', { source: 'bob', destination: 'ada', amount: 90_000 }));
  await epoch.change(changeId(1), 'bob', { overdraftLimit: 50 });
  await epoch.change(changeId(2), 'lea', { limits: { ...LIMITS, dailyDebitMax: 4_000 } });
  await epoch.applyGroup(
    'g1',
    order('m1', { amount: 30 }),
    order('m2', { source: 'ada', destination: 'bob', amount: 20 }),
  );
  await epoch.applyGroup('g2', order('m3', { source: 'bob', destination: 'ada', amount: 90_000 }), order('m4'));
  await epoch.applyHolds(place('h1', 'ada', 500), place('h2', 'lea', 300), place('h3', 'bob', 90_000));
  await epoch.applyHolds(capturing('k1', { holdId: 'h1', source: 'ada', destination: 'bob' }, 200, false).hold);
  const entries = await epoch.entries();
  let seq = 0;
  for (let first = 0; first < entries.length; first += 3) {
    const batch = batchOf(entries.slice(first, first + 3), CACHE_EPOCH, seq);
    await new FlushStore(database).commit(batch, CACHE_EPOCH);
    seq = batch.lastSeq;
  }
}

async function directPart(database: Database): Promise<void> {
  await database.rows("UPDATE authority SET epoch = ?, mode = 'DIRECT_2', cache_epoch = NULL", [DIRECT_EPOCH]);
  const store = new DirectStore({ database, clock: systemClock });
  await store.apply(DIRECT_EPOCH, [
    directItem('d1', { source: 'lea', destination: 'ada', amount: 400, reference: 'gift' }),
    directItem('d2', { source: 'bob', destination: 'ada', amount: 99_999 }),
    directItem('d3', { source: 'bob', destination: 'ada', amount: 700, kind: 'reversal', reverses: 't2' }),
  ]);
  const orders = [
    order('n1', { amount: 5, groupId: 'g3' }),
    order('n2', { amount: 6, destination: 'bob', groupId: 'g3' }),
  ];
  await store.applyGroups(DIRECT_EPOCH, [{ group: { groupId: 'g3', orders, split: null }, takenAt: 1 }]);
  await store.applyHolds(DIRECT_EPOCH, [placing('h4', 'ada', 60), placing('h5', 'lea', 70)]);
  await store.applyHolds(DIRECT_EPOCH, [updating('void', 'h4', 'ada')]);
  await store.applyHolds(DIRECT_EPOCH, [capturing('k2', { holdId: 'h5', source: 'lea', destination: 'bob' })]);
  const who = { user: 'admin', correlationId: 'c-9', takenAt: 1 };
  await store.change(DIRECT_EPOCH, { changeId: changeId(3), accountId: 'bob', status: 'SUSPENDED', ...who });
}
