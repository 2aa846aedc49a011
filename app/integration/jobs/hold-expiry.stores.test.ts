import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { newUuidV7 } from '../../domain/ids.ts';
import { Problem } from '../../domain/problem.ts';
import { type DueHold, EXPIRY_USER, HoldExpiry } from '../../jobs/hold-expiry.ts';
import type { HoldItem } from '../../journal/hold-codec.ts';
import { account } from '../../journal/testing/epoch-under-test.ts';
import { change, place } from '../../journal/testing/hold-items.ts';
import { systemClock } from '../../kernel/clock.ts';
import { TestClock } from '../../kernel/testing/test-clock.ts';
import { DirectStore } from '../../mysql/ledger/direct-store.ts';
import { SqlHistory } from '../../mysql/ledger/history.ts';
import { HoldSchedule } from '../../mysql/operations/hold-schedule.ts';
import { JobLease } from '../../mysql/operations/job-lease.ts';
import { DIRECT_EPOCH, putAccounts } from '../../mysql/testing/direct-accounts.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';

const ACCOUNTS = [account('ada', { balance: 10_000 }), account('eve', { balance: 10_000 }), account('bob')];
const HOUR_MS = 3_600_000;
/** Too long for the lease to expire during a test, however slow the machine is. */
const LEASE_MS = 6 * HOUR_MS;

let db: TestDatabase;
let store: DirectStore;
let schedule: HoldSchedule;
beforeAll(async () => {
  db = await migratedDatabase();
  store = new DirectStore({ database: db.database, clock: systemClock });
  schedule = new HoldSchedule(db.database);
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.reset(DIRECT_EPOCH, 'DIRECT', 2);
  await putAccounts(db.database, ACCOUNTS);
  await sql("UPDATE job_leases SET holder = '', leased_until = NULL");
});
const sql = <Row = unknown>(statement: string, values: unknown[] = []) => db.database.rows<Row>(statement, values);

async function apply(...items: HoldItem[]) {
  const now = systemClock.now();
  return store.applyHolds(
    DIRECT_EPOCH,
    items.map((hold) => ({ hold, takenAt: now, podNow: now })),
  );
}
/** Places holds that end in an hour, and then makes those in `due` due. */
async function holds(names: readonly string[], due: readonly string[], accountId = 'ada'): Promise<void> {
  const expiresAt = systemClock.now() + HOUR_MS;
  await apply(...names.map((holdId) => place(holdId, 10, { expiresAt, account: accountId })));
  if (due.length > 0)
    await sql('UPDATE holds SET expires_at_ms = expires_at_ms - ? WHERE hold_id IN (?)', [2 * HOUR_MS, due]);
}
const statuses = async () =>
  Object.fromEntries(
    (await sql<{ hold_id: string; status: string }>('SELECT hold_id, `status` FROM holds')).map((row) => [
      row.hold_id,
      row.status,
    ]),
  );
const held = async (accountId = 'ada') =>
  (await sql<{ held: number }>('SELECT held FROM accounts WHERE account_id = ?', [accountId]))[0]?.held;
const expiries = async () =>
  (await sql<{ hold_id: string }>("SELECT hold_id FROM hold_events WHERE kind = 'EXPIRED' ORDER BY hold_id")).map(
    ({ hold_id }) => hold_id,
  );

/** The expiry job of one pod, with the lookups and the ledger that it uses. */
class Pod {
  /** A clock that does not advance by itself, however slow the machine is. */
  readonly clock = new TestClock();
  readonly sent: string[] = [];
  readonly lookups: (DueHold | null)[] = [];
  expired = 0;
  ready = true;
  /** Runs after each lookup, before anything is sent. */
  afterLookup: () => Promise<void> = async () => {};
  /** Problems to return instead of the ledger's answer, by hold id; `*` for all holds. */
  problems = new Map<string, Problem>();
  readonly expiry: HoldExpiry;

