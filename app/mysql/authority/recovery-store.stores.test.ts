import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { batchOf, IntegrityError, movesOf } from '../../journal/flush-batch.ts';
import { order } from '../../journal/testing/epoch-under-test.ts';
import { attempt, BY, CHANGE_ID, except, RecoveryBench, SERVER } from './testing/recovery-bench.ts';

const IN_1 = { format: 1, cacheFormat: 1 };
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

let bench: RecoveryBench;
beforeAll(async () => {
  bench = await RecoveryBench.start();
});
afterAll(() => bench.db.drop());
beforeEach(() => bench.begin());

describe('RecoveryStore.recoverFromHandOvers', () => {
  it('writes everything if no seq is missing, so that nothing waits and nothing remains in doubt', async () => {
    await bench.epoch.apply(order('01890000-0000-7000-8000-00000000000a', { amount: 500 }));
    await bench.flush(await bench.epoch.entries());
    await bench.epoch.change('01890000-0001-7000-8000-000000000001', 'ada', { overdraftLimit: 70 });
    const journal = await bench.journal(['t2', 'ada', 'bob', 550], ['t3', 'bob', 'cy', 999]);
    const closing = await bench.closing();
    await bench.handOver('pod', journal, [attempt('x', 'ada', 'bob')], 4);
    const recovered = await bench.recover(closing);
    expect(recovered).toMatchObject({ authority: { epoch: 3, mode: 'DIRECT', ...NOTHING } });
    expect(await bench.existing()).toEqual({ epoch: 3, mode: 'DIRECT', ...NOTHING });
    const books = await bench.everything();
    expect(books['accounts']).toMatchObject([
      { account_id: 'ada', balance: -50, version: 2, overdraft_limit: 70, settings_version: 2 },
      { account_id: 'bob', balance: 550, version: 1 },
      { account_id: 'cy', balance: 0, version: 0 },
      { account_id: 'world', balance: -500, version: 1 },
    ]);
    expect(books['transfers']).toMatchObject([{ seq: 1 }, { seq: 3, epoch: 1 }, { seq: 4, status: 'REJECTED' }]);
    expect(books['account_changes']).toMatchObject([{ seq: 2, epoch: 1 }]);
    expect(books['flush_cursor']).toMatchObject([{ epoch: 1, seq: 4, id_time_max: 0x018900000001 }]);
    expect([books['frozen_accounts'], books['unsettled_ids'], books['dropped_entries']]).toEqual([[], [], []]);
    expect(books['authority_log']).toMatchObject([
      { epoch: 2, mode: 'CLOSING' },
      { epoch: 3, mode: 'DIRECT', changed_by: 'keeper-1', reason: 'a test' },
    ]);
  });

  it('freezes everything that waits for the journal if seqs are missing, and keeps the data that identifies the journal', async () => {
    const journal = await bench.journal(
      ['t1', 'world', 'ada'],
      ['t2', 'ada', 'bob', 60],
      ['t3', 'bob', 'cy', 10],
      ['t4', 'world', 'ada'],
    );
    await bench.epoch.change(CHANGE_ID, 'world', { overdraftLimit: 1 });
    const entries = await bench.epoch.entries();
    expect(entries).toHaveLength(journal.length + 1);
    await bench.closing();
    await bench.handOver('pod', except(entries, 2), [attempt('t2', 'ada', 'bob')], 9);
    // Four seqs were observed after the last received one, so four attempts must be in doubt.
    const more = ['u', 'v', 'w', 'x'].map((id) => attempt(id, 'cy', 'bob'));
    await bench.handOverStore.keep(1, 'pod', { entries: [], inDoubt: more });
    const recovered = await bench.recover(await bench.authority.read());
    expect(recovered).toMatchObject({ authority: { highestKnownSeq: 9 } });
    expect(await bench.existing()).toEqual({
      epoch: 3,
      mode: 'DIRECT',
      stops: 0,
      ...IN_1,
      cacheEpoch: 1,
      ...SERVER,
      highestKnownSeq: 9,
    });
    expect(await bench.transfers()).toEqual(['t1']);
    expect(await bench.frozenAccounts()).toEqual([
      { account_id: 'ada', epoch: 1, reason: 'held' },
      { account_id: 'bob', epoch: 1, reason: 'held' },
      { account_id: 'cy', epoch: 1, reason: 'held' },
      { account_id: 'world', epoch: 1, reason: 'held' },
    ]);
    expect((await bench.unsettledIds()).map((row) => (row as { id: string }).id)).toEqual([
      't2',
      't3',
      't4',
      'u',
      'v',
      'w',
      'x',
      CHANGE_ID,
    ]);
    expect(await bench.unsettledIds()).toContainEqual({
      kind: 'account-change',
      id: CHANGE_ID,
      epoch: 1,
      account_id: 'world',
      other_account_id: null,
    });
    expect(await bench.flushes.cursor()).toMatchObject({ epoch: 1, seq: 1 });
  });

  it('writes only the missing part of a handed-over entry that spans the cursor', async () => {
    await bench.epoch.apply(order('t1'), order('t2'));
    const journal = await bench.epoch.entries();
    expect(journal).toHaveLength(1);
    const whole = batchOf(journal, 1, 0);
    const outcomes = whole.outcomes.slice(0, 1);
    await bench.flushes.commit({ ...whole, outcomes, moves: movesOf(outcomes), lastSeq: 1 }, 1);
    const closing = await bench.closing();
    await bench.handOver('pod', journal, [], 2);
    expect(await bench.recover(closing)).toMatchObject({ authority: { mode: 'DIRECT', cacheEpoch: null } });
    expect(await bench.flushes.cursor()).toMatchObject({ seq: 2 });
    expect(await bench.transfers()).toEqual(['t1', 't2']);
  });

  it('waits for every registered pod, reports the missing ones, and then recovers the entries that all pods handed over', async () => {
    await bench.begin(['a', 'b', 'c']);
    await bench.db.database.rows("INSERT INTO pods (pod_id, epoch) VALUES ('old', 0)");
    const journal = await bench.journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada'], ['t3', 'world', 'ada']);
    const closing = await bench.closing();
    await bench.handOver('b', except(journal, 1), [], 3);
    expect(await bench.recover(closing)).toEqual({ notHandedOver: ['a', 'c'] });
    await bench.handOver('a', except(journal, 2, 3), [], 1);
    await bench.handOver('c', []);
    expect(await bench.recover(closing)).toMatchObject({ authority: { mode: 'DIRECT', cacheEpoch: null } });
    expect(await bench.flushes.cursor()).toMatchObject({ seq: 3 });
  });

  it('does not wait for a pod that was retired at a seq that is in MySQL', async () => {
    await bench.begin(['live', 'retired']);
    const journal = await bench.journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada']);
    await bench.authority.markRetired('retired', 2);
    await bench.flush(except(journal, 2));
    const closing = await bench.closing();
    await bench.handOver('live', journal, [], 2);
    expect(await bench.recover(closing)).toEqual({ notHandedOver: ['retired'] });
    await bench.flush(journal, 2);
    expect(await bench.recover(closing)).toMatchObject({ authority: { mode: 'DIRECT', cacheEpoch: null } });
    expect(await bench.flushes.cursor()).toMatchObject({ seq: 2 });
  });

  it('stays closed, and writes nothing, if more seqs are missing than attempts are in doubt', async () => {
    const journal = await bench.journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada'], ['t3', 'world', 'ada']);
    const closing = await bench.closing();
    await bench.handOver('pod', except(journal, 1, 2), [attempt('t1', 'world', 'ada')], 3);
    const before = await bench.everything();
    expect(await bench.recover(closing)).toEqual({
      unexplained: { kind: 'unexplained', missing: 2, inDoubt: 1, highestKnownSeq: 3 },
    });
    expect(await bench.everything()).toEqual(before);
  });

  it('does not count in-doubt attempts whose outcome MySQL has', async () => {
    const journal = await bench.journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada'], ['t3', 'world', 'ada']);
    await bench.flush(except(journal, 2, 3));
    const closing = await bench.closing();
    await bench.handOver('pod', except(journal, 2), [attempt('t1', 'world', 'ada')], 3);
    expect(await bench.recover(closing)).toMatchObject({ unexplained: { inDoubt: 0, missing: 1 } });
  });

  it('counts a seq that a pod has only observed, even if the pod has not received the entry', async () => {
    await bench.journal(['t1', 'world', 'ada']);
    await bench.authority.heartbeat({
      processId: 'p',
      redisSeen: true,
      registration: { podId: 'pod', observed: 1 },
    });
    const closing = await bench.closing();
    await bench.handOver('pod', []);
    expect(await bench.recover(closing)).toMatchObject({ unexplained: { missing: 1, highestKnownSeq: 1 } });
  });

  it.each([
    ['an account has a different balance', "UPDATE accounts SET balance = 1 WHERE account_id = 'ada'"],
    ['an account has a later version', "UPDATE accounts SET version = 9 WHERE account_id = 'ada'"],
    ['an account is missing', "DELETE FROM accounts WHERE account_id = 'ada'"],
    [
      'an id already exists',
      `INSERT INTO transfers (transaction_id, kind, status, source_account, destination_account, amount, currency, accepted_at,
         user, correlation_id, epoch, seq) VALUES ('t1', 'TRANSFER', 'REJECTED', 'ada', 'bob', 1, 'EUR', NOW(3), '', '', 0, 0)`,
    ],
  ])('throws an IntegrityError and writes nothing at all if %s', async (_what, tamper) => {
    const journal = await bench.journal(['t1', 'world', 'ada'], ['t2', 'world', 'bob']);
    const closing = await bench.closing();
    await bench.handOver('pod', journal, [], 2);
    await bench.db.database.rows(tamper);
    const before = await bench.everything();
    await expect(bench.recover(closing)).rejects.toThrow(IntegrityError);
    expect(await bench.everything()).toEqual(before);
  });

  it('is possible only in mode CLOSING, and only for the epoch of the cursor', async () => {
    const cache = await bench.authority.read();
    await expect(bench.recover(cache)).rejects.toThrow('the authority is CACHE');
    const closing = await bench.closing();
    expect(await bench.recover(cache)).toBeNull();
    await bench.handOver('pod', []);
    await bench.db.database.rows('UPDATE flush_cursor SET epoch = 0');
    await expect(bench.recover(closing)).rejects.toThrow('the cursor is in epoch 0');
    await bench.db.database.rows('UPDATE authority SET cache_epoch = NULL');
    await expect(bench.recover(closing)).rejects.toThrow('no cache epoch is waiting');
  });
});

