import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkCache } from '../../jobs/check-cache.ts';
import { DRIFT_LISTED_MAX } from '../../jobs/reconciliation.ts';
import { account, order } from '../../journal/testing/epoch-under-test.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { SqlLedgerPages } from '../../mysql/ledger/ledger-pages.ts';
import { openIn } from '../../mysql/testing/test-database.ts';
import { Keys } from '../../redis/run-script.ts';
import { createReconciliation } from '../../roles/shared-reconciliation.ts';
import { ACCOUNTS, BooksBench } from '../testing/books-bench.ts';

let bench: BooksBench;
beforeAll(async () => {
  bench = await BooksBench.start();
});
afterAll(() => bench.stop());
beforeEach(() => bench.reset());
const sql = (statement: string) => bench.db.database.rows(statement);

describe('Consistent books', () => {
  it('are reported as consistent, with the number of accounts checked', async () => {
    const report = await bench.reconciliation().run();
    expect(report).toMatchObject({
      clean: true,
      accounts: 4,
      cachedAccounts: 4,
      transfers: 10,
      unverified: 0,
      sums: { EUR: '0' },
      driftAccounts: 0,
      drift: [],
    });
    expect(Date.parse(report.finishedAt)).toBeGreaterThanOrEqual(Date.parse(report.startedAt));
    expect(bench.context.messages('info')).toEqual(['reconciliation found no drift']);
  });

  it('stay consistent under concurrent writes and flushes', async () => {
    await using traffic = bench.traffic();
    for (let n = 0; n < 5; n++) {
      const before = traffic.transfers();
      await until('the writers are running', () => traffic.transfers() > before + 50);
      expect(await bench.reconciliation().run()).toMatchObject({
        clean: true,
        cachedAccounts: 4,
        drift: [],
        sums: { EUR: '0' },
      });
    }
  });

  it('are checked completely, even beyond one page', async () => {
    const many = Array.from({ length: 2500 }, (_, n) => account(`many-${n}`, { currency: 'JPY' }));
    await openIn(bench.db.database, many);
    for (let from = 0; from < many.length; from += 500) {
      await bench.epoch.cache.install(bench.epoch.pod, many.slice(from, from + 500), 10, 10_000);
    }
    const report = await bench.reconciliation().run();
    expect(report).toMatchObject({ clean: true, accounts: 2504, transfers: 10, sums: { EUR: '0', JPY: '0' } });
    expect(report.cachedAccounts).toBeGreaterThanOrEqual(2504);
  });

  it('with an empty cache are consistent', async () => {
    const { accounts } = new Keys(bench.context.keyPrefix, { epoch: 1, format: 1 });
    await bench.context.redis.del(accounts);
    expect(await bench.reconciliation().run()).toMatchObject({ clean: true, accounts: 4, cachedAccounts: 0 });
  });

  it('are checked in MySQL alone while the cache is not the authority', async () => {
    await bench.tamperCache('ada', { balance: 1 });
    const report = await createReconciliation(bench.context, () => null).run();
    expect(report).toMatchObject({ clean: true, accounts: 4, cachedAccounts: 0 });
  });
});

