import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { EXPIRY_USER, HoldExpiry } from '../../jobs/hold-expiry.ts';
import { commandLost, passing, replyLost } from '../../journal/testing/faulty-cache.ts';
import { place } from '../../journal/testing/hold-items.ts';
import { systemClock } from '../../kernel/clock.ts';
import { until } from '../../kernel/testing/until.ts';
import { SqlHistory } from '../../mysql/ledger/history.ts';
import { HoldSchedule } from '../../mysql/operations/hold-schedule.ts';
import { JobLease } from '../../mysql/operations/job-lease.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { OwnRedis } from '../../redis/testing/own-redis.ts';
import { reconcile } from '../testing/group-writers.ts';
import { PodBench } from '../testing/pod-bench.ts';

const HOLDS = 60;
/** If the holds are due before all of them are placed, the test begins again, with twice the lifetime. */
const LIFE_MS = 1_000;

let db: TestDatabase;
let server: OwnRedis;
let pod: PodBench;
beforeAll(async () => {
  db = await migratedDatabase();
});
afterAll(() => db.drop());
beforeEach(start);
afterEach(stop);

async function start(): Promise<void> {
  server = await OwnRedis.start();
  pod = await PodBench.start(db, { format: 2, redisUrl: server.url });
  await pod.serve();
  await db.database.rows("INSERT IGNORE INTO job_leases (job) VALUES ('another')");
  await db.database.rows("UPDATE job_leases SET holder = '', leased_until = NULL");
}
async function stop(): Promise<void> {
  await pod.stop();
  await server.stop();
}

const names = Array.from({ length: HOLDS }, (_, n) => `h${n + 100}`);

/** @param job the job that the lease is for; two pods with different jobs work at the same time */
function expiryOf(bench: PodBench, job = 'hold-expiry', late: () => Promise<void> = async () => {}) {
  const schedule = new HoldSchedule(db.database);
  let expired = 0;
  const expiry = new HoldExpiry({
    lease: new JobLease(db.database, job),
    holds: {
      due: async (now, after, max) => {
        const due = await schedule.due(now, after, max);
        await late();
        return due;
      },
    },
    ledger: bench.ledger.holds,
    ready: () => bench.session.view() !== null || bench.session.direct() !== null,
    ledgerNow: systemClock.now,
    clock: bench.clock,
    holder: job,
    onExpired: (count) => {
      expired += count;
    },
    pageHolds: 25,
  });
  return { round: () => expiry.round(), expired: () => expired };
}

/** Holds of ada that are in MySQL, and due. @param first runs when they are in MySQL, and not due yet */
async function dueHolds(first: () => Promise<unknown> = async () => {}): Promise<void> {
  for (let lifeMs = LIFE_MS; ; lifeMs *= 2) {
    await pod.post({ amount: 10_000 });
    const expiresAt = systemClock.now() + lifeMs;
    for (const holdId of names) {
      const item = place(holdId, 10, { expiresAt });
      if (item.op === 'place') await pod.ledger.holds.place(item.order, 'cache');
    }
    await pod.flush();
    await first();
    if (systemClock.now() < expiresAt) {
      await until('they are due', () => systemClock.now() > expiresAt);
      return;
    }
    await stop();
    await start();
  }
}
const ended = async () => {
  const events = await db.database.rows<{ hold_id: string; user: string }>(
    "SELECT hold_id, `user` FROM hold_events WHERE kind = 'EXPIRED' ORDER BY hold_id",
  );
  expect(new Set(events.map(({ user }) => user))).toEqual(new Set([EXPIRY_USER]));
  return events.map(({ hold_id }) => hold_id);
};
async function expectAllEnded(): Promise<void> {
  await pod.flush();
  expect(await ended()).toEqual(names);
  expect(await reconcile(db.database)).toMatchObject({ clean: true, inconsistentHolds: [], sums: { EUR: '0' } });
  const history = new SqlHistory(db);
  expect(await history.at('ada', systemClock.now())).toMatchObject({ balanceAfter: 10_000, heldAfter: 0 });
}

describe('Holds end when they are due', () => {
  it('once each, although two pods end them at the same time and replies are lost', async () => {
    await dueHolds();
    const other = await pod.another();
    let calls = 0;
    pod.cache.always('apply', (run) => ([replyLost, passing, commandLost, passing][calls++ % 4] ?? passing)(run));
    const both = [expiryOf(pod), expiryOf(other, 'another')] as const;
    await Promise.all(both.map(({ round }) => round().catch(() => {})));
    await until('everything has ended', async () => {
      for (const { round } of both) await round().catch(() => {});
      await pod.flush();
      return (await ended()).length === HOLDS;
    });
    await expectAllEnded();
  });

  it('in whichever store decides, even if the authority moves after the lookup', async () => {
    await dueHolds();
    let moved = false;
    const expiry = expiryOf(pod, 'hold-expiry', async () => {
      if (moved) return;
      moved = true;
      await pod.closing();
      await pod.finishFromJournal('DIRECT');
      await pod.openDirectly();
    });
    await expiry.round();
    expect([await ended(), expiry.expired()]).toEqual([names, HOLDS]);
    await pod.activate();
    await pod.open();
    await expiry.round();
    await expectAllEnded();
  });

  it('but not if they were extended in Redis, even if the extension is not in MySQL yet', async () => {
    const [first = '', ...others] = names;
    await dueHolds(() => {
      const about = { eventId: newUuidV7(systemClock.now()), holdId: first, account: 'ada', currency: 'EUR' };
      const wanted = { amount: null, expiresAt: systemClock.now() + 3_600_000, expectedRevision: 1 };
      return pod.ledger.holds.change(wanted, { ...about, user: 'u', correlationId: 'c' }, 'cache');
    });
    const expiry = expiryOf(pod);
    await expiry.round();
    expect(expiry.expired()).toBe(HOLDS - 1);
    await pod.flush();
    expect(await ended()).toEqual(others);
    expect(await pod.ledger.holds.hold(first)).toMatchObject({ hold: { status: 'OPEN' } });
  });
});
