import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { replay } from '../../domain/content.ts';

import { type GroupOutcome, replayGroup } from '../../domain/group.ts';

import { LEGS, type LegName } from '../../domain/leg-types.ts';
import type { AccountLimits } from '../../domain/limits.ts';

import { Problem, type ProblemCode, REFUSALS } from '../../domain/problem.ts';
import { isStopped } from '../../domain/stop.ts';
import { assertCovering, shrinkingAtMost } from '../../domain/testing/covering.ts';
import { ofTestLedger } from '../../domain/testing/ledger-id.ts';
import { anyLeg } from '../../domain/testing/legs.ts';
import { NO_LIMITS, NO_USAGE } from '../../domain/testing/limits.ts';
import type { Account, Outcome, TransferOrder } from '../../domain/types.ts';
import { account, order } from '../../journal/testing/epoch-under-test.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { DirectChange, DirectGroup, DirectItem } from '../../ledger/ports/direct-server.ts';
import { DirectStore } from '../../mysql/ledger/direct-store.ts';
import { DIRECT_EPOCH } from '../../mysql/testing/direct-accounts.ts';
import { migratedDatabase, type TestDatabase } from '../../mysql/testing/test-database.ts';
import { RedisScripts } from '../../redis/redis-scripts.ts';
import { shardPrefix } from '../../redis/shard-prefix.ts';
import { type ComparedLedger, LuaLedger, sqlLedger } from '../testing/compared-ledgers.ts';

const HISTORIES = 100;
const STEPS = 40;
const IDS = 80;
const GROUPS = 30;
/** A failure is reported with the simplest history found so far. */
const TEST_MS_MAX = 3_600_000;
const MAX = Number.MAX_SAFE_INTEGER;
const SETTINGS_MAX = 2 ** 32 - 1;
/** The cases that all histories together must cover for the test to be meaningful. */
const SEEN: (ProblemCode | 'POSTED' | 'again' | 'changed' | `group ${string}` | `leg ${LegName} ${string}`)[] = [
  ...LEGS.flatMap((name) => [`leg ${name} POSTED`, `leg ${name} REJECTED`] as const),
  'transit_unavailable',
  'group POSTED',
  'group REJECTED',
  'group again',
  'group_id_reused',
  'POSTED',
  'again',
  'changed',
  ...REFUSALS,
  'transaction_id_reused',
  'account_not_found',
  'settings_version_mismatch',
  'account_not_empty',
  'internal_error',
  'ledger_stopped',
];

const HOUR_MS = 3_600_000;
/** Starts of business days, the second-to-last of which is today. */
const DAYS = [-54, -30, -6, 18].map((hours) => Date.now() + hours * HOUR_MS) as [number, number, number, number];
const limits = (different: Partial<AccountLimits>): AccountLimits => ({ ...NO_LIMITS, usage: NO_USAGE, ...different });

