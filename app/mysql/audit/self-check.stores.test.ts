import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CheckProgress, NOTHING_CHECKED, selfCheck } from '../../audit/self-check.ts';
import { systemClock } from '../../kernel/clock.ts';
import { DirectStore } from '../ledger/direct-store.ts';
import { MysqlSealedLog } from '../ledger/sealed-log-reader.ts';
import { directItem } from '../testing/direct-accounts.ts';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { MysqlAuditBooks } from './audit-books.ts';
import { AuditRuns } from './audit-runs.ts';
import { recomputeLog } from './testing/insider.ts';
import { changeId, DIRECT_EPOCH, sealAll, smallLedger } from './testing/small-ledger.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(() => smallLedger(db));

interface Given {
  accountsMax: number;
  walksHashes: boolean;
  isTimeOver(): boolean;
  random(): number;
}
const check = (progress: CheckProgress = NOTHING_CHECKED, given: Partial<Given> = {}) =>
  selfCheck(new MysqlAuditBooks(db.database), progress, {
    ...{ accountsMax: 1_000, walksHashes: false, isTimeOver: () => false, random: () => 0 },
    ...{ pause: async () => {}, ...given },
  });
const sql = (statement: string) => db.database.rows(statement);
const length = async () => (await new MysqlSealedLog(db.database).head()).position;

/** Makes another transfer, and seals it. */
async function transfer(id: string): Promise<void> {
  const store = new DirectStore({ database: db.database, clock: systemClock });
  await store.apply(DIRECT_EPOCH, [directItem(id, { amount: 40, reference: 'new' })]);
  await sealAll(db.database);
}

describe('A self-check', () => {
  it('checks the whole log in its first run, and only what is new in the next one', async () => {
    const first = await check();
    const position = await length();
    expect(first.report).toMatchObject({ clean: true, complete: true, from: 0, position, accounts: 4, sampled: 0 });
    await transfer('s1');
    const second = await check(first.progress);
    expect(second.report).toMatchObject({
      clean: true,
      from: position,
      position: position + 1,
      entries: 1,
      accounts: 2,
    });
    expect(second.report.sampled).toBe(1);
    expect((await check(second.progress)).report).toMatchObject({ clean: true, entries: 0, accounts: 0 });
  });

  it.each([
    ['the user of a transfer', "UPDATE transfers SET `user` = 'eve' WHERE transaction_id = 't1'", 'transfer t1'],
    [
      'a balance after a transfer',
      "UPDATE transfers SET source_balance = 1 WHERE transaction_id = 'd1'",
      'transfer d1',
    ],
    ['a deleted refusal', "DELETE FROM transfers WHERE transaction_id = 't6'", 'transfer t6'],
    ['a refused group', "UPDATE transfer_groups SET refused_index = 1 WHERE group_id = 'g2'", 'group g2'],
    ['a posted group', "UPDATE transfer_groups SET split = '[]' WHERE group_id = 'g1'", 'group g1'],
    ['a refused hold', "UPDATE holds SET placed_amount = 1 WHERE hold_id = 'h3'", 'hold h3'],
    ['a placing', "UPDATE holds SET placed_held = 1 WHERE hold_id = 'h2'", 'hold h2'],
    ['an event of a hold', "UPDATE hold_events SET `user` = 'eve' WHERE kind = 'VOIDED'", 'hold event'],
    ['a capture', "UPDATE hold_captures SET version = 99 WHERE transaction_id = 'k1'", 'capture k1'],
    ['a change', `UPDATE account_changes SET overdraft_limit = 9 WHERE change_id = '${changeId(1)}'`, 'change'],
    ['a name', "UPDATE accounts SET `name` = 'Ms Eve' WHERE account_id = 'ada'", 'account ada'],
    ['a balance', "UPDATE accounts SET balance = balance + 1 WHERE account_id = 'ada'", 'account ada'],
    ['a limit', "UPDATE accounts SET daily_debit_max = 99999 WHERE account_id = 'lea'", 'account lea'],
  ])('finds %s that was changed by SQL, in each run until it is corrected', async (_, statement, what) => {
    await sql(statement);
    const first = await check();
    expect(first.report.clean).toBe(false);
    expect(first.report.faults.map((fault) => fault.what)).toContainEqual(expect.stringContaining(what));
    expect(first.progress.checkpoint.position).toBe(0);
    expect((await check(first.progress)).report.clean).toBe(false);
  });

  it('continues where the previous run stopped when its time ran out', async () => {
    const first = await check(NOTHING_CHECKED, { isTimeOver: () => true });
    expect(first.report).toMatchObject({ clean: true, complete: false, position: await length(), accounts: 0 });
    expect((await check(first.progress)).report).toMatchObject({ complete: true, entries: 0 });
  });

  it('holds a limited number of accounts in memory', async () => {
    const { report } = await check(NOTHING_CHECKED, { accountsMax: 1 });
    expect(report).toMatchObject({ clean: true, complete: true, accounts: 0 });
  });

  it('finds a change of an older row only if it is in the sample', async () => {
    const { progress } = await check();
    await sql("UPDATE transfers SET `user` = 'eve' WHERE transaction_id = 't1'");
    const last = await check(progress, { random: () => 0.999 });
    expect(last.report).toMatchObject({ clean: true, sampled: 1 });
    // The openings are in the first row, t1 in the second one.
    const second = await check(progress, { random: () => 1.5 / progress.checkpoint.position });
    expect(second.report.faults.map(({ what }) => what)).toEqual(['transfer t1']);
  });

  it('finds an older row whose hash is wrong, or that was recomputed, by walking all hashes', async () => {
    const { progress } = await check();
    expect((await check(progress, { walksHashes: true })).report).toMatchObject({ clean: true, walked: true });
    await recomputeLog(db.database, (entry) =>
      entry.kind === 'account-opened' ? [{ ...entry, overdraftLimit: entry.overdraftLimit + 1 }] : [entry],
    );
    const { report } = await check(progress, { random: () => 0.999 });
    expect(report).toMatchObject({
      clean: false,
      faults: [{ what: 'log', problem: 'it is not the recorded end of the log' }],
    });
  });

  it('finds that the end of the log was removed', async () => {
    const { progress } = await check();
    const { position } = progress.checkpoint;
    await sql(`DELETE FROM sealed WHERE position = ${position}`);
    await sql(
      `UPDATE sealed_head SET position = ${position - 1}, hash = (SELECT hash FROM sealed WHERE position = ${position - 1})`,
    );
    expect((await check(progress)).report).toMatchObject({ clean: false, faults: [{ what: 'log' }] });
  });
});

it('Runs are stored with the progress from which the next one continues', async () => {
  const runs = new AuditRuns(db.database);
  await sql('DELETE FROM audit_runs');
  expect([await runs.latest(), await runs.lastSuccessAt()]).toEqual([null, null]);
  const { report, progress } = await check();
  const run = { startedAt: 1_000, finishedAt: 2_000, report, progress, walkedAt: null };
  await runs.save(run);
  expect(await runs.latest()).toEqual(run);
  const walking = { checkpoint: progress.checkpoint, walk: progress.checkpoint };
  const failed = { ...run, report: { ...report, clean: false }, progress: walking, finishedAt: 3_000, walkedAt: 500 };
  await runs.save(failed);
  expect(await runs.latest()).toEqual(failed);
  expect(await runs.lastSuccessAt()).toBe(2_000);
});
