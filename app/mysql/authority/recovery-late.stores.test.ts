import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { IntegrityError } from '../../journal/flush-batch.ts';
import { order } from '../../journal/testing/epoch-under-test.ts';
import { attempt, BY, CHANGE_ID, except, RecoveryBench, SERVER } from './testing/recovery-bench.ts';
import { UnsettledStore } from './unsettled-store.ts';

const NOTHING = {
  format: 1,
  cacheEpoch: null,
  cacheFormat: null,
  redisNode: null,
  replid: null,
  marker: null,
  highestKnownSeq: null,
  stops: 0,
};
const OPERATOR = { keeper: 'olga', reason: 'the disk is gone' };

let bench: RecoveryBench;
let report: UnsettledStore;
beforeAll(async () => {
  bench = await RecoveryBench.start();
  report = new UnsettledStore(bench.db.database);
});
afterAll(() => bench.db.drop());
beforeEach(() => bench.begin());

it('When a group fills a gap after the recovery has begun, the cursor moves to the end of that group', async () => {
  await bench.journal(['t1', 'world', 'ada', 500]);
  await bench.epoch.applyGroup(
    'g',
    order('m1', { source: 'ada', destination: 'bob' }),
    order('m2', { source: 'bob', destination: 'cy' }),
  );
  const [first, group] = await bench.epoch.entries();
  if (!first || !group) throw new Error('there are two entries');
  const closing = await bench.closing();
  await bench.handOver('pod', [first], [{ kind: 'group', id: 'g', accounts: ['ada', 'bob'], seqs: 2 }], 3);
  // Flushes the available entries, and begins to count the missing ones.
  await bench.recoveryStore.recoverFromHandOvers(closing, BY);
  expect(await bench.recoveryStore.recoverFromHandOvers(closing, BY)).toMatchObject({ working: { phase: 'counting' } });
  await bench.handOverStore.keep(1, 'pod', { entries: [group], inDoubt: [] });
  expect(await bench.recover(closing)).toMatchObject({ authority: { mode: 'DIRECT', cacheEpoch: null } });
  expect(await bench.flushes.cursor()).toMatchObject({ seq: 3 });
});

const accounts = () =>
  bench.db.database.rows<object>('SELECT account_id AS id, balance, version FROM accounts ORDER BY account_id');

/** Has the effect of a direct transaction: a transfer between accounts that are not frozen. */
async function direct(id: string, version: number, balance: number): Promise<void> {
  await bench.db.database.rows(
    `INSERT INTO transfers (transaction_id, kind, status, source_account, destination_account, amount, currency, source_version,
       source_balance, source_settings_version, destination_version, destination_balance, destination_settings_version,
       accepted_at, user, correlation_id, epoch, seq)
     VALUES (?, 'TRANSFER', 'POSTED', 'world', 'ada', 1, 'EUR', ?, ?, 1, ?, ?, 1, NOW(3), '', '', 3, 0)`,
    [id, version, -balance, version, balance],
  );
  for (const [account, now] of [
    ['world', -balance],
    ['ada', balance],
  ] as const)
    await bench.db.database.rows('UPDATE accounts SET balance = ?, version = ? WHERE account_id = ?', [
      now,
      version,
      account,
    ]);
}