describe('Drift is found and reported', () => {
  const named = async () => {
    const { clean, drift, driftAccounts, sums } = await bench.reconciliation().run();
    expect(clean).toBe(false);
    expect(bench.context.messages('error')).toEqual(['reconciliation found drift']);
    return { drift, driftAccounts, sums };
  };

  it('if a balance in Redis was changed, with the difference', async () => {
    await bench.tamperCache('ada', { balance: 1357 });
    expect(await named()).toEqual({
      driftAccounts: 1,
      sums: { EUR: '0' },
      drift: [
        {
          accountId: 'ada',
          currency: 'EUR',
          what: 'has a different balance in the cache at version 10',
          minorUnits: 7,
        },
      ],
    });
  });

  it('if the usage of limits in MySQL differs from the postings', async () => {
    const start = Date.parse('2026-01-01');
    await sql(`UPDATE accounts SET daily_debit_max = 1000000, day_start_ms = ${start}, month_start_ms = ${start}`);
    await bench.context.redis.del(new Keys(bench.context.keyPrefix, { epoch: 1, format: 1 }).accounts);
    expect(await bench.reconciliation().run()).toMatchObject({ clean: true, accounts: 4 });
    await sql("UPDATE transfers SET counted = 1 WHERE source_account = 'ada' AND status = 'POSTED' LIMIT 1");
    const { drift } = await named();
    expect(drift).toMatchObject([{ accountId: 'ada', what: 'has usage of its limits that differs from its postings' }]);
    const [row] = (await sql('SELECT amount FROM transfers WHERE counted = 1')) as { amount: number }[];
    await sql(`UPDATE accounts SET day_debit = ${row?.amount}, month_debit = ${row?.amount} WHERE account_id = 'ada'`);
    expect(await bench.reconciliation().run()).toMatchObject({ clean: true });
  });

  it('if a balance in MySQL was changed: against the cache, the postings and the sum', async () => {
    await sql("UPDATE accounts SET balance = balance + 5 WHERE account_id = 'bob'");
    const { drift, driftAccounts, sums } = await named();
    expect(sums).toEqual({ EUR: '5' });
    expect(driftAccounts).toBe(1);
    expect(drift).toEqual([
      { accountId: 'bob', currency: 'EUR', what: 'has a different balance in the cache at version 5', minorUnits: -5 },
      {
        accountId: 'bob',
        currency: 'EUR',
        what: 'has a balance that differs from the sum of its postings',
        minorUnits: 5,
      },
    ]);
  });

  it('if the amount of a posting was changed: on both of its sides', async () => {
    await sql("UPDATE transfers SET amount = amount + 3 WHERE transaction_id = 'out-2'");
    expect((await named()).drift).toEqual([
      {
        accountId: 'ada',
        currency: 'EUR',
        what: 'has a balance that differs from the sum of its postings',
        minorUnits: 3,
      },
      {
        accountId: 'bob',
        currency: 'EUR',
        what: 'has a balance that differs from the sum of its postings',
        minorUnits: -3,
      },
    ]);
  });

  it('if money has moved from one currency to another, although each account is consistent', async () => {
    await sql("UPDATE accounts SET currency = 'JPY' WHERE account_id = 'bob'");
    await bench.tamperCache('bob', { currency: 'JPY' });
    expect(await named()).toEqual({ drift: [], driftAccounts: 0, sums: { EUR: '-150', JPY: '150' } });
  });

  it('if a posting is missing', async () => {
    await sql("DELETE FROM transfers WHERE transaction_id = 'in-3'");
    expect((await named()).drift.map(({ accountId, minorUnits }) => [accountId, minorUnits])).toEqual([
      ['ada', 300],
      ['world', -300],
    ]);
  });

  it('if a version is missing although the amounts add up', async () => {
    await sql("UPDATE transfers SET destination_version = 77 WHERE transaction_id = 'in-2'");
    expect((await named()).drift).toEqual([
      { accountId: 'ada', currency: 'EUR', what: 'has 10 postings up to version 77, but is at 10', minorUnits: 0 },
    ]);
  });

  it('if one version occurs twice and another is missing', async () => {
    // The version is repeated on the other side, because a unique key forbids it on the same side.
    await sql("UPDATE transfers SET source_version = 1 WHERE transaction_id = 'out-3'");
    expect((await named()).drift).toMatchObject([{ accountId: 'ada', minorUnits: 0 }]);
  });

  it.each([
    ['MySQL', "UPDATE accounts SET overdraft_limit = 501 WHERE account_id = 'eve'"],
    ['MySQL, the status', "UPDATE accounts SET status = 'FROZEN' WHERE account_id = 'eve'"],
    ['MySQL, the version', "UPDATE accounts SET settings_version = 0 WHERE account_id = 'eve'"],
    ['MySQL, the kind', "UPDATE accounts SET `external` = 1 WHERE account_id = 'eve'"],
  ])('if settings were changed in %s', async (_where, statement) => {
    await sql(statement);
    expect((await named()).drift).toEqual([
      { accountId: 'eve', currency: 'EUR', what: 'has different settings in the cache at version 1', minorUnits: 0 },
    ]);
  });

  it('if an account is in the cache but not in MySQL', async () => {
    await bench.tamperCache('ghost', { balance: 12 });
    expect((await named()).drift).toEqual([
      { accountId: 'ghost', currency: 'EUR', what: 'is in the cache but not in MySQL', minorUnits: 12 },
    ]);
  });

  it('if the cache is ahead of everything in the journal', async () => {
    await bench.tamperCache('bob', { version: 6, balance: 151 });
    expect((await named()).drift).toEqual([
      { accountId: 'bob', currency: 'EUR', what: 'has version 6 in the cache, 5 in MySQL', minorUnits: 1 },
    ]);
  });

  it('if the cache is behind, at a balance that MySQL never had at that version', async () => {
    await bench.tamperCache('bob', { version: 4, balance: 101 });
    expect((await named()).drift).toMatchObject([{ accountId: 'bob', minorUnits: 1 }]);
    await bench.reset();
    await bench.tamperCache('bob', { version: 0, balance: 1 });
    expect((await named()).drift).toMatchObject([
      { what: 'has a different balance in the cache at version 0', minorUnits: 1 },
    ]);
  });

  it('if the posting of the cached version is missing', async () => {
    await bench.tamperCache('bob', { version: 4, balance: 100 });
    await sql("DELETE FROM transfers WHERE transaction_id = 'out-4'");
    const { drift } = await named();
    expect(drift[0]).toEqual({
      accountId: 'bob',
      currency: 'EUR',
      what: 'lacks the posting of version 4',
      minorUnits: 0,
    });
  });

  it('and counted completely, although only the first accounts are listed', async () => {
    const many = Array.from({ length: DRIFT_LISTED_MAX + 50 }, (_, n) => account(`many-${n}`));
    await openIn(bench.db.database, many);
    await sql("UPDATE accounts SET balance = 1 WHERE account_id LIKE 'many-%'");
    const { drift, driftAccounts } = await named();
    expect(driftAccounts).toBe(DRIFT_LISTED_MAX + 50);
    expect(drift).toHaveLength(DRIFT_LISTED_MAX);
  });
});