/** Accounts that cover every possible reason for a refusal; `nobody` is never opened, `late` is opened by a step. */
const OPENED: Account[] = [
  account('world'),
  account('a'),
  account('b', { balance: 150, overdraftLimit: 70, version: 12, settingsVersion: 5 }),
  account('c', { balance: -40, overdraftLimit: 40 }),
  account('yen', { balance: 90, currency: 'JPY' }),
  account('suspended', { balance: 100, status: 'SUSPENDED' }),
  account('frozen', { balance: 100, status: 'FROZEN' }),
  account('closed', { status: 'CLOSED' }),
  account('rich', { balance: MAX - 60 }),
  account('deep', { balance: 60 - MAX, external: true }),
  account('generous', { overdraftLimit: MAX }),
  // One account has yesterday's usage, which must be ignored, and the next one has today's.
  account('thrifty', {
    balance: 500,
    limits: limits({ transferMax: 90, dailyDebitMax: 150, usage: { ...NO_USAGE, dayStart: DAYS[1], dayDebit: 140 } }),
  }),
  account('saver', {
    balance: 300,
    limits: limits({
      monthlyDebitMax: 300,
      dailyCreditMax: 100,
      balanceMax: 400,
      usage: { ...NO_USAGE, dayStart: DAYS[2], dayCredit: 60, monthStart: DAYS[0], monthDebit: 100 },
    }),
  }),
  account('holding', { balance: 100, held: 60, overdraftLimit: 10 }),
  account('empty', { balance: 0, held: 5 }),
  account('worn', { balance: 100, settingsVersion: SETTINGS_MAX }),
];
const LATE = account('late', { balance: 10 });
const USUAL = [
  'world',
  'a',
  'b',
  'c',
  'rich',
  'deep',
  'generous',
  'worn',
  'holding',
  'empty',
  'thrifty',
  'saver',
  'thrifty',
  'saver',
];
const anyAccountId = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...USUAL) },
  { weight: 2, arbitrary: fc.constantFrom('yen', 'suspended', 'frozen', 'closed', 'late', 'nobody') },
);
const anyAmount = fc.oneof(fc.integer({ min: 1, max: 120 }), fc.constantFrom(1, 40, 60, 61, MAX, MAX - 1, MAX - 60));
const LEG_MARKS = { out: '', in: '~0', back: '~back', returns: '~returns' };
const anyContent = fc
  .record({
    source: anyAccountId,
    destination: anyAccountId,
    amount: anyAmount,
    currency: fc.constantFrom('EUR', 'EUR', 'EUR', 'EUR', 'EUR', 'EUR', 'JPY'),
    reference: fc.constantFrom(null, null, 'x'),
    kind: fc.constantFrom('transfer' as const, 'transfer' as const, 'transfer' as const, 'reversal' as const),
    leg: fc.oneof(
      { weight: 3, arbitrary: fc.constant(null) },
      { weight: 2, arbitrary: anyLeg(DAYS.map((start) => start + 1)) },
    ),
  })
  .filter(({ source, destination }) => source !== destination);
/**
 * The content that a history requests under each id. There are few ids, so that a history repeats requests,
 * occasionally with different content.
 */
const anyContents = fc.array(anyContent, { minLength: IDS, maxLength: IDS });
const anyTransfer = fc.record({
  n: fc.nat(IDS - 1),
  other: fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: anyContent }),
  takenAt: fc.nat(1_000_000),
});
const anyChange = fc.record({
  n: fc.nat(20),
  accountId: anyAccountId,
  status: fc.option(fc.constantFrom('ACTIVE', 'ACTIVE', 'ACTIVE', 'SUSPENDED', 'FROZEN', 'CLOSED'), { nil: undefined }),
  overdraftLimit: fc.option(fc.constantFrom(0, 10, 200, MAX), { nil: undefined }),
  limits: fc.option(
    fc.constantFrom(NO_LIMITS, { ...NO_LIMITS, dailyDebitMax: 120 }, { ...NO_LIMITS, transferMax: 100, balanceMax: 0 }),
    { nil: undefined },
  ),
  expectedSettingsVersion: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
});
/** Most members of a group have new ids; otherwise nearly every group would contain a known id. */
const anyMembers = fc.array(fc.record({ n: fc.nat(500), content: anyContent, usual: fc.nat(4) }), {
  minLength: 2,
  maxLength: 5,
});
const anyGroups = fc.array(anyMembers, { minLength: GROUPS, maxLength: GROUPS });
const anyGroup = fc.record({
  n: fc.nat(GROUPS - 1),
  other: fc.oneof({ weight: 8, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: anyMembers }),
  takenAt: fc.nat(1_000_000),
});
const anyStep = fc.oneof(
  { weight: 4, arbitrary: fc.array(anyGroup, { minLength: 1, maxLength: 3 }).map((groups) => ({ groups })) },
  { weight: 8, arbitrary: fc.array(anyTransfer, { minLength: 1, maxLength: 6 }).map((transfers) => ({ transfers })) },
  { weight: 2, arbitrary: anyChange.map((change) => ({ change })) },
  { weight: 1, arbitrary: fc.constant({ open: LATE }) },
  // Released more often than stopped, so that most steps can change something.
  { weight: 1, arbitrary: fc.constantFrom(true, false, false).map((stopped) => ({ stopped })) },
);
type Members = typeof anyMembers extends fc.Arbitrary<infer M> ? M : never;
type Group = typeof anyGroup extends fc.Arbitrary<infer G> ? G : never;
type Step = typeof anyStep extends fc.Arbitrary<infer S> ? S : never;
type Transfer = typeof anyTransfer extends fc.Arbitrary<infer T> ? T : never;
type Content = typeof anyContent extends fc.Arbitrary<infer C> ? C : never;
type Change = typeof anyChange extends fc.Arbitrary<infer C> ? C : never;