  constructor({ job = 'hold-expiry', pageHolds = 100 } = {}) {
    this.expiry = new HoldExpiry({
      lease: new JobLease(db.database, job),
      holds: {
        due: async (now, after, holdsMax) => {
          this.lookups.push(after);
          const due = await schedule.due(now, after, holdsMax);
          await this.afterLookup();
          return due;
        },
      },
      ledger: {
        expire: async (request) => {
          this.sent.push(request.holdId);
          return (
            this.problems.get(request.holdId) ?? this.problems.get('*') ?? this.#inOneCall({ op: 'expire', ...request })
          );
        },
      },
      ready: () => this.ready,
      ledgerNow: systemClock.now,
      clock: this.clock,
      holder: newUuidV7(systemClock.now()),
      pageHolds,
      leaseMs: LEASE_MS,
      onExpired: (count) => {
        this.expired += count;
      },
    });
  }
  round = () => this.expiry.round();

  #call: { items: HoldItem[]; answers: ReturnType<typeof apply> } | null = null;
  /** Sends all items of a turn in one call, like the queue of a pod. */
  async #inOneCall(item: HoldItem): Promise<boolean | Problem> {
    this.#call ??= (() => {
      const items: HoldItem[] = [];
      const made = Promise.resolve().then(() => {
        this.#call = null;
        return apply(...items);
      });
      return { items, answers: made };
    })();
    const { items, answers } = this.#call;
    const index = items.push(item) - 1;
    const answer = (await answers)[index];
    return answer instanceof Problem ? answer : answer?.kind === 'result';
  }
}
const loseLease = () =>
  sql("UPDATE job_leases SET leased_until = NOW(3) - INTERVAL 1 SECOND WHERE job = 'hold-expiry'");