describe('A group', () => {
  it('is reported if MySQL does not have all its transfers', async () => {
    await sql('DELETE FROM transfer_groups');
    const ids = (
      await bench.db.database.rows<{ id: string }>(
        "SELECT transaction_id AS id FROM transfers WHERE `status` = 'POSTED' ORDER BY 1 LIMIT 2",
      )
    ).map(({ id }) => id);
    await sql(
      `INSERT INTO transfer_groups (group_id, \`status\`, transaction_ids, accepted_at, epoch, seq)
       VALUES ('g', 'POSTED', '${JSON.stringify(ids)}', NOW(3), 1, 1)`,
    );
    await sql(`UPDATE transfers SET group_id = 'g' WHERE transaction_id IN ('${ids.join("','")}')`);
    expect(await bench.reconciliation().run()).toMatchObject({ clean: true, groupsInPart: [] });
    await sql(`UPDATE transfers SET group_id = NULL WHERE transaction_id = '${ids[1]}'`);
    expect(await bench.reconciliation().run()).toMatchObject({ clean: false, groupsInPart: ['g'] });
  });
});

describe('A page of the cache', () => {
  it('is not drift if MySQL has advanced since it was read', async () => {
    const pages = bench.pages();
    const { database, reader, flushStore, clock } = bench.context;
    const goingOn: typeof pages = {
      ...pages,
      read: async (ids) => {
        const page = await pages.read(ids);
        await bench.epoch.apply(order('later', { destination: 'bob' }));
        await bench.epoch.change('01890000-0000-7000-8000-000000000001', 'eve', { overdraftLimit: 1 });
        await bench.flush();
        return page;
      },
    };
    const ledger = new SqlLedgerPages({ database, reader, flush: flushStore });
    expect(await checkCache(goingOn, ledger, clock)).toEqual({ accounts: ACCOUNTS.length, unverified: 0, drift: [] });
  });

  it('is unverified, so the books are not reported as consistent, if the flush is stalled', async () => {
    const clock = new TestClock();
    const existing = { ...bench.context, clock };
    await bench.epoch.apply(order('unflushed', { destination: 'bob' }));
    const report = await createReconciliation(existing, () => bench.pages()).run();
    expect(report).toMatchObject({ clean: false, unverified: 4, cachedAccounts: 4, drift: [] });
    expect(clock.slept.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThanOrEqual(30_000);
  });

  it('is unverified if another epoch has begun in the meantime', async () => {
    await sql('UPDATE flush_cursor SET epoch = 2, seq = 0');
    expect(await bench.reconciliation().run()).toMatchObject({ clean: false, unverified: 4, drift: [] });
  });
});
