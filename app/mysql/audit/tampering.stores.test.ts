import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { audit } from '../../audit/audit.ts';
import { systemClock } from '../../kernel/clock.ts';
import { DirectStore } from '../ledger/direct-store.ts';
import { MysqlLogStore } from '../ledger/log-store.ts';
import { directItem } from '../testing/direct-accounts.ts';
import { migratedDatabase, type TestDatabase } from '../testing/test-database.ts';
import { MysqlAuditBooks } from './audit-books.ts';
import { changeId, DIRECT_EPOCH, sealAll, smallLedger } from './testing/small-ledger.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(() => smallLedger(db));

const report = () => audit(new MysqlAuditBooks(db.database), { accountsMax: 2 });
const sql = (...statements: string[]) =>
  db.database.transaction(async (session) => {
    // An insider may switch off the key checks.
    await session.run('SET foreign_key_checks = 0, unique_checks = 0');
    for (const statement of statements) await session.run(statement);
    await session.run('SET foreign_key_checks = 1, unique_checks = 1');
  });

/** A statement that copies all columns of a transfer, with some values changed. */
const copied = async (id: string, changes: Record<string, string>): Promise<string> => {
  const columns = await db.database.rows<{ name: string }>(
    `SELECT column_name AS name FROM information_schema.columns
     WHERE table_schema = DATABASE() AND table_name = 'transfers' ORDER BY ordinal_position`,
  );
  const names = columns.map(({ name }) => `\`${name}\``).join(', ');
  const values = columns.map(({ name }) => changes[name] ?? `\`${name}\``).join(', ');
  return `INSERT INTO transfers (${names}) SELECT ${values} FROM transfers WHERE transaction_id = '${id}'`;
};

it('A ledger passes even if the clock of the database was set back', async () => {
  await sql('UPDATE transfers SET persisted_at = persisted_at + INTERVAL 30 SECOND');
  await sql('UPDATE sealed_head SET sealed_at = sealed_at + INTERVAL 31 SECOND');
  expect(await report()).toMatchObject({ clean: true, faults: [] });
});

it('An honest ledger passes', async () => {
  const found = await report();
  expect(found).toMatchObject({ clean: true, faults: [], accounts: 4, olderRows: 0 });
  expect(found.rows).toBeGreaterThan(25);
});

interface Found {
  what: string;
  problem: string | RegExp;
  /** Whether the log contains the entry, so that the fault has a position. */
  placed?: boolean;
}
type Manipulation = [name: string, statements: string[], found: Found];