describe('Expiry', () => {
  it('ends what is due, and nothing else', async () => {
    await holds(['h1', 'h2', 'h3', 'h4'], ['h1', 'h3']);
    const pod = new Pod();
    await pod.round();
    expect(await statuses()).toEqual({ h1: 'EXPIRED', h2: 'OPEN', h3: 'EXPIRED', h4: 'OPEN' });
    expect([await held(), pod.expired]).toEqual([20, 2]);
    await pod.round();
    expect([await expiries(), pod.sent]).toEqual([
      ['h1', 'h3'],
      ['h1', 'h3'],
    ]);
    const newer = { accountId: 'ada', position: 4, toward: 'newer', limit: 9 } as const;
    const { items: history } = await new SqlHistory(db).page(newer);
    expect(history).toMatchObject([
      { kind: 'hold_expired', holdId: 'h1', user: EXPIRY_USER, heldAfter: 30, heldChange: -10 },
      { kind: 'hold_expired', holdId: 'h3', user: EXPIRY_USER, heldAfter: 20 },
    ]);
  });

  it('continues from page to page, in the order in which holds expire', async () => {
    const names = Array.from({ length: 25 }, (_, n) => `h${n + 10}`);
    await holds(names, names);
    await sql('UPDATE holds SET expires_at_ms = expires_at_ms - 1 WHERE hold_id >= ?', ['h30']);
    const pod = new Pod({ pageHolds: 10 });
    await pod.round();
    expect(pod.sent).toEqual([...names.slice(20), ...names.slice(0, 20)]);
    expect(pod.lookups.map((after) => after?.holdId ?? null)).toEqual([null, 'h14', 'h24']);
    expect([await held(), pod.expired]).toEqual([0, 25]);
  });

  it('does not end a hold that was extended after the lookup', async () => {
    await holds(['h1', 'h2'], ['h1', 'h2']);
    const pod = new Pod();
    pod.afterLookup = async () => {
      await sql('UPDATE holds SET expires_at_ms = expires_at_ms + ? WHERE hold_id = ?', [10 * HOUR_MS, 'h1']);
      await apply(change('h1', { amount: 15 }));
    };
    await pod.round();
    expect(await statuses()).toEqual({ h1: 'OPEN', h2: 'EXPIRED' });
    expect([await held(), pod.sent, pod.expired]).toEqual([15, ['h1', 'h2'], 1]);
  });

  it('writes one event for each hold, even if two pods expire them at the same time', async () => {
    const names = Array.from({ length: 30 }, (_, n) => `h${n + 10}`);
    await holds(names, names);
    await sql("INSERT IGNORE INTO job_leases (job) VALUES ('another')");
    const pods = [new Pod({ pageHolds: 7 }), new Pod({ job: 'another', pageHolds: 7 })] as const;
    let meet = () => {};
    const met = new Promise<void>((resolve) => {
      meet = resolve;
    });
    let lookups = 0;
    for (const pod of pods) {
      pod.afterLookup = () => {
        if (++lookups === 2) meet();
        return met;
      };
    }
    await Promise.all(pods.map((pod) => pod.round()));
    expect(pods.map(({ sent }) => sent.slice(0, 7))).toEqual([names.slice(0, 7), names.slice(0, 7)]);
    expect(pods[0].expired + pods[1].expired).toBe(30);
    expect([await expiries(), await held()]).toEqual([names, 0]);
  });

  it('skips accounts that wait for a journal', async () => {
    await holds(['h1'], ['h1']);
    await holds(['h2'], ['h2'], 'eve');
    await sql('UPDATE authority SET cache_epoch = 3, cache_format = 2');
    await sql("INSERT INTO frozen_accounts (account_id, epoch, reason) VALUES ('ada', 3, 'held')");
    const pod = new Pod();
    await pod.round();
    expect([await statuses(), pod.sent]).toEqual([{ h1: 'OPEN', h2: 'EXPIRED' }, ['h2']]);
    expect(await schedule.lateMs(systemClock.now())).toBe(0);
    // Rows of an epoch that is no longer needed are deleted gradually.
    await sql('UPDATE authority SET cache_epoch = NULL, cache_format = NULL');
    await pod.round();
    expect(await statuses()).toEqual({ h1: 'EXPIRED', h2: 'EXPIRED' });
  });

  it('is not stopped by a hold that cannot be decided, and tries it again later', async () => {
    await holds(['h1', 'h2', 'h3'], ['h1', 'h2', 'h3']);
    const pod = new Pod({ pageHolds: 2 });
    pod.problems.set('h1', new Problem('account_unsettled', 'waits'));
    await expect(pod.round()).rejects.toMatchObject({ code: 'account_unsettled' });
    expect(await statuses()).toEqual({ h1: 'OPEN', h2: 'EXPIRED', h3: 'EXPIRED' });
    pod.problems.clear();
    await pod.round();
    expect(await statuses()).toMatchObject({ h1: 'OPEN' });
    pod.clock.advance(2_000);
    await pod.round();
    expect([await statuses(), pod.sent]).toMatchObject([{ h1: 'EXPIRED' }, ['h1', 'h2', 'h3', 'h1']]);
  });

  it('stops the round if nothing can be decided', async () => {
    const names = Array.from({ length: 9 }, (_, n) => `h${n}`);
    await holds(names, names);
    const pod = new Pod({ pageHolds: 3 });
    pod.problems.set('*', new Problem('ledger_switching', 'moves'));
    await expect(pod.round()).rejects.toMatchObject({ code: 'ledger_switching' });
    expect(pod.sent).toEqual(names.slice(0, 3));
    // Another pod, which may be able to continue, does not have to wait.
    const other = new Pod();
    await other.round();
    expect(other.expired).toBe(9);
  });

  it('does not send a hold again while MySQL still shows it as open', async () => {
    await holds(['h1'], ['h1']);
    const pod = new Pod();
    await pod.round();
    await sql("UPDATE holds SET `status` = 'OPEN' WHERE hold_id = 'h1'");
    await pod.round();
    expect(pod.sent).toEqual(['h1']);
    pod.clock.advance(10_000);
    await pod.round();
    expect(pod.sent).toEqual(['h1', 'h1']);
  });
});

