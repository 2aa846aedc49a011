import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { businessDaysFrom, calendarFrom } from '../../domain/testing/business-days.ts';
import { NO_LIMITS } from '../../domain/testing/limits.ts';
import { checkCache } from '../../jobs/check-cache.ts';
import { order } from '../../journal/testing/epoch-under-test.ts';
import { capture, change, place, voided } from '../../journal/testing/hold-items.ts';
import { SqlLedgerPages } from '../../mysql/ledger/ledger-pages.ts';
import { putBusinessDays } from '../../mysql/testing/test-database.ts';
import { BooksBench } from '../testing/books-bench.ts';

let bench: BooksBench;
beforeAll(async () => {
  bench = await BooksBench.start();
});
afterAll(() => bench.stop());
const sql = (statement: string) => bench.db.database.rows(statement);

/** Ada has ten postings and a balance of 1350; bob gets 30 from hold h1, which keeps another 100 reserved. */
beforeEach(async () => {
  await bench.reset();
  await bench.epoch.applyHolds(place('h1', 120), place('h2', 70), place('h3', 50, { destination: 'bob' }));
  await bench.epoch.applyHolds(
    capture('h1', 'k1', 30, { final: false }),
    change('h1', { amount: 130, expectedRevision: 2 }),
  );
  await bench.epoch.applyHolds(voided('h2'), capture('h3', 'k2', 20), place('huge', 1_000_000));
  await bench.flush();
});

const PER_VERSION = 'holds an amount that differs from the sum of its hold events and captures';
const OPEN = 'holds an amount that differs from the sum of its open holds';
const drifts = async () => {
  const { clean, drift, inconsistentHolds } = await bench.reconciliation().run();
  expect(clean).toBe(false);
  return { drift: drift.map(({ accountId, what, minorUnits }) => [accountId, what, minorUnits]), inconsistentHolds };
};