describe('RecoveryStore.finishFromJournal', () => {
  it.each(['REBUILDING', 'DIRECT'] as const)('moves to %s if the cursor is at the end', async (to) => {
    const journal = await bench.journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada']);
    const closing = await bench.closing();
    await bench.flush(journal, closing.epoch);
    expect(await bench.recoveryStore.finishFromJournal(closing, to, 2, BY)).toMatchObject({ epoch: 3, mode: to });
    expect(await bench.existing()).toEqual({ epoch: 3, mode: to, ...NOTHING });
    expect(await bench.recoveryStore.finishFromJournal(closing, to, 2, BY)).toBeNull();
  });

  it('is rejected while the cursor is elsewhere, or if the journal ends before a seq that a pod has seen', async () => {
    const journal = await bench.journal(['t1', 'world', 'ada'], ['t2', 'world', 'ada']);
    const closing = await bench.closing();
    const finish = (end: number) => bench.recoveryStore.finishFromJournal(closing, 'REBUILDING', end, BY);
    await expect(finish(2)).rejects.toThrow('the cursor is at 1/0, not at 2');
    await bench.flush(except(journal, 2), closing.epoch);
    await bench.db.database.rows('UPDATE pods SET observed_seq = 2');
    await expect(finish(1)).rejects.toThrow(IntegrityError);
    await bench.db.database.rows('UPDATE pods SET observed_seq = 0');
    await bench.handOverStore.keep(1, 'pod', { entries: journal, inDoubt: [] });
    await expect(finish(1)).rejects.toThrow('2 was observed');
    expect(await bench.existing()).toMatchObject({ epoch: 2, mode: 'CLOSING', cacheEpoch: 1 });
  });
});