const MANIPULATIONS: Manipulation[] = [
  [
    'the amount of a transfer, and the balances after it',
    [
      "UPDATE transfers SET amount = 7000, source_balance = source_balance - 6300, destination_balance = destination_balance + 6300 WHERE transaction_id = 't2'",
    ],
    { what: 'transfer t2', problem: 'its row says 7000 where the log says 700', placed: true },
  ],
  [
    'a balance after a transfer',
    ["UPDATE transfers SET source_balance = 1 WHERE transaction_id = 't2'"],
    { what: 'transfer t2', problem: /^its row says 1 where/, placed: true },
  ],
  [
    'the destination of a transfer',
    ["UPDATE transfers SET destination_account = 'lea', destination_version = 99 WHERE transaction_id = 't2'"],
    { what: 'transfer t2', problem: 'its row says "lea" where the log says "bob"', placed: true },
  ],
  [
    'the user of a transfer',
    ["UPDATE transfers SET `user` = 'eve' WHERE transaction_id = 't1'"],
    { what: 'transfer t1', problem: /^its personal data/, placed: true },
  ],
  [
    'the reference of a transfer',
    ["UPDATE transfers SET `reference` = 'Wages' WHERE transaction_id = 't1'"],
    { what: 'transfer t1', problem: /^its personal data/, placed: true },
  ],
  [
    'the metadata of a transfer',
    ['UPDATE transfers SET metadata = \'{"invoice":"2"}\' WHERE transaction_id = \'t1\''],
    { what: 'transfer t1', problem: /^its personal data/, placed: true },
  ],
  [
    'the time of a transfer',
    ["UPDATE transfers SET accepted_at = accepted_at - INTERVAL 1 DAY WHERE transaction_id = 't1'"],
    { what: 'transfer t1', problem: /^its row says \d+ where the log says \d+/, placed: true },
  ],
  [
    'the time of receipt of a transfer',
    ["UPDATE transfers SET accepted_after_ms = accepted_after_ms + 5 WHERE transaction_id = 'd1'"],
    { what: 'transfer d1', problem: /^its personal data/, placed: true },
  ],
  [
    'a transfer that is deleted',
    ["DELETE FROM transfers WHERE transaction_id = 't4'"],
    { what: 'transfer t4', problem: 'its row is missing', placed: true },
  ],
  [
    'a refusal that is deleted, so that its id is free again',
    ["DELETE FROM transfers WHERE transaction_id = 't6'"],
    { what: 'transfer t6', problem: 'its row is missing', placed: true },
  ],
  [
    'the reason for a refusal',
    ["UPDATE transfers SET refusal = 'account_closed' WHERE transaction_id = 't6'"],
    {
      what: 'transfer t6',
      problem: 'its row says "account_closed" where the log says "insufficient_funds"',
      placed: true,
    },
  ],
  [
    'a refusal that becomes a posting',
    ["UPDATE transfers SET `status` = 'POSTED', refusal = NULL WHERE transaction_id = 't6'"],
    { what: 'transfer t6', problem: /^its row cannot be read/, placed: true },
  ],
  [
    'the side of a transfer that windows counted',
    ["UPDATE transfers SET counted = 0 WHERE transaction_id = 't4'"],
    { what: 'transfer t4', problem: /./, placed: true },
  ],
  [
    'the transfer that a reversal reverses',
    ["UPDATE transfers SET reverses = 't1' WHERE transaction_id = 'd3'"],
    { what: 'transfer d3', problem: /./, placed: true },
  ],
  [
    'the business calendar, so that limits seem not to apply',
    ['DELETE FROM business_days'],
    { what: 'transfer t3', problem: /the business calendar has no day for its time$/, placed: true },
  ],
  [
    'the counterparty that histories show',
    ["UPDATE transfers SET client_destination = 'lea' WHERE transaction_id = 't2'"],
    { what: 'transfer t2', problem: /must not have a value in the column client_destination$/, placed: true },
  ],
  [
    'a refusal that histories show as a posting',
    [
      "UPDATE transfers SET source_version = 99, source_balance = 1, source_settings_version = 1 WHERE transaction_id = 't6'",
    ],
    { what: 'transfer t6', problem: /must not have a value in the column source_version$/, placed: true },
  ],
  [
    'a hold that histories show with a transfer',
    ["UPDATE transfers SET hold_id = 'h1', held_after = 0, held_change = -500 WHERE transaction_id = 't1'"],
    { what: 'transfer t1', problem: /must not have a value in the column hold_id$/, placed: true },
  ],
  [
    'a refusal added to a hold that was placed',
    ["UPDATE holds SET refusal = 'account_frozen' WHERE hold_id = 'h2'"],
    { what: 'hold h2', problem: /must not have a value in the column refusal$/, placed: true },
  ],
  [
    'a salt that is removed',
    ["UPDATE transfers SET salt = NULL WHERE transaction_id = 't1'"],
    { what: 'transfer t1', problem: 'its row is not in the log' },
  ],
  [
    'the balance of an account',
    ["UPDATE accounts SET balance = balance + 1 WHERE account_id = 'ada'"],
    { what: 'account ada', problem: /^its balance is/ },
  ],
  [
    'the balances of two accounts, whose sum stays the same',
    ["UPDATE accounts SET balance = balance + IF(account_id = 'ada', 5, -5) WHERE account_id IN ('ada', 'bob')"],
    { what: 'account bob', problem: /^its balance is/ },
  ],
  [
    'the held amount of an account',
    ["UPDATE accounts SET held = 0 WHERE account_id = 'ada'"],
    { what: 'account ada', problem: /^its held amount is 0/ },
  ],
  [
    'the overdraft limit of an account, without a change',
    ["UPDATE accounts SET overdraft_limit = 1000000 WHERE account_id = 'ada'"],
    { what: 'account ada', problem: 'its overdraft limit is 1000000, but 100 according to the log' },
  ],
  [
    'a limit of an account, without a change',
    ["UPDATE accounts SET daily_debit_max = 99999 WHERE account_id = 'lea'"],
    { what: 'account lea', problem: /^its limits is/ },
  ],
  [
    'the usage of a limit',
    ["UPDATE accounts SET day_debit = 0 WHERE account_id = 'lea'"],
    { what: 'account lea', problem: /^its usage of its limits is/ },
  ],
  [
    'the status of an account',
    ["UPDATE accounts SET `status` = 'ACTIVE' WHERE account_id = 'bob'"],
    { what: 'account bob', problem: 'its status is ACTIVE, but SUSPENDED according to the log' },
  ],
  [
    'the name of an account',
    ["UPDATE accounts SET `name` = 'Ms Eve' WHERE account_id = 'ada'"],
    { what: 'account ada', problem: /^its personal data/, placed: true },
  ],
  [
    'an account that becomes external, so that it may be overdrawn',
    ["UPDATE accounts SET `external` = 1 WHERE account_id = 'ada'"],
    { what: 'account ada', problem: 'its row says true where the log says false', placed: true },
  ],
  [
    'the overdraft limit with which an account was opened',
    ["UPDATE accounts SET opening_overdraft_limit = 9 WHERE account_id = 'ada'"],
    { what: 'account ada', problem: 'its overdraft limit at its opening is 9, but 100 according to the log' },
  ],
  [
    'an account that is inserted',
    [`INSERT INTO accounts (account_id, currency, balance, version, opened_by) VALUES ('eve', 'EUR', 5000, 1, 'x')`],
    { what: 'account eve', problem: 'its row is not in the log' },
  ],
  [
    'an account that is deleted',
    ["DELETE FROM accounts WHERE account_id = 'bob'"],
    { what: 'account bob', problem: 'its row is missing', placed: true },
  ],
  [
    'a change of an account',
    [`UPDATE account_changes SET overdraft_limit = 5000 WHERE change_id = '${changeId(1)}'`],
    { what: `change ${changeId(1)}`, problem: 'its row says 5000 where the log says 50', placed: true },
  ],
  [
    'the user who changed an account',
    [`UPDATE account_changes SET \`user\` = 'eve' WHERE change_id = '${changeId(3)}'`],
    { what: `change ${changeId(3)}`, problem: /^its personal data/, placed: true },
  ],
  [
    'a change of an account that is deleted',
    [`DELETE FROM account_changes WHERE change_id = '${changeId(2)}'`],
    { what: `change ${changeId(2)}`, problem: 'its row is missing', placed: true },
  ],
  [
    'the amount of an open hold',
    ["UPDATE holds SET hold_amount = 1 WHERE hold_id = 'h2'"],
    { what: 'hold h2', problem: 'its row differs from its last event in the log', placed: true },
  ],
  [
    'a hold that is opened again',
    ["UPDATE holds SET `status` = 'OPEN' WHERE hold_id = 'h4'"],
    { what: 'hold h4', problem: 'its row differs from its last event in the log', placed: true },
  ],
  [
    'the reference of a hold',
    ["UPDATE holds SET `reference` = 'x' WHERE hold_id = 'h1'"],
    { what: 'hold h1', problem: /^its personal data/, placed: true },
  ],
  [
    'what an account held after a hold was placed',
    ["UPDATE holds SET placed_held = placed_held + 1 WHERE hold_id = 'h1'"],
    { what: 'hold h1', problem: /^its row says/, placed: true },
  ],
  [
    'a hold whose placing is removed',
    [
      "UPDATE holds SET placed_version = NULL, placed_balance = NULL, placed_held = NULL, placed_settings_version = NULL WHERE hold_id = 'h1'",
    ],
    { what: 'hold h1', problem: 'its row cannot be read: the row of the hold has no placing', placed: true },
  ],
  [
    'a hold that histories show twice',
    [
      `INSERT INTO hold_events (account_id, version, kind, hold_id, currency, balance_after, held_after, held_change,
         settings_version, revision, accepted_at, accepted_after_ms, persisted_at, \`user\`, correlation_id, epoch, seq)
       SELECT account_id, 99, 'PLACED', hold_id, currency, 0, 0, 0, 0, 1, accepted_at, 0, persisted_at, \`user\`,
         correlation_id, epoch, seq
       FROM holds WHERE hold_id = 'h1'`,
    ],
    { what: 'hold h1', problem: 'its row is not in the log' },
  ],
  [
    'whether windows counted a hold, as a value that no release writes',
    ["UPDATE holds SET placed_counted = 2 WHERE hold_id = 'h1'"],
    { what: 'hold h1', problem: /must not have a value in the column placed_counted$/, placed: true },
  ],
  [
    'a refused hold that histories show',
    ["UPDATE holds SET placed_version = 99, placed_balance = 1, placed_held = 1 WHERE hold_id = 'h3'"],
    { what: 'hold h3', problem: /must not have a value in the column placed_version$/, placed: true },
  ],
  [
    'an event of a hold that is deleted',
    ["DELETE FROM hold_events WHERE hold_id = 'h4' AND kind = 'VOIDED'"],
    { what: 'hold event', problem: 'its row is missing', placed: true },
  ],
  [
    'the index of the captures',
    ["DELETE FROM hold_captures WHERE transaction_id = 'k1'"],
    { what: 'capture k1', problem: 'its row is missing', placed: true },
  ],
  [
    'a group that loses a member',
    ["UPDATE transfer_groups SET transaction_ids = '[\"m1\"]' WHERE group_id = 'g1'"],
    { what: 'group g1', problem: /./, placed: true },
  ],
  [
    'a refused group that is deleted',
    ["DELETE FROM transfer_groups WHERE group_id = 'g2'"],
    { what: 'group g2', problem: 'its row is missing', placed: true },
  ],
];