describe('Holds', () => {
  it('are consistent, and events of holds are not counted as transfers', async () => {
    expect(await bench.reconciliation().run()).toMatchObject({
      clean: true,
      transfers: 12,
      holds: 4,
      inconsistentHolds: [],
      driftAccounts: 0,
      sums: { EUR: '0' },
    });
  });

  it('are reported if the account holds one minor unit more', async () => {
    await sql("UPDATE accounts SET held = held + 1 WHERE account_id = 'ada'");
    const at = 'holds a different amount in the cache at version 17';
    expect(await drifts()).toEqual({
      drift: [
        ['ada', at, -1],
        ['ada', PER_VERSION, 1],
      ],
      inconsistentHolds: [],
    });
  });

  it('are reported if Redis holds one minor unit less', async () => {
    await bench.tamperCache('ada', { held: 99 });
    expect(await drifts()).toMatchObject({
      drift: [['ada', 'holds a different amount in the cache at version 17', -1]],
    });
  });

  it('are reported if the events are right, but the amount of an open hold is wrong', async () => {
    await sql("UPDATE holds SET hold_amount = hold_amount - 1 WHERE hold_id = 'h1'");
    expect(await drifts()).toEqual({ drift: [['ada', OPEN, 1]], inconsistentHolds: ['h1'] });
  });

  it('are reported if the amounts of two open holds are wrong, but their sum is right', async () => {
    await bench.epoch.applyHolds(place('h4', 10));
    await bench.flush();
    await sql("UPDATE holds SET hold_amount = hold_amount + IF(hold_id = 'h1', 1, -1) WHERE hold_id IN ('h1', 'h4')");
    expect(await drifts()).toEqual({ drift: [], inconsistentHolds: ['h1', 'h4'] });
  });

  it('are reported if an event or a capture is missing', async () => {
    await sql("DELETE FROM hold_events WHERE hold_id = 'h2' AND kind = 'VOIDED'");
    expect(await drifts()).toEqual({ drift: [['ada', PER_VERSION, -70]], inconsistentHolds: ['h2'] });
    await sql("DELETE FROM hold_captures WHERE transaction_id = 'k2'");
    expect(await drifts()).toMatchObject({ inconsistentHolds: ['h2', 'h3'] });
  });

  it('are reported if a placing is missing', async () => {
    await sql("UPDATE holds SET placed_version = NULL WHERE hold_id = 'h2'");
    expect(await drifts()).toEqual({ drift: [['ada', PER_VERSION, 70]], inconsistentHolds: ['h2'] });
  });

  it('are reported if an event that did not change the amount is missing', async () => {
    await bench.epoch.applyHolds(change('h1', { expiresAt: Date.now() + 1e9, expectedRevision: 3 }));
    await bench.flush();
    await sql("DELETE FROM hold_events WHERE hold_id = 'h1' AND revision = 4");
    const what = 'has 12 postings and 5 hold events up to version 17, but is at 18';
    expect(await drifts()).toEqual({ drift: [['ada', what, 0]], inconsistentHolds: ['h1'] });
  });

  it('are reported if an event has the version of a posting, so that another version is missing', async () => {
    await sql("UPDATE holds SET placed_version = 1 WHERE hold_id = 'h2'");
    expect(await drifts()).toMatchObject({
      drift: [['ada', 'has 12 postings and 5 hold events up to version 17, but is at 17', 0]],
    });
  });

  it.each([
    ['was captured after it ended', "UPDATE holds SET status = 'EXPIRED' WHERE hold_id = 'h3'"],
    ['ended without an event', "UPDATE holds SET status = 'CAPTURED' WHERE hold_id = 'h2'"],
    ['has captured another amount', "UPDATE holds SET captured = 19 WHERE hold_id = 'h3'"],
    ['has another revision', "UPDATE holds SET revision = 3 WHERE hold_id = 'h3'"],
    ['was refused, but has a revision', "UPDATE holds SET revision = 1 WHERE hold_id = 'huge'"],
    ['has a capture of another hold', "UPDATE transfers SET hold_id = 'h2' WHERE transaction_id = 'k2'"],
    ['has a capture of another version', "UPDATE hold_captures SET version = 99 WHERE hold_id = 'h3'"],
  ])('are reported if one %s', async (_what, statement) => {
    await sql(statement);
    expect((await drifts()).inconsistentHolds).toHaveLength(1);
  });

  it('are reported if the limits of their account have the wrong usage', async () => {
    const what = 'has usage of its limits that differs from its postings';
    await bench.epoch.change('01890000-0000-7000-8000-00000000aaaa', 'bob', {
      limits: { ...NO_LIMITS, dailyDebitMax: 1000 },
    });
    const now = Date.now();
    await putBusinessDays(bench.db.database, businessDaysFrom(now));
    await bench.epoch.cache.setCalendar(bench.epoch.keeper, calendarFrom(now));
    const bobs = { account: 'bob' };
    await bench.epoch.applyHolds(place('b1', 40, bobs), place('b2', 10, bobs));
    await bench.epoch.applyHolds(
      capture('b1', 'k7', 15, { source: 'bob', destination: 'ada' }),
      change('b2', { amount: 12 }, 'bob'),
      voided('b2', 'bob'),
    );
    await bench.flush();
    expect(await bench.reconciliation().run()).toMatchObject({ clean: true, drift: [] });
    const [bob] = await sql("SELECT day_debit, month_debit FROM accounts WHERE account_id = 'bob'");
    expect(bob).toEqual({ day_debit: 15, month_debit: 15 });
    await sql("UPDATE hold_captures SET month_change = month_change + 1 WHERE hold_id = 'b1'");
    expect(await drifts()).toMatchObject({ drift: [['bob', what, 0]] });
    await sql("UPDATE hold_captures SET month_change = month_change - 1 WHERE hold_id = 'b1'");
    await sql("UPDATE holds SET placed_counted = 0 WHERE hold_id = 'b1'");
    expect(await drifts()).toMatchObject({ drift: [['bob', what, 40]] });
    await sql("UPDATE holds SET placed_counted = 1 WHERE hold_id = 'b1'");
    await sql("UPDATE hold_events SET day_change = -11 WHERE hold_id = 'b2' AND kind = 'VOIDED'");
    expect(await drifts()).toMatchObject({ drift: [['bob', what, -1]] });
  });

  it('are not reported if MySQL has advanced since a page of the cache was read', async () => {
    const pages = bench.pages();
    const { database, reader, flushStore, clock } = bench.context;
    const goingOn: typeof pages = {
      ...pages,
      read: async (ids) => {
        const page = await pages.read(ids);
        await bench.epoch.applyHolds(place('later', 5), capture('h1', 'k9', 1, { final: false }));
        await bench.epoch.apply(order('last', { source: 'ada', destination: 'bob' }));
        await bench.flush();
        return page;
      },
    };
    const ledger = new SqlLedgerPages({ database, reader, flush: flushStore });
    expect(await checkCache(goingOn, ledger, clock)).toMatchObject({ unverified: 0, drift: [] });
  });
});