describe('RecoveryStore.activate', () => {
  it('begins the epoch at seq 0, and housekeeping deletes the data of pods of older epochs', async () => {
    const journal = await bench.journal(['t1', 'world', 'ada']);
    const closing = await bench.closing();
    await bench.handOver('pod', journal, [attempt('x', 'ada', 'bob')], 1);
    await bench.recover(closing);
    await bench.db.database.rows('UPDATE flush_cursor SET id_time_max = 77');
    const rebuilding = await bench.authority.move(await bench.authority.read(), 'REBUILDING', BY);
    if (!rebuilding) throw new Error('the authority has moved');
    await expect(bench.recoveryStore.activate(rebuilding, { ...SERVER, cacheEpoch: 9 }, BY)).rejects.toThrow(
      'cannot follow',
    );
    const cache = await bench.recoveryStore.activate(rebuilding, { ...SERVER, cacheEpoch: 5 }, BY);
    expect(cache).toEqual({
      epoch: 5,
      mode: 'CACHE',
      ...IN_1,
      cacheEpoch: 5,
      ...SERVER,
      highestKnownSeq: null,
      stops: 0,
      ageMs: 0,
    });
    expect(await bench.flushes.cursor()).toEqual({ epoch: 5, seq: 0, idTimeMax: 77 });
    await bench.handOverStore.forget(5, 0);
    const books = await bench.everything();
    expect([books['pods'], books['drained_entries'], books['drained_doubts']]).toEqual([[], [], []]);
    expect(books['transfers']).toHaveLength(1);
    await expect(
      bench.recoveryStore.activate(await bench.authority.read(), { ...SERVER, cacheEpoch: 6 }, BY),
    ).rejects.toThrow('the authority is CACHE');
    expect(await bench.recoveryStore.activate(rebuilding, { ...SERVER, cacheEpoch: 5 }, BY)).toBeNull();
  });
});