describe('An audit finds, and names,', () => {
  it.each(MANIPULATIONS)('%s', async (_, statements, { what, problem, placed }) => {
    await sql(...statements);
    const { clean, faults } = await report();
    expect(clean).toBe(false);
    const found = faults.find((fault) => fault.what.startsWith(what));
    expect(faults.map((fault) => fault.what)).toContainEqual(expect.stringContaining(what));
    expect(found?.problem).toMatch(problem);
    if (placed) expect(found).toMatchObject({ position: expect.any(Number), index: expect.any(Number) });
  });

  it('a transfer that is inserted, with its balances and versions', async () => {
    await sql(
      await copied('t2', {
        transaction_id: "'t9'",
        source_version: '100',
        destination_version: '100',
        salt: "x'00112233445566778899aabbccddeeff'",
      }),
    );
    expect((await report()).faults).toContainEqual({
      ...{ position: null, index: null, what: 'transfer t9' },
      problem: 'its row is not in the log',
    });
  });

  it('a transfer that is inserted without a salt, as if it were older than the log, or from the future', async () => {
    await sql(
      await copied('t6', { transaction_id: "'t8'", salt: 'NULL', persisted_at: "'2020-01-01'" }),
      await copied('t6', { transaction_id: "'t9'", persisted_at: "'2100-01-01'" }),
    );
    const { faults } = await report();
    expect(faults.map(({ what }) => what).sort()).toEqual(['transfer t8', 'transfer t9']);
  });

  it('a row without a salt in a ledger that is older than its log, unless the row claims to be older, too', async () => {
    await db.database.rows(
      "INSERT INTO accounts (account_id, currency, opened_by, opened_at) VALUES ('old', 'EUR', 'ann', '2020-01-01')",
    );
    await db.database.rows('UPDATE sealed_head SET states_done_at = NULL');
    await new MysqlLogStore(db.database).addStates();
    expect(await report()).toMatchObject({ clean: true, accounts: 5 });
    await sql(
      await copied('t6', { transaction_id: "'t8'", salt: 'NULL', persisted_at: "'2020-01-01'" }),
      await copied('t6', { transaction_id: "'t9'", salt: 'NULL' }),
    );
    const { faults, olderRows } = await report();
    expect(faults.map(({ what }) => what)).toEqual(['transfer t9']);
    expect(olderRows).toBe(1);
  });

  it('a row that is added beyond the end of the log, so that feeds send it', async () => {
    await sql(
      'CREATE TEMPORARY TABLE forged SELECT * FROM sealed ORDER BY `position` DESC LIMIT 1',
      'UPDATE forged SET `position` = `position` + 1',
      'INSERT INTO sealed SELECT * FROM forged',
      'DROP TEMPORARY TABLE forged',
    );
    const { position, faults } = await report();
    expect(faults).toEqual([
      { position: position + 1, index: null, what: 'log', problem: 'it is beyond the recorded end of the log' },
    ]);
  });

  it('an entry that waits to be sealed and cannot be read', async () => {
    await sql('INSERT INTO unsealed (epoch, payload) VALUES (3, \'["t",1\')');
    const { position, faults } = await report();
    expect(faults).toEqual([
      { position: position + 1, index: null, what: 'log', problem: 'it has an entry that cannot be read' },
    ]);
  });

  it('an account that is inserted with an overdraft limit, and then used', async () => {
    await sql(
      "INSERT INTO accounts (account_id, currency, overdraft_limit, opened_by) VALUES ('eve', 'EUR', 5000, 'x')",
    );
    await new DirectStore({ database: db.database, clock: systemClock }).apply(DIRECT_EPOCH, [
      directItem('e1', { source: 'eve', destination: 'bob', amount: 4_000, kind: 'transfer' }),
      directItem('e2', { source: 'eve', destination: 'ada', amount: 4_000 }),
    ]);
    await sealAll(db.database);
    const { faults, states } = await report();
    expect(faults).toEqual([
      {
        ...{ position: null, index: null },
        what: 'account eve',
        problem: 'neither its opening nor its state is in the log',
      },
    ]);
    expect(states).toEqual({ areComplete: true, accounts: 0, openedLater: 0, lastPosition: null });
    // A day later, a keeper takes it for an account that an older release has opened.
    await db.database.rows('UPDATE sealed_head SET states_done_at = NULL');
    expect((await report()).states.areComplete).toBe(false);
    await new MysqlLogStore(db.database).addStates();
    const { position, states: later } = await report();
    expect(later).toEqual({ areComplete: true, accounts: 1, openedLater: 1, lastPosition: position });
  });

  it('an account that is inserted and gets its state in the log, because it does not begin empty', async () => {
    await sql("INSERT INTO accounts (account_id, currency, balance, opened_by) VALUES ('eve', 'EUR', 5000, 'x')");
    await db.database.rows('UPDATE sealed_head SET states_done_at = NULL');
    await new MysqlLogStore(db.database).addStates();
    expect((await report()).faults).toContainEqual(
      expect.objectContaining({
        ...{ what: 'account eve', position: expect.any(Number) },
        problem: 'it was opened after the log began, but did not begin empty',
      }),
    );
  });
});