describe('The lease', () => {
  it('lets only one pod at a time look for due holds, and another one once the lease is released', async () => {
    await holds(['h1'], ['h1']);
    const [pod, other] = [new Pod(), new Pod()];
    await pod.round();
    await other.round();
    expect([pod.lookups.length, other.lookups.length]).toEqual([1, 0]);
    await pod.expiry.release();
    await other.round();
    expect(other.lookups).toHaveLength(1);
    await pod.round();
    expect(pod.lookups).toHaveLength(1);
  });

  it('is released by a pod that cannot use the ledger', async () => {
    const [pod, other] = [new Pod(), new Pod()];
    await pod.round();
    pod.ready = false;
    await pod.round();
    await other.round();
    expect([pod.lookups.length, other.lookups.length]).toEqual([1, 1]);
  });

  it('is renewed by a pod that works, and taken over from one that has crashed', async () => {
    const [pod, other] = [new Pod(), new Pod()];
    await pod.round();
    const leasedUntil = async () =>
      (await sql<{ at: Date }>("SELECT leased_until AS at FROM job_leases WHERE job = 'hold-expiry'"))[0]?.at ?? 0;
    const before = await leasedUntil();
    pod.clock.advance(LEASE_MS / 2);
    await pod.round();
    expect((await leasedUntil()) > before).toBe(true);
    await loseLease();
    await other.round();
    expect(other.lookups).toHaveLength(1);
    pod.clock.advance(LEASE_MS / 2);
    await pod.round();
    expect(pod.lookups).toHaveLength(2);
  });

  it('may be lost between the lookup and the expiry: nothing is written twice', async () => {
    const names = ['h1', 'h2', 'h3', 'h4'];
    await holds(names, names);
    const [pod, other] = [new Pod({ pageHolds: 3 }), new Pod()];
    pod.afterLookup = async () => {
      pod.afterLookup = async () => {};
      await loseLease();
      // The other pod ends everything, and meanwhile the account gets a new hold.
      await other.round();
      await holds(['later'], []);
      pod.clock.advance(LEASE_MS);
    };
    await pod.round();
    expect([other.expired, pod.expired, pod.sent]).toEqual([4, 0, ['h1', 'h2', 'h3']]);
    expect([await expiries(), await held(), pod.lookups.length]).toEqual([names, 10, 1]);
  });
});

describe('The schedule', () => {
  it('shows by how much the oldest expiry is late', async () => {
    const now = systemClock.now();
    expect(await schedule.lateMs(now)).toBe(0);
    await holds(['h1', 'h2'], []);
    expect(await schedule.lateMs(now)).toBe(0);
    await sql('UPDATE holds SET expires_at_ms = ? WHERE hold_id = ?', [now - 1500, 'h1']);
    await sql('UPDATE holds SET expires_at_ms = ? WHERE hold_id = ?', [now - 500, 'h2']);
    expect(await schedule.lateMs(now)).toBe(1500);
  });

  it('counts what is open in each currency', async () => {
    expect(await schedule.open()).toEqual([]);
    await holds(['h1', 'h2', 'h3'], ['h3']);
    await new Pod().round();
    expect(await schedule.open()).toEqual([{ currency: 'EUR', holds: 2, heldMinorUnits: 20 }]);
  });

  it('looks up due holds by an index', async () => {
    const rows = vi.spyOn(db.database, 'rows');
    await schedule.due(systemClock.now(), null, 100);
    const [statement = '', values] = rows.mock.lastCall ?? [];
    rows.mockRestore();
    const plan = await sql<{ table: string; key: string | null }>(`EXPLAIN FORMAT=TRADITIONAL ${statement}`, values);
    expect(plan.find(({ table }) => table === 'h')).toMatchObject({ key: 'hold_due' });
  });
});
