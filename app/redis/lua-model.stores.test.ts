import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { NamedEpoch } from '../domain/authority.ts';
import type { BusinessCalendar } from '../domain/business-calendar.ts';
import { ID_BUCKET_MS } from '../domain/ids.ts';
import { assertCovering, below, shrinkingAtMost } from '../domain/testing/covering.ts';
import { ofTestLedger } from '../domain/testing/ledger-id.ts';
import { anyLeg } from '../domain/testing/legs.ts';
import { anyLimits, NO_LIMITS } from '../domain/testing/limits.ts';
import type { TransferOrder } from '../domain/types.ts';
import { type ApplyItem, CacheError, type CallItem, isLegItem } from '../journal/cache-port.ts';
import { encodeOrder, RECORD_BYTES, RecordStatus } from '../journal/codec.ts';
import { encodeGroup } from '../journal/group-codec.ts';
import { CacheModel } from '../journal/testing/cache-model.ts';
import { RedisScripts } from './redis-scripts.ts';
import { shardPrefix } from './shard-prefix.ts';

const RANDOM_RUNS = 150;
const MAX = Number.MAX_SAFE_INTEGER;
/** The start of this test. Each implementation uses its own clock, and both are on the same business day. */
const NOW = Date.now();
const MINUTE_MS = 60_000;
/** Start times of business days that have begun; the days belong to two months. */
const STARTS = [0, 1, 2, 3, 4, 5].map((n) => NOW - (6 - n) * MINUTE_MS);
const monthOf = (n: number): number => STARTS[n < 3 ? 0 : 3] ?? 0;
const small = fc.oneof(fc.nat(300), fc.constantFrom(0, 400, 1000, MAX, MAX - 50));
/** The start of a bucket of UUIDv7 times, far from the current time. */
const START = 170_000_000 * ID_BUCKET_MS;

let redis: Redis;
let replid: string;
let run = 0;

beforeAll(async () => {
  redis = new Redis(inject('redisPort'));
  replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
});
afterAll(() => redis.disconnect());

/**
 * An id of any kind: a UUIDv7 of one of a few buckets, or another id. There are only a few ids, so that histories
 * repeat them.
 */
const anyId = fc
  .tuple(
    fc.oneof(
      fc.tuple(fc.nat(5), fc.nat(3)).map(([bucket, n]) => uuidAt(START + bucket * ID_BUCKET_MS, n)),
      fc.nat(5).map((n) => `other-${n}`),
    ),
    fc.constantFrom('', '', '', '~0', '~back'),
  )
  .map(([id, mark]) => id + mark);