let db: TestDatabase;
let redis: Redis;
let replid: string;
let store: DirectStore;
let run = 0;
beforeAll(async () => {
  db = await migratedDatabase();
  await db.reset(DIRECT_EPOCH, 'DIRECT');
  await db.database.rows('INSERT INTO business_days (`day`, start_ms, month_start_ms, time_zone, cutoff) VALUES ?', [
    DAYS.map((start, n) => [`2026-01-0${n + 1}`, start, DAYS[0], 'UTC', '00:00']),
  ]);
  redis = new Redis(inject('redisPort'));
  replid = /master_replid:(\w+)/.exec(await redis.info('replication'))?.[1] ?? '';
  store = new DirectStore({ database: db.database, clock: systemClock });
});
afterAll(async () => {
  redis.disconnect();
  await db.drop();
});

/** Histories share the two stores: each has its own names. */
class History {
  readonly #name: string;
  readonly #uuids: string;
  readonly #contents: readonly Content[];
  readonly #groups: readonly Members[];
  readonly prefix: string;
  /** How many times the ledger was stopped or released; odd: it is stopped. */
  stops = 0;
  constructor(number: number, contents: readonly Content[], groups: readonly Members[]) {
    this.#groups = groups;
    this.#name = `h${number}-`;
    this.#uuids = `018f${String(number).padStart(4, '0')}-0000-7000-8000-`;
    this.#contents = contents;
    this.prefix = `same-${process.pid}-${number}`;
  }
  #uuid = (n: number) => `${this.#uuids}${String(n).padStart(12, '0')}`;
  account = <A extends { accountId: string }>(one: A): A => ({ ...one, accountId: this.#name + one.accountId });
  item = ({ n, other, takenAt }: Transfer): DirectItem => {
    const { source, destination, leg: content, ...fields } = other ?? (this.#contents[n] as Content);
    const accounts = { source: this.#name + source, destination: this.#name + destination };
    const id = n % 2 === 0 ? this.#uuid(n) : `${this.#name}${n}`;
    if (!content) return { order: order(id, { ...fields, ...accounts }), takenAt };
    const leg = { ...content, ...accounts };
    return { order: order(`${id}${LEG_MARKS[leg.name]}`, { ...fields, ...accounts, leg }), takenAt };
  };
  group = ({ n, other, takenAt }: Group): DirectGroup => {
    const members = other ?? (this.#groups[n] as Members);
    const groupId = n % 2 === 0 ? this.#uuid(900_000 + n) : `${this.#name}g${n}`;
    const orders = members.map(({ n: id, content, usual }) => {
      const { source, destination, leg: _, ...fields } = content;
      // The sources of nearly all members can pay; otherwise all groups would be refused.
      const accounts =
        usual > 0
          ? { source: `${this.#name}generous`, destination: `${this.#name}${usual > 2 ? 'a' : 'b'}`, amount: 1 + usual }
          : { source: this.#name + source, destination: this.#name + destination };
      const one = order(this.#uuid(1000 + id), { ...fields, ...accounts, groupId });
      return usual > 0 ? { ...one, currency: 'EUR' } : one;
    });
    return { group: { groupId, orders, split: null }, takenAt };
  };
  change = ({ n, ...change }: Change): DirectChange =>
    Object.fromEntries(
      Object.entries({
        ...this.account(change),
        changeId: this.#uuid(n),
        user: 'u',
        correlationId: 'c',
        takenAt: 1,
      }).filter(([, value]) => value !== undefined),
    ) as unknown as DirectChange;
}

/** The time at which a limit began to count differs between the stores. */
const uncounted = (one: Account): Account =>
  one.limits ? { ...one, limits: { ...one.limits, usage: { ...one.limits.usage, countedSince: 0 } } } : one;

/** The position and the time of an outcome differ between the stores; everything else must be equal. */
function plain(answer: Outcome | GroupOutcome | Problem): unknown {
  if (answer instanceof Problem) return { code: answer.code, message: answer.message };
  const { epoch: _, seq: __, persisted: ___, acceptedAt: ____, ...rest } = answer;
  return rest;
}

async function play(ledger: ComparedLedger, history: History, step: Step): Promise<unknown[]> {
  if ('open' in step) {
    await ledger.open([history.account(step.open)]);
    return [];
  }
  if ('stopped' in step) {
    await ledger.setStops(history.stops);
    return [];
  }
  if ('change' in step) {
    const change = history.change(step.change);
    return [await ledger.change(change).then(uncounted, (error: Problem) => ({ code: error.code }))];
  }
  if ('groups' in step) {
    const groups = step.groups.map(history.group);
    const answers = await ledger.applyGroups(groups);
    return answers.map((answer, index) => {
      const item = groups[index];
      const isReplay = !(answer instanceof Problem) && answer.replayed && item;
      return plain(isReplay ? replayGroup({ ...item, inDoubt: false }, answer) : answer);
    });
  }
  const items = step.transfers.map(history.item);
  const answers = await ledger.apply(items);
  return answers.map((answer, index) => {
    const item = items[index];
    const checked =
      answer instanceof Problem || !answer.replayed || !item ? answer : replay({ ...item, inDoubt: false }, answer);
    return plain(checked);
  });
}

it(
  'The transactions of MySQL and the scripts of Redis give the same answers, and leave the same accounts, in any history',
  async () => {
    const seen = new Set<string>();
    const note = (answer: unknown) => {
      const {
        code,
        replayed,
        refusal,
        status,
        settingsVersion,
        group,
        order: asked,
      } = answer as Record<string, unknown>;
      const leg = (asked as TransferOrder | undefined)?.leg;
      if (leg) seen.add(`leg ${leg.name} ${status}`);
      if (group) seen.add(`group ${replayed ? 'again' : status}`);
      seen.add(String(code ?? (replayed ? 'again' : (refusal ?? (settingsVersion ? 'changed' : status)))));
    };
    const property = fc.asyncProperty(
      anyContents,
      anyGroups,
      fc.array(anyStep, { minLength: STEPS, maxLength: STEPS }),
      shrinkingAtMost(async (contents, groups, steps) => {
        run += 1;
        const history = new History(run, contents, groups);
        const lua = new LuaLedger(new RedisScripts(redis, shardPrefix(history.prefix), ofTestLedger), {
          epoch: 1,
          format: 1,
          replid,
          podId: 'pod',
        });
        await lua.begin({ days: DAYS.map((dayStart) => ({ dayStart, monthStart: DAYS[0] })), validUntil: MAX });
        const sql = sqlLedger(db.database, store);
        const opened = OPENED.map(history.account);
        await Promise.all([lua.open(opened), sql.open(opened), sql.setStops(0)]);
        for (const step of steps) {
          if ('stopped' in step && step.stopped !== isStopped(history.stops)) history.stops += 1;
          const [meant, done] = await Promise.all([play(lua, history, step), play(sql, history, step)]);
          expect(done, JSON.stringify(step)).toEqual(meant);
          done.forEach(note);
        }
        const ids = [...opened, history.account(LATE)].map(({ accountId }) => accountId);
        expect((await sql.accounts(ids)).map(uncounted)).toEqual((await lua.accounts(ids)).map(uncounted));
      }),
    );
    await assertCovering(property, { numRuns: HISTORIES }, () => SEEN.filter((word) => !seen.has(word)));
  },
  TEST_MS_MAX,
);
