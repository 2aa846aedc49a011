import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JobState } from '../../jobs/single-run.ts';
import { SingleRun } from '../../jobs/single-run.ts';
import { systemClock } from '../../kernel/clock.ts';
import { keptLog } from '../../kernel/testing/kept-log.ts';
import { until } from '../../kernel/testing/until.ts';
import { JobLease } from '../../mysql/operations/job-lease.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';

const NIGHTLY = { cron: '30 2 * * *', timeZone: 'Europe/Berlin' };

let db: TestDatabase;
/** The time that MySQL's clock shows. */
let now: string;
let runs = 0;
const count = async () => {
  runs += 1;
};
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  now = '2026-06-01T00:30:00Z';
  runs = 0;
  await db.database.rows("UPDATE job_leases SET holder = '', leased_until = NULL, begun_slot = '', done_slot = ''");
});

class AtMoment extends JobLease {
  override async state(): Promise<JobState> {
    return { ...(await super.state()), nowMs: Date.parse(now) };
  }
}
/** One keeper or pod. */
const runner = (leaseMs?: number) =>
  new SingleRun({
    lease: new AtMoment(db.database, 'reconciliation'),
    clock: systemClock,
    logger: keptLog(),
    ...(leaseMs && { leaseMs }),
  });
/** The lease of every crashed or hanging process has expired. */
const expire = () => db.database.rows('UPDATE job_leases SET leased_until = NOW(3) - INTERVAL 1 SECOND');
const never = () => new Promise<never>(() => {});

describe('A scheduled run', () => {
  it('happens once, no matter how many keepers check at the same time, or check again later', async () => {
    const keepers = Array.from({ length: 5 }, () => runner());
    const look = () => Promise.all(keepers.map((keeper) => keeper.whenDue(NIGHTLY, count)));
    expect((await look()).filter(Boolean)).toHaveLength(1);
    await look();
    now = '2026-06-01T01:10:00Z';
    await look();
    expect(runs).toBe(1);
    now = '2026-06-02T00:30:09Z';
    await look();
    expect(runs).toBe(2);
  });

  it('is neither skipped nor repeated when the clock changes', async () => {
    const ran: string[] = [];
    const keeper = runner();
    for (const from of ['2026-03-28T12:00:00Z', '2026-10-24T12:00:00Z']) {
      for (let at = Date.parse(from); at < Date.parse(from) + 48 * 3_600_000; at += 600_000) {
        now = new Date(at).toISOString();
        await keeper.whenDue(NIGHTLY, async () => ran.push(now.slice(0, 16)));
      }
    }
    expect(ran).toEqual(['2026-03-29T01:00', '2026-03-30T00:30', '2026-10-25T00:30', '2026-10-26T01:30']);
  });

  it('is started again by another keeper if its own keeper dies, once its lease has expired', async () => {
    void runner().whenDue(NIGHTLY, never);
    const state = new JobLease(db.database, 'reconciliation');
    await until('it has begun', async () => (await state.state()).held);
    const other = runner();
    expect(await other.whenDue(NIGHTLY, count)).toBe(false);
    // This is long after the time limit for starting a run that no keeper has started.
    now = '2026-06-01T09:00:00Z';
    await expire();
    expect(await other.whenDue(NIGHTLY, count)).toBe(true);
    expect(runs).toBe(1);
  });

  it('keeps its lease if it takes a long time', async () => {
    let end = () => {};
    const work = new Promise<void>((resolve) => {
      end = resolve;
    });
    const long = runner(9_000).whenDue(NIGHTLY, () => work);
    const renewed = () =>
      db.database.rows<{ u: Date | null }>("SELECT leased_until AS u FROM job_leases WHERE job = 'reconciliation'");
    const first = await until('it is taken', async () => (await renewed())[0]?.u);
    await until('it is renewed', async () => Number((await renewed())[0]?.u) > Number(first));
    end();
    expect(await long).toBe(true);
    expect((await renewed())[0]?.u).toBeNull();
  });

  it('reports its failure, and is retried once its lease has expired, not before', async () => {
    const keeper = runner();
    const failing = async () => {
      throw new Error('away');
    };
    await expect(keeper.whenDue(NIGHTLY, failing)).rejects.toThrow('away');
    expect(await keeper.whenDue(NIGHTLY, async () => {})).toBe(false);
    await expire();
    expect(await keeper.whenDue(NIGHTLY, async () => {})).toBe(true);
  });

  it('is skipped if no keeper was up within an hour of its time', async () => {
    now = '2026-06-01T01:31:00Z';
    expect(await runner().whenDue(NIGHTLY, async () => {})).toBe(false);
  });
});

describe('A run on demand', () => {
  it('does not run at the same time as another; a caller may wait until that one has ended', async () => {
    let end = () => {};
    const work = new Promise<{ by: string }>((resolve) => {
      end = () => resolve({ by: 'first' });
    });
    const first = runner().now(() => work);
    const state = new JobLease(db.database, 'reconciliation');
    await until('it runs', async () => (await state.state()).held);
    expect(await runner().now(async () => ({ by: 'second' }))).toBeNull();
    const idle = runner().idle(Number.POSITIVE_INFINITY);
    end();
    expect(await first).toEqual({ by: 'first' });
    await idle;
    expect(await runner().now(async () => ({ by: 'second' }))).toEqual({ by: 'second' });
  });
  it('may be requested again immediately after a failure', async () => {
    await expect(
      runner().now(async () => {
        throw new Error('away');
      }),
    ).rejects.toThrow('away');
    expect(await runner().now(async () => ({ by: 'again' }))).toEqual({ by: 'again' });
  });
});