function uuidAt(time: number, n: number): string {
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${String(n).padStart(12, '0')}`;
}
const anyAccountId = fc.constantFrom('a', 'b', 'c', 'world', 'yen');
const anyAmount = fc.oneof(fc.integer({ min: 1, max: 120 }), fc.constantFrom(MAX, MAX - 1, MAX - 100));

const anyTransfer = fc.record({
  leg: fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: anyLeg(STARTS.map((start) => start + 1)) },
  ),
  transactionId: anyId,
  source: anyAccountId,
  destination: anyAccountId,
  amount: anyAmount,
  currency: fc.constantFrom('EUR', 'EUR', 'EUR', 'JPY'),
  lookedUp: fc.boolean(),
  kind: fc.constantFrom('transfer' as const, 'transfer' as const, 'transfer' as const, 'reversal' as const),
});
const USUAL = [
  ['world', 'a'],
  ['a', 'b'],
  ['b', 'a'],
  ['a', 'c'],
  ['c', 'world'],
] as const;
/**
 * Most members have an unused id; otherwise no group would ever be posted. Many have a small amount; otherwise all
 * groups would be refused.
 */
const anyMember = fc
  .record({
    transfer: anyTransfer,
    n: fc.option(fc.integer({ min: 10, max: 1_000_000 }), { freq: 10 }),
    small: fc.option(fc.integer({ min: 1, max: 30 }), { freq: 4 }),
    usual: fc.option(fc.constantFrom(...USUAL), { freq: 6 }),
  })
  .map(({ transfer, n, small, usual }) => ({
    ...transfer,
    ...(n !== null && { transactionId: uuidAt(START + (n % 6) * ID_BUCKET_MS, n) }),
    ...(small !== null && { amount: small }),
    ...(usual && { currency: 'EUR' as const, source: usual[0], destination: usual[1] }),
  }));
const anyGroup = fc.record({
  groupId: anyId,
  members: fc.array(anyMember, { minLength: 2, maxLength: 5 }),
  lookedUp: fc.boolean(),
});
const anyItem = fc.oneof({ weight: 4, arbitrary: anyTransfer }, { weight: 2, arbitrary: anyGroup });
const limitsInUse = fc.tuple(anyLimits(small), fc.nat(5)).map(([limits, n]) => ({
  ...limits,
  usage: { ...limits.usage, dayStart: STARTS[n] ?? 0, monthStart: monthOf(n) },
}));
const anyAccount = fc.record({
  accountId: anyAccountId,
  balance: fc.constantFrom(0, 100, -50, MAX, -MAX),
  held: fc.constantFrom(0, 0, 0, 40, MAX),
  limits: fc.option(limitsInUse, { freq: 3 }),
  overdraftLimit: fc.constantFrom(0, 0, 70, MAX),
  status: fc.constantFrom('ACTIVE', 'ACTIVE', 'ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED'),
});
const anyStep = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('apply' as const),
      transfers: fc.array(anyItem, { minLength: 1, maxLength: 8 }),
      podNow: fc.constantFrom(undefined, undefined, undefined, NOW + 3_600_000, NOW + 3_600_000, NOW - 3_600_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('install' as const),
      accounts: fc.uniqueArray(anyAccount, { minLength: 1, maxLength: 4, selector: (a) => a.accountId }),
      behind: fc.nat(3),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('read' as const), ids: fc.array(anyAccountId, { maxLength: 4 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('find' as const),
      ids: fc.uniqueArray(
        fc.oneof(
          anyId,
          anyId.map((id) => `+${id}`),
        ),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      id: anyId,
      accountId: anyAccountId,
      status: fc.option(fc.nat(3)),
      overdraftLimit: fc.option(fc.nat(100)),
      limits: fc.option(fc.oneof(fc.constant(NO_LIMITS), anyLimits(small))),
      expected: fc.option(fc.nat(3)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('calendar' as const),
      day: fc.nat(5),
      validMs: fc.constantFrom(-1, 3_600_000, 3_600_001, 3_600_002, 3_600_003),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('publish' as const), ahead: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const), buckets: fc.nat(6), turn: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'retire' as const }) },
);
/**
 * Most histories begin with all accounts, some of them with limits, on a known business day; otherwise nearly every
 * group would lack an account.
 */
const anyHistory = fc
  .record({
    steps: fc.array(anyStep, { minLength: 1, maxLength: 40 }),
    opened: fc.option(
      fc.record({ day: fc.nat(4), a: fc.option(limitsInUse, { freq: 2 }), b: fc.option(limitsInUse, { freq: 2 }) }),
      { freq: 4 },
    ),
  })
  .map(({ steps, opened }): Step[] => {
    if (opened === null) return steps;
    const ids = ['world', 'a', 'b', 'c', 'yen'] as const;
    const accounts = ids.map((accountId) => ({
      accountId,
      balance: accountId === 'a' || accountId === 'b' ? 1000 : 100,
      held: 0,
      limits: accountId === 'a' || accountId === 'b' ? opened[accountId] : null,
      overdraftLimit: 0,
      status: 'ACTIVE' as const,
    }));
    return [{ do: 'calendar', day: opened.day, validMs: 3_600_001 }, { do: 'install', accounts, behind: 0 }, ...steps];
  });
type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never;

/** Runs a step on one implementation. An error is also a result. */
async function play(
  cache: RedisScripts | CacheModel,
  { epoch, format }: NamedEpoch,
  step: Step,
  seqNow: number,
): Promise<unknown> {
  const pod = { epoch, format, replid, podId: 'pod' };
  const keeper = { fenceEpoch: epoch, epoch, format, replid };
  switch (step.do) {
    case 'apply': {
      const items = step.transfers.flatMap(callItemOf);
      return items.length === 0 ? null : cache.apply(pod, items, step.podNow);
    }
    case 'install':
      return cache.install(
        pod,
        step.accounts.map((a) => ({
          ...a,
          status: a.status as 'ACTIVE',
          currency: a.accountId === 'yen' ? 'JPY' : 'EUR',
          external: a.accountId === 'world',
          version: 0,
          settingsVersion: 1,
        })),
        Math.max(0, seqNow - step.behind),
        100,
      );
    case 'read':
      return cache.read(pod, step.ids);
    case 'find':
      return cache.find(pod, step.ids);
    case 'change':
      if (step.id.startsWith('other')) return null;
      return cache.change(pod, {
        accountId: step.accountId,
        changeId: step.id,
        status: step.status,
        overdraftLimit: step.overdraftLimit,
        limits: step.limits,
        expectedSettingsVersion: step.expected,
        payload: '{}',
      });
    case 'calendar':
      return cache.setCalendar(keeper, calendarAt(step));
    case 'publish': {
      // A cursor is always at the end of an entry, because the flush commits whole entries.
      const { entries, head } = await cache.journal(keeper, 0, 1000);
      const entry = entries[step.ahead % Math.max(entries.length, 1)];
      const end = entries[entries.indexOf(entry as never) + 1]?.firstSeq ?? head.seq + 1;
      return cache.publish(keeper, end - 1, 0);
    }
    case 'forget':
      return cache.forget(
        keeper,
        Array.from({ length: step.buckets }, (_, i) => START / ID_BUCKET_MS + i),
        step.turn,
      );
    case 'retire':
      return cache.retire(keeper, 'somebody-else');
  }
}

/** Returns nothing for a transfer from an account to itself, which the API refuses. */
function callItemOf(one: typeof anyItem extends fc.Arbitrary<infer I> ? I : never): CallItem[] {
  if (!('groupId' in one)) return one.source === one.destination ? [] : [itemOf(one)];
  const { groupId, members, lookedUp } = one;
  const ofOthers = members.filter((t) => t.source !== t.destination);
  const orders = ofOthers.map((t) => ({ ...itemOf({ ...t, leg: null }).order, groupId }));
  if (orders.length === 0) return [];
  const group = { groupId, orders, split: null };
  return [{ group, payload: encodeGroup(group, 1, null), lookupCursor: lookedUp ? MAX : -1 }];
}

/** A calendar in which today is the last day that has begun; if it is no longer valid, the business day is unknown. */
function calendarAt({ day, validMs }: { day: number; validMs: number }): BusinessCalendar {
  const begun = STARTS.slice(0, day + 1).map((dayStart, n) => ({ dayStart, monthStart: monthOf(n) }));
  const later = { dayStart: NOW + 3_600_000 + day, monthStart: monthOf(day) };
  return { days: [...begun, later], validUntil: NOW + validMs };
}

function itemOf({
  lookedUp,
  leg,
  ...transfer
}: typeof anyTransfer extends fc.Arbitrary<infer T> ? T : never): ApplyItem {
  const order: TransferOrder = {
    ...transfer,
    timestamp: null,
    reference: null,
    metadata: null,
    reverses: null,
    user: 'u',
    correlationId: 'c',
    ...(leg && { leg }),
  };
  return { order, payload: encodeOrder(order, 1), lookupCursor: lookedUp ? MAX : -1 };
}

/** Each has its own clock. */
const TIMES = new Set(['time', 'acceptedAt', 'countedSince']);
function timeless(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(timeless);
  if (answer === null || typeof answer !== 'object' || Buffer.isBuffer(answer)) return answer;
  const fields = Object.entries(answer).filter(([name]) => !TIMES.has(name));
  return Object.fromEntries(fields.map(([name, value]) => [name, timeless(value)]));
}

const settled = async (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(timeless).catch((error: unknown) => {
    if (!(error instanceof CacheError)) throw error;
    return { error: error.kind, reason: error.reason };
  });

const seen = { posted: 0, refused: 0, legs: 0, legsRefused: 0, transits: 0 };
const SEEN_MIN = { posted: 20, refused: 20, legs: 100, legsRefused: 100, transits: 20 };

function noteLegs(step: Extract<Step, { do: 'apply' }>, said: unknown): void {
  const items = step.transfers.flatMap(callItemOf);
  const { records = [] } = (said ?? {}) as { records?: { status: number; seq: number }[] };
  for (const [index, { status, seq }] of records.entries()) {
    const item = items[index];
    if (!item || !isLegItem(item)) continue;
    if (status === RecordStatus.POSTED) seen.legs += 1;
    if (status === RecordStatus.REJECTED && seq > 0) seen.legsRefused += 1;
    if (status === RecordStatus.TRANSIT) seen.transits += 1;
  }
}

describe('the Lua scripts and their model', () => {
  it('return the same result at every step of any history', async () => {
    const property = fc.asyncProperty(
      anyHistory,
      shrinkingAtMost(async (steps) => {
        run += 1;
        const named: NamedEpoch = { epoch: 7, format: run % 2 === 0 ? 1 : 2 };
        const lua = new RedisScripts(redis, shardPrefix(`model-${process.pid}-${run}`), ofTestLedger);
        const model = new CacheModel(replid);
        for (const cache of [lua, model]) {
          await cache.activate(named, replid, 'marker', START - 1);
          await cache.register({ ...named, replid, podId: 'pod' }, 'marker');
        }
        let seq = 0;
        for (const step of steps) {
          const [said, meant] = await Promise.all([
            settled(play(lua, named, step, seq)),
            settled(play(model, named, step, seq)),
          ]);
          expect(said, JSON.stringify(step)).toEqual(meant);
          if (step.do === 'apply') noteLegs(step, said);
          seq = (await model.read({ ...named, replid, podId: 'pod' }, [])).head.seq;
        }
        const read: Step = { do: 'read', ids: ['a', 'b', 'c', 'world', 'yen'] };
        expect(await settled(play(lua, named, read, seq))).toEqual(await settled(play(model, named, read, seq)));
        const keeper = { ...named, fenceEpoch: named.epoch, replid };
        for (const { kind, records } of (await model.journal(keeper, 0, 1000)).entries)
          if (kind === 'group') seen[records.length > RECORD_BYTES ? 'posted' : 'refused'] += 1;
        expect(timeless(await lua.journal(keeper, 0, 1000))).toEqual(timeless(await model.journal(keeper, 0, 1000)));
      }),
    );
    await assertCovering(property, { numRuns: RANDOM_RUNS }, () => below(seen, SEEN_MIN));
  });

  it('do not find the keys of an epoch in another format, even if the fence is at that epoch', async () => {
    run += 1;
    const lua = new RedisScripts(redis, shardPrefix(`format-${process.pid}-${run}`), ofTestLedger);
    for (const cache of [lua, new CacheModel(replid)]) {
      await cache.activate({ epoch: 7, format: 2 }, replid, 'marker', START - 1);
      await cache.register({ epoch: 7, format: 2, replid, podId: 'pod' }, 'marker');
      const former = { epoch: 7, format: 1 as const, replid, podId: 'pod' };
      const lost = { kind: 'refused', reason: 'lost' };
      await expect(cache.register(former, 'marker')).rejects.toMatchObject(lost);
      await expect(cache.read(former, ['a'])).rejects.toMatchObject(lost);
      await expect(cache.journal({ ...former, fenceEpoch: 7 }, 0, 1)).rejects.toMatchObject(lost);
      await expect(cache.read({ ...former, format: 2 }, ['a'])).resolves.toMatchObject({ accounts: [null] });
    }
  });

  it('preserve the sum of all balances, whatever the calls', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(anyItem, { minLength: 1, maxLength: 20 }), { maxLength: 10 }),
        async (calls) => {
          run += 1;
          const lua = new RedisScripts(redis, shardPrefix(`sum-${process.pid}-${run}`), ofTestLedger);
          const pod = { epoch: 1, format: 1 as const, replid, podId: 'pod' };
          await lua.activate({ epoch: 1, format: 1 }, replid, 'marker', START - 1);
          await lua.register(pod, 'marker');
          const ids = ['a', 'b', 'c', 'world'];
          await lua.install(
            pod,
            ids.map((accountId) => ({
              accountId,
              currency: 'EUR',
              external: accountId === 'world',
              balance: 0,
              held: 0,
              version: 0,
              overdraftLimit: accountId === 'c' ? 50 : 0,
              status: 'ACTIVE',
              settingsVersion: 1,
              limits: null,
            })),
            0,
            100,
          );
          for (const transfers of calls) {
            // The transfers are not sent as legs, because a leg takes money from whichever account it names as its
            // transit account.
            const items = transfers.flatMap((one) => callItemOf({ ...one, leg: null, lookedUp: true }));
            if (items.length > 0) await lua.apply(pod, items);
            const { accounts } = await lua.read(pod, ids);
            expect(accounts.reduce((sum, account) => sum + BigInt(account?.balance ?? 0), 0n)).toBe(0n);
            for (const account of accounts) {
              if (account && !account.external) expect(account.balance).toBeGreaterThanOrEqual(-account.overdraftLimit);
            }
          }
        },
      ),
      { numRuns: RANDOM_RUNS / 3 },
    );
  });
});