describe('RecoveryStore.unfreezeFromJournal', () => {
  it('posts the entries missing from MySQL on top of newer direct transfers, and unfreezes the accounts', async () => {
    const { now, journal } = await bench.frozen();
    await direct('meanwhile', 3, 551);
    // This transfer was written, but never acknowledged: it was in doubt.
    const whole = await bench.journal(['t5', 'bob', 'cy', 1]);
    expect(await bench.late(now, whole, 5)).toMatchObject({
      epoch: 4,
      mode: 'DIRECT',
      ...NOTHING,
    });
    expect(await accounts()).toEqual([
      { id: 'ada', balance: 551, version: 3 },
      { id: 'bob', balance: -6, version: 3 },
      { id: 'cy', balance: 6, version: 3 },
      { id: 'world', balance: -551, version: 3 },
    ]);
    expect(journal).toHaveLength(4);
    expect(await bench.transfers()).toEqual(['meanwhile', 't1', 't2', 't3', 't4', 't5']);
    expect([await bench.frozenAccounts(), await bench.unsettledIds()]).toEqual([[], []]);
    expect(await bench.flushes.cursor()).toMatchObject({ epoch: 1, seq: 5 });
    expect(await bench.late(now, whole, 5)).toBeNull();
  });

  it('also writes account changes, and recognizes those that MySQL has', async () => {
    await bench.journal(['t1', 'world', 'ada']);
    await bench.epoch.change(CHANGE_ID, 'ada', { overdraftLimit: 50 });
    await bench.journal(['t3', 'ada', 'cy', 120]);
    const later = '01890000-0009-7000-8000-000000000002';
    await bench.epoch.change(later, 'bob', { status: 'SUSPENDED' });
    const journal = await bench.epoch.entries();
    const closing = await bench.closing();
    await bench.handOver('pod', except(journal, 2), [{ kind: 'account-change', id: CHANGE_ID, accounts: ['ada'] }], 4);
    const recovered = await bench.recover(closing);
    if (!recovered || !('authority' in recovered)) throw new Error('all pods have handed over');
    expect(await bench.flushes.cursor()).toMatchObject({ seq: 1, idTimeMax: 0x018900000009 });
    await bench.late(recovered.authority, except(journal, 1), 4);
    const books = await bench.everything();
    expect(books['account_changes']).toMatchObject([
      { change_id: CHANGE_ID, seq: 2 },
      { change_id: later, seq: 4 },
    ]);
    expect(books['accounts']).toMatchObject([
      { account_id: 'ada', balance: -20, overdraft_limit: 50, settings_version: 2 },
      { account_id: 'bob', status: 'SUSPENDED', settings_version: 2 },
      { account_id: 'cy', balance: 120 },
      { account_id: 'world' },
    ]);
    expect(books['flush_cursor']).toMatchObject([{ seq: 4, id_time_max: 0x018900000009 }]);
  });

  it.each([
    ['user of a committed transfer', "UPDATE transfers SET user = 'eve' WHERE transaction_id = 't4'"],
    ['amount of a committed transfer', "UPDATE transfers SET amount = 49 WHERE transaction_id = 't4'"],
    [
      'position of a transfer that MySQL has executed itself',
      "UPDATE transfers SET seq = 0, epoch = 3 WHERE transaction_id = 't4'",
    ],
    ['balance of a frozen account', "UPDATE accounts SET balance = 1 WHERE account_id = 'bob'"],
    ['version of a frozen account', "UPDATE accounts SET version = 1 WHERE account_id = 'bob'"],
    ['settings version of a frozen account', "UPDATE accounts SET settings_version = 2 WHERE account_id = 'bob'"],
  ])('throws an IntegrityError if MySQL has a different %s, and changes nothing', async (_what, tamper) => {
    const { now, journal } = await bench.frozen();
    await bench.db.database.rows(tamper);
    const before = await bench.everything();
    await expect(bench.late(now, journal, 4)).rejects.toThrow(IntegrityError);
    expect(await bench.everything()).toEqual(before);
  });

  it('throws an IntegrityError if the journal has a gap, or ends before the highest known seq', async () => {
    const { now, journal } = await bench.frozen();
    for (const [entries, end] of [
      [except(journal, 3), 4],
      [except(journal, 4), 3],
    ] as const)
      await expect(bench.late(now, entries, end)).rejects.toThrow(IntegrityError);
    await expect(bench.late(now, journal, 5)).rejects.toThrow('the cursor is at 1/4, not at 5');
    // Once the rows of all pods that had seen a higher seq are gone, only the authority's row has
    // the highest known seq.
    for (const table of ['pods', 'drained_entries']) await bench.db.database.rows(`DELETE FROM ${table}`);
    const short = bench.late(now, except(journal, 4), 3);
    await expect(short).rejects.toThrow('the journal ends at 3, but 4 was observed');
    expect(await bench.existing()).toEqual({
      epoch: 3,
      mode: 'DIRECT',
      stops: 0,
      format: 1,
      cacheFormat: 1,
      cacheEpoch: 1,
      ...SERVER,
      highestKnownSeq: 4,
    });
  });

  it('is rejected if nothing waits', async () => {
    const { now, journal } = await bench.frozen();
    const recovered = await bench.late(now, journal, 4);
    if (!recovered) throw new Error('the authority has moved');
    await expect(bench.late(recovered, journal, 4)).rejects.toThrow('no cache epoch is waiting');
  });
});

