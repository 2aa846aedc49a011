import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { notFound } from '../../domain/account-problems.ts';
import { unwindowed } from '../../domain/business-calendar.ts';
import type { HoldPlaced } from '../../domain/hold-events.ts';
import type { StoredHold } from '../../domain/hold-types.ts';
import { stateOf } from '../../domain/holds.ts';
import { Problem } from '../../domain/problem.ts';
import { assertCovering, shrinkingAtMost } from '../../domain/testing/covering.ts';
import { ofTestLedger } from '../../domain/testing/ledger-id.ts';
import { NO_LIMITS } from '../../domain/testing/limits.ts';
import type { Account, Posted } from '../../domain/types.ts';
import type { Caller, HoldCallItem } from '../../journal/cache-port.ts';
import { HOLD_CHANGED, RecordStatus, refusalIn } from '../../journal/codec.ts';
import {
  accountsOfItem,
  type HoldItem,
  type HoldRecord,
  type HoldResult,
  holdResultOf,
  keyOfItem,
} from '../../journal/hold-codec.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { DirectChange, HoldAnswer } from '../../ledger/ports/direct-server.ts';
import { lockHolds } from '../../mysql/ledger/direct-holds.ts';
import { DirectStore } from '../../mysql/ledger/direct-store.ts';
import { LedgerReader } from '../../mysql/ledger/ledger-reader.ts';
import { DIRECT_EPOCH, putAccounts } from '../../mysql/testing/direct-accounts.ts';
import { migratedDatabase, putBusinessDays, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { shardPrefix } from '../../redis/shard-prefix.ts';
import {
  anyLaterMs,
  anyLimited,
  anyNewLimits,
  anyPlain,
  BEGIN,
  HOLD_ACCOUNTS,
  HOLD_CALENDAR,
  HOLD_IDS,
} from '../../redis/testing/any-holds.ts';

const HISTORIES = 60;
const MAX = Number.MAX_SAFE_INTEGER;
const TEST_MS_MAX = 3_600_000;
/** The cases that all histories together must contain for the test to be meaningful. */
const SEEN = [
  'place posted',
  'place refused',
  'capture posted',
  'capture refused',
  'change posted',
  'change refused',
  'void posted',
  'void refused',
  'void unchanged',
  'expire posted',
  'expire unchanged',
  'again',
  'no_hold',
  'other_hold',
  'clock_unsure',
  'account_not_found',
];
const SEEN_OF_LIMITED = [
  'clock_unsure',
  'calendar_unavailable',
  'place limit_exceeded',
  'change limit_exceeded',
  'capture limit_exceeded',
  'place counted',
  'change counted',
  'change given back',
  'capture counted',
  'capture given back',
  'void given back',
  'expire given back',
];

/** The pod's clock, ms. */
let podNow = MAX;
let db: TestDatabase;
let redis: Redis;
let replid: string;
let store: DirectStore;
beforeAll(async () => {
  db = await migratedDatabase();
  await db.reset(DIRECT_EPOCH, 'DIRECT');
  redis = new Redis(inject('redisPort'));
  replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
  await putBusinessDays(db.database, HOLD_CALENDAR.days);
  store = new DirectStore({ database: db.database, clock: { ...systemClock, now: () => podNow } });
});
afterAll(async () => {
  redis.disconnect();
  await db.drop();
});

/** Histories share the two stores: each has its own names. */
function named(prefix: string) {
  const name = <T extends string | null>(text: T): T => (text === null ? text : (`${prefix}${text}` as T));
  const item = (hold: HoldItem): HoldItem => {
    if (hold.op === 'place') {
      const { holdId, account, destination } = hold.order;
      return {
        op: 'place',
        order: { ...hold.order, holdId: name(holdId), account: name(account), destination: name(destination) },
      };
    }
    if (hold.op !== 'capture')
      return { ...hold, holdId: name(hold.holdId), account: name(hold.account), eventId: name(hold.eventId) };
    const { order } = hold;
    const { holdId, destination, ...rest } = order.capture;
    const capture = { ...rest, holdId: name(holdId), destination: name(destination) };
    const sides = { source: name(order.source), destination: name(order.destination) };
    return { op: 'capture', order: { ...order, ...sides, transactionId: name(order.transactionId), capture } };
  };
  const stored = (hold: StoredHold): StoredHold => ({
    ...hold,
    holdId: name(hold.holdId),
    account: name(hold.account),
    destination: name(hold.destination),
  });
  return { name, item, stored };
}

class Lua {
  readonly #scripts: RedisScripts;
  readonly #caller: Caller;
  readonly #results = new Map<string, HoldResult>();
  #there: Account[] = [];
  constructor(prefix: string) {
    this.#scripts = new RedisScripts(redis, shardPrefix(prefix), ofTestLedger);
    this.#caller = { epoch: 1, format: 2, replid, podId: 'pod' };
  }
  async begin(accounts: readonly Account[]): Promise<void> {
    await this.#scripts.activate({ epoch: 1, format: 2 }, replid, 'marker', 0);
    await this.#scripts.register(this.#caller, 'marker');
    await this.#scripts.setCalendar({ ...this.#caller, fenceEpoch: 1 }, HOLD_CALENDAR);
    await this.#scripts.install(this.#caller, accounts, MAX, 1000, BEGIN);
    this.#there = accounts.slice(0, 1);
  }
  /** Advances the ledger's time by installing accounts that are already there, which leaves them unchanged. */
  async moveTo(time: number): Promise<void> {
    await this.#scripts.install(this.#caller, this.#there, MAX, 1000, time);
  }
  async change({ changeId, accountId, limits = NO_LIMITS }: DirectChange): Promise<void> {
    const unchanged = { expectedSettingsVersion: null, status: null, overdraftLimit: null };
    await this.#scripts.change(this.#caller, { changeId, accountId, limits, payload: '{}', ...unchanged });
  }
  async put(holds: readonly StoredHold[]): Promise<void> {
    await this.#scripts.installHolds(this.#caller, holds, Number.MAX_SAFE_INTEGER);
  }
  async apply(items: readonly HoldCallItem[], there: ReadonlySet<string>): Promise<(HoldAnswer | Problem)[]> {
    const { records, head } = await this.#scripts.apply(this.#caller, items, podNow);
    return items.map(({ hold }, index) => {
      const record = records[index] as HoldRecord;
      const key = keyOfItem(hold);
      const known = this.#results.get(key);
      if (record.status === RecordStatus.REPLAYED || record.status === RecordStatus.SAME_CALL)
        return known ? { kind: 'result', result: known, replayed: true } : { kind: 'no_hold' };
      if (record.status === RecordStatus.MISSING) return missing(record.detail, hold, there);
      if (record.status === RecordStatus.CLOCK_UNSURE) return { kind: 'clock_unsure' };
      if (record.status === RecordStatus.NO_CALENDAR) return unwindowed('calendar_unavailable');
      if (record.status === RecordStatus.UNCHANGED)
        return { kind: 'unchanged', hold: { ...record.hold } as StoredHold };
      if (record.seq === 0)
        return {
          kind: 'refused',
          ...(record.detail === HOLD_CHANGED ? { refusal: 'hold_changed' } : refusalIn(record)),
        };
      const result = holdResultOf(hold, record, { acceptedAt: head.time, takenAt: 1, epoch: 1 });
      this.#results.set(key, result);
      return { kind: 'result', result, replayed: false };
    });
  }
  async state(ids: readonly string[], holdIds: readonly string[]) {
    const { accounts } = await this.#scripts.read(this.#caller, ids);
    const { holds } = await this.#scripts.readHolds(this.#caller, holdIds);
    const plainAccounts = accounts.map((one) => one && (({ modified: _m, seq: _s, ...rest }) => rest)(one));
    const plainHolds = holds.map((one) => one && (({ modified: _m, seq: _s, ...rest }) => rest)(one));
    return { accounts: plainAccounts, holds: plainHolds };
  }
}

function missing(bits: number, hold: HoldItem, there: ReadonlySet<string>): HoldAnswer | Problem {
  const absent = accountsOfItem(hold).find((id) => !there.has(id));
  if (absent !== undefined) return notFound(absent);
  return { kind: bits === 8 ? 'other_hold' : 'no_hold' };
}

class Sql {
  async begin(accounts: readonly Account[]): Promise<void> {
    await putAccounts(db.database, accounts);
  }
  async moveTo(time: number, ids: readonly string[]): Promise<void> {
    await db.database.rows('UPDATE accounts SET last_accepted_ms = ? WHERE account_id IN (?)', [time, ids]);
  }
  async change(change: DirectChange): Promise<void> {
    await store.change(DIRECT_EPOCH, change);
  }
  async put(holds: readonly StoredHold[]): Promise<void> {
    const rows = holds.map((h) => [
      h.holdId,
      h.status,
      h.account,
      h.destination,
      h.currency,
      h.amount,
      h.amount,
      h.captured,
      h.expiresAt,
      h.revision,
      h.counted?.at ?? 0,
      h.counted?.day ?? 0,
      h.counted?.month ?? 0,
      new Date(0),
      0,
      'u',
      'c',
      0,
      0,
    ]);
    await db.database.rows(
      `INSERT INTO holds (hold_id, status, account_id, destination_account, currency, placed_amount, hold_amount, captured,
         expires_at_ms, revision, counted_at_ms, counted_day, counted_month, accepted_at, accepted_after_ms, \`user\`, correlation_id, epoch, seq) VALUES ?`,
      [rows],
    );
  }
  apply(items: readonly HoldCallItem[]): Promise<(HoldAnswer | Problem)[]> {
    return store.applyHolds(
      DIRECT_EPOCH,
      items.map(({ hold, podNow }) => ({ hold, podNow, takenAt: 1 })),
    );
  }
  async state(ids: readonly string[], holdIds: readonly string[]) {
    const { accounts } = await new LedgerReader(db.database).loadAccounts(ids);
    const holds = await db.database.transaction((session) => lockHolds(session, holdIds));
    return { accounts: ids.map((id) => accounts.get(id) ?? null), holds: holdIds.map((id) => holds.get(id) ?? null) };
  }
}

/** Positions and some fields of an unchanged hold differ between the stores; everything else must be equal. */
function plain(answer: HoldAnswer | Problem): unknown {
  if (answer instanceof Problem) return { code: answer.code, message: answer.message };
  if (answer.kind === 'unchanged') return { kind: answer.kind, hold: stateOf(answer.hold) };
  if (answer.kind !== 'result') return answer;
  const one = 'capture' in answer.result ? answer.result.capture : answer.result.event;
  const { epoch: _, seq: __, ...rest } = one;
  const outcome = 'replayed' in rest ? { ...rest, replayed: false, persisted: false } : rest;
  return { kind: 'result', replayed: answer.replayed, outcome };
}

function wordsOf(item: HoldItem, answer: HoldAnswer | Problem): string[] {
  if (answer instanceof Problem) return [answer.code];
  if (answer.kind === 'unchanged') return [`${item.op} unchanged`];
  if (answer.kind === 'refused') return [`${item.op} refused`, `${item.op} ${answer.refusal}`];
  if (answer.kind !== 'result') return [answer.kind];
  if (answer.replayed) return ['again'];
  const { result } = answer;
  const one = 'capture' in result ? result.capture : result.event;
  if ('refusal' in one) return [`${item.op} refused`, `${item.op} ${one.refusal}`];
  const after = 'capture' in result ? (one as Posted).hold : (one as HoldPlaced);
  const isCounted = (after?.usageChange?.day ?? 0) > 0 || ('counted' in one && one.counted === 2);
  const isGivenBack = (after?.usageChange?.day ?? 0) < 0;
  return [
    `${item.op} posted`,
    ...(isCounted ? [`${item.op} counted`] : []),
    ...(isGivenBack ? [`${item.op} given back`] : []),
  ];
}

const stepsOf = ({ holdCall, storedHold, timed }: typeof anyPlain) =>
  fc.array(
    fc.oneof(
      {
        weight: 8,
        arbitrary: fc.record({ items: holdCall, callNow: fc.constantFrom(MAX, MAX, MAX, MAX, MAX, BEGIN) }),
      },
      { weight: timed ? 2 : 0, arbitrary: anyLaterMs.map((laterMs) => ({ laterMs })) },
      { weight: timed ? 2 : 0, arbitrary: anyNewLimits.map((newLimits) => ({ newLimits })) },
      { weight: 1, arbitrary: fc.array(storedHold, { minLength: 1, maxLength: 1 }).map((holds) => ({ holds })) },
    ),
    { minLength: 20, maxLength: 50 },
  );

let run = 0;
it.each([
  ['any history', anyPlain, SEEN],
  ['any history of accounts with limits, across midnights', anyLimited, SEEN_OF_LIMITED],
] as const)(
  'The transactions of MySQL and the scripts of Redis decide holds in the same way, in %s',
  async (_, any, words) => {
    const seen = new Set<string>();
    const property = fc.asyncProperty(
      stepsOf(any),
      shrinkingAtMost(async (steps) => {
        run += 1;
        const { name, item, stored } = named(`r${run}-`);
        const accounts = HOLD_ACCOUNTS.map((one) => ({ ...one, accountId: name(one.accountId) }));
        const ids = accounts.map(({ accountId }) => accountId);
        const lua = new Lua(`holds-sql-${process.pid}-${run}`);
        const sql = new Sql();
        /** How each hold was created. */
        const used = new Map<string, 'put' | 'placed'>();
        let time = BEGIN;
        await Promise.all([lua.begin(accounts), sql.begin(accounts).then(() => sql.moveTo(time, ids))]);
        for (const [index, step] of steps.entries()) {
          if ('laterMs' in step) {
            time += step.laterMs;
            await Promise.all([lua.moveTo(time), sql.moveTo(time, ids)]);
            continue;
          }
          if ('newLimits' in step) {
            const changeId = `018f${String(run).padStart(4, '0')}-0000-7000-8000-${String(index).padStart(12, '0')}`;
            const { accountId, limits } = step.newLimits;
            const change = { changeId, accountId: name(accountId), limits, user: 'u', correlationId: 'c', takenAt: 1 };
            await Promise.all([lua.change(change), sql.change(change)]);
            continue;
          }
          if ('holds' in step) {
            // Skips holds that exist already: no client would place a hold that this test has put into the stores.
            const fresh = step.holds.filter(({ holdId }) => !used.has(holdId)).map(stored);
            for (const { holdId } of step.holds) used.set(holdId, used.get(holdId) ?? 'put');
            if (fresh.length > 0) await Promise.all([lua.put(fresh), sql.put(fresh)]);
            continue;
          }
          const items = step.items
            .filter(({ hold }) => hold.op !== 'place' || used.get(hold.order.holdId) !== 'put')
            .map((one) => ({ ...one, hold: item(one.hold) }));
          for (const { hold } of step.items)
            if (hold.op === 'place' && !used.has(hold.order.holdId)) used.set(hold.order.holdId, 'placed');
          if (items.length === 0) continue;
          podNow = step.callNow;
          const [meant, done] = await Promise.all([lua.apply(items, new Set(ids)), sql.apply(items)]);
          expect(done.map(plain), JSON.stringify(items)).toEqual(meant.map(plain));
          for (const [n, answer] of done.entries())
            for (const word of wordsOf((items[n] as HoldCallItem).hold, answer)) seen.add(word);
        }
        const holdIds = HOLD_IDS.map(name);
        expect(await sql.state(ids, holdIds)).toEqual(await lua.state(ids, holdIds));
      }),
    );
    await assertCovering(property, { numRuns: HISTORIES }, () => words.filter((word) => !seen.has(word)));
  },
  TEST_MS_MAX,
);