describe('RecoveryStore.acceptLoss', () => {
  it('in a closed ledger, applies the entries that directly follow the state of their accounts, and records which entries are dropped, by whom and why', async () => {
    await bench.begin(['here', 'gone']);
    const journal = await bench.journal(
      ['t1', 'world', 'ada', 500],
      ['t2', 'bob', 'cy', 7],
      ['t3', 'cy', 'bob', 2],
      ['t4', 'world', 'ada', 50],
    );
    const closing = await bench.closing();
    await bench.handOver('here', except(journal, 2), [attempt('x', 'ada', 'bob')], 6);
    expect(await bench.recover(closing)).toEqual({ notHandedOver: ['gone'] });
    expect((await report.report(10)).undrainedPods).toMatchObject({
      total: 1,
      items: [{ podId: 'gone', observed: 0 }],
    });

    expect(await bench.accept(closing, OPERATOR)).toMatchObject({
      authority: { epoch: 3, mode: 'DIRECT', ...NOTHING },
      dropped: 4,
    });
    expect(await bench.transfers()).toEqual(['t1', 't4']);
    expect([await bench.frozenAccounts(), await bench.unsettledIds()]).toEqual([[], []]);
    const { dropped, undrainedPods } = await report.report(10);
    expect(undrainedPods.total).toBe(0);
    expect(dropped.items.map(({ entryId, what }) => [entryId, Object.keys(what as object)])).toEqual([
      ['x', ['inDoubt']],
      ['seq:5-6', ['missing']],
      ['seq:2-2', ['missing']],
      ['t3', ['held']],
    ]);
    expect(dropped.items[3]).toMatchObject({
      kind: 'transfers',
      cacheEpoch: 1,
      acceptedBy: 'olga',
      reason: 'the disk is gone',
      what: { held: { seq: 3, outcome: { order: { amount: 2, source: 'cy' }, source: { balance: 5, version: 2 } } } },
    });
    const books = await bench.everything();
    expect(books['authority_log']?.at(-1)).toMatchObject({ epoch: 3, changed_by: 'olga', reason: 'the disk is gone' });
    expect(await bench.accept(closing, OPERATOR)).toBeNull();
  });

  it('records the user even if the name has the maximum length', async () => {
    const { now } = await bench.frozen();
    const keeper = `jwt:${'s'.repeat(255)}`;
    expect(await bench.accept(now, { ...OPERATOR, keeper })).toMatchObject({
      authority: { mode: 'DIRECT', ...NOTHING },
    });
    expect((await report.report(10)).dropped.items[0]).toMatchObject({ acceptedBy: keeper });
  });

  it('of a closed ledger drops no received entry if no seq is missing', async () => {
    await bench.begin(['here', 'gone']);
    const journal = await bench.journal(['t1', 'world', 'ada'], ['t2', 'bob', 'cy', 7]);
    const closing = await bench.closing();
    await bench.handOver('here', journal, [], 2);
    expect(await bench.accept(closing, OPERATOR)).toMatchObject({ dropped: 0 });
    expect(await bench.transfers()).toEqual(['t1', 't2']);
  });

  it('of frozen accounts drops held entries and in-doubt attempts, and unfreezes the accounts', async () => {
    const { now } = await bench.frozen();
    expect(await report.report(1)).toMatchObject({
      frozenAccounts: { total: 2, items: [{ accountId: 'bob', reason: 'held', epoch: 1 }] },
      ids: { total: 2, items: [{ id: 't2', accounts: ['bob', 'cy'], epoch: 1 }] },
      undrainedPods: { total: 0 },
      dropped: { total: 0 },
    });
    await direct('meanwhile', 3, 551);
    const before = await accounts();
    expect(await bench.accept(now, OPERATOR)).toMatchObject({
      authority: { epoch: 4, mode: 'DIRECT', ...NOTHING },
      dropped: 2,
    });
    expect(await accounts()).toEqual(before);
    const { frozenAccounts, ids, dropped } = await report.report(10);
    expect([frozenAccounts.items, ids.items]).toEqual([[], []]);
    expect(dropped.items).toMatchObject([
      { entryId: 't2', what: { inDoubt: { accounts: ['bob', 'cy'] } } },
      { entryId: 't3', what: { held: { id: 't3' } } },
    ]);
    expect(dropped.items[0]?.droppedAt).toBeGreaterThan(Date.UTC(2025, 0, 1));
    expect(await bench.authority.move(await bench.authority.read(), 'REBUILDING', BY)).toMatchObject({ epoch: 5 });
  });

  it('is rejected if nothing waits for a journal, and while the cache has the authority', async () => {
    await expect(bench.accept(await bench.authority.read(), OPERATOR)).rejects.toThrow('is CACHE');
    const { now } = await bench.frozen();
    const accepted = await bench.accept(now, OPERATOR);
    if (!accepted) throw new Error('the authority has moved');
    await expect(bench.accept(accepted.authority, OPERATOR)).rejects.toThrow('no cache epoch');
  });
});

describe('UnsettledStore.report', () => {
  it('lists a limited number of pods, those silent for the longest time first, and omits pods that the recovery does not wait for', async () => {
    await bench.begin(['a', 'b', 'c', 'd', 'e']);
    await bench.journal(['t1', 'world', 'ada']);
    await bench.flush(await bench.epoch.entries());
    expect((await report.report(10)).undrainedPods.total).toBe(0);
    await bench.db.database.rows("UPDATE pods SET heartbeat_at = NOW(3) - INTERVAL 90 SECOND WHERE pod_id = 'c'");
    await bench.db.database.rows("UPDATE pods SET retired_seq = 1 WHERE pod_id = 'd'");
    await bench.db.database.rows("UPDATE pods SET retired_seq = 2 WHERE pod_id = 'e'");
    await bench.closing();
    await bench.handOver('a', [], []);
    const { undrainedPods } = await report.report(2);
    expect(undrainedPods.total).toBe(3);
    expect(undrainedPods.items).toHaveLength(2);
    expect(undrainedPods.items[0]?.podId).toBe('c');
    expect(undrainedPods.items[0]?.silentMs).toBeGreaterThanOrEqual(90_000);
  });
});
